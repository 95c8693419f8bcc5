"""All that follows, derived again: after the axioms have changed, or to be sure.

Nothing is thrown away first: what is still true stays as it is, with its times. The work is a
sequence of drafts of bounded size, each committed before the next is made, property by property in
the order of the rules. The fingerprint of a property's rules is written when it is done, so a run that
was cut off goes on there, and after a change of axioms only those properties are derived again whose
own rules are others; what follows from their statements comes with them, as in any draft.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Final

from kg import iris
from kg.draft import DERIVATIONS, DERIVED, DOUBLED, STEWARD, Draft, Graphs
from kg.facts import Properties
from kg.infer.derive import candidates, enrich, settle
from kg.infer.reasons import Reasons
from kg.infer.rings import bring_in_line, ringed
from kg.infer.rules import Rules
from kg.iris import term
from kg.store import GraphStore
from kg.terms import Statement, literal, moment, node, text_of

SIZE: Final = 10_000
"""Statements that are settled in one draft."""

_FINGERPRINT = term("mlg:ruleFingerprint")


def held_fingerprints(graphs: Graphs) -> dict[str, str]:
    """By property, the fingerprint of the rules by which its derived statements were last made."""
    found = graphs.quads(predicate=_FINGERPRINT, graph=DERIVED)
    return {name: text_of(value) for name, _, value, _ in found}


def hold_fingerprints(draft: Draft, rules: Rules) -> None:
    """Notes in the first draft of a store that what is derived is derived by these rules."""
    for name in rules.properties:
        _hold(draft, rules, name)


def _hold(draft: Draft, rules: Rules, name: str) -> None:
    for quad in list(draft.store.quads(subject=name, predicate=_FINGERPRINT, graph=DERIVED)):
        draft.remove(quad)
    if name in rules.fingerprints:
        draft.add((name, _FINGERPRINT, literal(rules.fingerprints[name]), DERIVED))


def derive_again(
    store: GraphStore,
    rules: Rules,
    *,
    now: Callable[[], datetime],
    everything: bool = False,
    size: int = SIZE,
) -> Iterator[Draft]:
    """The drafts that bring the derived layer in line with the rules.

    Each is to be committed before the next is asked for. Links are left to `kg.resolve`.
    """
    held = held_fingerprints(store)
    former = held.keys() - rules.fingerprints.keys()
    if everything or not held:
        kept = {*rules.properties, iris.SAME_THING_AS}
        former |= {s[1] for s in _derived(store) if s[1] not in kept}
    for name in sorted(former):
        yield from _drafts(store, rules, name, rules.properties, now, size)
    for place, name in enumerate(rules.properties):
        if everything or held.get(name) != rules.fingerprints[name]:
            yield from _drafts(store, rules, name, rules.properties[place + 1 :], now, size)


def _drafts(
    store: GraphStore,
    rules: Rules,
    name: str,
    later: Sequence[str],
    now: Callable[[], datetime],
    size: int,
) -> Iterator[Draft]:
    """Those of one property, each with what follows of later ones; its fingerprint is the last."""
    todo: Iterable[Statement]
    if ring := rules.rings.get(name):
        edges = (quad[0] for quad in store.quads(predicate=ring.of, graph=""))
        draft, at = Draft(store), now()
        nodes = ringed(store, ring, edges) | {s for s, _, _ in _of(store, name)}
        bring_in_line(draft, Reasons(draft, at=moment(at)), ring, nodes)
        enrich(draft, rules, at=at, only=later)
        yield draft
        todo = ()
    elif name in rules.recursive:
        wanted = _closure(store, rules, name, size)
        doubtful = [s for s in _of(store, name) if s not in wanted]
        missing = [s for s in wanted if not store.has((*s, DERIVED))]
        for some in _some(doubtful, size):
            yield _withdrawn(store, rules, later, some, at=now())
        for some in _some(missing, size):  # all of them before any is explained by the others
            yield _stated(store, rules, later, some, at=now())
        todo = wanted
    else:
        todo = chain(_of(store, name), _found(store, rules, name, size))
    known = _has_reasons(store, name)
    for some in _some(todo, size):
        draft, at = Draft(store), now()
        reasons = Reasons(draft, at=moment(at))
        for statement in some:
            settle(draft, reasons, rules, statement, known=known)
        enrich(draft, rules, at=at, only=later)
        yield draft
    last = Draft(store)
    _hold(last, rules, name)
    yield last


def _derived(store: GraphStore) -> Iterator[Statement]:
    """The derived statements, without what is kept about them."""
    for quad in store.quads(graph=DERIVED):
        if not quad[0].startswith(DERIVATIONS) and quad[1] != _FINGERPRINT:
            yield quad[:3]


def _has_reasons(store: GraphStore, name: str) -> bool:
    """Whether statements of a property are explained; not if only sub-properties ever gave them."""
    found = store.quads(predicate=iris.DERIVED_BY, value=node(name), graph=DERIVED)
    return next(iter(found), None) is not None


def _of(store: GraphStore, name: str) -> Iterator[Statement]:
    return (quad[:3] for quad in store.quads(predicate=name, graph=DERIVED))


def _some(statements: Iterable[Statement], size: int) -> Iterator[list[Statement]]:
    found = iter(statements)
    while some := list(islice(found, size)):
        yield some


def _withdrawn(
    store: GraphStore,
    rules: Rules,
    later: Sequence[str],
    statements: Iterable[Statement],
    *,
    at: datetime,
) -> Draft:
    draft = Draft(store)
    reasons = Reasons(draft, at=moment(at))
    for statement in statements:
        reasons.set(statement, ())
        draft.withdraw(statement[0].partition("#")[0], "derived", statement)
    enrich(draft, rules, at=at, only=later)
    return draft


def _stated(
    store: GraphStore,
    rules: Rules,
    later: Sequence[str],
    statements: Iterable[Statement],
    *,
    at: datetime,
) -> Draft:
    draft = Draft(store)
    for statement in statements:
        draft.state(statement[0].partition("#")[0], "derived", statement)
    enrich(draft, rules, at=at, only=later)
    return draft


def _found(store: GraphStore, rules: Rules, name: str, size: int) -> Iterator[Statement]:
    """What follows in one step from what the store holds, and is not derived yet."""
    for predicate in sorted({rule.path[0].predicate for rule in rules.of(name)}):
        edges = (quad[:3] for quad in store.quads(predicate=predicate, graph=""))
        for some in _some(edges, size):
            for statement in candidates(rules, name, {predicate: some}, store):
                if not store.has((*statement, DERIVED)):
                    yield statement


def _closure(store: GraphStore, rules: Rules, name: str, size: int) -> set[Statement]:
    """All that follows of a property which may follow from itself, from nothing that only follows."""
    proven = _Proven(store, name)
    edges = [s for s in (q[:3] for q in store.quads(predicate=name, graph="")) if proven.holds(s)]
    wanted: set[Statement] = set()
    for predicate in sorted({rule.path[0].predicate for rule in rules.of(name)}):
        first = (
            edges
            if predicate == name
            else (q[:3] for q in store.quads(predicate=predicate, graph=""))
        )
        for some in _some(first, size):
            wanted.update(candidates(rules, name, {predicate: some}, proven))
    fresh = {s for s in wanted if proven.add(s)}
    while fresh:
        found = candidates(rules, name, {name: fresh}, proven)
        wanted.update(found)
        fresh = {s for s in found if proven.add(s)}
    return wanted


class _Proven:
    """The store's facts, of one property only those that are stated or have been proven."""

    def __init__(self, store: GraphStore, name: str) -> None:
        self._store = store
        self._name = name
        self._out: dict[str, set[str]] = {}
        self._in: dict[str, set[str]] = {}
        for quad in store.quads(predicate=name, graph=""):
            statement = quad[:3]
            if (
                not store.has((*statement, DERIVED))
                or store.has((*statement, DOUBLED))
                or store.has((*statement, STEWARD))
            ):
                self.add(statement)

    def add(self, statement: Statement) -> bool:
        """Whether it was not there yet."""
        subject, _, value = statement
        values = self._out.setdefault(subject, set())
        if value in values:
            return False
        values.add(value)
        self._in.setdefault(value, set()).add(subject)
        return True

    def about(self, subject: str) -> list[Statement]:
        return [s for s in self._store.about(subject) if s[1] != self._name or self.holds(s)]

    def properties(self, subject: str) -> Properties:
        said = dict(self._store.properties(subject))
        said[self._name] = list(self._out.get(subject, ()))
        return said

    def objects(self, subject: str, predicate: str) -> Iterable[str]:
        if predicate == self._name:
            return list(self._out.get(subject, ()))
        return self._store.objects(subject, predicate)

    def subjects(self, predicate: str | None, value: str) -> Iterable[str]:
        if predicate == self._name:
            return list(self._in.get(value, ()))
        return self._store.subjects(predicate, value)

    def holds(self, statement: Statement) -> bool:
        if statement[1] == self._name:
            return statement[2] in self._out.get(statement[0], ())
        return self._store.holds(statement)
