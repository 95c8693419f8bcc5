"""Edges between numbered nodes, as compressed sparse rows in both directions, with changes over them.

The rows are written once and memory-mapped; what changed since is laid over them: places of the
rows that are gone, and a sorted list of edges that came. Pure functions over arrays: no names, no
files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.uint32]
Places = NDArray[np.int64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Edges one by one: from ``rows`` to ``nodes``, each of one of the ``kinds``."""

    rows: Nodes
    nodes: Nodes
    kinds: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, chosen: Places | Marks) -> Listed:
        return Listed(rows=self.rows[chosen], nodes=self.nodes[chosen], kinds=self.kinds[chosen])

    def turned(self) -> Listed:
        """The same edges, read from their ends."""
        return Listed(rows=self.nodes, nodes=self.rows, kinds=self.kinds)

    def order(self) -> Places:
        """Where each edge stands once they are sorted by row, node and kind."""
        ends = self.rows.astype(np.uint64) << np.uint64(32) | self.nodes
        if not self.kinds.any():  # all of one kind: two keys less to sort by
            return np.argsort(ends, kind="stable")
        return np.lexsort((self.kinds, ends))

    def joined(self, other: Listed) -> Listed:
        return Listed(
            rows=np.concatenate([self.rows, other.rows]),
            nodes=np.concatenate([self.nodes, other.nodes]),
            kinds=np.concatenate([self.kinds, other.kinds]),
        )


