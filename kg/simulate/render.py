"""A simulation for people and for tools: text for a terminal, Markdown for a pull request, JSON.

Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kg.errors import UnsupportedFormat
from kg.views import Failing, Groups, Named, Reached, Said, Simulation, SupposedChange, as_json

SHOWN: Final = 20
"""Lines of one list; the rest is counted."""

_KINDS: Final[Mapping[str, str]] = {
    "delete": "is deleted",
    "leave": "leaves",
    "drop": "loses the column",
    "state": "is described anew",
}


def render(simulation: Simulation, form: str) -> str:
    """A simulation in one of `FORMATS`."""
    if form not in FORMATS:
        raise UnsupportedFormat(f"{form!r} is not a form of report; use {', '.join(FORMATS)}.")
    return FORMATS[form](simulation)


def _json(simulation: Simulation) -> str:
    return json.dumps(as_json(simulation), ensure_ascii=False, indent=2) + "\n"


def _text(simulation: Simulation) -> str:
    lines: list[str] = []
    for title, items in _sections(simulation, _Style()):
        lines += [title, *(f"  {item}" for item in items), ""]
    return "\n".join([*lines, _verdict(simulation)]) + "\n"


def _markdown(simulation: Simulation) -> str:
    lines = [f"**{_verdict(simulation)}**", ""]
    for title, items in _sections(simulation, _MarkdownStyle()):
        lines += [f"### {title}", "", *(f"- {item}" for item in items), ""]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(simulation: Simulation) -> str:
    tests = simulation.impact.tests.total if simulation.impact else 0
    counted = (
        (simulation.production_total, "deployment in production", "deployments in production"),
        (tests, "running test", "running tests"),
        (simulation.counts["violations"], "rule newly violated", "rules newly violated"),
    )
    hit = [f"{count} {one if count == 1 else many}" for count, one, many in counted if count]
    warned = simulation.counts["warnings"]
    told = f"hit {', '.join(hit)}" if hit else "touch nothing that is live, and violate no rule"
    also = f"; {warned} new warning{'' if warned == 1 else 's'}" if warned else ""
    return f"This would {told}{also}."


@dataclass(frozen=True, slots=True)
class _Style:
    """How things and texts stand in a line."""

    def text(self, text: str) -> str:
        return text

    def thing(self, thing: Named) -> str:
        return f"{thing.name} ({thing.ref})" if thing.ref else thing.name

    def change(self, change: SupposedChange) -> str:
        what = f" {self.text(change.what)}" if change.what else ""
        return f"{self.thing(change.entity)} {_KINDS[change.kind]}{what}"

    def reached(self, reached: Reached) -> str:
        path = (f"{step.property.name} {step.to.name}" for step in reached.path)
        return f"{self.thing(reached.entity)}: {self.text(', '.join(path))}"

    def failing(self, failing: Failing) -> str:
        found = failing.finding
        rule = found.rule_id or found.rule
        return f"{found.severity} {rule}, {self.thing(failing.entity)}: {self.text(found.message)}"

    def said(self, said: Said) -> str:
        return f"{self.thing(said.subject)} {self.text(f'{said.property.name} {said.value.text}')}"

    def groups(self, groups: Groups) -> list[str]:
        return [f"{self.thing(group.thing)}: {group.count}" for group in groups.first]


class _MarkdownStyle(_Style):
    """Names as links; what a text has of Markdown or HTML stays text."""

    def text(self, text: str) -> str:
        return "".join(f"\\{c}" if c in _MARKS else " " if c == "\n" else c for c in text)

    def thing(self, thing: Named) -> str:
        return f"[{self.text(thing.name)}]({thing.iri})" if thing.ref else self.text(thing.name)


_MARKS: Final = frozenset("\\`*_{}[]()#+!|<>~&")


def _sections(simulation: Simulation, style: _Style) -> Iterator[tuple[str, list[str]]]:
    """The parts of a report that have something to say: a title, and lines under it."""

    def section(title: str, lines: Sequence[str], total: int) -> Iterator[tuple[str, list[str]]]:
        if total:
            shown = list(lines[:SHOWN])
            left = total - len(shown)
            yield f"{title}: {total}", [*shown, f"and {left} more"] if left else shown

    counts, impact = simulation.counts, simulation.impact
    changes = [style.change(change) for change in simulation.changes]
    yield from section("Supposed", changes, counts["changes"])
    if impact is not None:
        kinds = [f"{kind.label}: {kind.count}" for kind in impact.by_type]
        if kinds:
            yield f"Depends on that: {impact.trace.total}", kinds
        models = [style.reached(reached) for reached in simulation.models]
        yield from section("Models", models, simulation.models_total)
        deployed = [style.reached(reached) for reached in simulation.production]
        yield from section("Deployments in production", deployed, simulation.production_total)
        for title, groups in (
            ("Running tests", impact.tests),
            ("Teams", impact.by_team),
            ("Domains", impact.by_domain),
        ):
            yield from section(title, style.groups(groups), groups.total)
    for title, name, failing in (
        ("Rules that would newly fail", "fails", simulation.fails),
        ("Rules that would fail no more", "mends", simulation.mends),
    ):
        yield from section(title, [style.failing(f) for f in failing], counts[name])
    for title, name, said in (
        ("Relations that would hold no more", "lost", simulation.lost),
        ("Relations that would newly hold", "gained", simulation.gained),
    ):
        yield from section(title, [style.said(s) for s in said], counts[name])


FORMATS: Final[Mapping[str, Callable[[Simulation], str]]] = {
    "text": _text,
    "markdown": _markdown,
    "json": _json,
}
