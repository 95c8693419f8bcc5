"""The revisions in graph ``history``, read: by entity, by version, and the version of a moment.

A version's revisions are numbered without a gap, so they are found by their names; so is the version
of a moment, since versions follow each other in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

from kg import iris
from kg.commit import HISTORY, revision_iri
from kg.draft import DERIVATIONS, Graphs
from kg.editions import ONTOLOGY, SHAPES
from kg.model import Layer
from kg.terms import Quad, Statement, iri_of, node, text_of, unquoted

_LAYERS: Final[dict[str, Layer]] = {
    iris.LAYER_SOURCE: "source",
    iris.LAYER_STEWARD: "steward",
    iris.LAYER_DERIVED: "derived",
}
_PREFIX: Final = "urn:mlgraph:revision:"
_ABOUT: Final = (iris.REVISES, iris.CREATES)
KEPT_GRAPHS: Final = frozenset({ONTOLOGY, SHAPES})
"""Graphs that have revisions like an entity: the rules of the game are part of the past too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of what a layer says of an entity. ``quads`` are its statements in history.

    ``at`` is when the graph learned it. What first made an entity lists no statements. What was
    said of the reasons of derived facts is in ``reasons_gained`` (by what each explains) and
    ``reasons_lost``.
    """

    iri: str
    of: str
    creates: bool
    layer: Layer
    at: datetime
    cause: str | None
    by: str | None
    asserted: tuple[Statement, ...]
    retracted: tuple[Statement, ...]
    reasons_gained: tuple[Statement, ...]
    reasons_lost: tuple[Statement, ...]
    quads: tuple[Quad, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Its version, and its number there: what orders revisions."""
        return place_of(self.iri)


def place_of(revision: str) -> tuple[int, int]:
    """The version and number in a revision's name; of what is not named like one, version 0."""
    version, _, number = revision.removeprefix(_PREFIX).partition(":")
    return (int(version), int(number)) if version.isdigit() and number.isdigit() else (0, 0)


def read(quads: Iterable[Quad]) -> Revision:
    """The revision that these statements, all those about it, are."""
    quads = tuple(quads)
    facts: dict[str, list[Statement]] = {iris.ASSERTS: [], iris.RETRACTS: []}
    reasons: dict[str, list[Statement]] = {iris.ASSERTS: [], iris.RETRACTS: []}
    said: dict[str, str] = {}
    for _, predicate, value, _ in quads:
        if predicate in facts:
            statement = unquoted(value)
            is_reason = statement[0].startswith(DERIVATIONS)
            (reasons if is_reason else facts)[predicate].append(statement)
        else:
            said[predicate] = value
    creates = iris.CREATES in said
    cause, by = said.get(iris.CAUSED_BY), said.get(iris.STATED_BY)
    return Revision(
        iri=quads[0][0],
        of=iri_of(said[iris.CREATES if creates else iris.REVISES]),
        creates=creates,
        layer=_LAYERS[iri_of(said[iris.IN_LAYER])],
        at=datetime.fromisoformat(text_of(said[iris.RECORDED_AT])),
        cause=text_of(cause) if cause else None,
        by=text_of(by) if by else None,
        asserted=tuple(facts[iris.ASSERTS]),
        retracted=tuple(facts[iris.RETRACTS]),
        reasons_gained=tuple(reasons[iris.ASSERTS]),
        reasons_lost=tuple(reasons[iris.RETRACTS]),
        quads=quads,
    )


def of_version(graphs: Graphs, version: int) -> Iterator[Revision]:
    """The revisions of one version, in their order."""
    for number in count():
        quads = tuple(graphs.quads(subject=revision_iri(version, number), graph=HISTORY))
        if not quads:
            return
        yield read(quads)


def names_of_entity(graphs: Graphs, iri: str, *, after: int = 0) -> list[str]:
    """The names of an entity's revisions, of those after a version only, the newest first."""
    found = [
        quad[0]
        for link in _ABOUT
        for quad in graphs.quads(predicate=link, value=node(iri), graph=HISTORY)
    ]
    return sorted((r for r in found if place_of(r)[0] > after), key=place_of, reverse=True)


def of_entity(graphs: Graphs, iri: str, *, after: int = 0) -> list[Revision]:
    """An entity's revisions, of those after a version only, the newest first."""
    names = names_of_entity(graphs, iri, after=after)
    return [read(graphs.quads(subject=name, graph=HISTORY)) for name in names]


def moment_of(graphs: Graphs, version: int) -> datetime | None:
    """When a version was recorded; None for one that has no revisions."""
    first = revision_iri(version, 0)
    for quad in graphs.quads(subject=first, predicate=iris.RECORDED_AT, graph=HISTORY):
        return datetime.fromisoformat(text_of(quad[2]))
    return None


def version_at(graphs: Graphs, at: datetime, *, newest: int) -> int:
    """The last version that was recorded by a moment; 0 if none was.

    Found by halving. A version without revisions says nothing of time, and belongs to the one before
    it; where a clock was set back, one of the versions that fit the moment is found.
    """
    low, high = 0, newest  # what is known to be recorded by then, and what may be
    while low < high:
        middle = probe = (low + high + 1) // 2
        recorded = moment_of(graphs, middle)
        while recorded is None and probe > low + 1:
            probe -= 1
            recorded = moment_of(graphs, probe)
        if recorded is None or recorded <= at:
            low = middle
        else:
            high = probe - 1
    return low
