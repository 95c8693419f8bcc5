"""Where things are in a tool's JSON: paths with dots, and the fields that make a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import text

_IN_A_PATH_THESE_LEAD_ELSEWHERE = frozenset({"", ".", ".."})


def value_at(answer: Any, place: str) -> Any:
    """What is at ``data.items``; None if it is not there; the answer itself at an empty place."""
    for name in place.split(".") if place else ():
        if answer is None:
            return None
        if not isinstance(answer, dict):
            raise BadPayload(f"In an answer {place!r} leads through {answer!r:.100}, no object.")
        answer = answer.get(name)
    return answer


def record_at(answer: Any, place: str) -> Payload:
    found = value_at(answer, place)
    if not isinstance(found, dict):
        raise BadPayload(f"An answer has no object at {place!r}: {answer!r:.200}")
    return found


def records_at(answer: Any, place: str) -> list[Any]:
    """The records in a list. It has to be there, if only as the null that stands for none."""
    parent, _, name = place.rpartition(".")
    found = value_at(answer, place)
    if found is None and name and name in record_at(answer, parent):
        return []
    if not isinstance(found, list):
        raise BadPayload(f"An answer has no list at {place!r}: {answer!r:.200}")
    return found


@dataclass(frozen=True, slots=True)
class Key:
    """The fields of a record that make its key, joined by slashes.

    Only the first may hold slashes itself, so that a key can be taken apart again.
    """

    fields: tuple[str, ...]

    def parts_of(self, record: Any) -> tuple[str, ...]:
        """The parts of a record's key. Raises `BadPayload` if it lacks one, or is no object."""
        if not isinstance(record, dict):
            raise BadPayload(f"A record is no object: {record!r:.200}")
        return tuple(_part(record, field) for field in self.fields)

    def split(self, key: str) -> tuple[str, ...] | None:
        """The parts of a key; None if no record of this kind can be named so."""
        parts = tuple(key.rsplit("/", len(self.fields) - 1))
        usable = len(parts) == len(self.fields) and _IN_A_PATH_THESE_LEAD_ELSEWHERE.isdisjoint(
            parts
        )
        return parts if usable else None


def _part(record: Payload, field: str) -> str:
    parent, _, name = field.rpartition(".")
    found = text(record_at(record, parent), name)
    if not found:
        raise BadPayload(f"A record lacks {field!r}, which its key is made of: {record!r:.200}")
    return found
