"""What the graph knew at one moment and not at another, as statements and as an RDF patch.

Only the merged view counts: a fact that another layer states as well has not changed. The patch is
that of https://afs.github.io/rdf-delta/rdf-patch.html: applied to the earlier graph it makes the later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from kg.draft import Graphs, held_of
from kg.errors import LimitExceeded
from kg.past.revisions import KEPT_GRAPHS, between, of_entity
from kg.past.undo import Undone
from kg.query.process import Task
from kg.store import Checkpoint
from kg.terms import Statement, ntriples, statement

_ADDED: Final = "A "
_REMOVED: Final = "D "


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What came between two moments, and what went."""

    asserted: frozenset[Statement]
    retracted: frozenset[Statement]

    def turned(self) -> Difference:
        """The way back."""
        return Difference(asserted=self.retracted, retracted=self.asserted)

    def patch(self) -> str:
        lines = [f"{_REMOVED}{line}" for line in _lines(self.retracted)]
        lines += [f"{_ADDED}{line}" for line in _lines(self.asserted)]
        return "\n".join(["TX .", *lines, "TC .", ""])


def _lines(statements: Iterable[Statement]) -> list[str]:
    return ntriples(sorted(statements)).splitlines()


def read_patch(text: str) -> Difference:
    """The inverse of `Difference.patch`."""
    lines = text.splitlines()
    return Difference(asserted=_read(lines, _ADDED), retracted=_read(lines, _REMOVED))


def _read(lines: Iterable[str], mark: str) -> frozenset[Statement]:
    text = "\n".join(line.removeprefix(mark) for line in lines if line.startswith(mark))
    found = ox.parse(text, format=ox.RdfFormat.N_TRIPLES)
    return frozenset(statement(quad.triple) for quad in found)


def difference(
    graphs: Graphs, *, earlier: int, later: int, entities: Iterable[str] | None = None
) -> Difference:
    """What changed between two versions, of some entities or of all."""
    asserted: set[Statement] = set()
    retracted: set[Statement] = set()
    for iri in _changed(graphs, earlier, later) if entities is None else entities:
        before, after = _views(graphs, iri, earlier=earlier, later=later)
        asserted |= after - before
        retracted |= before - after
    return Difference(asserted=frozenset(asserted), retracted=frozenset(retracted))


def _changed(graphs: Graphs, earlier: int, later: int) -> Iterator[str]:
    """The entities that have a revision between two versions."""
    seen = set(KEPT_GRAPHS)
    for revision in between(graphs, earlier, later):
        if revision.of not in seen:
            seen.add(revision.of)
            yield revision.of


def _views(
    graphs: Graphs, iri: str, *, earlier: int, later: int
) -> tuple[set[Statement], set[Statement]]:
    """All that was stated of an entity at two versions."""
    held, undone = held_of(iri, facts=graphs, graphs=graphs), Undone()
    revisions = of_entity(graphs, iri, after=earlier)
    for revision in revisions:
        if revision.place[0] > later:
            undone.undo(revision)
    after = undone.apply(held).merged
    for revision in revisions:
        if revision.place[0] <= later:
            undone.undo(revision)
    return undone.apply(held).merged, after


def difference_job(task: Task) -> None:
    """The whole graph's difference as a patch: a job of a query process, bounded in bytes."""
    given: dict[str, Any] = dict(task.arguments)
    with Checkpoint(Path(given["checkpoint"])) as checkpoint:
        found = difference(checkpoint, earlier=given["earlier"], later=given["later"])
    patch = found.patch().encode()
    if len(patch) > given["max_bytes"]:
        raise LimitExceeded(
            f"The difference has {len(patch)} bytes, more than the limit of {given['max_bytes']}; "
            "ask for moments that are closer, or for one entity.",
            limit="bytes",
        )
    task.output.write(patch)
