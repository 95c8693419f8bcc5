"""A store whose links are kept by the stage alone, and entities of several systems as tuples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kg import iris
from kg.commit import commit, propose
from kg.draft import DERIVED, Draft
from kg.iris import EntityRef, Minter, class_of_type, term
from kg.model import Entity, Layer, Proposal
from kg.resolve import NAMES, REVIEW, IdentityRules, resolve, resolve_again, waiting
from kg.store import EmbeddedStore
from kg.terms import Quad, Statement, iri_of, literal, node, unquoted

BASE = "http://localhost:8080"
MINTER = Minter(BASE)
START = datetime(2026, 1, 1, tzinfo=UTC)
Pair = tuple[str, str]


def ref(name: str) -> EntityRef:
    """``person/ldap/ada``."""
    kind, source, key = name.split("/", 2)
    return EntityRef(kind, source, key)


def iri(name: str) -> str:
    return MINTER.mint(ref(name))


def short(iri: str) -> str:
    found = MINTER.parse(iri)
    return f"{found.type}/{found.source}/{found.key}"


def fact(name: str, predicate: str, value: str) -> Statement:
    """A value in ``<…>`` is an IRI; one with the name of an entity in ``[…]`` is that entity."""
    if value.startswith("["):
        value = node(iri(value[1:-1]))
    elif not value.startswith("<"):
        value = literal(value)
    return iri(name), term(predicate), value


def entity(name: str, *facts: tuple[str, str]) -> Entity:
    typed = iri(name), iris.TYPE, node(class_of_type(ref(name).type))
    said = frozenset({typed, *(fact(name, p, v) for p, v in facts)})
    return Entity(ref=ref(name), iri=iri(name), statements=said)


def said(name: str, *facts: tuple[str, str]) -> Entity:
    """What a steward says of an entity: these facts and no type."""
    found = frozenset(fact(name, p, v) for p, v in facts)
    return Entity(ref=ref(name), iri=iri(name), statements=found)


def gone(name: str) -> Entity:
    return Entity(ref=ref(name), iri=iri(name), statements=frozenset(), gone=True)


class World:
    """A store, with the stage run on each telling."""

    def __init__(self, folder: Path, rules: IdentityRules) -> None:
        self.store = EmbeddedStore(folder, base=BASE)
        self.rules = rules

    def tell(self, *entities: Entity, layer: Layer = "source") -> None:
        draft = Draft(self.store)
        at = START + timedelta(minutes=self.store.version)
        for one in entities:
            propose(draft, Proposal(entity=one, layer=layer), at=at)
        resolve(draft, self.rules)
        self._commit(draft, at)

    def again(self, rules: IdentityRules) -> None:
        """Goes on by other rules, and draws everything again by these."""
        self.rules = rules
        draft = Draft(self.store)
        resolve_again(draft, rules)
        self._commit(draft, START + timedelta(minutes=self.store.version))

    def _commit(self, draft: Draft, at: datetime) -> None:
        if change := commit(draft, version=self.store.version + 1, at=at):
            self.store.apply(change)

    def graph(self, name: str) -> set[Quad]:
        return set(self.store.quads(graph=name))

    def kept(self) -> set[Quad]:
        """All that the stage keeps."""
        return self.graph(NAMES) | self.graph(REVIEW) | self.graph(DERIVED)

    def links(self) -> set[Pair]:
        """The links, each way round that is stated."""
        return {
            (short(s), short(iri_of(v)))
            for s, p, v, _ in self.graph(DERIVED)
            if p == iris.SAME_THING_AS
        }

    def explained(self) -> set[Pair]:
        return self._reified(DERIVED)

    def doubts(self) -> set[Pair]:
        """The pairs that wait for a decision."""
        return {(short(one), short(other)) for one, other in waiting(self.store)}

    def proposed(self) -> set[Pair]:
        """Those, and what is decided and would be proposed."""
        return self._reified(REVIEW)

    def _reified(self, name: str) -> set[Pair]:
        found = {unquoted(v) for _, p, v, _ in self.graph(name) if p == iris.REIFIES}
        return {(short(s), short(iri_of(v))) for s, _, v in found}

    def close(self) -> None:
        self.store.close()
