"""The change that a batch makes, while it is being made: what stages read and add to.

A `Draft` keeps the layers apart. The default graph is the merged view: a statement is there while
any layer states it. Steward and derived statements stand in a graph of their own as well; a source
statement needs none, except while another layer states the same (graph ``doubled``), so that
neither layer takes the other's statement away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from kg import iris
from kg.facts import Facts, Overlay, described
from kg.iris import graph
from kg.model import Change, Layer
from kg.terms import Quad, Statement, Statements, unquoted

STEWARD, DERIVED, DOUBLED = graph("steward"), graph("derived"), graph("doubled")
_LAYER_GRAPH = {"steward": STEWARD, "derived": DERIVED}
DERIVATIONS = "urn:mlgraph:derivation:"
"""What the IRIs of all derivations, the reasons of derived facts, begin with."""

_Record = dict[tuple[str, Layer], AbstractSet[Statement]]
Reasons = dict[str, set[Statement]]
"""Statements about derivations, by the entity of which the facts are that they explain."""


class Graphs(Facts, Protocol):
    """What a draft reads of the store."""

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterable[Quad]: ...

    def has(self, quad: Quad) -> bool: ...

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]: ...


@dataclass(slots=True, kw_only=True)
class Held:
    """All that the graph states of one entity (and its parts), by layer."""

    merged: set[Statement]
    steward: set[Statement]
    derived: set[Statement]
    doubled: set[Statement]

    def of(self, layer: Layer) -> set[Statement]:
        if layer == "source":
            return (self.merged - self.steward - self.derived) | self.doubled
        return self.steward if layer == "steward" else self.derived

    def joined(self, other: Held) -> Held:
        return Held(
            merged=self.merged | other.merged,
            steward=self.steward | other.steward,
            derived=self.derived | other.derived,
            doubled=self.doubled | other.doubled,
        )

    def states(self, layer: Layer, statement: Statement) -> bool:
        """``statement in self.of(layer)``, without building the set."""
        if layer == "steward":
            return statement in self.steward
        if layer == "derived":
            return statement in self.derived
        elsewhere = statement in self.steward or statement in self.derived
        return statement in self.doubled or (statement in self.merged and not elsewhere)


def held_of(iri: str, *, facts: Facts, graphs: Graphs) -> Held:
    """What is stated of an entity: ``facts`` are the merged view, ``graphs`` have the layers."""
    merged = described(facts, iri)
    held = Held(merged=merged, steward=set(), derived=set(), doubled=set())
    for subject in {subject for subject, _, _ in merged}:
        for name, found in (
            (STEWARD, held.steward),
            (DERIVED, held.derived),
            (DOUBLED, held.doubled),
        ):
            found.update(quad[:3] for quad in graphs.quads(subject=subject, graph=name))
    return held


class Draft:
    """A change in the making over one state of the store."""

    def __init__(self, store: Graphs) -> None:
        self.store = store
        self.facts = Overlay(store)
        self._held: dict[str, Held] = {}
        self._added: defaultdict[str, Statements] = defaultdict(dict)
        self._removed: defaultdict[str, Statements] = defaultdict(dict)
        self.moved: defaultdict[str, Statements] = defaultdict(dict)
        """What the merged view gains or loses, by predicate; to be read only."""
        self._moves: dict[str, int] = {}
        """How many statements those are, by the entity that they are about."""
        self.asserted: _Record = {}
        """What each layer gains, by the entity that it is about; `retracted` is what it loses."""
        self.retracted: _Record = {}
        self.created: set[str] = set()
        self.causes: dict[str, str] = {}
        """The event or request behind a change of an entity, by its IRI."""
        self.stated_by: str | None = None
        """Who made the request behind the draft, if it is one."""

    def held(self, iri: str) -> Held:
        """What the graph states of an entity, this draft included."""
        if iri not in self._held:
            held = self._held[iri] = held_of(iri, facts=self.facts, graphs=self.store)
            if not held.merged:
                self.facts.fresh(iri)
                self.created.add(iri)
        return self._held[iri]

    def is_derived(self, statement: Statement) -> bool:
        """Whether the derived layer has a statement, this draft included."""
        held = self._held.get(statement[0].partition("#")[0])
        if held is not None:
            return statement in held.derived
        return self.store.has((*statement, DERIVED))

    def state(self, iri: str, layer: Layer, statement: Statement) -> None:
        """Adds a statement about an entity to a layer; a no-op when the layer has it."""
        held = self.held(iri)
        if held.states(layer, statement):
            return
        _record(iri, layer, statement, self.asserted, self.retracted)
        stated = statement in held.merged
        if (
            stated
            and statement not in held.doubled
            and (layer == "source" or held.states("source", statement))
        ):
            held.doubled.add(statement)
            self._add(statement, DOUBLED)
        if layer != "source":
            held.of(layer).add(statement)
            self._add(statement, _LAYER_GRAPH[layer])
        if not stated:
            held.merged.add(statement)
            self._add(statement, "")
            self.facts.add(statement)
            self._move(iri, statement)

    def create(self, iri: str, layer: Layer, statements: frozenset[Statement]) -> None:
        """`state` for all that a layer says of an entity of which nothing is stated yet."""
        held = self.held(iri)
        if held.merged or layer != "source" or not statements:
            for statement in statements:
                self.state(iri, layer, statement)
            return
        held.merged.update(statements)
        self._added[""].update(dict.fromkeys(statements))
        self.asserted[iri, layer] = statements
        self._moves[iri] = len(statements)
        for statement in statements:
            self.moved[statement[1]][statement] = None
            self.facts.add(statement)

    def withdraw(self, iri: str, layer: Layer, statement: Statement) -> None:
        """Takes a statement out of a layer; it stays in the merged view while another has it."""
        held = self.held(iri)
        if not held.states(layer, statement):
            return
        _record(iri, layer, statement, self.retracted, self.asserted)
        if layer != "source":
            held.of(layer).discard(statement)
            self._remove(statement, _LAYER_GRAPH[layer])
        others = statement in held.steward or statement in held.derived
        if statement in held.doubled:
            if layer == "source" or not others:
                held.doubled.discard(statement)
                self._remove(statement, DOUBLED)
        elif not others:
            held.merged.discard(statement)
            self._remove(statement, "")
            self.facts.remove(statement)
            self._move(iri, statement)

    def _move(self, iri: str, statement: Statement) -> None:
        """Notes that the merged view gains or loses a statement; what comes and goes is no change."""
        moved = self.moved[statement[1]]
        if statement in moved:
            del moved[statement]
            self._moves[iri] -= 1
        else:
            moved[statement] = None
            self._moves[iri] = self._moves.get(iri, 0) + 1

    def revise(self, name: str, statements: frozenset[Statement]) -> None:
        """Makes these all that a graph states, with revisions as an entity in the source layer has."""
        old = {quad[:3] for quad in self.store.quads(graph=name)}
        if not old:
            self.created.add(name)
        self.asserted[name, "source"] = statements - old
        self.retracted[name, "source"] = old - statements
        for statement in statements - old:
            self._add(statement, name)
        for statement in old - statements:
            self._remove(statement, name)

    def add(self, quad: Quad) -> None:
        """Adds a statement to a named graph, outside the layers."""
        self._add(quad[:3], quad[3])

    def add_all(self, statements: Collection[Statement], graph: str) -> None:
        """`add` for several: most are new, and nothing is taken out by most drafts."""
        if self._removed.get(graph):
            for statement in statements:
                self._add(statement, graph)
        else:
            self._added[graph].update(dict.fromkeys(statements))

    def remove(self, quad: Quad) -> None:
        """Takes a statement out of a named graph, outside the layers."""
        self._remove(quad[:3], quad[3])

    def _add(self, statement: Statement, graph: str) -> None:
        went = self._removed.get(graph)
        if went and statement in went:
            del went[statement]
        else:
            self._added[graph][statement] = None

    def _remove(self, statement: Statement, graph: str) -> None:
        came = self._added.get(graph)
        if came and statement in came:
            del came[statement]
        else:
            self._removed[graph][statement] = None

    def changes(self) -> list[Statement]:
        """The statements that the merged view gains or loses."""
        return list(chain.from_iterable(self.moved.values()))

    def referred(self) -> Mapping[str, int]:
        """What new statements have as their value, if it is an IRI, and how many have it."""
        return self.facts.added_at()

    def unbacked(self) -> set[Statement]:
        """What a source or steward no longer states, and stays because it was derived as well."""
        backing = (*self._removed.get(DOUBLED, ()), *self._removed.get(STEWARD, ()))
        return {statement for statement in backing if self.is_derived(statement)}

    def moved_entities(self) -> set[str]:
        """Those of which the merged view gains or loses a statement."""
        return {iri for iri, moves in self._moves.items() if moves}

    def reasons_moved(self) -> tuple[Reasons, Reasons]:
        """What is said of derivations that it was not, and no more, by the entity explained.

        Of one that comes, only what it explains: the rest comes with it.
        """
        came = [said for said in self._added.get(DERIVED, ()) if _is_reason(said)]
        went = [said for said in self._removed.get(DERIVED, ()) if _is_reason(said)]
        explained = {said[0]: said[2] for said in (*came, *went) if said[1] == iris.REIFIES}
        fresh = {said[0] for said in came if said[1] == iris.REIFIES}
        gained: Reasons = defaultdict(set)
        lost: Reasons = defaultdict(set)
        for found, statements in ((gained, came), (lost, went)):
            for said in statements:
                if found is gained and said[0] in fresh and said[1] != iris.REIFIES:
                    continue
                value = explained.get(said[0]) or self._explained(said[0])
                found[unquoted(value)[0].partition("#")[0]].add(said)
        return gained, lost

    def _explained(self, derivation: str) -> str:
        """What a derivation in the store is a reason of, as a value."""
        quads = self.store.quads(subject=derivation, predicate=iris.REIFIES, graph=DERIVED)
        return next(iter(quads))[2]

    def change(self) -> Change:
        return Change(
            added={name: dict(said).keys() for name, said in self._added.items() if said},
            removed={name: dict(said).keys() for name, said in self._removed.items() if said},
        )


def _is_reason(said: Statement) -> bool:
    return said[0].startswith(DERIVATIONS)


def _record(
    iri: str,
    layer: Layer,
    statement: Statement,
    here: _Record,
    there: _Record,
) -> None:
    """Notes what a layer gains or loses; what came and went again is no change."""
    undone = there.get((iri, layer))
    if undone and statement in undone:
        _own(there, (iri, layer)).discard(statement)
    else:
        _own(here, (iri, layer)).add(statement)


def _own(record: _Record, key: tuple[str, Layer]) -> set[Statement]:
    """The statements of a record that may be changed; those of a new entity are shared at first."""
    held = record.get(key, ())
    if not isinstance(held, set):
        held = record[key] = set(held)
    return held
