"""What must hold of every source once it is joined to the pipeline, over a real store and inbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from kg import config, iris
from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef
from kg.model import Event
from kg.sources import Source
from kg.terms import Statement, text_of
from kg.worker import Worker
from tests.kg.graphs import MINTER
from tests.kg.sweeps import swept


def joins_the_pipeline(
    folder: Path,
    source: Source,
    *,
    change: Callable[[], None],
    remove: Callable[[], None],
    cut: Callable[[], None],
    removed: EntityRef,
) -> None:
    """Events lost, doubled and out of order; nothing written for nothing new; no half listing.

    ``change`` alters an entity and ``remove`` takes ``removed`` away, both unannounced; ``cut``
    lets a listing end in the middle.
    """
    settings = config.load(environ={}, data_dir=str(folder / "data"))
    with Worker(settings, sources={source.name: source}) as worker:
        refs = list(source.list())
        _publish(worker, [*reversed(refs), *refs[::2], *refs])
        first = worker.drain()
        assert (first.dead, first.waiting, first.gone) == (0, 0, 0)
        assert first.changed
        before = {ref: _about(worker, ref) for ref in refs}
        assert all(before.values())

        version = worker.store.version
        _publish(worker, refs)
        swept(worker, source)
        again = worker.drain()
        assert (again.changed, again.gone, worker.store.version) == (0, 0, version)
        assert again.unchanged

        change()
        swept(worker, source)
        assert worker.drain().changed
        assert any(_about(worker, ref) != before[ref] for ref in refs)

        remove()
        swept(worker, source)
        assert worker.drain().gone
        assert iris.TOMBSTONE in {text_of(value) for _, _, value in _about(worker, removed)}

        version = worker.store.version
        cut()
        with pytest.raises((SourceUnavailable, BadPayload)):
            swept(worker, source)
        assert (worker.drain().gone, worker.store.version) == (0, version)


def _publish(worker: Worker, refs: Iterable[EntityRef]) -> None:
    worker.inbox.publish(
        Event(ref=ref, event_type="test.noticed", event_id=str(number))
        for number, ref in enumerate(refs)
    )


def _about(worker: Worker, ref: EntityRef) -> frozenset[Statement]:
    return frozenset(worker.store.about(MINTER.mint(ref)))
