"""Things and facts in words: what all other views are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kg.iris import EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing with what a person calls it. ``ref`` is None for what is not an entity here."""

    iri: str
    name: str
    ref: EntityRef | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a fact: text to show, and the IRI when the value is a thing."""

    text: str
    iri: str | None = None
    datatype: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One property of an entity with all its values; parts of the entity are nested facts."""

    property: Named
    values: tuple[Value, ...]
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The edges of one property in one direction: ``total`` of them, ``items`` the first few."""

    property: Named
    direction: Literal["out", "in"]
    items: tuple[Named, ...]
    total: int
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One statement, in words."""

    subject: Named
    property: Named
    value: Value
    target: Named | None = None
    """The value, where it is a thing."""
