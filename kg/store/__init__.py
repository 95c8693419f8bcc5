"""The graph's store: one writer, and checkpoints of it that many readers open.

The worker opens `EmbeddedStore` (alone, after any fork) and publishes checkpoints; everyone else
opens those read-only, or makes a `changed_copy` of one, which is a checkpoint of the past. Nothing outside this package opens a pyoxigraph store on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from kg.facts import Facts
from kg.model import Change
from kg.store.checkpoints import Checkpoint, Opened, newest, open_checkpoint, prune
from kg.store.copies import changed_copy
from kg.store.embedded import EmbeddedStore, writer_is_running
from kg.terms import Quad, Statement

__all__ = [
    "Checkpoint",
    "EmbeddedStore",
    "GraphStore",
    "Opened",
    "changed_copy",
    "newest",
    "open_checkpoint",
    "prune",
    "writer_is_running",
]


class GraphStore(Facts, Protocol):
    """What the pipeline needs of a store. As `Facts` it reads the default graph."""

    @property
    def version(self) -> int:
        """Counts the commits; a store that lost some after a crash shows a lower number."""
        ...

    def statements(self) -> Iterator[Statement]:
        """The whole default graph."""
        ...

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterator[Quad]:
        """The statements of one named graph."""
        ...

    def has(self, quad: Quad) -> bool:
        """Whether a statement is in a graph."""
        ...

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        """The same statements with literals as the store keeps them (``1.50`` → ``1.5``)."""
        ...

    def apply(self, change: Change) -> int:
        """Writes a change in one atomic step and answers the new version; not yet synced."""
        ...

    def sync(self) -> None:
        """Returns when everything applied so far survives a power cut."""
        ...

    def publish(self) -> Path:
        """Makes everything applied so far visible to readers, as a checkpoint."""
        ...

    def close(self) -> None: ...
