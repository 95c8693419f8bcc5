"""The time by which rules judge, as data.

No rule calls ``NOW()``: then no check could be repeated or done as of the past, and engines differ
in date arithmetic. A query names an instant instead, ``<urn:mlgraph:now>`` or the same so many
days earlier or later, ``<urn:mlgraph:now-P90D>``, and reads its `mlg:moment`. Those that the shapes
name are handed to the engine with every check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pyoxigraph import Literal, NamedNode, Triple

from kg import iris
from kg.iris import term

PREFIX = "urn:mlgraph:now"
_NAMED = re.compile(re.escape(f"<{PREFIX}") + r"(?:([+-])P([0-9]{1,5})D)?>")
_MOMENT = NamedNode(term("mlg:moment"))
_DATE_TIME = NamedNode(iris.DATE_TIME)


def named(queries: Iterable[str]) -> dict[str, timedelta]:
    """The instants that queries name, by IRI, each with its distance from now."""
    found = {}
    for query in queries:
        for match in _NAMED.finditer(query):
            days = int(match[2] or 0)
            found[match[0][1:-1]] = timedelta(days=-days if match[1] == "-" else days)
    return found


def statements(instants: Mapping[str, timedelta], at: datetime) -> list[Triple]:
    """What the instants are when it is ``at``."""
    return [
        Triple(NamedNode(iri), _MOMENT, Literal(_stamp(at + away), datatype=_DATE_TIME))
        for iri, away in sorted(instants.items())
    ]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
