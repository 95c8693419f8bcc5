"""Rings: the edges of a property that lie on a way leading back to where it began.

The ontology names a property for them (``mlg:dependsInRingOn mlg:ringOf mlg:dependsOn``), which is kept
as a derived fact for each such edge, explained by a shortest ring through it. So a rule of SHACL can
speak of rings, whose own paths would have to be walked through half the graph for each change.

An edge that comes can close a ring only with what leads to it and what it leads to, of which the
smaller is walked; one that goes can open only rings that are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from kg.draft import Draft
from kg.facts import Facts
from kg.infer.paths import shortest
from kg.infer.reasons import Reasons
from kg.iris import compact
from kg.terms import Statement, iri_of, node

Edge = tuple[str, str]
Neighbours = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """``derives`` holds along each edge of the property ``of`` that lies on a ring of them."""

    derives: str
    of: str

    def __str__(self) -> str:
        return f"{compact(self.derives)} along each ring of {compact(self.of)}"


def settle_rings(
    draft: Draft, reasons: Reasons, ring: Ring, changed: Iterable[Statement]
) -> set[Statement]:
    """Derives again what changed edges can affect; answers the statements that came or went."""
    edges = _Edges(draft.facts, ring.of)
    came: set[Edge] = set()
    touched: set[str] = set()
    for subject, _, value in changed:
        if not (end := iri_of(value)):
            continue
        if draft.facts.holds((subject, ring.of, value)):
            came.add((subject, end))
        elif draft.is_derived((subject, ring.derives, value)):
            touched.add(subject)
    for start, end in _not_dangling(edges, came):
        touched.update(_closed_by(edges, start, end))
    return bring_in_line(draft, reasons, ring, touched) if touched else set()


def bring_in_line(
    draft: Draft, reasons: Reasons, ring: Ring, nodes: Iterable[str]
) -> set[Statement]:
    """Derives again all rings among some nodes and those that were in rings with them."""
    known = _Edges(draft.facts, ring.derives)
    region = _reached(known.after, nodes)
    edges = _Edges(draft.facts, ring.of)
    wanted = {
        (start, ring.derives, node(end))
        for part in components(region, _within(edges.after, region))
        for start in part
        for end in edges.after(start)
        if end in part
    }
    derived = {(start, ring.derives, node(end)) for start in region for end in known.after(start)}
    for statement in derived - wanted:
        reasons.set(statement, ())
        draft.withdraw(statement[0].partition("#")[0], "derived", statement)
    for statement in wanted:
        reasons.set(statement, [_way_round(draft.facts, ring, statement)])
        draft.state(statement[0].partition("#")[0], "derived", statement)
    return derived ^ wanted


def ringed(facts: Facts, ring: Ring, nodes: Iterable[str]) -> set[str]:
    """Those of the nodes, and of all that they lead to, that are in a ring."""
    edges = _Edges(facts, ring.of)
    return {
        one
        for part in components(nodes, edges.after)
        for one in part
        if len(part) > 1 or one in edges.after(one)
    }


class _Edges:
    """The edges of a property, each node's read once; one that leads to nothing has none."""

    def __init__(self, facts: Facts, name: str) -> None:
        self._facts = facts
        self._name = name
        self._after: dict[str, list[str]] = {}
        self._before: dict[str, list[str]] = {}

    def after(self, start: str) -> list[str]:
        found = self._after.get(start)
        if found is None:
            values = self._facts.objects(start, self._name)
            found = self._after[start] = [iri for value in values if (iri := iri_of(value))]
        return found

    def before(self, end: str) -> list[str]:
        found = self._before.get(end)
        if found is None:
            found = self._before[end] = list(self._facts.subjects(self._name, node(end)))
        return found


def _not_dangling(edges: _Edges, came: set[Edge]) -> set[Edge]:
    """New edges but for those to whose start nothing leads, or whose end leads to nothing.

    Most are such: on what is new nothing depends. Without them others dangle in turn, which is
    counted down (Kahn's algorithm), so that a long chain that comes at once is gone over once.
    """
    into = {start: len(edges.before(start)) for start, _ in came}
    out_of = {end: len(edges.after(end)) for start, end in came if into[start]}
    starting: dict[str, list[Edge]] = defaultdict(list)
    ending: dict[str, list[Edge]] = defaultdict(list)
    for edge in came:
        starting[edge[0]].append(edge)
        ending[edge[1]].append(edge)
    queue = [edge for edge in came if not into[edge[0]] or not out_of[edge[1]]]
    gone = set(queue)
    while queue:
        start, end = queue.pop()
        met: list[Edge] = []
        if end in into:
            into[end] -= 1
            met += starting[end] if not into[end] else ()
        if start in out_of:
            out_of[start] -= 1
            met += ending[start] if not out_of[start] else ()
        queue += (fresh := set(met) - gone)
        gone |= fresh
    return came - gone


def _closed_by(edges: _Edges, start: str, end: str) -> set[str]:
    """The nodes of all rings that an edge is part of: those on the ways from its end to its start.

    Both sides are walked in turns until one is whole; the ways lie within it.
    """
    ahead, behind = {end}, {start}
    onward, back = _walk(edges.after, ahead), _walk(edges.before, behind)
    while True:
        if next(onward, None) is None:
            return _reached(_within(edges.before, ahead), [start]) if start in ahead else set()
        if next(back, None) is None:
            return _reached(_within(edges.after, behind), [end]) if end in behind else set()


def _within(neighbours: Neighbours, nodes: Collection[str]) -> Neighbours:
    return lambda one: [other for other in neighbours(one) if other in nodes]


def _walk(neighbours: Neighbours, found: set[str]) -> Iterator[str]:
    """Adds to the nodes found all that they lead to, and tells of each."""
    queue = list(found)
    while queue:
        for one in neighbours(queue.pop()):
            if one not in found:
                found.add(one)
                queue.append(one)
                yield one


def _reached(neighbours: Neighbours, starts: Iterable[str]) -> set[str]:
    found = set(starts)
    for _ in _walk(neighbours, found):
        pass
    return found


def _way_round(facts: Facts, ring: Ring, statement: Statement) -> tuple[Statement, ...]:
    """The edges of a shortest ring through one: the edge, and the way back from its end."""
    start, _, value = statement
    edge, end = (start, ring.of, value), iri_of(value)
    way_back = shortest(facts, ring.of, end, start) if end != start else None
    return (edge, *(way_back or ()))


def components(nodes: Iterable[str], neighbours: Neighbours) -> Iterator[set[str]]:
    """The strongly connected components of nodes and all that they lead to, by Tarjan's algorithm."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[tuple[str, Iterator[str]]] = []
    waiting: dict[str, None] = {}  # in the order in which they were met

    def enter(one: str) -> None:
        number[one] = lowest[one] = len(number)
        waiting[one] = None
        path.append((one, iter(neighbours(one))))

    for root in nodes:
        if root not in number:
            enter(root)
        while path:
            one, following = path[-1]
            for other in following:
                if other not in number:
                    enter(other)
                    break
                if other in waiting:
                    lowest[one] = min(lowest[one], number[other])
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    lowest[before] = min(lowest[before], lowest[one])
                if lowest[one] == number[one]:
                    part: set[str] = set()
                    while one not in part:
                        part.add(waiting.popitem()[0])
                    yield part
