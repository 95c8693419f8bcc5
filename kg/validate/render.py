"""A report for people and for tools: text, JSON, Turtle, SARIF 2.1.0 and JUnit XML.

Pure functions. ``conforms`` in JSON means no violation, as everywhere in this system; in Turtle
`sh:conforms` means what SHACL says, no result at all.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, Final
from xml.etree import ElementTree as xml

from kg import __version__, formats
from kg.errors import UnsupportedFormat
from kg.iris import PREFIXES
from kg.model import Finding, Report, Severity
from kg.validate.document import as_json
from kg.validate.findings import name, report_triples
from kg.validate.shapes import Rule

Rules = Mapping[str, Rule]

_TOOL: Final = "mlg validate"
_LEVELS: Final[dict[Severity, str]] = {"violation": "error", "warning": "warning", "info": "note"}
_SEVERITIES: Final[tuple[Severity, ...]] = ("violation", "warning", "info")
_UNFIT_FOR_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IRI = re.compile(r"<([^<>\s]*)>")


def render(report: Report, form: str, *, rules: Rules, document: str | None = None) -> str:
    """A report in one of `FORMATS`. ``document`` is the name of the file that was judged."""
    if form not in FORMATS:
        raise UnsupportedFormat(f"{form!r} is not a form of report; use {', '.join(FORMATS)}.")
    return FORMATS[form](report, rules, document)


def _text(report: Report, rules: Rules, document: str | None) -> str:
    lines = []
    for focus, findings in groupby(_by_focus(report.findings), key=lambda f: f.focus):
        lines.append(focus)
        for finding in findings:
            rule = finding.rule_id or _short(finding.rule)
            lines.append(f"  {finding.severity:9} {rule}: {finding.message}")
            place = [f"at {_short(finding.path)}"] if finding.path else []
            place += [f"value {_short(finding.value)}"] if finding.value else []
            if place:
                lines.append(f"            {', '.join(place)}")
            if finding.remedy:
                lines.append(f"            to do: {finding.remedy}")
        lines.append("")
    counts = ", ".join(
        f"{report.count(s)} {s}{'' if report.count(s) == 1 else 's'}"
        for s in _SEVERITIES
        if s != "info"
    )
    verdict = "Conforms" if report.acceptable else "Does not conform"
    where = f"{document}: " if document else ""
    lines.append(f"{where}{verdict}: {counts}, {report.count('info')} info (by {report.engine}).")
    return "\n".join(lines) + "\n"


def _by_focus(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of one node together, nodes with the worst first."""
    found = list(findings)
    worst: dict[str, int] = {}
    for position, finding in enumerate(found):
        worst.setdefault(finding.focus, position)
    return sorted(found, key=lambda finding: worst[finding.focus])


def _short(text: str) -> str:
    """IRIs of known namespaces as prefixed names."""
    if "<" in text:
        return _IRI.sub(lambda match: _short(match[1]), text)
    for prefix, namespace in PREFIXES.items():
        local = text.removeprefix(namespace)
        if local != text and local.replace("-", "").replace("_", "").isalnum():
            return f"{prefix}:{local}"
    return text


def _json(report: Report, rules: Rules, document: str | None) -> str:
    body = {
        "conforms": report.acceptable,
        "counts": {severity: report.count(severity) for severity in _SEVERITIES},
        **({"document": document} if document else {}),
        **as_json(report),
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _turtle(report: Report, rules: Rules, document: str | None) -> str:
    used = {prefix: PREFIXES[prefix] for prefix in ("sh", "mlg", "mlgsh", "xsd")}
    triples = report_triples(report.findings)
    return formats.serialise(triples, formats.by_name("turtle"), prefixes=used).decode()


def _sarif(report: Report, rules: Rules, document: str | None) -> str:
    order = sorted({finding.rule for finding in report.findings})
    run = {
        "tool": {
            "driver": {
                "name": _TOOL,
                "version": __version__,
                "rules": [_sarif_rule(iri, rules.get(iri)) for iri in order],
            }
        },
        "results": [_sarif_result(f, order.index(f.rule), document) for f in report.findings],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _sarif_rule(iri: str, rule: Rule | None) -> dict[str, Any]:
    described: dict[str, Any] = {"id": iri, "helpUri": iri}
    if rule is None:
        return described
    if rule.id:
        described["name"] = rule.id
    for member, text in (
        ("shortDescription", rule.label),
        ("fullDescription", rule.comment),
        ("help", rule.remedy),
    ):
        if text:
            described[member] = {"text": text}
    described["defaultConfiguration"] = {"level": _LEVELS[rule.severity]}
    return described


def _sarif_result(finding: Finding, index: int, document: str | None) -> dict[str, Any]:
    node = finding.focus.rpartition("/")[2] or finding.focus
    location: dict[str, Any] = {
        "logicalLocations": [{"name": node, "fullyQualifiedName": finding.focus, "kind": "object"}]
    }
    if document:
        location["physicalLocation"] = {"artifactLocation": {"uri": document}}
    details = {"path": finding.path, "value": finding.value, "remedy": finding.remedy}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"finding/v1": name(finding).rpartition(":")[2]},
        "properties": {key: text for key, text in details.items() if text},
    }


def _junit(report: Report, rules: Rules, document: str | None) -> str:
    """One test case for each rule; violations fail it, the rest is told as its output."""
    broken: dict[str, list[Finding]] = {}
    for finding in report.findings:
        broken.setdefault(finding.rule, []).append(finding)
    asked = {iri for iri, rule in rules.items() if rule.id} | broken.keys()
    failures = Counter(f.rule for f in report.findings if f.severity == "violation")
    totals = {"tests": str(len(asked)), "failures": str(len(failures)), "errors": "0"}
    root = xml.Element("testsuites", totals)
    suite = xml.SubElement(root, "testsuite", {"name": document or _TOOL, **totals})
    for iri in sorted(asked, key=lambda i: (_title(i, rules.get(i)), i)):
        case = xml.SubElement(
            suite, "testcase", {"classname": _TOOL, "name": _title(iri, rules.get(iri))}
        )
        told = [(f.severity, f"{f.focus}: {f.message}") for f in broken.get(iri, ())]
        if failed := [line for severity, line in told if severity == "violation"]:
            attributes = {"type": "violation", "message": _fit(failed[0])}
            xml.SubElement(case, "failure", attributes).text = _fit("\n".join(failed))
        if noted := [f"{kind}: {line}" for kind, line in told if kind != "violation"]:
            xml.SubElement(case, "system-out").text = _fit("\n".join(noted))
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _title(iri: str, rule: Rule | None) -> str:
    if rule is None or rule.id is None:
        return _short(iri)
    return f"{rule.id} {rule.label}" if rule.label else rule.id


def _fit(text: str) -> str:
    return _UNFIT_FOR_XML.sub("\ufffd", text)


FORMATS: Final[dict[str, Callable[[Report, Rules, str | None], str]]] = {
    "text": _text,
    "json": _json,
    "turtle": _turtle,
    "sarif": _sarif,
    "junit": _junit,
}
"""The forms of report, by the name that ``mlg validate --format`` takes."""
