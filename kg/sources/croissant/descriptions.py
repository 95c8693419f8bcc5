"""Croissant's JSON-LD as plain records: names without their prefixes, values without their wrapping.

Descriptions are read as JSON, in the order that people gave them, and never as RDF: the names of
Croissant and schema.org are the same in every context that is in use, and an ``@context`` that is
an address is not followed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.files import half_written

_PREFIX: Final = re.compile(
    r"(?:sc|schema|cr|ml|dct|prov):(?!//)"
    r"|\w+://(?:schema\.org|mlcommons\.org|purl\.org|www\.w3\.org)/(?:.*[/#])?"
)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]+)*")
_LANGUAGES: Final = ("en", "en-GB", "en-US")
"""Preferred where a text is given in several, as ``{"en": …, "fr": …}``."""
_DEEPEST: Final = 100


def parse(name: str, data: bytes) -> list[Payload]:
    """The datasets that a file describes. Raises `SourceUnavailable`, `BadPayload`."""
    try:
        told = json.loads(data)
    except json.JSONDecodeError as error:
        raise half_written(name, error, line=error.lineno, column=error.colno) from error
    except (ValueError, RecursionError) as error:
        raise half_written(name, error) from error
    plain = _plain(told, name)
    nodes = plain if isinstance(plain, list) else [plain]
    graph = [n for node in nodes if isinstance(node, dict) for n in _listed(node.get("@graph"))]
    found = [node for node in (*nodes, *graph) if "Dataset" in types(node)]
    if not found:
        raise BadPayload(f"{name} describes no dataset: nothing in it is a schema.org Dataset.")
    return found


def types(node: Any) -> list[str]:
    return [_unprefixed(told) for told in texts(node, "@type")] if isinstance(node, dict) else []


def texts(node: Payload, name: str) -> list[str]:
    """The texts of a member, however they are wrapped; of an object with a name, that."""
    return [told for value in _listed(node.get(name)) if (told := _text(value))]


def first(node: Payload, name: str) -> str:
    return next(iter(texts(node, name)), "")


def nodes(node: Payload, name: str) -> list[Payload]:
    """The objects of a member; a text there is an object of that name."""
    return [v if isinstance(v, dict) else {"name": v} for v in _listed(node.get(name))]


def addresses(node: Payload, name: str) -> list[str]:
    """What a member refers to by address, be it a text or an object with one."""
    told = [v if isinstance(v, dict) else {"url": v} for v in _listed(node.get(name))]
    return [address for v in told if (address := first(v, "url") or _text(v.get("@id")))]


def bare(word: str) -> str:
    """A type without its prefix or address: ``Integer`` of ``sc:Integer``."""
    return re.split(r"[:/#]", word)[-1] or word


def _unprefixed(name: str) -> str:
    found = _PREFIX.match(name)
    return name[found.end() :] if found else name


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return _text(_worded(value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _worded(value: Payload) -> Any:
    """What stands for an object in words: its value or name, or the language to show."""
    for name in ("@value", "name", "url", "@id"):
        if name in value:
            return value[name]
    if all(_LANGUAGE.fullmatch(tag) for tag in value):
        return next((value[tag] for tag in (*_LANGUAGES, *sorted(value)) if tag in value), None)
    return None


def _listed(value: Any) -> list[Any]:
    """JSON-LD leaves the list out around one value."""
    if isinstance(value, dict) and set(value) == {"@list"}:
        value = value["@list"]
    return (
        [v for v in value if v is not None]
        if isinstance(value, list)
        else [value] * (value is not None)
    )


def _plain(value: Any, name: str, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise BadPayload(f"{name} nests objects over {_DEEPEST} deep.")
    if isinstance(value, list):
        return [_plain(item, name, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            _unprefixed(key): _plain(item, name, depth + 1)
            for key, item in value.items()
            if key != "@context"
        }
    return value
