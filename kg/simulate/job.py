"""A simulation as a job of a process that may be killed: bytes in, plain data out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any, Final

from kg import formats
from kg.draft import Graphs
from kg.infer import Rules, read_rules
from kg.iris import Minter
from kg.resolve import IdentityRules, read_identity
from kg.simulate.changes import Supposed, read_changes, supposed_statements
from kg.simulate.outcome import simulate
from kg.submission import read
from kg.validate import Validator
from kg.vocabulary import Vocabulary

CHANGES: Final = "changes"
"""The name of the format that is no RDF: the JSON of `kg.simulate.changes`."""
MOST_TOLD: Final = 1_000
"""Findings and relations of a kind that are told one by one; all are counted."""


@cache  # the rules are files that do not change while a process lives
def _known(base: str) -> tuple[Minter, Rules, IdentityRules, Validator]:
    minter, vocabulary = Minter(base), Vocabulary()
    return (
        minter,
        read_rules(vocabulary.statements),
        read_identity(vocabulary.statements, minter=minter),
        Validator(vocabulary=vocabulary),
    )


def simulate_document(
    data: bytes, graph: Graphs, *, format: str, base: str, at: str
) -> dict[str, Any]:
    """What the changes of a document would make different, as `kg.views.Simulation` is made of.

    Raises `BadInput` and its kinds, and `NotFound` for an entity that the graph does not know.
    """
    minter, rules, identity, validator = _known(base)
    supposed = _supposed(data, format, minter)
    found = simulate(
        graph,
        supposed,
        rules=rules,
        identity=identity,
        validator=validator,
        minter=minter,
        at=datetime.fromisoformat(at),
    )
    told = {
        "fails": [asdict(finding) for finding in found.fails],
        "mends": [asdict(finding) for finding in found.mends],
        "lost": found.lost,
        "gained": found.gained,
    }
    severities = Counter(finding.severity for finding in found.fails)
    counts = {name: len(of) for name, of in told.items()}
    counts |= {"violations": severities["violation"], "warnings": severities["warning"]}
    return {
        "changes": [
            {
                "kind": s.kind,
                "entity": str(s.ref),
                "what": s.what,
                "downstream": s.reaches_downstream,
            }
            for s in supposed
        ],
        "counts": {"changes": len(supposed), **counts},
        **{name: of[:MOST_TOLD] for name, of in told.items()},
    }


def _supposed(data: bytes, format: str, minter: Minter) -> tuple[Supposed, ...]:
    if format == CHANGES:
        return read_changes(data, minter=minter)
    return supposed_statements(read(data, formats.by_name(format), minter=minter))
