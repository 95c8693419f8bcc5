"""The facets that the ontology has a place for: what each says, and what is wrong with one.

The same readers check a facet at the door and read it from the record. All others are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kg.model import Payload

_TEAMS: Final = ("team:", "group:")
_PEOPLE: Final = ("user:", "person:")
_MOST_FIELDS: Final = 10_000
LIFECYCLE: Final = "lifecycleStateChange"


class Malformed(Exception):
    """What is wrong, and the JSON pointer to it from where the reading began."""

    def __init__(self, pointer: str, problem: str) -> None:
        super().__init__(f"{pointer or '/'} {problem}")
        self.pointer = pointer
        self.problem = problem


def pointer(parts: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def text(parent: Payload, name: str, *at: str | int) -> str:
    """A text that must be there and say something."""
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        problem = "is missing" if value is None else "is not a text that says something"
        raise Malformed(pointer((*at, name)), problem)
    return value


def some_text(parent: Payload, name: str, *at: str | int) -> str:
    """A text, empty if it is not there."""
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(pointer((*at, name)), "is not a text")
    return value


def record(parent: Payload, name: str, *at: str | int) -> Payload:
    """An object that must be there."""
    value = parent.get(name)
    if not isinstance(value, Mapping):
        problem = "is missing" if value is None else "is not an object"
        raise Malformed(pointer((*at, name)), problem)
    return value


def part(parent: Payload, name: str, *at: str | int) -> Payload:
    """An object, empty if it is not there."""
    return {} if parent.get(name) is None else record(parent, name, *at)


def records(parent: Payload, name: str, *at: str | int) -> list[Payload]:
    """A list of objects, empty if it is not there."""
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(pointer((*at, name)), "is not a list")
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise Malformed(pointer((*at, name, number)), "is not an object")
    return value


def _documentation(facet: Payload) -> dict[str, Any]:
    return {"description": some_text(facet, "description")}


def _schema(facet: Payload) -> dict[str, Any]:
    """``name: type, …``, the fields of a record between angle brackets."""
    return {"schema": _fields(facet)}


def _fields(parent: Payload, *at: str | int) -> str:
    found = []
    for number, field in enumerate(records(parent, "fields", *at)):
        here = (*at, "fields", number)
        name, kind = text(field, "name", *here), some_text(field, "type", *here)
        inner = _fields(field, *here)
        kind += f"<{inner}>" if inner else ""
        found.append(f"{name}: {kind}" if kind else name)
    return ", ".join(found[:_MOST_FIELDS])


def _ownership(facet: Payload) -> dict[str, Any]:
    """``team:x`` and ``group:x`` are teams; ``user:x``, an address or a bare name is a person."""
    teams, people = set(), set()
    for number, owner in enumerate(records(facet, "owners")):
        name = text(owner, "name", "owners", number).strip()
        if name.startswith(_TEAMS):
            teams.add(name.partition(":")[2])
        elif name.startswith(_PEOPLE):
            people.add(name.partition(":")[2])
        else:
            people.add(name)
    return {"people": sorted(filter(None, people)), "teams": sorted(filter(None, teams))}


def _tags(facet: Payload) -> dict[str, Any]:
    found = set()
    for number, tag in enumerate(records(facet, "tags")):
        key = text(tag, "key", "tags", number)
        value = some_text(tag, "value", "tags", number)
        found.add(f"{key}::{value}" if value and value.lower() != "true" else key)
    return {"tags": sorted(found)}


def _data_source(facet: Payload) -> dict[str, Any]:
    return {"location": some_text(facet, "uri")}


def _lifecycle(facet: Payload) -> dict[str, Any]:
    """What was done to the dataset is read by `renamed_from` and by the record, not from here."""
    if text(facet, "lifecycleStateChange") == "RENAME":
        previous = part(facet, "previousIdentifier")
        if previous:
            text(previous, "namespace", "previousIdentifier")
            text(previous, "name", "previousIdentifier")
    return {}


def renamed_from(facets: Mapping[str, Any]) -> tuple[str, str] | None:
    """The namespace and name that a dataset had before, of facets that were checked."""
    told = facets.get(LIFECYCLE) or {}
    if told.get("lifecycleStateChange") != "RENAME" or not told.get("previousIdentifier"):
        return None
    return told["previousIdentifier"]["namespace"], told["previousIdentifier"]["name"]


def _code(facet: Payload) -> dict[str, Any]:
    return {"code": some_text(facet, "url") or some_text(facet, "repoUrl")}


def _error(facet: Payload) -> dict[str, Any]:
    return {"error": text(facet, "message")}


Reader = Callable[[Payload], dict[str, Any]]

READERS: Final[dict[str, dict[str, Reader]]] = {
    "dataset": {
        "documentation": _documentation,
        "schema": _schema,
        "ownership": _ownership,
        "tags": _tags,
        "dataSource": _data_source,
        LIFECYCLE: _lifecycle,
    },
    "job": {
        "documentation": _documentation,
        "ownership": _ownership,
        "tags": _tags,
        "sourceCodeLocation": _code,
    },
    "run": {"errorMessage": _error},
}
"""By kind of thing and name of facet: what it says, in the words of `context.jsonld`."""


def read(kind: str, name: str, facet: Payload) -> dict[str, Any]:
    """What a facet says; nothing if it is one that takes back what was said before."""
    return {} if facet.get("_deleted") is True else READERS[kind][name](facet)
