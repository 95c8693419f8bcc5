"""Stage 5: what follows from what is known, by the axioms of the ontology.

A rule is a property that holds along a path: a property chain (``owl:propertyChainAxiom``), or a
sub-property, which is a chain of one. From the changed statements those are found that they can
give or take away; these are derived again, and the difference joins the same draft; so the
one atomic update holds cause and consequence. What follows by a chain keeps, in graph
``derived``, its rule and the statements under it; what follows by a sub-property needs no reason
but that axiom.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from kg import iris
from kg.draft import DERIVED, Draft
from kg.errors import BadSetting
from kg.facts import Facts
from kg.iris import PREFIXES, term
from kg.terms import Quad, Statement, iri_of, node, quoted

MAX_SUPPORTS = 20
"""Paths kept as explanations of one derived statement."""

_CHAIN, _INVERSE = term("owl:propertyChainAxiom"), term("owl:inverseOf")
_FIRST, _REST, _NIL = term("rdf:first"), term("rdf:rest"), term("rdf:nil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One edge of a path, followed backwards when ``inverse``."""

    predicate: str
    inverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``derives ⊒ path``: the property holds from where the path begins to where it ends."""

    derives: str
    path: tuple[Step, ...]

    @property
    def is_narrower(self) -> bool:
        """Whether the path is one property, read forwards: a sub-property."""
        return len(self.path) == 1 and not self.path[0].inverse


class Rules:
    """The rules of an ontology, in an order in which each comes after what it needs."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._of: dict[str, list[Rule]] = defaultdict(list)
        self._using: dict[str, list[tuple[Rule, int]]] = defaultdict(list)
        for rule in rules:
            self._of[rule.derives].append(rule)
            for position, step in enumerate(rule.path):
                self._using[step.predicate].append((rule, position))
        self._narrower = {
            name: frozenset(r.path[0].predicate for r in of if r.is_narrower)
            for name, of in self._of.items()
        }
        self._chains = {name: [r for r in of if not r.is_narrower] for name, of in self._of.items()}
        needs = {
            name: {s.predicate for rule in of for s in rule.path} - {name}
            for name, of in self._of.items()
        }
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            ring = " → ".join(f"<{name}>" for name in error.args[1])
            raise BadSetting(
                f"The ontology's chains derive each other in a ring: {ring}."
            ) from error
        self.properties = [name for name in order if name in self._of]

    def of(self, name: str) -> list[Rule]:
        return self._of[name]

    def narrower(self, name: str) -> frozenset[str]:
        """The properties that imply this one by themselves."""
        return self._narrower[name]

    def chains(self, name: str) -> list[Rule]:
        return self._chains[name]

    def using(self, predicate: str, name: str) -> Iterator[tuple[Rule, int]]:
        """Where rules for a property use a predicate: the rule and the step's place in its path."""
        return ((r, i) for r, i in self._using.get(predicate, ()) if r.derives == name)


def read_rules(ontology: Iterable[Statement]) -> Rules:
    """The property chains of an ontology, and those sub-properties that lead to one of ours.

    Raises `BadSetting` for a chain that names something that is no property of the ontology.
    """
    about: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for subject, predicate, value in ontology:
        about[subject][predicate].append(iri_of(value) or value)
    inverse_of = {name: facts[_INVERSE][0] for name, facts in about.items() if _INVERSE in facts}
    rules = []
    for head, facts in tuple(about.items()):
        for chain in facts.get(_CHAIN, ()):
            names = list(_list(about, chain))
            unknown = [name for name in names if name not in about]
            if unknown or not names:
                raise BadSetting(f"A chain of <{head}> names the unknown {unknown or 'nothing'}.")
            path = tuple(
                Step(predicate=inverse_of[n], inverse=True)
                if n in inverse_of
                else Step(predicate=n)
                for n in names
            )
            rules.append(Rule(derives=head, path=path))
        if _is_ours(head) and head not in inverse_of:
            # Inverse names are for readers; they are never stored, and so derive nothing.
            wider = filter(_is_ours, facts.get(iris.SUBPROPERTY_OF, ()))
            rules += [Rule(derives=name, path=(Step(predicate=head),)) for name in wider]
    return Rules(rules)


def _is_ours(iri: str) -> bool:
    return iri.startswith(PREFIXES["mlg"])


def _list(about: Mapping[str, Mapping[str, list[str]]], item: str) -> Iterator[str]:
    while item != _NIL:
        (first,), (rest,) = about[item][_FIRST], about[item][_REST]
        yield first
        item = rest


