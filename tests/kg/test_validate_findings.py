"""Findings in the graph: the same each time, read back as they were, and diffable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal

from kg.iris import graph, term
from kg.model import Finding
from kg.terms import Quad, iri_of, text_of
from kg.validate import findings_quads, read_findings, report_quads, stored_quads
from kg.validate.findings import findings_of
from tests.shapes.graphs import AT

ENTITY = "http://localhost:8080/id/model/test/m"


class Quads:
    """Named graphs in memory."""

    def __init__(self, quads: set[Quad]) -> None:
        self._quads = quads

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterator[Quad]:
        wanted = (subject, predicate, value, graph)
        for quad in self._quads:
            if all(mine in (None, theirs) for mine, theirs in zip(wanted, quad, strict=True)):
                yield quad


def finding(**given: str | None) -> Finding:
    facts = {"focus": ENTITY, "rule": term("mlgsh:Owned-owner"), "message": "No owner.", **given}
    return Finding(**{"severity": "violation", **facts})  # type: ignore[arg-type]


IRIS = st.text("abcü/", min_size=1, max_size=8).map(lambda text: "urn:x:" + text)
LITERALS = st.builds(
    Literal,
    st.text(max_size=12).filter(lambda t: t.isprintable()),
    language=st.sampled_from(["en"]),
).map(str)
FINDINGS = st.builds(
    Finding,
    focus=st.sampled_from([ENTITY, ENTITY + "#part"]),
    rule=IRIS,
    severity=st.sampled_from(["violation", "warning", "info"]),
    message=st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable()),
    path=st.none() | IRIS,
    value=st.none() | IRIS | LITERALS | st.just('"7"^^<urn:type>'),
    remedy=st.none() | st.text("abc", min_size=1),
    rule_id=st.none() | st.just("core-02"),
    component=st.none() | st.just(term("sh:MinCountConstraintComponent")),
)


@given(FINDINGS)
def test_a_finding_is_read_back_as_it_was(one: Finding) -> None:
    quads = findings_quads(one.focus, [one], at=AT)
    assert list(findings_of(quads)) == [one]
    assert read_findings(Quads(quads), ENTITY) == [one]
    assert stored_quads(Quads(quads), one.focus) == quads


def test_a_path_of_several_steps_is_the_rules_to_tell() -> None:
    (back,) = findings_of(findings_quads(ENTITY, [finding(path="<urn:a>/<urn:b>")], at=AT))
    assert back.path is None


def test_the_same_finding_has_the_same_statements() -> None:
    again = findings_quads(ENTITY, [finding()], at=AT)
    assert findings_quads(ENTITY, [finding()], at=AT) == again
    (node,) = {subject for subject, *_ in again}
    for other in (
        finding(focus=ENTITY + "2"),
        finding(rule="urn:x"),
        finding(path="urn:p"),
        finding(value="urn:v"),
    ):
        assert {quad[0] for quad in findings_quads(other.focus, [other], at=AT)} != {node}


def test_what_stands_keeps_the_moment_it_was_found() -> None:
    stored = findings_quads(ENTITY, [finding()], at=AT)
    later = AT + timedelta(days=3)
    both = findings_quads(ENTITY, [finding(), finding(path="urn:p")], at=later, stored=stored)
    assert stored < both
    moments = {text_of(value) for _, p, value, _ in both if p == term("mlg:foundAt")}
    assert moments == {"2026-11-23T12:00:00Z", "2026-11-26T12:00:00Z"}
    assert stored - findings_quads(ENTITY, [], at=later, stored=stored) == stored


def test_findings_of_parts_are_about_the_entity() -> None:
    part = finding(focus=ENTITY + "#part", severity="info")
    quads = findings_quads(part.focus, [part], at=AT) | findings_quads(ENTITY, [finding()], at=AT)
    assert read_findings(Quads(quads), ENTITY) == [finding(), part]
    assert stored_quads(Quads(quads), ENTITY) == findings_quads(ENTITY, [finding()], at=AT)


def test_a_report_in_quarantine_is_whole() -> None:
    where = graph("quarantine")
    node = "urn:mlgraph:submission:7"
    quads = report_quads(node, [finding(), finding(path="urn:p")], at=AT, graph=where)
    assert {quad[3] for quad in quads} == {where}
    about = {(predicate, value) for s, predicate, value, _ in quads if s == node}
    assert (term("sh:conforms"), f'"false"^^<{term("xsd:boolean")}>') in about
    results = {iri_of(value) for predicate, value in about if predicate == term("sh:result")}
    assert len(results) == 2
    assert results == {subject for subject, *_ in quads} - {node}
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert report_quads(node, [finding()], at=moment, graph=where) < quads
