"""From changed statements to the focus nodes whose rules read them.

It is enough to walk back over what holds *after* the change: if a rule read a statement before,
take the first changed statement on its way there; all before that one is unchanged. To belong to
a rule's target is read as well, so an entity that changes its class is found by that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Final

from kg.facts import Facts
from kg.terms import Statement, iri_of
from kg.terms import node as value_of
from kg.validate.automaton import ANY, Automaton

_FEW: Final = 3
"""Predicates that are looked up one by one; for more, it is first asked who refers to a node."""
_MANY: Final = 100
"""Referrers from which on they are told apart by predicate, although that takes more look-ups."""

_States = frozenset[int]


class _Plan:
    """Where a node in some states can have been reached from."""

    __slots__ = ("by_object", "by_subject", "is_focus", "straight")

    def __init__(self) -> None:
        self.is_focus = False
        self.by_subject: dict[str, _States] = {}
        """Predicates of statements that led here from their subject, and the states there."""
        self.by_object: dict[str, _States] = {}
        self.straight: frozenset[str] = frozenset()
        """Those of the former whose subjects are focus nodes and nothing further back."""


class Backwards:
    """The automaton's transitions, turned around. Its caches only save work."""

    def __init__(self, automaton: Automaton) -> None:
        self._starts = frozenset(automaton.starts.values())
        self._into: dict[int, list[tuple[str, bool, int]]] = defaultdict(list)
        self._free: dict[int, list[int]] = defaultdict(list)
        self._reads: dict[str, set[int]] = defaultdict(set)
        self._reads_backwards: dict[str, set[int]] = defaultdict(set)
        for state, edges in automaton.edges.items():
            for edge in edges:
                self._into[edge.to].append((edge.predicate, edge.inverse, state))
                reads = self._reads_backwards if edge.inverse else self._reads
                reads[edge.predicate].add(state)
        for state, ends in automaton.free.items():
            for end in ends:
                self._free[end].append(state)
        for state, probes in automaton.probes.items():
            for probe in probes:
                self._free[probe.start].append(state)
        self._plans: dict[_States, _Plan] = {}
        self._by_predicates: dict[frozenset[str], tuple[_States, _Plan]] = {}

    def affected(self, facts: Facts, changed: Iterable[Statement]) -> set[str]:
        said: dict[str, set[str]] = defaultdict(set)
        waiting: dict[str, set[int]] = defaultdict(set)
        reads, reads_backwards = self._reads, self._reads_backwards
        any_is_read = ANY in reads
        for subject, predicate, value in changed:
            if any_is_read or predicate in reads:
                said[subject].add(predicate)
            if predicate in reads_backwards and (end := iri_of(value)):
                waiting[end] |= reads_backwards[predicate]
        found: set[str] = set()
        done: dict[str, _States] = {}
        for node, predicates in said.items():
            states, plan = self._reading(frozenset(predicates))
            if states:
                done[node] = states
                self._back(facts, node, plan, found, waiting)
        while waiting:
            node, pending = waiting.popitem()
            before = done.get(node, frozenset())
            fresh = frozenset(pending - before)
            if fresh:
                done[node] = before | fresh
                self._back(facts, node, self._plan(fresh), found, waiting)
        return found

    def _back(
        self,
        facts: Facts,
        node: str,
        plan: _Plan,
        found: set[str],
        waiting: dict[str, set[int]],
    ) -> None:
        """One step back from a node: itself if rules start there, else whence it was reached."""
        if plan.is_focus:
            found.add(node)
        for predicate, states in plan.by_object.items():
            for value in facts.objects(node, predicate):
                if end := iri_of(value):
                    waiting[end] |= states
        if plan.by_subject:
            self._referrers(facts, node, plan, found, waiting)

    def _referrers(
        self,
        facts: Facts,
        node: str,
        plan: _Plan,
        found: set[str],
        waiting: dict[str, set[int]],
    ) -> None:
        """Goes back to the subjects of statements about a node.

        Most new entities are referred to by nothing, so that is asked first. A few referrers too
        many are taken as focus nodes; validating them in vain costs less than telling them apart.
        """
        here = value_of(node)
        wanted = set(plan.by_subject)
        if len(wanted) > _FEW or ANY in wanted:
            some = set(islice(facts.subjects(None, here), _MANY))
            if not some:
                return
            if ANY in wanted:
                for subject in facts.subjects(None, here):
                    waiting[subject] |= plan.by_subject[ANY]
            if plan.straight and len(some) < _MANY:
                found |= some
                wanted -= plan.straight
        for predicate in wanted:
            if predicate != ANY:
                for subject in facts.subjects(predicate, here):
                    waiting[subject] |= plan.by_subject[predicate]

    def _reading(self, predicates: frozenset[str]) -> tuple[_States, _Plan]:
        """The states that read any of a subject's predicates, and the way back from them."""
        known = self._by_predicates.get(predicates)
        if known is None:
            found = set(self._reads.get(ANY, ()))
            for predicate in predicates:
                found |= self._reads.get(predicate, set())
            states = frozenset(found)
            known = self._by_predicates[predicates] = (states, self._plan(states))
        return known

    def _plan(self, states: _States) -> _Plan:
        plan = self._plans.get(states)
        if plan is None:
            plan = self._plans[states] = self._make(self._closure(states))
        return plan

    def _make(self, states: _States) -> _Plan:
        by_subject: dict[str, set[int]] = defaultdict(set)
        by_object: dict[str, set[int]] = defaultdict(set)
        for state in states:
            for predicate, inverse, source in self._into.get(state, ()):
                (by_object if inverse else by_subject)[predicate].add(source)
        plan = _Plan()
        plan.is_focus = bool(states & self._starts)
        plan.by_subject = {p: frozenset(found) for p, found in by_subject.items()}
        plan.by_object = {p: frozenset(found) for p, found in by_object.items()}
        plan.straight = frozenset(
            p for p, found in plan.by_subject.items() if p != ANY and self._ends(found)
        )
        return plan

    def _ends(self, states: _States) -> bool:
        """Whether nothing leads to these states, and they are where rules start."""
        closed = self._closure(states)
        return not any(self._into.get(state) for state in closed) and bool(closed & self._starts)

    def _closure(self, states: _States) -> _States:
        found, queue = set(states), list(states)
        while queue:
            for state in self._free.get(queue.pop(), ()):
                if state not in found:
                    found.add(state)
                    queue.append(state)
        return frozenset(found)
