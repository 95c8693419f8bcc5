"""Which pairs of entities are the same thing, by the identity rules, and what speaks for it.

Entities are never merged. A link is `mlg:sameThingAs` in the derived layer, in both directions, with
its derivation as inference writes it: the rule, and the facts that agree. It goes when the last of
them goes. What is uncertain is a proposed derivation in graph ``review``, with the facts that speak
against it if there are any; it does not make the statement that it reifies. Once a source or steward
has spoken of a pair, that is the evidence beside the decision, and follows the facts as before.

The stage runs before inference, so that chains may lead through links. It looks at the entities of
which a name may have changed and at those that share a name with them, and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product

from kg import iris
from kg.draft import DERIVATIONS, DERIVED, Draft
from kg.facts import Facts
from kg.iris import graph
from kg.resolve.holders import NAMES, Holders, Key
from kg.resolve.rules import IdentityRule, IdentityRules, Names
from kg.terms import Quad, Statement, iri_of, literal, node, quoted, unquoted

REVIEW = graph("review")
MAX_SUPPORTS = 20
"""Ways to the same conclusion that are kept with it."""

_DECISIONS = frozenset({iris.SAME_THING_AS, iris.DIFFERENT_THING_FROM})

Agreement = tuple[str, tuple[Statement, ...]]
"""A rule, and the facts of both entities that agree by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a pair: linked by rules, proposed with what speaks against it, or neither."""

    links: tuple[Agreement, ...] = ()
    proposals: tuple[Agreement, ...] = ()
    against: tuple[Statement, ...] = ()


def resolve(draft: Draft, rules: IdentityRules) -> None:
    """Brings names, links and the review list in line with all that a draft changes."""
    touched, pairs = _touched(draft, rules)
    if touched or pairs:
        _bring_in_line(draft, rules, touched, pairs)


def resolve_again(draft: Draft, rules: IdentityRules) -> None:
    """The same for all that there is: after rules have changed, or where there were none."""
    touched = {iri for of in rules.of_class for iri in draft.facts.subjects(iris.TYPE, of)} | {
        quad[0] for quad in draft.store.quads(graph=NAMES)
    }
    pairs: set[tuple[str, str]] = set()
    for name in (DERIVED, REVIEW):
        for quad in draft.store.quads(predicate=iris.REIFIES, graph=name):
            subject, predicate, value = unquoted(quad[2])
            if predicate == iris.SAME_THING_AS:
                pairs.add(_pair(subject, iri_of(value)))
    _bring_in_line(draft, rules, touched, pairs)


def _bring_in_line(
    draft: Draft, rules: IdentityRules, touched: set[str], pairs: set[tuple[str, str]]
) -> None:
    """Renames what is touched, and judges the pairs, and those that names bring together."""
    judge = _Judge(draft, rules)
    keys = {iri: judge.holders.rename(iri, _values(judge.names(iri))) for iri in touched}
    compares = {r.iri for of in rules.of_class.values() for r in of if r.conclusive or r.suggestive}
    crossed: set[Key] = set()
    for iri, names in keys.items():
        for key in names:
            if key[0] not in compares:
                continue
            before, after = judge.holders.of(key)
            if judge.holders.crosses(key):
                crossed.add(key)
            elif not judge.holders.many(key):
                pairs.update(_pair(iri, other) for other in before | after if other != iri)
    for key in crossed:  # it told something before or does now: each pair of its few bearers
        before, after = judge.holders.of(key)
        few = min(before, after, key=len)
        pairs.update(_pair(*two) for two in combinations(few, 2))
    for one, other in sorted(pairs):
        _settle(draft, one, other, judge.verdict(one, other))


def _values(names: Names) -> dict[str, Collection[str]]:
    return {rule: found.keys() for rule, found in names.items()}


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _touched(draft: Draft, rules: IdentityRules) -> tuple[set[str], set[tuple[str, str]]]:
    """The entities whose names may have changed, and the pairs of which a steward spoke."""
    either: Facts | None = None
    named: set[str] = set()  # by what they are called: most of them are of other classes
    touched = {
        s for s, _, of in draft.moved.get(iris.TYPE, ()) if of in rules.of_class
    }  # came or went
    for predicate in draft.moved.keys() & rules.steps.keys():
        for steps in rules.steps[predicate]:
            either = either or draft.facts.either()
            for subject, _, _ in draft.moved[predicate]:
                named.update(_back(either, steps, subject) if steps else (subject,))
    touched.update(iri for iri in named - touched if rules.apply(draft.facts, iri))
    return touched, set(_decided(draft))


def _decided(draft: Draft) -> Iterator[tuple[str, str]]:
    """The pairs of which a source or steward speaks anew, or no more.

    The merged view need not show it: what a steward accepts is mostly derived already.
    """
    records = (draft.asserted, draft.retracted)
    old = (
        said for record in records for (iri, _), said in record.items() if iri not in draft.created
    )
    new = (draft.moved.get(predicate, ()) for predicate in _DECISIONS)
    for subject, predicate, value in chain.from_iterable((*old, *new)):
        if predicate in _DECISIONS and (other := iri_of(value)) and other != subject:
            yield _pair(subject, other)


def _back(facts: Facts, steps: Iterable[str], start: str) -> set[str]:
    """From where a path was changed to where it begins."""
    frontier = {start}
    for step in steps:
        frontier = {one for end in frontier for one in facts.subjects(step, node(end))}
    return frontier


class _Judge:
    """Compares pairs over one draft; each entity's names are read once."""

    def __init__(self, draft: Draft, rules: IdentityRules) -> None:
        self.holders = Holders(draft, most=rules.most)
        self._draft = draft
        self._rules = rules
        self._known: dict[str, tuple[list[IdentityRule], Names]] = {}

    def names(self, iri: str) -> Names:
        return self._named(iri)[1]

    def _named(self, iri: str) -> tuple[list[IdentityRule], Names]:
        known = self._known.get(iri)
        if known is None:
            known = self._known[iri] = self._rules.names(self._draft.facts, iri)
        return known

    def verdict(self, one: str, other: str) -> Verdict:
        """A rejection beats the rules. Of a pair that is decided, all that agrees is proposed."""
        rules, named = self._named(one)
        others, names = self._named(other)
        rules = [rule for rule in rules if rule in others]
        conclusive = [a for r in rules if r.conclusive for a in self._agreed(r, named, names)]
        suggestive = [a for r in rules if r.suggestive for a in self._agreed(r, named, names)]
        if not (conclusive or suggestive):
            return Verdict()
        against = tuple(s for r in rules if r.distinguishing for s in _differ(r, named, names))
        together = self._rules.source(one) == self._rules.source(other)
        rejected = self._said(iris.DIFFERENT_THING_FROM, one, other)
        if conclusive and not (against or together or rejected):
            return Verdict(links=tuple(conclusive))
        doubtful = not (against and together) if conclusive else not (against or together)
        if doubtful or rejected or self._said(iris.SAME_THING_AS, one, other):
            return Verdict(proposals=(*conclusive, *suggestive), against=against)
        return Verdict()

    def _said(self, predicate: str, one: str, other: str) -> bool:
        """Whether a source or steward states it, either way round."""
        return any(
            self._draft.held(subject).states(layer, (subject, predicate, node(value)))
            for subject, value in ((one, other), (other, one))
            for layer in ("source", "steward")
        )

    def _agreed(self, rule: IdentityRule, one: Names, other: Names) -> Iterator[Agreement]:
        mine, others = one.get(rule.iri, {}), other.get(rule.iri, {})
        for name in mine.keys() & others.keys():
            if not self.holders.many((rule.iri, literal(name))):
                for two in product(mine[name], others[name]):
                    yield rule.iri, tuple(sorted({s for side in two for s in side}))


