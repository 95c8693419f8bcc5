"""Both engines: the same findings for the same data, and no way to be hurt by either."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode

from kg import iris
from kg.errors import BadRdf, BadSetting
from kg.iris import PREFIXES, term
from kg.terms import quoted
from kg.validate import ENGINES, Engine, Shapes, engine, load_shapes, parse_shapes
from kg.vocabulary import Vocabulary
from tests.shapes.graphs import AT, found, nquads, turtle

HEAD = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary()


@pytest.fixture(scope="module")
def shapes(vocabulary: Vocabulary) -> Shapes:
    return load_shapes(vocabulary=vocabulary)


@pytest.fixture(scope="module", params=list(ENGINES))
def rules(request: pytest.FixtureRequest, shapes: Shapes) -> Engine:
    return engine(request.param, shapes)


UNOWNED = ':m a mlg:Model ; dct:title "M" ; dct:description "A model to be judged here." .'


def test_statements_and_a_document_are_judged_alike(rules: Engine) -> None:
    data = turtle(UNOWNED)
    report = rules.validate(data, at=AT)
    assert found(report.findings) == {("core-02", "m")}
    assert rules.validate(iter(data), at=AT) == report
    assert rules.validate(nquads(data), at=AT) == report
    assert report.engine == rules.name and not report.acceptable


def test_a_document_does_not_bring_its_own_terms(rules: Engine) -> None:
    """Neither another time, nor a class hierarchy under which anything is a person."""
    tricks = turtle(
        f"{UNOWNED[:-1]} ; mlg:ownedBy :s . :s a mlg:Service ; dct:title 'S' ; "
        "dct:description 'A service that pretends.' . mlg:Service rdfs:subClassOf mlg:Person . "
        ":p a mlg:Person ; foaf:name 'P' ; mlg:leftOn '2026-10-01'^^xsd:date . "
        "<urn:mlgraph:now> mlg:moment '2020-01-01T00:00:00Z'^^xsd:dateTime ."
    )
    report = rules.validate(nquads(tricks), at=AT)
    assert found(report.findings) == {("core-02", "m"), ("core-03-person", "p")}


def test_subclasses_of_a_document_count(rules: Engine) -> None:
    own = turtle(":m a :Ranker . :Ranker rdfs:subClassOf mlg:Model .")
    report = rules.validate(nquads(own), at=AT)
    assert ("core-02", "m") in found(report.findings)


def test_time_is_what_it_is_said_to_be(rules: Engine) -> None:
    data = turtle(":p a mlg:Person ; foaf:name 'P' ; mlg:leftOn '2026-10-01'^^xsd:date .")
    for day, broken in ((1, False), (2, True)):
        report = rules.validate(data, at=datetime(2026, 10, day, tzinfo=UTC))
        assert bool(report.findings) is broken


def test_triple_terms_are_passed_over(rules: Engine) -> None:
    node = "http://localhost:8080/id/thing/test/m"
    inner = (node, term("dct:title"), '"<<( not a triple )>>"')
    data = [*turtle(UNOWNED), (node, term("mlg:asserts"), quoted(inner)), inner]
    findings = rules.validate(data, at=AT).findings
    assert found(findings) == {("core-02", "m"), ("core-01-name", "m")}
    assert rules.validate(nquads(data), at=AT).findings == findings


def test_literals_are_judged_as_they_are_written(rules: Engine, vocabulary: Vocabulary) -> None:
    text = (
        "mlgsh:X a sh:NodeShape ; sh:targetClass mlg:Model ; sh:property mlgsh:P . mlgsh:P sh:path"
    )
    text += ' mlg:attempt ; sh:pattern "^[1-9]" ; sh:datatype xsd:int .'
    mine = engine(rules.name, parse_shapes((HEAD + text).encode(), vocabulary=vocabulary))
    data = turtle(':m a mlg:Model ; mlg:attempt "01"^^xsd:int , "1"^^xsd:integer , "7"^^xsd:int .')
    findings = mine.validate(nquads(data), at=AT).findings
    values = {(f.value or "").split("^^")[0] for f in findings}
    assert values == {'"01"', '"1"'}


def test_parts_that_are_no_text_survive_the_way(rules: Engine) -> None:
    odd = str(Literal('a "quoted"\u2028\n\\ line <<( x ü', language="en"))
    node = "http://localhost:8080/id/application/test/ü"
    data = [(node, iris.TYPE, f"<{term('mlg:Application')}>"), (node, term("dct:title"), odd)]
    findings = rules.validate(data, at=AT, focus={node}).findings
    assert [(f.rule_id, f.focus) for f in findings] == [("core-01-description", node)]


def test_values_are_told_exactly(rules: Engine, vocabulary: Vocabulary) -> None:
    text = "mlgsh:X sh:targetClass mlg:Model ; sh:property [ sh:path mlg:a ; sh:in ( 1 ) ] ."
    mine = engine(rules.name, parse_shapes((HEAD + text).encode(), vocabulary=vocabulary))
    values = [
        Literal('a "b"\n\t\\ \u2028 \u0001 ü', language="de"),
        Literal("plain\r\n"),
        Literal("07", datatype=NamedNode(term("xsd:integer"))),
        Literal("1.50", datatype=NamedNode(term("xsd:decimal"))),
        Literal("?", datatype=NamedNode(term("xsd:dateTime"))),
        Literal("x", datatype=NamedNode("urn:type")),
    ]
    data = [("urn:m", term("mlg:a"), str(value)) for value in values]
    data.append(("urn:m", iris.TYPE, f"<{term('mlg:Model')}>"))
    found = {f.value for f in mine.validate(data, at=AT).findings}
    assert found == {str(value) for value in values}


def test_one_finding_for_one_fault(rules: Engine) -> None:
    """A blank node breaks both constraints of the rule about IRIs."""
    findings = rules.validate(turtle("[] a mlg:Team ; foaf:name 'T' ."), at=AT).findings
    assert [f.rule_id for f in findings] == ["core-06"]


def test_worst_first_and_bounded(rules: Engine) -> None:
    many = turtle(" ".join(f":m{n} a mlg:Model ." for n in range(50)))
    findings = rules.validate(many, at=AT).findings
    severities = [f.severity for f in findings]
    assert severities == sorted(severities, key=["violation", "warning", "info"].index)
    assert len(findings) == 150
    assert len(rules.validate(many, at=AT, max_results=7).findings) <= 7


def test_a_rule_can_be_put_out_of_force(
    rules: Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    file = tmp_path / "ours.ttl"
    file.write_text(HEAD + "mlgsh:Owned-owner sh:deactivated true .", "utf-8")
    ours = engine(rules.name, load_shapes(file, vocabulary=vocabulary))
    assert ours.validate(turtle(UNOWNED), at=AT).findings == ()


def test_rules_of_ones_own_have_their_findings_named(rules: Engine, vocabulary: Vocabulary) -> None:
    """Anonymous shapes belong to the nearest one with a name; a rule without words gets some."""
    text = """
    mlgsh:Mine a sh:NodeShape ; sh:targetClass mlg:Model ;
        sh:property [ sh:path mlg:purpose ; sh:minCount 1 ; sh:severity sh:Info ] .
    [] sh:targetClass mlg:Model ; sh:nodeKind sh:Literal .
    """
    mine = engine(rules.name, parse_shapes((HEAD + text).encode(), vocabulary=vocabulary))
    second, first = mine.validate(turtle(":m a mlg:Model ."), at=AT).findings
    assert (first.rule, first.severity) == (term("mlgsh:Mine"), "info")
    assert first.path == term("mlg:purpose") and first.message
    assert second.rule.startswith("urn:mlgraph:shape:") and second.severity == "violation"


@pytest.mark.parametrize("text", ["(a+)+$", "^(a|a)*$", "^((a{1,100}){1,100})$"])
def test_a_pattern_cannot_hang_the_default_engine(text: str, vocabulary: Vocabulary) -> None:
    """Thirty characters keep a backtracking engine busy for hours; the test would not end."""
    shape = (
        f'mlgsh:X sh:targetClass mlg:Model ; sh:property [ sh:path mlg:a ; sh:pattern "{text}" ] .'
    )
    data = turtle(f':m a mlg:Model ; mlg:a "{"a" * 300}!" .')
    try:
        fast = engine("shacl", parse_shapes((HEAD + shape).encode(), vocabulary=vocabulary))
        assert len(fast.validate(data, at=AT).findings) == 1
    except BadRdf as error:
        assert "cannot be used" in str(error) or "cannot be validated" in str(error)


def test_a_text_that_is_an_address_is_not_read(rules: Engine) -> None:
    """pySHACL would open it; a document is parsed before any engine sees it."""
    for text in (b"http://127.0.0.1:9/x", b"/etc/hostname", b"file:///etc/hostname"):
        with pytest.raises(BadRdf):
            rules.validate(text, at=AT)


def test_an_unknown_engine_is_named(shapes: Shapes) -> None:
    with pytest.raises(BadSetting, match="no SHACL engine 'jena'; known are shacl, pyshacl"):
        engine("jena", shapes)
