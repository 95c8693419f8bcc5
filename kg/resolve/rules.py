"""The identity rules, read from the ontology, and the names that they give an entity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kg import iris
from kg.errors import BadIri, BadSetting
from kg.facts import Facts
from kg.iris import Minter, term
from kg.resolve.readings import MAX_LENGTH, READINGS, Reading
from kg.terms import Statement, iri_of, node, text_of

Names = Mapping[str, Mapping[str, list[tuple[Statement, ...]]]]
"""By rule, the names of an entity, and the facts from which each is read."""

MOST = 20
"""Entities that may share a name. One that more bear, such as "data", tells none of them."""

_SCHEME, _IN_SCHEME = node(term("mlgc:identity-rules")), term("skos:inScheme")
_IDENTIFIES, _NAMED_BY = term("mlg:identifies"), term("mlg:namedBy")
_READ_AS, _EVIDENCE = term("mlg:readAs"), term("mlg:evidence")
_CONCLUSIVE = term("mlgc:evidence-conclusive")
_SUGGESTIVE = term("mlgc:evidence-suggestive")
_DISTINGUISHING = term("mlgc:evidence-distinguishing")
_SOURCE_KEY = term("mlg:sourceKey")
_FIRST, _REST, _NIL = term("rdf:first"), term("rdf:rest"), term("rdf:nil")
_CHAIN, _INVERSE = term("owl:propertyChainAxiom"), term("owl:inverseOf")
_IS_DERIVED = term("mlg:isDerived")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRule:
    """Entities of a class, compared by what paths lead to, read in one way."""

    iri: str
    of_class: str
    paths: tuple[tuple[str, ...], ...]
    by_key: bool
    read: Reading
    conclusive: bool
    suggestive: bool
    distinguishing: bool


class IdentityRules:
    """The rules by class, and where the statements stand that can change a name."""

    def __init__(self, rules: Iterable[IdentityRule], *, minter: Minter, most: int = MOST) -> None:
        self.most = most
        self.of_class: dict[str, list[IdentityRule]] = defaultdict(list)
        self.steps: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        """By predicate, the steps that lead to where it is read: the last one first."""
        self._minter = minter
        for rule in sorted(rules, key=lambda rule: rule.iri):
            self.of_class[node(rule.of_class)].append(rule)
            for path in rule.paths:
                for place, predicate in enumerate(path):
                    self.steps[predicate].add(tuple(reversed(path[:place])))

    def source(self, iri: str) -> str:
        return self._minter.parse(iri).source

    def apply(self, facts: Facts, iri: str) -> bool:
        """Whether there is a rule for what an entity is."""
        types = facts.properties(iri).get(iris.TYPE, ())
        return any(value in self.of_class for value in types)

    def names(self, facts: Facts, iri: str) -> tuple[list[IdentityRule], Names]:
        """The rules for an entity, and what they call it; none for what is no entity, or gone."""
        said = facts.properties(iri)
        rules = [r for value in said.get(iris.TYPE, ()) for r in self.of_class.get(value, ())]
        if not rules:
            return [], {}
        try:
            key = self._minter.parse(iri).key if self._minter.is_entity(iri) else None
        except BadIri:
            key = None
        if key is None:
            return [], {}
        found: dict[str, dict[str, list[tuple[Statement, ...]]]] = {}
        for rule in rules:
            named: dict[str, list[tuple[Statement, ...]]] = {}
            for path in rule.paths:
                for supports in _follow(facts, iri, path):
                    if name := _read(rule, text_of(supports[-1][2])):
                        named.setdefault(name, []).append(supports)
            if rule.by_key and (name := _read(rule, key)) and name not in named:
                # The key stands in the IRI; the fact is that there is an entity of that IRI.
                named[name] = [((iri, iris.TYPE, node(rule.of_class)),)]
            if named:
                found[rule.iri] = named
        return rules, found


def _read(rule: IdentityRule, text: str) -> str | None:
    return rule.read(text) if len(text) <= MAX_LENGTH else None


def _follow(facts: Facts, start: str, path: tuple[str, ...]) -> Iterator[tuple[Statement, ...]]:
    """The values to which a path leads, each as the statements that are passed."""
    predicate, rest = path[0], path[1:]
    for value in facts.properties(start).get(predicate, ()):
        passed = (start, predicate, value)
        if not rest:
            yield (passed,)
        elif reached := iri_of(value):
            for further in _follow(facts, reached, rest):
                yield (passed, *further)


def read_identity(
    ontology: Iterable[Statement], *, minter: Minter, most: int = MOST
) -> IdentityRules:
    """The identity rules of an ontology. Raises `BadSetting` for one that cannot be used."""
    about: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    wider: set[str] = set()
    for subject, predicate, value in ontology:
        about[subject][predicate].append(iri_of(value) or value)
        if predicate == iris.SUBPROPERTY_OF:
            wider.add(iri_of(value))
    rules = [facts for facts in about.items() if iri_of(_SCHEME) in facts[1].get(_IN_SCHEME, ())]
    return IdentityRules((_rule(iri, about, wider) for iri, _ in rules), minter=minter, most=most)


def _rule(iri: str, about: Mapping[str, Mapping[str, list[str]]], wider: set[str]) -> IdentityRule:
    facts = about[iri]
    of_class, reading = (_one(iri, facts, name) for name in (_IDENTIFIES, _READ_AS))
    if reading not in READINGS:
        known = ", ".join(sorted(READINGS))
        raise BadSetting(f"The identity rule <{iri}> reads as <{reading}>; known: {known}.")
    paths = [tuple(_path(about, named)) for named in facts.get(_NAMED_BY, ())]
    for predicate in {step for path in paths for step in path} - {_SOURCE_KEY}:
        said = about.get(predicate, {})
        if not said:
            raise BadSetting(f"The identity rule <{iri}> names the unknown <{predicate}>.")
        if predicate in wider or said.keys() & {_CHAIN, _INVERSE, _IS_DERIVED}:
            raise BadSetting(
                f"The identity rule <{iri}> reads <{predicate}>, which may follow from other facts; "
                "links are drawn before those, so name a property that is stated."
            )
    if not paths or any(_SOURCE_KEY in path and len(path) > 1 for path in paths):
        raise BadSetting(f"The identity rule <{iri}> needs a path; mlg:sourceKey stands alone.")
    evidence = set(facts.get(_EVIDENCE, ()))
    if not evidence or evidence - {_CONCLUSIVE, _SUGGESTIVE, _DISTINGUISHING}:
        raise BadSetting(
            f"The identity rule <{iri}> has the unusable evidence {evidence or 'none'}."
        )
    return IdentityRule(
        iri=iri,
        of_class=of_class,
        paths=tuple(sorted(path for path in paths if path != (_SOURCE_KEY,))),
        by_key=(_SOURCE_KEY,) in paths,
        read=READINGS[reading],
        conclusive=_CONCLUSIVE in evidence,
        suggestive=_SUGGESTIVE in evidence,
        distinguishing=_DISTINGUISHING in evidence,
    )


def _one(iri: str, facts: Mapping[str, list[str]], predicate: str) -> str:
    found = facts.get(predicate, [])
    if len(found) != 1:
        raise BadSetting(
            f"The identity rule <{iri}> has {len(found)} values of <{predicate}>, not 1."
        )
    return found[0]


def _path(about: Mapping[str, Mapping[str, list[str]]], named: str) -> Iterator[str]:
    if _FIRST not in about.get(named, {}):
        yield named
        return
    while named != _NIL:
        (first,), (named,) = about[named][_FIRST], about[named][_REST]
        yield first
