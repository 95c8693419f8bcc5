"""What would be different, in the graph's own terms: findings, and relations that follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kg.draft import Draft, Graphs
from kg.infer import Rules, enrich
from kg.iris import Minter
from kg.model import Finding, Layer
from kg.resolve import IdentityRules, resolve
from kg.simulate.changes import Supposed, suppose
from kg.terms import Statement
from kg.validate import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a simulated change would make of findings and derived relations."""

    fails: tuple[Finding, ...]
    """The findings that would be there and are not now, worst first."""
    mends: tuple[Finding, ...]
    """Those that are there now and would not be, of what would still be there."""
    lost: tuple[Statement, ...]
    """Derived relations that would hold no more."""
    gained: tuple[Statement, ...]


def simulate(
    graph: Graphs,
    supposed: Iterable[Supposed],
    *,
    rules: Rules,
    identity: IdentityRules,
    validator: Validator,
    minter: Minter,
    at: datetime,
) -> Difference:
    """Draws the consequences of what is supposed. Writes nothing.

    Both sides are judged at the same moment, so that a rule about time tells of the change alone.
    """
    supposed = tuple(supposed)
    draft = Draft(graph)
    suppose(draft, supposed, minter=minter, at=at)
    resolve(draft, identity)
    enrich(draft, rules, at=at)
    focus = validator.affected(draft.facts, draft.changes())
    before = _places(validator.findings(graph, focus, at=at))
    after = _places(validator.findings(draft.facts, focus, at=at))
    deleted = {minter.mint(one.ref) for one in supposed if one.kind == "delete"}
    return Difference(
        fails=tuple(finding for place, finding in after.items() if place not in before),
        mends=tuple(
            finding
            for place, finding in before.items()
            if place not in after and finding.focus not in deleted
        ),
        lost=_derived(draft.retracted),
        gained=_derived(draft.asserted),
    )


_Place = tuple[str, str, str | None]


def _places(findings: dict[str, list[Finding]]) -> dict[_Place, Finding]:
    """The findings by which rule fails where, worst first."""
    order = ("violation", "warning", "info")
    found = [finding for of_one in findings.values() for finding in of_one]
    found.sort(key=lambda f: (order.index(f.severity), f.focus, f.rule))
    return {(f.focus, f.rule, f.value): f for f in found}


def _derived(record: Mapping[tuple[str, Layer], Collection[Statement]]) -> tuple[Statement, ...]:
    return tuple(
        sorted(s for (_, layer), said in record.items() if layer == "derived" for s in said)
    )
