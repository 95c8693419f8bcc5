"""The graph as it was at a version, for reading a few entities: each is rewound when it is met.

Who wants all of the past opens a `kg.past.states` store; this one needs no copy, and its cost does
not grow with what happened to others meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kg import iris
from kg.draft import DERIVED, DOUBLED, STEWARD, held_of
from kg.entity import Snapshot
from kg.facts import Properties, grouped
from kg.past.revisions import names_of_entity, of_entity
from kg.past.undo import undone
from kg.revision import HISTORY, place_of
from kg.terms import Quad, Statement, iri_of, node

_EMPTY: dict[str, set[Statement]] = {}


class Rewound:
    """A checkpoint as it was at an earlier version: facts, layers and history, lazily."""

    def __init__(self, graphs: Snapshot, *, version: int) -> None:
        self._graphs = graphs
        self.version = version
        self._layers: dict[str, dict[str, dict[str, set[Statement]]] | None] = {}

    def about(self, subject: str) -> Iterable[Statement]:
        then = self._then(subject)
        return self._graphs.about(subject) if then is None else then[""].get(subject, ())

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> Iterator[str]:
        return (value for _, link, value in self.about(subject) if link == predicate)

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        wanted = self.pointing(iri_of(value))
        return (subject for subject, link, _ in wanted if predicate in (None, link))

    def holds(self, statement: Statement) -> bool:
        then = self._then(statement[0])
        if then is None:
            return self._graphs.holds(statement)
        return statement in then[""].get(statement[0], ())

    def has(self, quad: Quad) -> bool:
        subject, predicate, value, name = quad
        found = self.quads(subject=subject, predicate=predicate, value=value, graph=name)
        return next(iter(found), None) is not None

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        return self._graphs.as_stored(statements)

    def pointing(self, iri: str) -> Iterator[Statement]:
        """The statements whose value was this IRI: of those that are so now, and of those that went."""
        found = set()
        for statement in self._graphs.pointing(iri):
            found.add(statement)
            if self.holds(statement):
                yield statement
        value = node(iri)
        for quad in self._graphs.quads(predicate=iris.RETRACTS_LINK_TO, value=value, graph=HISTORY):
            if place_of(quad[0])[0] > self.version:
                about = self._graphs.quads(subject=quad[0], graph=HISTORY)
                of = next(iri_of(q[2]) for q in about if q[1] in (iris.REVISES, iris.CREATES))
                then = self._then(of) or {"": _EMPTY}
                went = {s for said in then[""].values() for s in said if s[2] == value} - found
                found |= went
                yield from went

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterable[Quad]:
        """Of one subject in a layer's graph, or revisions by any pattern. No other graph is kept."""
        if graph == HISTORY:
            found = self._graphs.quads(
                subject=subject, predicate=predicate, value=value, graph=graph
            )
            return (quad for quad in found if place_of(quad[0])[0] <= self.version)
        if graph not in ("", STEWARD, DERIVED, DOUBLED) or subject is None:
            return ()
        then = self._then(subject)
        if then is None:
            return self._graphs.quads(
                subject=subject, predicate=predicate, value=value, graph=graph
            )
        return [
            (*statement, graph)
            for statement in then[graph].get(subject, ())
            if predicate in (None, statement[1]) and value in (None, statement[2])
        ]

    def _then(self, subject: str) -> dict[str, dict[str, set[Statement]]] | None:
        """By graph and subject what was stated of a subject's entity; None if that is as it is now."""
        iri = subject.partition("#")[0]
        if iri not in self._layers:
            self._layers[iri] = self._rewind(iri)
        return self._layers[iri]

    def _rewind(self, iri: str) -> dict[str, dict[str, set[Statement]]] | None:
        if not names_of_entity(self._graphs, iri, after=self.version):
            return None
        later = of_entity(self._graphs, iri, after=self.version)
        held = undone(later).apply(held_of(iri, facts=self._graphs, graphs=self._graphs))
        layers = {
            "": held.merged,
            STEWARD: held.steward,
            DERIVED: held.derived,
            DOUBLED: held.doubled,
        }
        return {name: _by_subject(said) for name, said in layers.items()}


def _by_subject(statements: Iterable[Statement]) -> dict[str, set[Statement]]:
    found: dict[str, set[Statement]] = defaultdict(set)
    for statement in statements:
        found[statement[0]].add(statement)
    return found
