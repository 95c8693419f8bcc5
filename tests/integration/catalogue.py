"""A source system that is edited while the graph reads it, and what it was heard to acknowledge."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kg.iris import EntityRef

NAME = "catalogue"
Seen = tuple[str, ...] | None
"""What tells one edit of an entity from another: its texts, or None when it is gone."""


@dataclass(kw_only=True)
class Catalogue:
    """A few hundred entities in one file, each with the number of its last edit.

    ``acknowledged`` is, for each entity, the edit that its last acknowledged event told of.
    """

    file: Path
    chance: random.Random
    entities: int = 360
    edits: dict[EntityRef, int] = field(default_factory=dict)
    acknowledged: dict[EntityRef, int] = field(default_factory=dict)
    _writes: int = 0

    def __post_init__(self) -> None:
        third = self.entities // 3
        kinds = ["person"] * third + ["model"] * third + ["model-version"] * third
        self.edits = {_ref(kind, n % third): 0 for n, kind in enumerate(kinds)}
        self._write()

    def edit(self, refs: Iterable[EntityRef]) -> dict[EntityRef, int]:
        """Changes entities, removes some and brings some back; answers the edit of each."""
        edited = {ref: self.edits[ref] + 1 for ref in refs}
        self.edits |= edited
        self._write()
        return edited

    def some(self) -> list[EntityRef]:
        """Some entities, or now and then all: enough for a bulk write."""
        everything = list(self.edits)
        many = len(everything) if self.chance.random() < 0.1 else self.chance.randrange(1, 60)
        return self.chance.sample(everything, many)

    def heard(self, edited: Mapping[EntityRef, int]) -> None:
        self.acknowledged |= edited

    def allowed(self, ref: EntityRef) -> set[Seen]:
        """What the graph may show: the acknowledged edit, or one that came after it."""
        return {seen(ref, n) for n in range(self.acknowledged[ref], self.edits[ref] + 1)}

    def _write(self) -> None:
        """In one step, with a time of its own: a clock is too coarse for edits that come so fast."""
        payloads = [payload(ref, n) for ref, n in self.edits.items() if not is_gone(ref, n)]
        building = self.file.with_suffix(".new")
        building.write_text(json.dumps(payloads), "utf-8")
        self._writes += 1
        os.utime(building, ns=(self._writes, self._writes))
        building.replace(self.file)


def _ref(kind: str, number: int) -> EntityRef:
    return EntityRef(kind, NAME, {"model-version": f"m{number}/1"}.get(kind, f"{kind[0]}{number}"))


def is_gone(ref: EntityRef, number: int) -> bool:
    return ref.type == "model-version" and number % 5 == 3


def seen(ref: EntityRef, number: int) -> Seen:
    if is_gone(ref, number):
        return None
    return tuple(sorted([_description(ref, number), *tags(number)]))


def payload(ref: EntityRef, number: int) -> dict[str, Any]:
    """An entity as of one of its edits, with an owner or a model that moves as well."""
    said = {
        "type": ref.type,
        "key": ref.key,
        "description": _description(ref, number),
        "tags": tags(number),
    }
    if ref.type == "person":
        return said | {"display_name": f"Person {ref.key}, called {number}", "active": True}
    if ref.type == "model":
        return said | {"name": f"Model {ref.key}", "owner_emails": [f"p{number % 7}"]}
    model = ref.key.partition("/")[0]
    return said | {"name": f"Version {ref.key}", "model_id": model if number % 2 else "m0"}


def _description(ref: EntityRef, number: int) -> str:
    return f"This is {ref} as it was after edit {number}."


def tags(number: int) -> list[str]:
    """Words that are like those of no other edit, so that search cannot take one for another."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return [digest[start : start + 10] for start in range(0, 50, 10)]