def _differ(rule: IdentityRule, one: Names, other: Names) -> Iterator[Statement]:
    """The facts by which a rule tells two entities apart: both have names, and share none."""
    mine, others = one.get(rule.iri), other.get(rule.iri)
    if mine and others and mine.keys().isdisjoint(others):
        for named in (mine, others):
            for ways in named.values():
                for way in ways:
                    yield from way


def _settle(draft: Draft, one: str, other: str, verdict: Verdict) -> None:
    for subject, value in ((one, other), (other, one)):
        link = (subject, iris.SAME_THING_AS, node(value))
        _replace(draft, link, verdict.links, (), DERIVED)
        if verdict.links:
            draft.state(subject, "derived", link)
        elif draft.is_derived(link):
            draft.withdraw(subject, "derived", link)
    proposed = (one, iris.SAME_THING_AS, node(other))
    _replace(draft, proposed, verdict.proposals, verdict.against, REVIEW)


def _replace(
    draft: Draft,
    link: Statement,
    agreements: Iterable[Agreement],
    against: Iterable[Statement],
    name: str,
) -> None:
    """Makes these the derivations of a link in a graph, the first `MAX_SUPPORTS` of them."""
    wanted: set[Quad] = set()
    for rule, supports in sorted(agreements)[:MAX_SUPPORTS]:
        said = (iris.REIFIES, quoted(link)), (iris.DERIVED_BY, node(rule))
        facts = [(iris.SUPPORTED_BY, quoted(s)) for s in supports]
        facts += [(iris.OPPOSED_BY, quoted(s)) for s in sorted(set(against))[:MAX_SUPPORTS]]
        derivation = _name(link, rule, supports)
        wanted.update((derivation, predicate, value, name) for predicate, value in (*said, *facts))
    stored = set(_stored(draft, link, name))
    for quad in stored - wanted:
        draft.remove(quad)
    for quad in wanted - stored:
        draft.add(quad)


def _stored(draft: Draft, link: Statement, name: str) -> Iterator[Quad]:
    if link[0] in draft.created or iri_of(link[2]) in draft.created:
        return
    quads = draft.store.quads
    for derivation in [q[0] for q in quads(predicate=iris.REIFIES, value=quoted(link), graph=name)]:
        yield from quads(subject=derivation, graph=name)


def _name(link: Statement, rule: str, supports: tuple[Statement, ...]) -> str:
    """A derivation's IRI: the same for the same link, rule and facts, whenever it is derived."""
    text = "\n".join([rule, *("\t".join(one) for one in (link, *supports))])
    return DERIVATIONS + hashlib.sha1(text.encode()).hexdigest()
