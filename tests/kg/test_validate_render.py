"""Reports in every form can be read by the tools that they are for."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
import rdflib
from jsonschema import Draft7Validator

from kg.errors import UnsupportedFormat
from kg.iris import term
from kg.model import Finding, Report
from kg.validate import Engine, engine, load_shapes
from kg.validate.document import as_json, from_json
from kg.validate.render import FORMATS, render
from tests.shapes.graphs import AT, SHAPES, read

NASTY = "a <b> & \x01 \ud7ff \"quoted\" 'text'\n\u2028 ü \U0001f600"

SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {"type": "object", "required": ["id"]},
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                            "properties": {
                                "message": {"type": "object", "required": ["text"]},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "partialFingerprints": {
                                    "additionalProperties": {"type": "string"},
                                    "type": "object",
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The part of the standard's schema that says which members must be there, and of what kind."""


@pytest.fixture(scope="module")
def fast() -> Engine:
    return engine("shacl", load_shapes())


@pytest.fixture(scope="module")
def report(fast: Engine) -> Report:
    """Findings of every severity, a path of two steps, and text that no format likes."""
    names = ("core-02", "core-03", "core-10", "core-25")
    found = fast.validate(read(*(SHAPES / "invalid" / f"{n}.ttl" for n in names)), at=AT)
    nasty = Finding(
        focus="urn:x:focus",
        rule="urn:x:rule",
        severity="violation",
        message=NASTY,
        value=f'"{"x" * 3}"@en',
    )
    return Report(findings=(*found.findings, nasty), engine=found.engine)


def test_text_tells_what_where_and_what_to_do(report: Report, fast: Engine) -> None:
    text = render(report, "text", rules=fast.shapes.rules, document="x.ttl")
    for finding in report.findings:
        assert finding.focus in text and finding.message in text
    assert "at mlg:producedBy/mlg:usedDataset, value http://localhost:8080/id/dataset" in text
    assert text.endswith("x.ttl: Does not conform: 2 violations, 2 warnings, 1 info (by shacl).\n")
    empty = render(Report(findings=()), "text", rules={})
    assert empty == "Conforms: 0 violations, 0 warnings, 0 info (by shacl).\n"


def test_json_says_whether_it_conforms_and_is_read_back(report: Report, fast: Engine) -> None:
    body = json.loads(render(report, "json", rules=fast.shapes.rules, document="x.ttl"))
    assert body["conforms"] is False and body["document"] == "x.ttl"
    assert body["counts"] == {"violation": 2, "warning": 2, "info": 1}
    assert from_json(body) == report
    assert from_json(json.loads(json.dumps(as_json(report)))) == report
    warned = Report(findings=tuple(f for f in report.findings if f.severity != "violation"))
    assert json.loads(render(warned, "json", rules={}))["conforms"] is True


def test_turtle_is_a_validation_report(report: Report, fast: Engine) -> None:
    text = render(report, "turtle", rules=fast.shapes.rules)
    graph = rdflib.Graph().parse(data=text, format="turtle")
    sh = rdflib.SH
    (node,) = graph.subjects(rdflib.RDF.type, sh.ValidationReport)
    assert graph.value(node, sh.conforms) == rdflib.Literal(False)
    results = set(graph.objects(node, sh.result))
    assert len(results) == len(report.findings)
    assert {str(graph.value(r, sh.focusNode)) for r in results} == {
        f.focus for f in report.findings
    }
    paths = [graph.value(r, sh.resultPath) for r in results]
    (steps,) = (p for p in paths if isinstance(p, rdflib.BNode))
    assert [str(step) for step in graph.items(steps)] == [
        term("mlg:producedBy"),
        term("mlg:usedDataset"),
    ]
    empty = rdflib.Graph().parse(data=render(Report(findings=()), "turtle", rules={}))
    assert list(empty.objects(None, sh.conforms)) == [rdflib.Literal(True)]


def test_sarif_has_the_structure_of_the_standard(report: Report, fast: Engine) -> None:
    body = json.loads(render(report, "sarif", rules=fast.shapes.rules, document="x.ttl"))
    Draft7Validator(SARIF).validate(body)
    (run,) = body["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result, finding in zip(run["results"], report.findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        place = result["locations"][0]
        assert place["logicalLocations"][0]["fullyQualifiedName"] == finding.focus
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "x.ttl"
    levels = {result["level"] for result in run["results"]}
    assert levels == {"error", "warning", "note"}
    prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_junit_fails_for_violations_only(report: Report, fast: Engine) -> None:
    root = ElementTree.fromstring(render(report, "junit", rules=fast.shapes.rules))
    (suite,) = root
    cases = {case.get("name"): case for case in suite}
    rules = [rule for rule in fast.shapes.rules.values() if rule.id]
    assert len(cases) == len(rules) + 1 == int(suite.get("tests", ""))
    failed = [name for name, case in cases.items() if case.find("failure") is not None]
    assert failed == ["core-02 asset has an owner", "urn:x:rule"]
    assert suite.get("failures") == "2"
    noted = [case for case in suite if case.find("system-out") is not None]
    assert len(noted) == 3


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(UnsupportedFormat, match="'pdf' is not a form of report; use text, json"):
        render(Report(findings=()), "pdf", rules={})
    assert set(FORMATS) == {"text", "json", "turtle", "sarif", "junit"}
