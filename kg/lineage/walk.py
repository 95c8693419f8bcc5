"""Walking the lineage, breadth first: everything within reach, each with one shortest path."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from kg.lineage.edges import Nodes, Places
from kg.lineage.lineage import Lineage

Direction = Literal["up", "down"]
_UNSEEN: Final = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What was reached from ``starts``: ``steps[n - 1]`` are the nodes at n steps, each once.

    ``parents`` has, for each node that was reached, the one before it on a shortest path from the
    nearest start; a start is its own.
    """

    lineage: Lineage
    starts: tuple[int, ...]
    direction: Direction
    steps: tuple[Nodes, ...]
    parents: Nodes

    def __len__(self) -> int:
        return sum(map(len, self.steps))

    @property
    def nodes(self) -> Nodes:
        """All that was reached, the nearest first."""
        return np.concatenate(self.steps) if self.steps else np.empty(0, dtype=np.uint32)

    def in_order(self) -> Nodes:
        """All that was reached, by number."""
        seen = self.parents != _UNSEEN
        seen[list(self.starts)] = False
        return np.flatnonzero(seen).astype(np.uint32)

    def path(self, node: int) -> list[int]:
        """A shortest path from a start to a node that was reached, both included."""
        found = [node]
        while (before := int(self.parents[found[-1]])) != found[-1]:
            found.append(before)
        return found[::-1]

    def cycle(self) -> list[int]:
        """A shortest way from the one start back to itself; empty if there is none, or more starts."""
        if len(self.starts) != 1:
            return []
        (start,) = self.starts
        edges = self.lineage.depends
        towards = edges.out if self.direction == "down" else edges.back
        before, _ = towards.of_row(start)
        if start in before:
            return [start, start]
        for nodes in self.steps:
            closing = nodes[np.isin(nodes, before)]
            if len(closing):
                return [*self.path(int(closing.min())), start]
        return []


def walk(
    lineage: Lineage,
    *starts: int,
    direction: Direction,
    depth: int | None = None,
    kinds: Collection[int] = (),
    stop_at: Collection[str] = (),
) -> Walk:
    """Walks from nodes together, ``down`` to what depends on them or ``up`` to what they depend on.

    ``kinds`` are the numbers of the properties to follow (`Kinds.named`), all if there are none;
    nothing is followed beyond entities of the types ``stop_at``. Rings are walked once.
    """
    parents = np.full(len(lineage), _UNSEEN, dtype=np.uint32)
    frontier = np.array(sorted(set(starts)), dtype=np.uint32)
    parents[frontier] = frontier
    passed = _passed(lineage, stop_at)
    steps: list[Nodes] = []
    while depth is None or len(steps) < depth:
        origins, nodes = _onward(lineage, frontier, direction, kinds)
        fresh = parents[nodes] == _UNSEEN
        nodes, before = nodes[fresh], frontier[origins[fresh]]
        parents[nodes] = before
        # A node that is reached from several keeps one of them; so each is left once.
        frontier = nodes[parents[nodes] == before]
        if kinds:
            frontier = np.unique(frontier)  # two kinds may lead from one node to another
        if not len(frontier):
            break
        steps.append(frontier)
        if passed is not None:
            frontier = frontier[passed[lineage.types[frontier]]]
    return Walk(
        lineage=lineage, starts=starts, direction=direction, steps=tuple(steps), parents=parents
    )


def _onward(
    lineage: Lineage, frontier: Nodes, direction: Direction, kinds: Collection[int]
) -> tuple[Places, Nodes]:
    """The edges onward, as places in the frontier and the nodes they lead to."""
    if not kinds or 0 in kinds:  # the wide edges are all edges
        edges = lineage.depends
        origins, nodes, _ = (edges.out if direction == "up" else edges.back).neighbours(frontier)
        return origins, nodes
    edges = lineage.narrower
    origins, nodes, of = (edges.out if direction == "up" else edges.back).neighbours(frontier)
    wanted = np.isin(of, list(kinds))
    return origins[wanted], nodes[wanted]


def _passed(
    lineage: Lineage, stop_at: Collection[str]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """By type number, whether the walk goes on beyond entities of that type; None if always."""
    if not stop_at:
        return None
    return np.array([name not in stop_at for name in lineage.type_names], dtype=np.bool_)
