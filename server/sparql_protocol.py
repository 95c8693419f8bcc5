"""The request side of the SPARQL 1.1 Protocol, as pure functions.

What cannot be honoured is refused, never ignored: a query answered over other graphs or another
moment than was asked for would be a wrong answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kg.errors import BadInput, BadIri, BadQuery, UnsupportedFormat
from server import body

FORM: Final = "application/x-www-form-urlencoded"
QUERY: Final = "application/sparql-query"

_IRI = re.compile(r"[a-z][a-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]+", re.IGNORECASE)
_UPDATE: Final = ("update", "using-graph-uri", "using-named-graph-uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparqlRequest:
    """What a client asks for; ``query`` is None when it asks about the service itself."""

    query: str | None = None
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    as_of: str | None = None
    timeout: float | None = None
    format: str | None = None


def parse(
    *, method: str, query_string: bytes, content_type: str | None, data: bytes
) -> SparqlRequest:
    """Reads one request in any of the protocol's three forms.

    Raises `BadInput` or `BadQuery` for what breaks the protocol, `UnsupportedFormat` for a body
    of another type.
    """
    fields = body.form_fields(query_string)
    if method == "POST":
        kind = body.media_type(content_type)
        if kind == FORM:
            fields += body.form_fields(data)
        elif kind == QUERY:
            fields.append(("query", _text(data)))
        else:
            raise UnsupportedFormat(f"A query is posted as {FORM} or {QUERY}, not {kind!r}.")
    return _request(fields)


def _request(fields: Sequence[tuple[str, str]]) -> SparqlRequest:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    for name in _UPDATE:
        if name in values:
            raise BadQuery(f"{name}= belongs to an update; this route answers queries only.")
    return SparqlRequest(
        query=_single(values, "query"),
        default_graphs=_iris(values, "default-graph-uri"),
        named_graphs=_iris(values, "named-graph-uri"),
        as_of=_single(values, "as-of"),
        timeout=_seconds(_single(values, "timeout")),
        format=_single(values, "format") or None,
    )


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadQuery(f"The query is not UTF-8: {error.reason} at byte {error.start}.") from error


def _single(values: Mapping[str, Sequence[str]], name: str) -> str | None:
    given = values.get(name, ())
    if len(given) > 1:
        raise BadInput(f"{name}= is given {len(given)} times; give it once.", parameter=name)
    return given[0] if given else None


def _iris(values: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    for value in values.get(name, ()):
        if not _IRI.fullmatch(value):
            raise BadIri(f"{name}={value!r} is not an absolute IRI.", parameter=name)
    return tuple(dict.fromkeys(values.get(name, ())))


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise BadInput(f"timeout={text!r} is not a number of seconds.", parameter="timeout")
    return seconds
