"""The compiler: what it makes of axioms, and which it refuses, by name."""

from __future__ import annotations

import pytest
from pyoxigraph import RdfFormat, parse

from kg.errors import BadSetting
from kg.infer import Rules, read_rules
from kg.iris import PREFIXES, term
from kg.terms import statement
from kg.vocabulary import Vocabulary

HEAD = "".join(f"@prefix {prefix}: <{namespace}> .\n" for prefix, namespace in PREFIXES.items())
KNOWN = "".join(f"mlg:{name} a owl:ObjectProperty .\n" for name in "pqrs")


def rules(turtle: str) -> Rules:
    quads = parse(HEAD + KNOWN + turtle, format=RdfFormat.TURTLE)
    return read_rules(statement(quad.triple) for quad in quads)


def compiled(turtle: str) -> list[str]:
    found = rules(turtle)
    return [str(rule) for name in found.properties for rule in found.of(name)]


@pytest.mark.parametrize(
    ("axiom", "rule"),
    [
        ("mlg:p owl:propertyChainAxiom ( mlg:q mlg:r )", ["mlg:p ⊒ mlg:q ∘ mlg:r"]),
        ("mlg:p owl:propertyChainAxiom ( mlg:p mlg:r )", ["mlg:p ⊒ mlg:p ∘ mlg:r"]),
        ("mlg:p owl:propertyChainAxiom ( mlg:r mlg:p )", ["mlg:p ⊒ mlg:r ∘ mlg:p"]),
        ("mlg:p rdfs:subPropertyOf mlg:q , dct:relation", ["mlg:q ⊒ mlg:p"]),
        (
            "mlg:p owl:propertyChainAxiom ( mlg:i mlg:q ) . mlg:i owl:inverseOf mlg:r",
            ["mlg:p ⊒ ^mlg:r ∘ mlg:q"],
        ),
        (
            "mlg:p owl:propertyChainAxiom ( mlg:q mlg:r ) . mlg:q a owl:SymmetricProperty",
            ["mlg:p ⊒ mlg:q ∘ mlg:r", "mlg:p ⊒ ^mlg:q ∘ mlg:r"],
        ),
        ("mlg:p a owl:TransitiveProperty", []),
        (
            "mlg:p a owl:TransitiveProperty ; mlg:isMaterialised true",
            ["mlg:p ⊒ mlg:p ∘ mlg:p"],
        ),
    ],
)
def test_what_becomes_of_an_axiom(axiom: str, rule: list[str]) -> None:
    assert compiled(axiom + " .") == rule


@pytest.mark.parametrize(
    ("axiom", "message"),
    [
        ("mlg:p owl:propertyChainAxiom ( mlg:q mlg:nowhere )", "mlg:p ⊒ mlg:q ∘ mlg:nowhere names mlg:nowhere"),
        ("mlg:p owl:propertyChainAxiom ( mlg:q dct:title ) . dct:title a owl:DatatypeProperty", "no relation"),
        ("mlg:p rdfs:subPropertyOf mlg:nowhere", "mlg:nowhere ⊒ mlg:p names mlg:nowhere"),
        ("mlg:p owl:propertyChainAxiom ()", "mlg:p has no steps"),
        ("mlg:p owl:propertyChainAxiom [ rdf:first mlg:q ]", "mlg:p is no well-formed"),
        ("mlg:p owl:propertyChainAxiom _:b . _:b rdf:first mlg:q ; rdf:rest _:b", "mlg:p is no well-formed"),
        ("mlg:p owl:propertyChainAxiom ( mlg:q mlg:p mlg:r )", "mlg:p ⊒ mlg:q ∘ mlg:p ∘ mlg:r is not regular"),
        ("mlg:p owl:propertyChainAxiom ( mlg:p mlg:q mlg:p )", "is not regular"),
        ("mlg:p owl:propertyChainAxiom ( mlg:p )", "mlg:p ⊒ mlg:p is not regular"),
        (
            "mlg:p owl:propertyChainAxiom ( mlg:i mlg:q ) . mlg:i owl:inverseOf mlg:p",
            r"mlg:p ⊒ \^mlg:p ∘ mlg:q is not regular",
        ),
        (
            "mlg:p owl:propertyChainAxiom ( mlg:q mlg:r ) . mlg:q owl:propertyChainAxiom ( mlg:p mlg:s )",
            "mlg:p ⊒ mlg:q ∘ mlg:r; mlg:q ⊒ mlg:p ∘ mlg:s",
        ),
        (
            "mlg:p rdfs:subPropertyOf mlg:q ; owl:propertyChainAxiom ( mlg:i mlg:r ) . mlg:i owl:inverseOf mlg:q",
            r"mlg:p ⊒ \^mlg:q ∘ mlg:r; mlg:q ⊒ mlg:p",
        ),
        ("mlg:i owl:inverseOf mlg:p ; owl:propertyChainAxiom ( mlg:q mlg:r )", "derive mlg:p instead"),
        ("mlg:p owl:inverseOf mlg:q . mlg:q owl:inverseOf mlg:p", "say owl:inverseOf of one of two"),
        ("mlg:p owl:inverseOf mlg:nowhere", "mlg:p is the inverse of mlg:nowhere"),
        (
            "mlg:p a owl:TransitiveProperty . mlg:q owl:propertyChainAxiom ( mlg:p mlg:r )",
            "mlg:q ⊒ mlg:p ∘ mlg:r needs the closure of mlg:p",
        ),
        (
            "mlg:p owl:propertyChainAxiom ( mlg:q mlg:r ) . mlg:p a owl:FunctionalProperty",
            "mlg:p ⊒ mlg:q ∘ mlg:r derives .* owl:FunctionalProperty",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_name(axiom: str, message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        rules(axiom + " .")


def test_the_fingerprint_is_that_of_the_rules() -> None:
    one, other = (
        "mlg:p rdfs:subPropertyOf mlg:q .",
        "mlg:r owl:propertyChainAxiom ( mlg:p mlg:s ) .",
    )
    first = rules(one + other).fingerprints
    assert rules(other + one + "mlg:new a owl:ObjectProperty .").fingerprints == first
    assert len(first) == 2
    more = "mlg:r owl:propertyChainAxiom ( mlg:p mlg:p ) ."
    second = rules(one + other + more).fingerprints
    assert {name for name in first if first[name] != second[name]} == {term("mlg:r")}


def test_every_rule_comes_after_what_it_needs() -> None:
    found = read_rules(Vocabulary().statements)
    for place, name in enumerate(found.properties):
        needed = {s.predicate for rule in found.of(name) for s in rule.path} - {name}
        assert not needed.intersection(found.properties[place:])
