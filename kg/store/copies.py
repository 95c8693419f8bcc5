"""Copies of a checkpoint that something is changed in: how a past state is made.

The engine never writes again in its sorted files (``*.sst``), so a copy links those and copies the
rest; it takes 30 ms however large the graph is, and leaves the original as it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyoxigraph as ox

from kg.errors import StoreUnavailable
from kg.model import Change
from kg.store.checkpoints import markers
from kg.store.embedded import delete_data, marker
from kg.terms import by_graph, nquads


def changed_copy(
    checkpoint: Path | None,
    target: Path,
    *,
    version: int,
    change: Change,
    statements: int,
) -> None:
    """Makes ``target`` a copy of a checkpoint, or an empty store, that is of another version.

    ``statements`` are those of its default graph. Raises `StoreUnavailable`.
    """
    try:
        target.mkdir(parents=True)
        if checkpoint is not None:
            _copy(checkpoint, target)
        store = ox.Store(str(target))
        marks = by_graph(marker(*mark) for mark in markers(store))
        # Sorted, since neighbours lie together on disk: a quarter less time.
        gone = {name: sorted(said) for name, said in {**marks, **change.removed}.items()}
        store.update(delete_data(gone))
        came = {**by_graph([marker(version, statements)]), **change.added}
        store.bulk_load(nquads(came).encode(), ox.RdfFormat.N_QUADS)
        store.flush()  # or each reader would read the log again
        del store
    except OSError as error:
        raise StoreUnavailable(f"A past state cannot be made in {target}: {error}") from error


def _copy(checkpoint: Path, target: Path) -> None:
    for entry in os.scandir(checkpoint):
        if entry.name.endswith(".sst"):
            os.link(entry.path, target / entry.name)
        elif entry.name != "LOCK":
            shutil.copyfile(entry.path, target / entry.name)
