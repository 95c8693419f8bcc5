"""The revisions in graph ``history``, read: by entity, by version, and the version of a moment.

A version's revisions are numbered without a gap, so they are found by their names; so is the version
of a moment, since versions follow each other in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from kg import iris
from kg.draft import Graphs
from kg.editions import ONTOLOGY, SHAPES
from kg.revision import HISTORY, Revision, of_version, place_of, read, revision_iri
from kg.terms import node, text_of

_ABOUT: Final = (iris.REVISES, iris.CREATES)
KEPT_GRAPHS: Final = frozenset({ONTOLOGY, SHAPES})
"""Graphs that have revisions like an entity: the rules of the game are part of the past too."""


def between(graphs: Graphs, earlier: int, later: int) -> Iterator[Revision]:
    """The revisions after a version, up to a later one; those of newer versions first."""
    for version in range(later, earlier, -1):
        yield from of_version(graphs, version)


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
