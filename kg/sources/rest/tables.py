"""One table of a settings file, read strictly: each value in its form, and nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote

from kg.errors import BadSetting
from kg.sources.rest.places import Key

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A path under the tool's url, and its query; both may hold ``{placeholders}``."""

    path: str
    query: Mapping[str, list[str]]

    def placeholders(self) -> set[str]:
        texts = [self.path, *(text for values in self.query.values() for text in values)]
        return {name for text in texts for name in _PLACEHOLDER.findall(text)}

    def filled(self, values: Mapping[str, str]) -> tuple[str, dict[str, list[str]]]:
        """In the path a value is one segment, whatever it holds; the query is encoded later."""
        path = _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), self.path)
        query = {
            name: [_PLACEHOLDER.sub(lambda found: values[found[1]], text) for text in texts]
            for name, texts in self.query.items()
        }
        return path, query


class Table:
    """A table of settings; ``where`` is its name in the settings file, ``[sources.tracker]``."""

    def __init__(self, where: str, table: Any) -> None:
        if not isinstance(table, Mapping):
            raise BadSetting(f"{where} is a table, not {table!r:.100}.")
        self._where = where
        self._left = dict(table)

    def has(self, name: str) -> bool:
        """Whether a setting is given, and was not read yet."""
        return name in self._left

    def wrong(self, name: str, value: Any, wanted: str) -> BadSetting:
        return BadSetting(f"{self._where} {name} = {value!r:.100} is not {wanted}.")

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if value is None:
            raise BadSetting(f"{self._where} needs {name}.")
        if not isinstance(value, str):
            raise self.wrong(name, value, "text")
        return value

    def whole(self, name: str, default: int, *, least: int) -> int:
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(name, value, f"a whole number from {least}")
        return value

    def truth(self, name: str, default: bool) -> bool:
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false")
        return value

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in known:
            raise self.wrong(name, value, "one of " + ", ".join(known))
        return value

    def place(self, name: str, default: str | None = "") -> str:
        """A path with dots to somewhere in an answer; without a default it is needed."""
        value = self.text(name, default)
        if (value or default is None) and "" in value.split("."):
            raise self.wrong(name, value, "names joined by dots, such as data.items")
        return value

    def key(self, name: str, default: str | None = None) -> Key:
        """Fields joined by commas."""
        value = self.text(name, default)
        fields = tuple(field.strip() for field in value.split(","))
        if not all(part for field in fields for part in field.split(".")) or (
            len(set(fields)) < len(fields)
        ):
            raise self.wrong(name, value, "fields joined by commas, such as name,version")
        return Key(fields)

    def address(self, name: str, default: str | None = None) -> Address:
        value = self.text(name, default)
        path, _, query = value.partition("?")
        path = path.lstrip("/")
        usable = _PATH.fullmatch(path) and not {".", ".."} & set(path.split("/"))
        if not usable or "://" in value or "#" in value or not value.isascii() or " " in value:
            raise self.wrong(name, value, "a path under url, such as deployments/{key}")
        return Address(path=path, query=parse_qs(query, keep_blank_values=True))

    def flat(self, name: str) -> dict[str, Any]:
        """A table by names with dots, quoted or not: TOML makes tables of the latter."""
        value = self._left.pop(name, {})
        if not isinstance(value, Mapping):
            raise self.wrong(name, value, "a table")
        return _flat(value)

    def end(self) -> None:
        for name in self._left:
            raise BadSetting(f"{self._where} {name}: there is no such setting, or no use for it.")


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else None
        found |= {before + name: value} if inner is None else inner
    return found
