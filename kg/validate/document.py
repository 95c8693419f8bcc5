"""Validating what somebody sent, in a process that may be killed.

The function here is the job; the pool of limited processes runs it. Parsing happens here as well,
since it may be what hurts. The rules are read once in the life of a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from kg import formats
from kg.iris import PREFIXES
from kg.model import Finding, Report
from kg.validate.engine import Engine, engine
from kg.validate.shapes import load_shapes, parse_shapes

MAX_RESULTS: Final = 1_000


@cache  # the rules are files that do not change while a process lives
def _engine(name: str) -> Engine:
    return engine(name, load_shapes())


def validate_document(
    data: bytes,
    *,
    at: str,
    form: str = "nquads",
    base: str = PREFIXES["mlg"],
    engine_name: str = "shacl",
    focus: list[str] | None = None,
    shapes: bytes | None = None,
    max_results: int = MAX_RESULTS,
) -> dict[str, Any]:
    """The report on a document, as `as_json` gives it and `from_json` reads it.

    ``at`` is the moment to judge by, in ISO 8601. With ``shapes``, Turtle from the sender, those
    are the rules instead of ours. Raises `BadRdf`, `TooLarge`, `UnsupportedFormat`, `BadSetting`.
    """
    moment = datetime.fromisoformat(at)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    rules = _engine(engine_name) if shapes is None else engine(engine_name, parse_shapes(shapes))
    if form != "nquads":
        quads = formats.parse(data, formats.by_name(form), base=base)
        data = formats.serialise(quads, formats.by_name("nquads"))
    wanted = None if focus is None else frozenset(focus)
    report = rules.validate(data, at=moment, focus=wanted, max_results=max_results)
    return as_json(report)


def as_json(report: Report) -> dict[str, Any]:
    findings = [
        {name: value for name, value in asdict(finding).items() if value is not None}
        for finding in report.findings
    ]
    return {"engine": report.engine, "findings": findings}


def from_json(report: Mapping[str, Any]) -> Report:
    findings = tuple(Finding(**finding) for finding in report["findings"])
    return Report(engine=report["engine"], findings=findings)
