"""Paths of a transitive property whose closure is not stored: one that leads from a thing to another."""

from __future__ import annotations

from typing import Final

from kg.facts import Facts
from kg.terms import Statement, iri_of, node

_FARTHEST: Final = 20_000
"""Nodes that are looked at, half a second's worth; from deployments to data it takes some hundred."""


def shortest(facts: Facts, predicate: str, start: str, end: str) -> list[Statement] | None:
    """The statements of a shortest path, or None if there is none, or none that is near enough."""
    came_from: dict[str, str] = {}
    frontier = [start]
    while frontier and len(came_from) < _FARTHEST:
        reached = []
        for one in frontier:
            for value in sorted(facts.objects(one, predicate)):
                found = iri_of(value)
                if not found or found in came_from:
                    continue
                came_from[found] = one
                if found == end:
                    return _back(came_from, predicate, start, end)
                reached.append(found)
        frontier = reached
    return None


def _back(came_from: dict[str, str], predicate: str, start: str, end: str) -> list[Statement]:
    path: list[Statement] = []
    at = end
    while not path or at != start:
        before = came_from[at]
        path.append((before, predicate, node(at)))
        at = before
    return path[::-1]
