"""The reasons of derived facts, undone: what graph ``derived`` said of each derivation then.

A derivation that comes is told of by what it explains, since all that is said of it comes with it;
what goes from it, or with it, is told of statement by statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from kg import iris
from kg.draft import DERIVED, Graphs
from kg.revision import Revision
from kg.terms import Quad, Statement, quoted, unquoted


class Reasons:
    """The derivations that revisions touched, as they were before those that are undone."""

    def __init__(self, graphs: Graphs) -> None:
        self._graphs = graphs
        self._now: dict[str, set[Statement]] = {}
        self._then: dict[str, set[Statement]] = {}

    def undo(self, revision: Revision) -> None:
        """Undoes one more revision, which came before those that are undone already."""
        if revision.creates:
            self._clear(revision.of)
        for statement in revision.reasons_gained:
            about = self._of(statement[0])
            if statement[1] == iris.REIFIES:
                about.clear()
            about.discard(statement)
        for statement in revision.reasons_lost:
            self._of(statement[0]).add(statement)

    def change(self) -> tuple[set[Quad], set[Quad]]:
        """What undoing adds to graph ``derived``, and what it removes."""
        added, removed = set[Quad](), set[Quad]()
        for name, then in self._then.items():
            added.update(_in_graph(then - self._now[name]))
            removed.update(_in_graph(self._now[name] - then))
        return added, removed

    def _of(self, name: str) -> set[Statement]:
        if name not in self._then:
            now = {quad[:3] for quad in self._graphs.quads(subject=name, graph=DERIVED)}
            self._now[name], self._then[name] = now, set(now)
        return self._then[name]

    def _clear(self, iri: str) -> None:
        """Takes away all reasons of what is derived about an entity, which was not there before."""
        quads = self._graphs.quads
        for fact in list(quads(subject=iri, graph=DERIVED)):
            for quad in list(quads(predicate=iris.REIFIES, value=quoted(fact[:3]), graph=DERIVED)):
                self._of(quad[0])
        for about in self._then.values():
            if any(p == iris.REIFIES and unquoted(o)[0] == iri for _, p, o in about):
                about.clear()


def _in_graph(statements: Iterable[Statement]) -> Iterable[Quad]:
    return ((*statement, DERIVED) for statement in statements)
