"""The graph as it will be once a change that is being written has landed.

The next batch is made ready over this view. It answers the same before, while and after the change
is written: what the change adds is there once, and what it removes is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from kg.draft import Graphs
from kg.facts import Facts, Properties
from kg.model import Change
from kg.terms import Quad, Statement


class Ahead:
    """``under`` with a change laid over it: ``facts`` are the default graph as it will be."""

    def __init__(self, under: Graphs, *, facts: Facts, change: Change) -> None:
        self._under = under
        self._facts = facts
        self._added = change.added
        self._removed = frozenset(change.removed)
        self._graphs: dict[str, _Graph] = {}

    def about(self, subject: str) -> Iterable[Statement]:
        return self._facts.about(subject)

    def properties(self, subject: str) -> Properties:
        return self._facts.properties(subject)

    def objects(self, subject: str, predicate: str) -> Iterable[str]:
        return self._facts.objects(subject, predicate)

    def subjects(self, predicate: str | None, value: str) -> Iterable[str]:
        return self._facts.subjects(predicate, value)

    def holds(self, statement: Statement) -> bool:
        return self._facts.holds(statement)

    def has(self, quad: Quad) -> bool:
        if quad in self._removed:
            return False
        return quad in self._graph(quad[3]).by_subject.get(quad[0], ()) or self._under.has(quad)

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        return self._under.as_stored(statements)

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterator[Quad]:
        added = self._graph(graph).matching(subject, predicate, value)
        yield from added
        below = self._under.quads(subject=subject, predicate=predicate, value=value, graph=graph)
        for quad in below:
            if quad not in added and quad not in self._removed:
                yield quad

    def _graph(self, name: str) -> _Graph:
        """What the change adds to a graph, ordered when it is first asked for; most never are."""
        found = self._graphs.get(name)
        if found is None:
            quads = self._parted.get(name, ()) if name else self._added
            found = self._graphs[name] = _Graph(quad for quad in quads if quad[3] == name)
        return found

    @cached_property
    def _parted(self) -> Mapping[str, list[Quad]]:
        """What the change adds to named graphs: gone through once, since several are asked for."""
        parted: dict[str, list[Quad]] = defaultdict(list)
        for quad in self._added:
            if quad[3]:
                parted[quad[3]].append(quad)
        return parted


class _Graph:
    """The added statements of one graph, by subject and by value."""

    __slots__ = ("by_subject", "by_value")

    def __init__(self, quads: Iterable[Quad]) -> None:
        self.by_subject: dict[str, set[Quad]] = defaultdict(set)
        self.by_value: dict[str, set[Quad]] = defaultdict(set)
        for quad in quads:
            self.by_subject[quad[0]].add(quad)
            self.by_value[quad[2]].add(quad)

    def matching(
        self, subject: str | None, predicate: str | None, value: str | None
    ) -> Iterable[Quad]:
        if subject is not None:
            found = self.by_subject.get(subject, set())
        elif value is not None:
            found = self.by_value.get(value, set())
        else:
            found = set().union(*self.by_subject.values())
        if predicate is None and (subject is None or value is None):
            return found
        return {
            quad
            for quad in found
            if predicate in (None, quad[1]) and (value is None or value == quad[2])
        }
