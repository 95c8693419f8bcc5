"""How far a change reaches: which entities must be validated again, and with which statements.

`Reach.affected` walks the rules' paths backwards from changed statements to the nodes whose
findings may change; `Reach.context` walks them forwards from those nodes and gathers all that
their rules may read. Validating only that, and replacing those nodes' findings, equals a full run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from kg import iris
from kg.facts import Facts, Properties
from kg.terms import Statement, iri_of
from kg.terms import node as value_of
from kg.validate.automaton import ANY, Automaton, Edge, Kind, Probe, Target, compile_shapes
from kg.validate.backwards import Backwards
from kg.validate.shapes import Shapes, superclasses

_FEW: Final = 3
"""Predicates that are looked up one by one; for more, all of a node's statements are read."""

_States = frozenset[int]
_Place = tuple[str, int]


class _Plan:
    """What to read of a node that is in some states.

    ``reads`` are the predicates whose statements are needed; ``after`` has those of them whose
    values are read in turn, with the plan for these; ``before`` the same for subjects.
    """

    __slots__ = ("after", "before", "everything", "is_leaf", "probes", "reads")

    def __init__(self) -> None:
        self.reads: frozenset[str] = frozenset()
        self.after: dict[str, _Plan] = {}
        self.before: tuple[tuple[str, _Plan], ...] = ()
        self.everything: _Plan | None = None
        """For what a closed shape reads: the plan for values of predicates not in ``after``."""
        self.probes: tuple[Probe, ...] = ()
        self.is_leaf = True


class Reach:
    """The compiled reach of some shapes. Its caches only save work; one thread uses it."""

    def __init__(self, shapes: Shapes) -> None:
        self._automaton = compile_shapes(shapes)
        self._backwards = Backwards(self._automaton)
        self._plans: dict[_States, _Plan] = {}
        self._starts: dict[tuple[tuple[Kind, str], ...], _Plan | None] = {}
        above = superclasses(shapes.background)
        self._above = {n.value: frozenset(i.value for i in of) for n, of in above.items()}
        self._forward_targets = {t.iri for t in self._automaton.starts if t.kind == "subjects"}
        self._inverse_targets = {t.iri for t in self._automaton.starts if t.kind == "objects"}
        self._node_targets = {t.iri for t in self._automaton.starts if t.kind == "node"}

    @property
    def timed(self) -> frozenset[Target]:
        """The targets whose findings may change by the passing of time alone."""
        return frozenset(self._automaton.timed)

    def affected(self, facts: Facts, changed: Iterable[Statement]) -> set[str]:
        """The nodes whose findings these added or removed statements may change, and maybe more.

        ``facts`` are those after the change; those before it do as well.
        """
        return self._backwards.affected(facts, changed)

    def context(self, facts: Facts, focus: Iterable[str]) -> list[Statement]:
        """Every statement that the rules may read for these focus nodes; some more than once."""
        reader = _Reader(facts)
        found: list[Statement] = []
        queue = [
            (iri, plan) for iri in focus if (plan := self._plan_of_focus(iri, reader)) is not None
        ]
        seen = set(queue)
        while queue:
            node, plan = queue.pop()
            reads, after, everything = plan.reads, plan.after, plan.everything
            for predicate, values in reader.of(node, plan):
                if predicate not in reads and everything is None:
                    continue
                found += [(node, predicate, value) for value in values]
                then = after.get(predicate, everything)
                if then is None:
                    continue
                for value in values:
                    place = (iri_of(value), then)
                    if place[0] and place not in seen:
                        seen.add(place)
                        queue.append(place)
            for predicate, then in plan.before:
                for subject in facts.subjects(predicate, value_of(node)):
                    found.append((subject, predicate, value_of(node)))
                    place = (subject, then)
                    if place not in seen:
                        seen.add(place)
                        queue.append(place)
            for probe in plan.probes:
                found.extend(_search(self._automaton, facts, node, probe))
        return found

    def _plan_of_focus(self, iri: str, reader: _Reader) -> _Plan | None:
        """The plan of a node as a focus node, by the targets that it meets."""
        said = reader.all(iri)
        met: list[tuple[Kind, str]] = [
            ("class", name) for value in said.get(iris.TYPE, ()) if (name := iri_of(value))
        ]
        met += [("subjects", predicate) for predicate in self._forward_targets.intersection(said)]
        if iri in self._node_targets:
            met.append(("node", iri))
        met += [
            ("objects", predicate)
            for predicate in self._inverse_targets
            if any(True for _ in reader.facts.subjects(predicate, value_of(iri)))
        ]
        key = tuple(met)
        if key not in self._starts:
            states = frozenset(self._start_states(key))
            self._starts[key] = self._plan(states) if states else None
        return self._starts[key]

    def _start_states(self, met: Iterable[tuple[Kind, str]]) -> Iterator[int]:
        starts = self._automaton.starts
        for kind, iri in met:
            above = self._above.get(iri, frozenset()) if kind == "class" else frozenset()
            for name in (iri, *above):
                if (state := starts.get(Target(kind, name))) is not None:
                    yield state

    def _plan(self, states: _States) -> _Plan:
        """The plan for a set of states, made once."""
        states = self._automaton.closure(states)
        plan = self._plans.get(states)
        if plan is None:
            plan = self._plans[states] = _Plan()
            self._fill(plan, states)
        return plan

    def _fill(self, plan: _Plan, states: _States) -> None:
        after: dict[str, set[int]] = defaultdict(set)
        before: dict[str, set[int]] = defaultdict(set)
        for state in states:
            for edge in self._automaton.edges.get(state, ()):
                (before if edge.inverse else after)[edge.predicate].add(edge.to)
        anyway = after.pop(ANY, set())
        probes = self._automaton.probes
        plan.probes = tuple(probe for state in sorted(states) for probe in probes.get(state, ()))
        plan.reads = frozenset(after)
        plan.is_leaf = not (after or before or anyway or plan.probes)  # before going in a ring
        values = {p: self._plan(frozenset(to | anyway)) for p, to in after.items()}
        plan.after = {p: then for p, then in values.items() if not then.is_leaf}
        plan.before = tuple((p, self._plan(frozenset(to))) for p, to in before.items())
        plan.everything = self._plan(frozenset(anyway)) if anyway else None


