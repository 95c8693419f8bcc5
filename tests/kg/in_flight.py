"""Batches that are made ready while the one before is written, beside a store that waits for each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from kg.commit import commit
from kg.draft import Draft, Graphs
from kg.model import Change
from kg.pipeline.ahead import Ahead
from kg.store import EmbeddedStore
from kg.terms import Quad
from tests.kg.graphs import BASE

Step = TypeVar("Step")


def in_flight_and_waited(
    steps: Iterable[tuple[Step, bool]],
    *,
    made_ready: Callable[[Graphs, int, Step], Draft],
    start: datetime,
    graphs: Iterable[str],
) -> tuple[set[Quad], set[Quad]]:
    """What two stores hold at the end, in these graphs, told the same: one in flight, one patient.

    A step is what is told, and whether the batch before is written early: before this one is made
    ready, or only after.
    """
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        closing(EmbeddedStore(Path(one), base=BASE)) as patient,
        closing(EmbeddedStore(Path(other), base=BASE)) as store,
    ):
        view: Graphs = store
        waiting = Change()
        for number, (step, early) in enumerate(steps):
            if early and waiting:
                store.apply(waiting)
            draft = made_ready(view, number, step)
            if not early and waiting:
                store.apply(waiting)
            at = start + timedelta(minutes=number)
            waiting = commit(draft, version=store.version + 1, at=at)
            draft.facts.rest_on(store)
            view = Ahead(store, facts=draft.facts, change=waiting)

            waited = made_ready(patient, number, step)
            if change := commit(waited, version=patient.version + 1, at=at):
                patient.apply(change)
        if waiting:
            store.apply(waiting)
        names = list(graphs)
        quads = [{q for name in names for q in held.quads(graph=name)} for held in (store, patient)]
        return quads[0], quads[1]
