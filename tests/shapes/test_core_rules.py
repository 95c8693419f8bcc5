"""Every core rule catches its broken graph and nothing else, on both engines, and no example."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.iris import PREFIXES, term
from kg.model import Finding
from kg.terms import iri_of, node
from kg.validate import Engine, Shapes
from kg.validate.shapes import SEVERITIES
from tests.shapes.graphs import AT, EXAMPLES, INVALID, RECORDS, found, read, turtle

RESULT = node(term("sh:ValidationResult"))


def expected(path: Path) -> tuple[str, str, str]:
    """The one result that a broken graph carries along: focus node, rule, severity."""
    said = read(path)
    (result,) = [subject for subject, _, value in said if value == RESULT]
    facts = {p.removeprefix(PREFIXES["sh"]): iri_of(o) for s, p, o in said if s == result}
    return facts["focusNode"], facts["sourceShape"], SEVERITIES[facts["resultSeverity"]]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_broken_graph_gives_its_finding_and_no_other(
    path: Path, fast: Engine, reference: Engine, shapes: Shapes
) -> None:
    report = fast.validate(read(path), at=AT)
    assert [(f.focus, f.rule, f.severity) for f in report.findings] == [expected(path)]
    assert report.findings[0].rule_id == path.stem
    assert report.findings[0].remedy == shapes.rules[report.findings[0].rule].remedy
    assert reference.validate(read(path), at=AT).findings == report.findings


def test_every_rule_has_a_broken_graph(shapes: Shapes) -> None:
    assert {path.stem for path in INVALID} == {r.id for r in shapes.rules.values() if r.id}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_without_findings(path: Path, fast: Engine, reference: Engine) -> None:
    report = fast.validate(read(path), at=AT)
    assert report.findings == ()
    assert reference.validate(read(path), at=AT).findings == ()


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_records_of_the_graph_are_left_alone(path: Path, fast: Engine, reference: Engine) -> None:
    """Examples with triple terms, which SHACL does not know; their subjects are only sketched."""
    report = fast.validate(read(path), at=AT)
    assert report.acceptable
    assert reference.validate(read(path), at=AT).findings == report.findings


def test_all_broken_graphs_together_are_judged_alike(fast: Engine, reference: Engine) -> None:
    together = read(*INVALID)
    report = fast.validate(together, at=AT)
    assert len(report.findings) > 10
    assert reference.validate(together, at=AT).findings == report.findings


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_focus_gives_what_a_full_run_gives(path: Path, fast: Engine) -> None:
    whole = fast.validate(read(path), at=AT).findings
    focus = {finding.focus for finding in whole}
    assert fast.validate(read(path), at=AT, focus=focus).findings == whole
    assert fast.validate(read(path), at=AT, focus=set()).findings == ()


MODEL = ':m a mlg:Model ; dct:title "M" ; dct:description "A model to be judged here." ;'
APP = ':a a mlg:Application ; dct:title "A" ; dct:description "A product that people use." ;'
LIVE = (
    ':d a mlg:Deployment ; dct:title "D" ; dct:description "A deployment to be judged." ; '
    "mlg:ownedBy :t ; mlg:environment mlgc:environment-production ; "
)
TEAM = ':t a mlg:Team ; foaf:name "T" .'
ADA = ':p a mlg:Person ; foaf:name "Ada" ; mlg:active true'
DATA = (
    ':s a mlg:Dataset ; dct:title "S" ; dct:description "A dataset to be judged." ; '
    "mlg:ownedBy :t ; dct:license <http://spdx.org/licenses/MIT>"
)


@pytest.mark.parametrize(
    ("case", "rule", "text"),
    [
        ("a team as owner leads to itself", "", MODEL + "mlg:ownedBy :t . " + TEAM),
        (
            "owners of one team lead to one team",
            "",
            MODEL + f"mlg:ownedBy :p , :t . {ADA} ; mlg:memberOfTeam :t . " + TEAM,
        ),
        (
            "owners of two teams lead to two",
            "core-04",
            MODEL + f"mlg:ownedBy :p , :t . {ADA} ; mlg:memberOfTeam :u . {TEAM} "
            ':u a mlg:Team ; foaf:name "U" .',
        ),
        ("an owner is a person or team", "core-02", MODEL + f"mlg:ownedBy :a . {APP[:-1]} ."),
        ("two names are one too many", "core-01-name", APP + 'dct:title "B" .'),
        ("a short description says little", "core-01-description", APP + 'dct:description "x" .'),
        (
            "what is gone is no longer referred to",
            "core-07",
            APP + "mlg:usesService :g . :g a mlg:Tombstone .",
        ),
        (
            "a person who leaves tomorrow is still here",
            "",
            ADA + ' ; mlg:leftOn "2026-11-24"^^xsd:date .',
        ),
        (
            "a run without an end need not be final",
            "",
            ":r a mlg:PipelineRun ; mlg:runStatus mlgc:run-running .",
        ),
        ("staging needs no approval", "", LIVE.replace("production", "staging") + ". " + TEAM),
        (
            "a deployment that has ended needs no approval",
            "",
            LIVE + 'mlg:endsAt "2026-11-20T00:00:00Z"^^xsd:dateTime . ' + TEAM,
        ),
        (
            "an approval lasts to the end of its day",
            "core-18",
            LIVE + "mlg:approvedIn :y . :y a mlg:Approval ; dct:valid '2026-11-23'^^xsd:date ; "
            "mlg:approvalDecision mlgc:approval-approved . " + TEAM,
        ),
        (
            "an approval that has run out is none",
            "core-18 core-20",
            LIVE + "mlg:approvedIn :y . :y a mlg:Approval ; dct:valid '2026-11-22'^^xsd:date ; "
            "mlg:approvalDecision mlgc:approval-approved . " + TEAM,
        ),
        (
            "a later refusal takes an approval back",
            "core-18 core-20",
            LIVE + "mlg:approvedIn :y , :n . "
            ":y a mlg:Approval ; dct:issued '2026-11-01T10:00:00Z'^^xsd:dateTime ; "
            "mlg:approvalDecision mlgc:approval-conditional . "
            ":n a mlg:Approval ; dct:issued '2026-11-02T10:00:00Z'^^xsd:dateTime ; "
            "mlg:approvalDecision mlgc:approval-withdrawn . " + TEAM,
        ),
        (
            "of which came first nothing is known, so the refusal counts",
            "core-18 core-20",
            LIVE + "mlg:approvedIn :y , :n . "
            ":y a mlg:Approval ; mlg:approvalDecision mlgc:approval-approved . "
            ":n a mlg:Approval ; dct:issued '2026-11-02T10:00:00Z'^^xsd:dateTime ; "
            "mlg:approvalDecision mlgc:approval-rejected . " + TEAM,
        ),
        (
            "an earlier refusal does not matter",
            "core-18",
            LIVE + "mlg:approvedIn :y , :n . "
            ":y a mlg:Approval ; dct:issued '2026-11-03T10:00:00Z'^^xsd:dateTime ; "
            "mlg:approvalDecision mlgc:approval-approved . "
            ":n a mlg:Approval ; dct:issued '2026-11-02T10:00:00Z'^^xsd:dateTime ; "
            "mlg:approvalDecision mlgc:approval-rejected . " + TEAM,
        ),
        ("a dataset without dates and consumers is unused", "core-25", DATA + " . " + TEAM),
        (
            "a consumer of a version is one",
            "",
            DATA + f" . {TEAM} :r a mlg:PipelineRun ; mlg:usedDataset :v . "
            ':v a mlg:DatasetVersion ; mlg:versionOf :s ; dct:title "V" ; '
            'dct:description "A version to be judged." .',
        ),
        (
            "a source's count of uses overrules old consumers",
            "core-25",
            DATA + f' ; mlg:lastUsedAt "2026-03-01T00:00:00Z"^^xsd:dateTime . {TEAM} '
            ":r a mlg:PipelineRun ; mlg:usedDataset :s .",
        ),
        (
            "used yesterday is used",
            "",
            DATA + ' ; mlg:lastUsedAt "2026-11-22T00:00:00Z"^^xsd:dateTime . ' + TEAM,
        ),
    ],
    ids=lambda value: value if " " in value and ":" not in value else "",
)
def test_edge_of_a_rule(case: str, rule: str, text: str, fast: Engine, reference: Engine) -> None:
    del case
    findings = fast.validate(turtle(text), at=AT).findings
    assert {f.rule_id for f in findings} == set(rule.split())
    assert reference.validate(turtle(text), at=AT).findings == findings


def test_subclasses_are_known_without_the_ontology_in_the_data(fast: Engine) -> None:
    (finding,) = fast.validate(turtle(APP[:-1] + " ; mlg:usesService :x ."), at=AT).findings
    assert isinstance(finding, Finding)
    assert found([finding]) == {("core-07", "a")}
    assert finding.path == term("mlg:usesService")
    assert finding.value is not None and finding.value.endswith("/x")