class _Reader:
    """Reads each node once. Look-ups in a store on disk cost 20 µs for one predicate, 80 for all."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._all: dict[str, Properties] = {}
        self._some: dict[tuple[str, str], Collection[str]] = {}

    def all(self, node: str) -> Properties:
        said = self._all.get(node)
        if said is None:
            said = self._all[node] = self.facts.properties(node)
        return said

    def of(self, node: str, plan: _Plan) -> Iterable[tuple[str, Collection[str]]]:
        """At least what the plan reads of the node, as values by predicate."""
        if not plan.reads and plan.everything is None:
            return ()
        if plan.everything is not None or len(plan.reads) > _FEW or node in self._all:
            return self.all(node).items()
        return [(predicate, self._values(node, predicate)) for predicate in plan.reads]

    def _values(self, node: str, predicate: str) -> Collection[str]:
        values = self._some.get((node, predicate))
        if values is None:
            values = self._some[node, predicate] = list(self.facts.objects(node, predicate))
        return values


def _search(automaton: Automaton, facts: Facts, node: str, probe: Probe) -> list[Statement]:
    """The statements of one way from a node to some value of a probe's path, if there is one.

    Depth first and lazily: of a dataset that a million runs have read, one run is looked up.
    """
    seen: set[_Place] = {(node, probe.start)}
    stack = [_steps(automaton, facts, (node, probe.start))]
    trail: list[Statement | None] = []
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            if trail:
                trail.pop()
            continue
        place, triple = step
        if place[1] == probe.end:
            return [t for t in (*trail, triple) if t is not None]
        if place not in seen:
            seen.add(place)
            stack.append(_steps(automaton, facts, place))
            trail.append(triple)
    return []


def _steps(
    automaton: Automaton, facts: Facts, place: _Place
) -> Iterator[tuple[_Place, Statement | None]]:
    """Where a place leads to: states that follow freely, then those by statements."""
    node, state = place
    for to in automaton.free.get(state, ()):
        yield (node, to), None
    edges: list[Edge] = automaton.edges.get(state, [])
    here = value_of(node)
    backwards = [edge for edge in edges if edge.inverse]
    if len(backwards) > 1 and not any(True for _ in facts.subjects(None, here)):
        backwards = []
    for edge in backwards:
        for subject in facts.subjects(edge.predicate, here):
            yield (subject, edge.to), (subject, edge.predicate, here)
    for edge in edges:
        if not edge.inverse:
            for value in facts.objects(node, edge.predicate):
                yield (iri_of(value), edge.to), (node, edge.predicate, value)
