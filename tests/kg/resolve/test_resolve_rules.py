"""The identity rules as they are read, and those that are refused."""

from __future__ import annotations

from collections.abc import Iterable

import pyoxigraph as ox
import pytest

from kg.errors import BadSetting
from kg.iris import PREFIXES, term
from kg.resolve import IdentityRules, read_identity
from kg.resolve.readings import READINGS
from kg.terms import Statement, node, statement
from kg.vocabulary import Vocabulary
from tests.kg.graphs import MINTER

VOCABULARY = Vocabulary()


def written(turtle: str) -> list[Statement]:
    head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    return [statement(quad.triple) for quad in ox.parse(head + turtle, format=ox.RdfFormat.TURTLE)]


def reading(said: Iterable[Statement]) -> IdentityRules:
    return read_identity([*VOCABULARY.statements, *said], minter=MINTER)


RULE = """
mlgc:identity-test skos:inScheme mlgc:identity-rules ; mlg:identifies mlg:Pipeline ;
  mlg:namedBy {path} ; mlg:readAs {reading} ; mlg:evidence {evidence} .
"""


def rule(
    path: str = "mlg:codeLocation",
    reading: str = "mlgc:reading-exact",
    evidence: str = "mlgc:evidence-conclusive",
) -> list[Statement]:
    return written(RULE.format(path=path, reading=reading, evidence=evidence))


def test_the_ontology_has_rules_and_each_reading_is_a_concept() -> None:
    rules = read_identity(VOCABULARY.statements, minter=MINTER)
    assert {node(term("mlg:Person")), node(term("mlg:Dataset"))} <= rules.of_class.keys()
    scheme = term("skos:inScheme"), node(term("mlgc:readings"))
    assert {s for s, *rest in VOCABULARY.statements if tuple(rest) == scheme} == READINGS.keys()


def test_a_new_rule_needs_only_turtle() -> None:
    rules = reading(rule("( mlg:requestOf mlg:codeLocation )"))
    (found,) = rules.of_class[node(term("mlg:Pipeline"))]
    assert found.paths == ((term("mlg:requestOf"), term("mlg:codeLocation")),)
    assert rules.steps[term("mlg:codeLocation")] == {(term("mlg:requestOf"),)}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (rule("mlg:nowhere"), "mlg.*nowhere|nowhere"),
        (rule(reading="mlgc:reading-tea-leaves"), "tea-leaves"),
        (rule(evidence="mlgc:evidence-hearsay"), "hearsay"),
        (rule("mlg:inDomain"), "inDomain"),
        (rule("mlg:dependsOn"), "dependsOn"),
        (rule("mlg:hasVersion"), "hasVersion"),
        (rule("( mlg:sourceKey mlg:codeLocation )"), "stands alone"),
        ([*rule(), *written("mlgc:identity-test mlg:readAs mlgc:reading-email .")], "2 values"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(said: list[Statement], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        reading(said)
