"""Stage 5: brings the derived layer of a draft in line with all that the draft changes.

From the changed statements those are found that they can give or take away; these are derived again,
and the difference joins the same draft; so the one atomic update holds cause and consequence.

A statement of a property that may follow from itself (a transitive one, or `mlg:inDomain` over
versions) could stand on statements that stand on it, in a ring of versions or teams. So of what may
have lost its support all is taken out first, with whatever stands on it, and put back as far as
it still follows: delete and rederive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from kg.draft import Draft
from kg.facts import Facts
from kg.infer.reasons import Reasons
from kg.infer.rings import settle_rings
from kg.infer.rules import Rules, Step
from kg.terms import Statement, Statements, iri_of, moment, node

_WIDEST: Final = 100
"""Nodes from which it is asked where a path breaks off."""


def enrich(draft: Draft, rules: Rules, *, at: datetime, only: Sequence[str] | None = None) -> None:
    """Derives again what the draft's changes can affect, in an order in which nothing is missed.

    ``only`` are the properties to derive, if not all.
    """
    moved_now = {name: dict(moved) for name, moved in draft.moved.items()}
    changed = defaultdict[str, Statements](dict, moved_now)
    lost = _by_predicate(s for said in draft.retracted.values() for s in said)
    unbacked = _by_predicate(draft.unbacked())
    either = draft.facts.either()
    reasons = Reasons(draft, at=moment(at))
    for name in rules.properties if only is None else only:
        if ring := rules.rings.get(name):
            changed[name] |= dict.fromkeys(settle_rings(draft, reasons, ring, changed[ring.of]))
            continue
        todo = candidates(rules, name, changed, either)
        gone: Statements = {}
        if name in rules.recursive and (lost or name in unbacked):
            doubtful = unbacked.get(name, {}) | candidates(rules, name, lost, either)
            gone = _take_out(draft, rules, name, doubtful, either)
            todo |= gone
        while todo:
            came: Statements = {}
            for statement in todo:
                moved = settle(draft, reasons, rules, statement, known=statement in gone)
                if moved > 0:
                    came[statement] = None
                elif moved < 0:
                    lost[name][statement] = changed[name][statement] = None
            changed[name] |= {said: None for said in came if said not in gone}
            # a rule may feed itself
            todo = candidates(rules, name, {name: came}, either) if came else {}
        for statement in gone:
            if not draft.is_derived(statement):
                lost[name][statement] = changed[name][statement] = None


def _by_predicate(statements: Iterable[Statement]) -> defaultdict[str, Statements]:
    found: defaultdict[str, Statements] = defaultdict(dict)
    for statement in statements:
        found[statement[1]][statement] = None
    return found


def _take_out(
    draft: Draft, rules: Rules, name: str, doubtful: Iterable[Statement], either: Facts
) -> Statements:
    """Takes out what may have lost its support, and all that may stand on it; answers what went."""
    gone: Statements = {}
    queue = [statement for statement in doubtful if draft.is_derived(statement)]
    while queue:
        gone |= dict.fromkeys(queue)
        unstated = []
        for statement in queue:
            entity = statement[0].partition("#")[0]
            draft.withdraw(entity, "derived", statement)
            if not draft.facts.holds(statement):
                unstated.append(statement)
        on_it = candidates(rules, name, {name: unstated}, either)
        queue = [s for s in on_it if s not in gone and draft.is_derived(s)]
    return gone


def candidates(
    rules: Rules, name: str, changed: Mapping[str, Iterable[Statement]], facts: Facts
) -> Statements:
    """The statements of a property that the changed statements can give, or take away.

    ``changed`` has them by their predicate.
    """
    found: Statements = {}
    for predicate, statements in changed.items():
        for rule, position in rules.using(predicate, name):
            if rule.is_narrower:
                found.update(
                    {(head, name, end): None for head, _, end in statements if end[0] == "<"}
                )
                continue
            heads = _Ends(facts, [_turned(step) for step in reversed(rule.path[:position])])
            tails = _Ends(facts, rule.path[position + 1 :])
            inverse = rule.path[position].inverse
            for subject, _, value in statements:
                if right := iri_of(value):
                    left, right = (right, subject) if inverse else (subject, right)
                    for tail in tails.of(right):
                        end = node(tail)
                        found.update({(head, name, end): None for head in heads.of(left)})
    return found


class _Ends:
    """Where a path leads to from a node. Many changes pass the same few nodes: a team, a domain."""

    def __init__(self, facts: Facts, path: Sequence[Step]) -> None:
        self._facts = facts
        self._path = path
        self._known: dict[str, Iterable[str]] = {}

    def of(self, start: str) -> Iterable[str]:
        if not self._path:
            return (start,)
        known = self._known.get(start)
        if known is None:
            known = self._known[start] = _reach(self._facts, self._path, start)
        return known


def _reach(facts: Facts, path: Sequence[Step], start: str) -> Iterable[str]:
    frontier: Iterable[str] = (start,)
    for step in path:
        frontier = {end for one in frontier for end in _follow(facts, step, one)}
    return frontier


def _turned(step: Step) -> Step:
    return Step(predicate=step.predicate, inverse=not step.inverse)


def _follow(facts: Facts, step: Step, start: str) -> Iterable[str]:
    if step.inverse:
        return facts.subjects(step.predicate, node(start))
    values = facts.objects(start, step.predicate)
    return [iri for value in values if (iri := iri_of(value))]


def settle(
    draft: Draft, reasons: Reasons, rules: Rules, statement: Statement, *, known: bool
) -> int:
    """Derives one statement again; answers 1 if it came, -1 if it went, else 0.

    The reason of what a sub-property implies is the axiom itself, and is not kept. ``known`` says
    that the statement was derived before the draft, and may have reasons.
    """
    head, name, value = statement
    facts = draft.facts
    said = facts.properties(head)
    holds = any(value in said[link] for link in rules.narrower(name).intersection(said))
    paths: list[tuple[Statement, ...]] = []
    if chains := rules.chains(name):
        end = iri_of(value)
        for rule in chains:
            paths += walk(facts, rule.path, head, end)
        holds = holds or bool(paths)
    before = draft.is_derived(statement)
    if paths or known or (before and chains):
        reasons.set(statement, paths)
    entity = head.partition("#")[0]
    if holds and not before:
        draft.state(entity, "derived", statement)
    elif before and not holds:
        draft.withdraw(entity, "derived", statement)
    return holds - before


def walk(
    facts: Facts, path: Sequence[Step], start: str, end: str
) -> Iterator[tuple[Statement, ...]]:
    """Every way along a path from a node to an end: the statements that it passes."""
    step, rest = path[0], path[1:]
    if not rest:
        last = _passed(step, start, end)
        if facts.holds(last):
            yield (last,)
        return
    for reached in _follow(facts, step, start):
        passed = _passed(step, start, reached)
        for others in walk(facts, rest, reached, end):
            yield (passed, *others)


def missing_step(facts: Facts, path: Sequence[Step], start: str) -> tuple[list[str], Step | None]:
    """Where a path breaks off: the nodes that it reaches, and the step that leads on from none."""
    frontier = [start]
    for step in path:
        ends = {end for one in frontier for end in islice(_follow(facts, step, one), _WIDEST)}
        if not ends:
            return frontier, step
        frontier = sorted(ends)[:_WIDEST]
    return frontier, None


def _passed(step: Step, start: str, end: str) -> Statement:
    if step.inverse:
        return end, step.predicate, node(start)
    return start, step.predicate, node(end)
