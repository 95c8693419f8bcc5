"""Small graphs for the tests of stages: entities of one source, written as tuples."""

from __future__ import annotations

from kg import iris
from kg.iris import EntityRef, Minter, class_of_type, term
from kg.model import Entity
from kg.terms import Statement, literal, node

BASE = "http://localhost:8080"
MINTER = Minter(BASE)


def ref(text: str) -> EntityRef:
    """``model/ranker`` is the entity ``model/test/ranker``."""
    kind, _, key = text.partition("/")
    return EntityRef(kind, "test", key)


def iri(text: str) -> str:
    return MINTER.mint(ref(text))


def said(subject: str, predicate: str, value: str) -> Statement:
    """A statement about an entity; a value with a slash is another entity."""
    link = predicate if ":" in predicate else f"mlg:{predicate}"
    return iri(subject), term(link), node(iri(value)) if "/" in value else literal(value)


def entity(name: str, *facts: tuple[str, str], title: str | None = None) -> Entity:
    """An entity with its type, a title, and these facts."""
    typed = iri(name), iris.TYPE, node(class_of_type(ref(name).type))
    named = iri(name), iris.TITLE, literal(title or name)
    found = {typed, named, *(said(name, p, o) for p, o in facts)}
    return Entity(ref=ref(name), iri=iri(name), statements=frozenset(found))


def gone(name: str) -> Entity:
    return Entity(ref=ref(name), iri=iri(name), statements=frozenset(), gone=True)
