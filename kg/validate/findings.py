"""Findings as RDF: how they are kept in graph ``findings``, and reports in graph ``quarantine``.

A finding's node is named by what it is about, so the same finding has the same statements each
time, and the difference of two validations is what came and what went.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Protocol

import pyoxigraph as ox

from kg import iris
from kg.iris import graph, term
from kg.model import Finding, Severity
from kg.terms import Quad, Statement, literal, moment, node, text_of, triples
from kg.validate import paths
from kg.validate.results import plain
from kg.validate.shapes import SEVERITIES

FINDINGS: Final = graph("findings")

_RESULT, _REPORT = node(term("sh:ValidationResult")), node(term("sh:ValidationReport"))
_FOCUS, _SHAPE = term("sh:focusNode"), term("sh:sourceShape")
_SEVERITY, _MESSAGE = term("sh:resultSeverity"), term("sh:resultMessage")
_PATH, _VALUE = term("sh:resultPath"), term("sh:value")
_COMPONENT = term("sh:sourceConstraintComponent")
_HAS_RESULT, _CONFORMS = term("sh:result"), term("sh:conforms")
_ABOUT, _FOUND_AT = term("mlg:about"), term("mlg:foundAt")
_RULE_ID, _REMEDY = term("mlg:ruleId"), term("mlg:remedy")
_SEVERITY_IRI: Final[dict[Severity, str]] = {s: node(iri) for iri, s in SEVERITIES.items()}


class Graphs(Protocol):
    """What is needed of a store to read findings back: its named graphs by pattern."""

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterable[Quad]: ...


def name(finding: Finding) -> str:
    """The finding's IRI: the same whenever the same rule fails at the same place."""
    key = "\n".join((finding.focus, finding.rule, finding.path or "", finding.value or ""))
    return "urn:mlgraph:finding:" + hashlib.sha256(key.encode()).hexdigest()[:32]


def findings_quads(
    focus: str, findings: Iterable[Finding], *, at: datetime, stored: Iterable[Quad] = ()
) -> set[Quad]:
    """The statements of a node's findings in graph ``findings``.

    A finding that is among the ``stored`` statements already keeps the moment when it was found.
    """
    since = {subject: value for subject, predicate, value, _ in stored if predicate == _FOUND_AT}
    found: set[Quad] = set()
    about = node(focus.partition("#")[0])
    for finding in findings:
        iri = name(finding)
        when = since.get(iri, moment(at))
        statements = [*_result(iri, finding), (iri, _ABOUT, about), (iri, _FOUND_AT, when)]
        found |= {(*statement, FINDINGS) for statement in statements}
    return found


def report_quads(iri: str, findings: Iterable[Finding], *, at: datetime, graph: str) -> set[Quad]:
    """A whole `sh:ValidationReport` under a name of its own, in some graph.

    Its results are its own too, since the same finding may stand in many reports.
    """
    findings = list(findings)
    statements = [
        (iri, iris.TYPE, _REPORT),
        (iri, _CONFORMS, _truth(not findings)),
        (iri, iris.RECORDED_AT, moment(at)),
    ]
    for number, finding in enumerate(findings, 1):
        result = f"{iri}:{number}"
        statements += [(iri, _HAS_RESULT, node(result)), *_result(result, finding)]
    return {(*statement, graph) for statement in statements}


def report_triples(findings: Iterable[Finding]) -> list[ox.Triple]:
    """A `sh:ValidationReport` to hand to other tools, paths of several steps included."""
    findings = list(findings)
    statements = [("_:report", iris.TYPE, _REPORT), ("_:report", _CONFORMS, _truth(not findings))]
    structures: list[ox.Triple] = []
    for finding in findings:
        result = name(finding)
        statements += [("_:report", _HAS_RESULT, node(result)), *_result(result, finding)]
        if finding.path is not None:
            path, structure = paths.triples(paths.parse(finding.path))
            if structure:
                structures.append(ox.Triple(ox.NamedNode(result), ox.NamedNode(_PATH), path))
                structures += structure
    return [*triples(statements), *structures]


def read_findings(store: Graphs, entity: str) -> list[Finding]:
    """The stored findings about an entity and its parts, worst first."""
    found = findings_of(_by(store, _ABOUT, entity))
    return sorted(found, key=lambda f: (_RANK[f.severity], f.focus, f.rule, f.value or ""))


def stored_quads(store: Graphs, focus: str) -> set[Quad]:
    """The stored statements of the findings at one focus node."""
    return set(_by(store, _FOCUS, focus))


def _by(store: Graphs, predicate: str, iri: str) -> Iterator[Quad]:
    """All statements of the findings that have a value."""
    for found in store.quads(predicate=predicate, value=node(iri), graph=FINDINGS):
        yield from store.quads(subject=found[0], graph=FINDINGS)


_RANK: Final[dict[Severity, int]] = {"violation": 0, "warning": 1, "info": 2}


def findings_of(quads: Iterable[Quad]) -> Iterator[Finding]:
    """The inverse of `findings_quads`, but for a path of several steps, which is not kept."""
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    for subject, predicate, value, _ in quads:
        facts[subject][predicate] = value
    for found in facts.values():
        if _FOCUS not in found or _SHAPE not in found:
            continue
        said = {predicate: text_of(value) for predicate, value in found.items()}
        yield Finding(
            focus=said[_FOCUS],
            rule=said[_SHAPE],
            severity=SEVERITIES.get(said.get(_SEVERITY, ""), "violation"),
            message=said.get(_MESSAGE, ""),
            path=said.get(_PATH),
            value=plain(found[_VALUE]) if _VALUE in found else None,
            remedy=said.get(_REMEDY),
            rule_id=said.get(_RULE_ID),
            component=said.get(_COMPONENT),
        )


def _result(iri: str, finding: Finding) -> Iterator[Statement]:
    """What SHACL says of a result, and of our own the rule's short name and the remedy."""
    yield iri, iris.TYPE, _RESULT
    yield iri, _FOCUS, _value(finding.focus)
    yield iri, _SHAPE, node(finding.rule)
    yield iri, _SEVERITY, _SEVERITY_IRI[finding.severity]
    yield iri, _MESSAGE, literal(finding.message)
    if finding.component is not None:
        yield iri, _COMPONENT, node(finding.component)
    if finding.path is not None and isinstance(path := paths.parse(finding.path), paths.Predicate):
        yield iri, _PATH, node(path.iri)
    if finding.value is not None:
        yield iri, _VALUE, _value(finding.value)
    if finding.rule_id is not None:
        yield iri, _RULE_ID, literal(finding.rule_id)
    if finding.remedy is not None:
        yield iri, _REMEDY, literal(finding.remedy)


def _value(text: str) -> str:
    """The inverse of `plain`: an IRI gets its brackets back."""
    return text if text.startswith(('"', "_:")) else node(text)


def _truth(value: bool) -> str:
    return literal("true" if value else "false", term("xsd:boolean"))