def enrich(draft: Draft, rules: Rules) -> None:
    """Brings the derived layer of the draft in line with all that it changes."""
    changed: dict[str, set[Statement]] = defaultdict(set)
    for statement in draft.changes():
        changed[statement[1]].add(statement)
    either = draft.facts.either()
    reasons = _Reasons(draft)
    for name in rules.properties:
        todo = _candidates(rules, name, changed, either)
        while todo:
            moved = {s for s in todo if _settle(draft, reasons, rules, s)}
            changed[name] |= moved
            todo = _candidates(rules, name, {name: moved}, either)  # a rule may feed itself


def _candidates(
    rules: Rules, name: str, changed: Mapping[str, set[Statement]], facts: Facts
) -> set[Statement]:
    """The statements of a property that the changed statements can give, or take away."""
    found: set[Statement] = set()
    for predicate, statements in changed.items():
        for rule, position in rules.using(predicate, name):
            if rule.is_narrower:
                found.update((head, name, end) for head, _, end in statements if end[0] == "<")
                continue
            heads = _Ends(facts, [_turned(step) for step in reversed(rule.path[:position])])
            tails = _Ends(facts, rule.path[position + 1 :])
            inverse = rule.path[position].inverse
            for subject, _, value in statements:
                if right := iri_of(value):
                    left, right = (right, subject) if inverse else (subject, right)
                    for tail in tails.of(right):
                        end = node(tail)
                        found.update((head, name, end) for head in heads.of(left) if head != tail)
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


def _settle(draft: Draft, reasons: _Reasons, rules: Rules, statement: Statement) -> bool:
    """Derives one statement again; answers whether it came or went.

    The reason of what a sub-property implies is the axiom itself, and is not kept.
    """
    head, name, value = statement
    narrower = rules.narrower(name)
    facts = draft.facts
    said = facts.properties(head)
    holds = any(value in said[predicate] for predicate in narrower if predicate in said)
    paths = [
        supports
        for rule in rules.chains(name)
        for supports in _walk(facts, rule.path, head, iri_of(value))
    ]
    holds = holds or bool(paths)
    before = draft.is_derived(statement)
    if paths or before:
        reasons.set(statement, paths)
    entity = head.partition("#")[0]
    if holds and not before:
        draft.state(entity, "derived", statement)
    elif before and not holds:
        draft.withdraw(entity, "derived", statement)
    return holds != before


def _walk(
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
        for others in _walk(facts, rest, reached, end):
            yield (passed, *others)


def _passed(step: Step, start: str, end: str) -> Statement:
    if step.inverse:
        return end, step.predicate, node(start)
    return start, step.predicate, node(end)


class _Reasons:
    """The derivations in graph ``derived``: which statements stand under a derived one, and why."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._known: dict[Statement, dict[str, list[Quad]]] = {}

    def set(self, statement: Statement, supports: Iterable[tuple[Statement, ...]]) -> None:
        """Makes these the reasons of a statement, the first `MAX_SUPPORTS` of them."""
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = self._stored(statement)
        wanted = {_name(statement, path): path for path in sorted(supports)[:MAX_SUPPORTS]}
        for name in known.keys() - wanted.keys():
            for quad in known.pop(name):
                self._draft.remove(quad)
        for name in wanted.keys() - known.keys():
            known[name] = [
                (name, iris.REIFIES, quoted(statement), DERIVED),
                (name, iris.DERIVED_BY, node(statement[1]), DERIVED),
                *((name, iris.SUPPORTED_BY, quoted(s), DERIVED) for s in wanted[name]),
            ]
            for quad in known[name]:
                self._draft.add(quad)

    def _stored(self, statement: Statement) -> dict[str, list[Quad]]:
        if statement[0] in self._draft.created:
            return {}
        quads = self._draft.store.quads
        names = [
            q[0] for q in quads(predicate=iris.REIFIES, value=quoted(statement), graph=DERIVED)
        ]
        return {name: list(quads(subject=name, graph=DERIVED)) for name in names}


def _name(statement: Statement, supports: tuple[Statement, ...]) -> str:
    """A derivation's IRI: the same for the same statement and path, whenever it is derived."""
    text = "\n".join("\t".join(one) for one in (statement, *supports))
    return "urn:mlgraph:derivation:" + hashlib.sha1(text.encode()).hexdigest()