def listed(edges: list[tuple[int, int, int]]) -> Listed:
    """Edges (row, node, kind) as arrays."""
    table = np.array(edges, dtype=np.uint32).reshape(-1, 3)
    return Listed(rows=table[:, 0], nodes=table[:, 1], kinds=table[:, 2].astype(np.uint16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Edges by the node at one of their ends: ``nodes[starts[n]:starts[n + 1]]`` are n's others.

    ``gone`` marks places that no longer hold; ``more`` are the edges that came, sorted.
    """

    starts: Places
    nodes: Nodes
    kinds: NDArray[np.uint16]
    gone: Marks | None = None
    more: Listed | None = None

    @classmethod
    def of(cls, edges: Listed, *, size: int) -> Rows:
        """The rows of ``size`` nodes. No edge may be there twice."""
        edges = edges.at(edges.order())
        starts = np.zeros(size + 1, dtype=np.int64)
        np.cumsum(np.bincount(edges.rows, minlength=size), out=starts[1:])
        return cls(starts=starts, nodes=edges.nodes, kinds=edges.kinds)

    def neighbours(self, rows: Nodes) -> tuple[Places, Nodes, NDArray[np.uint16]]:
        """The edges of these rows: which of the rows each is of, its other end, and its kind."""
        places, origins = self._ranges(rows)
        if self.gone is not None:
            left = ~self.gone[places]
            places, origins = places[left], origins[left]
        nodes, kinds = self.nodes[places], self.kinds[places]
        if self.more is None:
            return origins, nodes, kinds
        low = np.searchsorted(self.more.rows, rows, "left")
        high = np.searchsorted(self.more.rows, rows, "right")
        added, new_origins = _ranges(low, high)
        return (
            np.concatenate([origins, new_origins]),
            np.concatenate([nodes, self.more.nodes[added]]),
            np.concatenate([kinds, self.more.kinds[added]]),
        )

    def of_row(self, row: int) -> tuple[Nodes, NDArray[np.uint16]]:
        """The edges of one row: their other ends and their kinds, at a fraction of `neighbours`."""
        written = row + 1 < len(self.starts)  # a node past the last has come since
        here = slice(self.starts[row], self.starts[row + 1]) if written else slice(0)
        nodes, kinds = self.nodes[here], self.kinds[here]
        if self.gone is not None:
            left = ~self.gone[here]
            nodes, kinds = nodes[left], kinds[left]
        if self.more is None:
            return nodes, kinds
        low = np.searchsorted(self.more.rows, row, "left")
        high = np.searchsorted(self.more.rows, row, "right")
        return (
            np.concatenate([nodes, self.more.nodes[low:high]]),
            np.concatenate([kinds, self.more.kinds[low:high]]),
        )

    def _ranges(self, rows: Nodes) -> tuple[Places, Places]:
        last = len(self.starts) - 1
        low = self.starts[np.minimum(rows, last)]  # nodes past the last have come since
        high = self.starts[np.minimum(rows.astype(np.int64) + 1, last)]
        return _ranges(low, high)

    def listed(self) -> Listed:
        """All edges, those that changed included; not sorted."""
        size = len(self.starts) - 1
        rows = np.repeat(np.arange(size, dtype=np.uint32), np.diff(self.starts))
        here = Listed(rows=rows, nodes=np.asarray(self.nodes), kinds=np.asarray(self.kinds))
        if self.gone is not None:
            here = here.at(~self.gone)
        return here if self.more is None else here.joined(self.more)

    def places(self, edges: Listed) -> Places:
        """Where the edges stand in the rows that were written, or -1."""
        last = len(self.starts) - 1
        low = self.starts[np.minimum(edges.rows, last)].copy()
        end = self.starts[np.minimum(edges.rows.astype(np.int64) + 1, last)]
        high = end.copy()
        wanted = _order(edges.nodes, edges.kinds)
        while (open_ := low < high).any():  # a binary search in all rows at once
            middle = (low + high) // 2
            at = np.minimum(middle, max(len(self.nodes) - 1, 0))
            less = open_ & (_order(self.nodes[at], self.kinds[at]) < wanted)
            low = np.where(less, middle + 1, low)
            high = np.where(open_ & ~less, middle, high)
        found = low < end
        at = low[found]
        found[found] = _order(self.nodes[at], self.kinds[at]) == wanted[found]
        return np.where(found, low, -1)

    def patched(self, edges: Listed, present: Marks) -> Rows:
        """These rows as they were written, with edges that are there now, or no longer are."""
        places = self.places(edges)
        gone = np.zeros(len(self.nodes), dtype=np.bool_)
        gone[places[~present & (places >= 0)]] = True
        new = edges.at(present & (places < 0))
        return replace(self, gone=gone if gone.any() else None, more=new.at(new.order()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The edges of one sort: ``out`` from subjects to objects, ``back`` from objects to subjects."""

    out: Rows
    back: Rows

    @classmethod
    def of(cls, edges: Listed, *, size: int) -> Edges:
        return cls(out=Rows.of(edges, size=size), back=Rows.of(edges.turned(), size=size))

    def changed(self, edges: Listed, present: Marks) -> Edges:
        """With all that changed since they were written, in that order: the last word counts."""
        if not len(edges):
            return self
        order = edges.order()  # stable, so that the last of equal edges was said last
        edges, present = edges.at(order), present[order]
        last = np.ones(len(edges), dtype=np.bool_)
        last[:-1] = (
            (edges.rows[1:] != edges.rows[:-1])
            | (edges.nodes[1:] != edges.nodes[:-1])
            | (edges.kinds[1:] != edges.kinds[:-1])
        )
        edges, present = edges.at(last), present[last]
        return Edges(
            out=self.out.patched(edges, present), back=self.back.patched(edges.turned(), present)
        )


def _ranges(low: Places, high: Places) -> tuple[Places, Places]:
    """All places from each ``low`` to its ``high``, and which of the pairs each is of."""
    counts = high - low
    origins = np.repeat(np.arange(len(counts)), counts)
    shift = low - (np.cumsum(counts) - counts)
    return np.arange(len(origins)) + shift[origins], origins


def _order(nodes: Nodes, kinds: NDArray[np.uint16]) -> NDArray[np.uint64]:
    return nodes.astype(np.uint64) << np.uint64(16) | kinds
