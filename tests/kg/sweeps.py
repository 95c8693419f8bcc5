"""Sweeps as a worker makes them, for tests that want one now."""

from __future__ import annotations

from kg.normalise import contexts_of
from kg.sources import Source
from kg.sweep import Swept, sweep
from kg.worker import Worker


def swept(worker: Worker, source: Source, *, everything: bool = False) -> Swept:
    """What differs at the source is on the worker's bus then; `Worker.drain` hydrates it."""
    contexts = contexts_of(source, worker.settings)
    return sweep(
        source, graph=worker.store, contexts=contexts, inbox=worker.inbox, everything=everything
    )
