"""The compiler: from the axioms of an ontology to rules that can be followed in both directions.

What is compiled, and stored as derived facts:

- ``owl:propertyChainAxiom``; a step may be an inverse name, which is followed backwards;
- ``rdfs:subPropertyOf`` between properties of ours; vocabularies of others stay unwritten;
- ``owl:TransitiveProperty`` with ``mlg:isMaterialised true``: a chain of the property with itself;
- ``mlg:ringOf``, which no axiom of OWL can say: the edges of a property that lie on rings (`rings`).

What is a way of asking and stores nothing: ``owl:inverseOf`` and ``owl:SymmetricProperty`` (asked
both ways; a chain follows them both ways too), and a transitive property without that note, whose
closure may be the square of the graph: it is asked along paths, ``mlg:dependsOn+``.

Chains are regular as OWL 2 DL has it, or refused: a property stands in its own chain only as its first
or last step, or as both of two, and properties do not derive each other in a ring. So they can be
derived one after the other.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, product
from typing import Final

from kg import iris
from kg.errors import BadSetting
from kg.infer.rings import Ring
from kg.iris import PREFIXES, compact, term
from kg.terms import Statement, iri_of, text_of

_CHAIN, _INVERSE = term("owl:propertyChainAxiom"), term("owl:inverseOf")
_FIRST, _REST, _NIL = term("rdf:first"), term("rdf:rest"), term("rdf:nil")
_TRANSITIVE, _SYMMETRIC = term("owl:TransitiveProperty"), term("owl:SymmetricProperty")
_RELATION, _IS_MATERIALISED = term("owl:ObjectProperty"), term("mlg:isMaterialised")
_RING_OF: Final = term("mlg:ringOf")
_ONLY_OF_SIMPLE: Final = (
    term("owl:FunctionalProperty"),
    term("owl:InverseFunctionalProperty"),
    term("owl:AsymmetricProperty"),
    term("owl:IrreflexiveProperty"),
)
"""What OWL 2 DL does not let one say of a property that follows from a chain."""

_About = Mapping[str, Mapping[str, list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One edge of a path, followed backwards when ``inverse``."""

    predicate: str
    inverse: bool = False

    def __str__(self) -> str:
        return f"^{compact(self.predicate)}" if self.inverse else compact(self.predicate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``derives ⊒ path``: the property holds from where the path begins to where it ends."""

    derives: str
    path: tuple[Step, ...]

    @property
    def is_narrower(self) -> bool:
        """Whether the path is one property, read forwards: a sub-property."""
        return len(self.path) == 1 and not self.path[0].inverse

    @property
    def is_recursive(self) -> bool:
        """Whether the property is among the steps, so that it may follow from itself."""
        return any(step.predicate == self.derives for step in self.path)

    def __str__(self) -> str:
        return f"{compact(self.derives)} ⊒ {' ∘ '.join(map(str, self.path))}"


class Rules:
    """The rules of an ontology, in an order in which each comes after what it needs."""

    def __init__(self, rules: Iterable[Rule], *, rings: Iterable[Ring] = ()) -> None:
        self._of: dict[str, list[Rule]] = defaultdict(list)
        self._using: dict[str, list[tuple[Rule, int]]] = defaultdict(list)
        for rule in dict.fromkeys(rules):
            _check_regular(rule)
            self._of[rule.derives].append(rule)
            for position, step in enumerate(rule.path):
                self._using[step.predicate].append((rule, position))
        self._narrower = {
            name: frozenset(r.path[0].predicate for r in of if r.is_narrower)
            for name, of in self._of.items()
        }
        self._chains = {name: [r for r in of if not r.is_narrower] for name, of in self._of.items()}
        self.recursive = {n for n, of in self._of.items() if any(r.is_recursive for r in of)}
        """The properties that may follow from themselves."""
        self.rings = {ring.derives: ring for ring in rings}
        self.properties = [n for n in self._in_order() if n in self._of or n in self.rings]

    def _in_order(self) -> list[str]:
        needs = {
            name: {s.predicate for rule in of for s in rule.path} - {name}
            for name, of in self._of.items()
        }
        for name, ring in self.rings.items():
            needs[name] = {*needs.get(name, ()), ring.of}
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            ring = error.args[1]  # each derives the next
            axioms = {
                str(rule)
                for one, next_one in pairwise(ring)
                for rule in self.of(next_one)
                if any(step.predicate == one for step in rule.path)
            }
            axioms |= {str(self.rings[one]) for one in ring if one in self.rings}
            raise BadSetting(
                "The ontology's properties derive each other in a ring, so its chains are not "
                f"regular; take out one of: {'; '.join(sorted(axioms))}."
            ) from error

    def of(self, name: str) -> list[Rule]:
        """The rules that give a property; none for one that only sources state."""
        return self._of.get(name, [])

    def narrower(self, name: str) -> frozenset[str]:
        """The properties that imply this one by themselves."""
        return self._narrower.get(name, frozenset())

    def chains(self, name: str) -> list[Rule]:
        return self._chains.get(name, [])

    def using(self, predicate: str, name: str) -> Iterator[tuple[Rule, int]]:
        """Where rules for a property use a predicate: the rule and the step's place in its path."""
        return ((r, i) for r, i in self._using.get(predicate, ()) if r.derives == name)

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """By property: the same for the same rules, whatever their order in the ontology."""
        return {
            name: _fingerprint([*self.of(name), *filter(None, [self.rings.get(name)])])
            for name in self.properties
        }


def _fingerprint(rules: Iterable[Rule | Ring]) -> str:
    return hashlib.sha256("\n".join(sorted(map(str, rules))).encode()).hexdigest()


def _check_regular(rule: Rule) -> None:
    """Raises `BadSetting` unless the property stands where OWL 2 DL lets it stand in its chain."""
    places = [i for i, step in enumerate(rule.path) if step.predicate == rule.derives]
    last = len(rule.path) - 1
    transitive = last == 1 and places == [0, 1]
    backwards = any(rule.path[place].inverse for place in places)
    if places and (backwards or last == 0 or not (transitive or places in ([0], [last]))):
        raise BadSetting(
            f"The axiom {rule} is not regular: a property may stand in its own chain only as the "
            "first or the last step, read forwards, or as both of two steps."
        )


def read_rules(ontology: Iterable[Statement]) -> Rules:
    """Compiles an ontology. Raises `BadSetting` for an axiom that cannot be used, naming it."""
    about: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for subject, predicate, value in ontology:
        about[subject][predicate].append(iri_of(value) or value)
    reader = _Reader({name: dict(facts) for name, facts in about.items()})
    rules = Rules(reader.rules(), rings=reader.rings())
    reader.check(rules)
    return rules


class _Reader:
    """One reading of an ontology's axioms, by subject and predicate."""

    def __init__(self, about: _About) -> None:
        self._about = about
        self._inverse_of = {
            n: facts[_INVERSE][0] for n, facts in about.items() if _INVERSE in facts
        }
        for name, other in self._inverse_of.items():
            if other not in about or other in self._inverse_of:
                raise BadSetting(
                    f"{compact(name)} is the inverse of {compact(other)}, which is not stored; say "
                    "owl:inverseOf of one of two declared properties, the one that is never stored."
                )

    def rules(self) -> Iterator[Rule]:
        for head, facts in self._about.items():
            for item in facts.get(_CHAIN, ()):
                yield from self._chain(head, item)
            if _TRANSITIVE in facts.get(iris.TYPE, ()) and self._is_materialised(head):
                yield Rule(derives=head, path=(Step(predicate=head), Step(predicate=head)))
            if _is_ours(head) and head not in self._inverse_of:
                # Inverse names are for readers; they are never stored, and so derive nothing.
                yield from self._wider(head)

    def rings(self) -> Iterator[Ring]:
        for name, facts in self._about.items():
            for of in facts.get(_RING_OF, ()):
                ring = Ring(derives=name, of=of)
                self._check_known(of, str(ring))
                if {_CHAIN, _RING_OF} <= facts.keys() or name in self._inverse_of:
                    raise BadSetting(f"The axiom {ring} is of a property that follows otherwise.")
                yield ring

    def _chain(self, head: str, item: str) -> Iterator[Rule]:
        """The rules of one chain: one, or one for each reading of its symmetric steps."""
        names = list(self._list(head, item))
        axiom = f"{compact(head)} ⊒ {' ∘ '.join(map(compact, names))}"
        if head in self._inverse_of:
            other = compact(self._inverse_of[head])
            raise BadSetting(f"The axiom {axiom} derives an inverse name; derive {other} instead.")
        if not names:
            raise BadSetting(f"A chain of {compact(head)} has no steps.")
        for name in names:
            self._check_known(name, axiom)
        for path in product(*map(self._steps, names)):
            yield Rule(derives=head, path=path)

    def _steps(self, name: str) -> list[Step]:
        if name in self._inverse_of:
            return [Step(predicate=self._inverse_of[name], inverse=True)]
        if _SYMMETRIC in self._about[name].get(iris.TYPE, ()):
            return [Step(predicate=name), Step(predicate=name, inverse=True)]
        return [Step(predicate=name)]

    def _wider(self, head: str) -> Iterator[Rule]:
        for wider in filter(_is_ours, self._about[head].get(iris.SUBPROPERTY_OF, ())):
            rule = Rule(derives=wider, path=(Step(predicate=head),))
            if wider not in self._about or wider in self._inverse_of:
                raise BadSetting(f"The axiom {rule} names {compact(wider)}, which is not declared.")
            if wider != head:
                yield rule

    def _check_known(self, name: str, axiom: str) -> None:
        types = self._about.get(name, {}).get(iris.TYPE, [])
        if name not in self._about:
            raise BadSetting(f"The axiom {axiom} names {compact(name)}, which is not declared.")
        if types and _RELATION not in types:
            raise BadSetting(f"The axiom {axiom} names {compact(name)}, which is no relation.")

    def _is_materialised(self, name: str) -> bool:
        said = self._about[name].get(_IS_MATERIALISED, ())
        return any(text_of(value) == "true" for value in said)

    def check(self, rules: Rules) -> None:
        """Raises `BadSetting` for what is said of a property, and its rules cannot keep."""
        for name, facts in self._about.items():
            types = facts.get(iris.TYPE, ())
            if _TRANSITIVE in types and not self._is_materialised(name):
                for rule in (r for head in rules.properties for r in rules.of(head)):
                    if any(step.predicate == name for step in rule.path):
                        raise BadSetting(
                            f"The axiom {rule} needs the closure of {compact(name)}, which is not "
                            "stored; say mlg:isMaterialised of it if it is small."
                        )
            if rules.chains(name) and (wrong := set(types).intersection(_ONLY_OF_SIMPLE)):
                raise BadSetting(
                    f"The axiom {rules.chains(name)[0]} derives a property that is also declared "
                    f"as {', '.join(map(compact, sorted(wrong)))}, which OWL 2 DL does not allow."
                )

    def _list(self, head: str, item: str) -> Iterator[str]:
        seen: set[str] = set()
        while item != _NIL:
            facts = self._about.get(item, {})
            first, rest = facts.get(_FIRST, []), facts.get(_REST, [])
            if len(first) != 1 or len(rest) != 1 or item in seen:
                raise BadSetting(f"A chain of {compact(head)} is no well-formed RDF list.")
            seen.add(item)
            yield first[0]
            item = rest[0]


def _is_ours(iri: str) -> bool:
    return iri.startswith(PREFIXES["mlg"])
