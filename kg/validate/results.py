"""From an engine's results to findings, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kg.iris import PREFIXES
from kg.model import Finding, Report, Severity
from kg.validate.shapes import SEVERITIES, Rule, Shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result in an engine's words; terms are in N-Triples."""

    focus: str
    shape: str
    component: str
    severity: str
    path: str | None
    value: str | None
    message: str | None


_RANK: Final[dict[Severity, int]] = {"violation": 0, "warning": 1, "info": 2}


def report(
    results: Iterable[Result],
    shapes: Shapes,
    *,
    engine: str,
    focus: frozenset[str] | set[str] | None,
    most: int | None,
) -> Report:
    """The report on some results: one finding for each rule, node, path and value."""
    found: dict[tuple[str, str, str, str], Finding] = {}
    for result in results:
        if focus is not None and plain(result.focus) not in focus:
            continue
        finding = _finding(shapes, result)
        key = (finding.focus, finding.rule, finding.path or "", finding.value or "")
        known = found.get(key)
        if known is None or (finding.component or "") < (known.component or ""):
            found[key] = finding
    ordered = sorted(found.values(), key=_order)
    return Report(findings=tuple(ordered[:most]), engine=engine)


def _order(finding: Finding) -> tuple[int, str, str, str, str]:
    key = (finding.focus, finding.rule, finding.path or "", finding.value or "")
    return (_RANK[finding.severity], *key)


def _finding(shapes: Shapes, result: Result) -> Finding:
    node = plain(result.focus)
    iri = shapes.named(result.shape)
    rule = shapes.rules.get(iri)
    value = plain(result.value) if result.value is not None else None
    return Finding(
        focus=node,
        rule=iri,
        severity=SEVERITIES.get(result.severity, "violation"),
        message=_message(result, rule),
        path=result.path,
        # Engines differ in whether a node that fails as a whole is its own value.
        value=value if value != node else None,
        remedy=rule.remedy if rule else None,
        rule_id=rule.id if rule else None,
        component=result.component,
    )


def _message(result: Result, rule: Rule | None) -> str:
    """The rule's sentence, or what the engine made of its template."""
    if rule is not None and rule.message is not None and rule.template is None:
        return rule.message
    if result.message is not None:
        return result.message
    name = result.component.removeprefix(PREFIXES["sh"]).removesuffix("ConstraintComponent")
    return f"The value breaks the constraint {name} of the shape."


def plain(term: str) -> str:
    """A term in N-Triples as findings show it: IRIs without brackets."""
    return term[1:-1] if term.startswith("<") else term
