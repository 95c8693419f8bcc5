"""The graph as it will be once a change that is being written has landed.

The next batch is made ready over this view. It answers the same before, while and after the change
is written: what the change adds is there once, and what it removes is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from kg.draft import Graphs
from kg.facts import Facts, Properties
from kg.model import Change
from kg.terms import Quad, Statement


class Ahead:
    """``under`` with a change laid over it: ``facts`` are the default graph as it will be."""

    def __init__(self, under: Graphs, *, facts: Facts, change: Change) -> None:
        self._under = under
        self._facts = facts
        self._change = change
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
        statement, name = quad[:3], quad[3]
        if statement in self._change.removed.get(name, ()):
            return False
        return statement in self._change.added.get(name, ()) or self._under.has(quad)

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
        for statement in added:
            yield *statement, graph
        removed = self._change.removed.get(graph, ())
        below = self._under.quads(subject=subject, predicate=predicate, value=value, graph=graph)
        for quad in below:
            if (statement := quad[:3]) not in added and statement not in removed:
                yield quad

    def _graph(self, name: str) -> _Graph:
        """What the change adds to a graph, ordered when it is first asked for; most never are."""
        found = self._graphs.get(name)
        if found is None:
            found = self._graphs[name] = _Graph(self._change.added.get(name, ()))
        return found


class _Graph:
    """The added statements of one graph, by subject and by value."""

    __slots__ = ("by_subject", "by_value")

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.by_subject: dict[str, set[Statement]] = defaultdict(set)
        self.by_value: dict[str, set[Statement]] = defaultdict(set)
        for said in statements:
            self.by_subject[said[0]].add(said)
            self.by_value[said[2]].add(said)

    def matching(
        self, subject: str | None, predicate: str | None, value: str | None
    ) -> Collection[Statement]:
        if subject is not None:
            found = self.by_subject.get(subject, set())
        elif value is not None:
            found = self.by_value.get(value, set())
        else:
            found = set().union(*self.by_subject.values())
        if predicate is None and (subject is None or value is None):
            return found
        return {
            said
            for said in found
            if predicate in (None, said[1]) and (value is None or value == said[2])
        }
