"""What must hold of every source once it is joined to the pipeline, over real stores and inboxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kg import config, iris
from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef
from kg.model import Event
from kg.pipeline import Counts
from kg.sources import Source
from kg.terms import Statement, text_of
from kg.worker import Worker
from tests.kg.graphs import MINTER
from tests.kg.sources.source_contract import Case
from tests.kg.sweeps import swept


def joins_the_pipeline(case: Case, folder: Path) -> None:
    """Events lost, doubled and out of order; nothing written for nothing new; no half listing.

    Two graphs follow the source. ``told`` hears of each entity, in the wrong order, a few at a time
    and again when it is known already; ``sweeping`` loses events, at the change all of them, and
    sweeps.
    """
    source = case.source
    with (
        _joined(folder / "told", source, events_batch=5) as told,
        _joined(folder / "sweeping", source) as sweeping,
    ):
        refs = list(source.list())
        assert {case.changed, case.removed} <= set(refs)
        assert _hear(told, [*reversed(refs), *refs[::2]]).changed
        _hear(sweeping, refs[::3])
        _sweep(sweeping, source)
        before = _graph(told)
        assert before == _graph(sweeping)
        assert all(_about(told, ref) and not _is_gone(told, ref) for ref in refs)
        _finds_nothing_new(told, sweeping, refs, source)

        earlier = _about(sweeping, case.changed)
        case.change()
        gone = set(refs) - set(source.list())
        assert case.removed in gone
        found = _sweep(sweeping, source)
        assert found.changed
        assert found.gone
        assert _about(sweeping, case.changed) != earlier
        assert all(_is_gone(sweeping, ref) for ref in gone)

        assert _graph(told) == before
        refs = list(dict.fromkeys([*source.list(), *refs]))
        assert _hear(told, [*refs[::2], *reversed(refs)]).gone
        assert _graph(told) == _graph(sweeping)
        _finds_nothing_new(told, sweeping, refs, source)

        version = sweeping.store.version
        case.cut_listing()
        with pytest.raises((SourceUnavailable, BadPayload)):
            swept(sweeping, source)
        assert (sweeping.drain().gone, sweeping.store.version) == (0, version)


def _finds_nothing_new(
    told: Worker, sweeping: Worker, refs: Sequence[EntityRef], source: Source
) -> None:
    versions = told.store.version, sweeping.store.version
    again = _hear(told, refs)
    assert again.unchanged
    assert not again.changed
    assert not _sweep(sweeping, source).changed
    assert (told.store.version, sweeping.store.version) == versions


@contextmanager
def _joined(folder: Path, source: Source, **settings: Any) -> Iterator[Worker]:
    loaded = config.load(environ={}, data_dir=str(folder), **settings)
    with Worker(loaded, sources={source.name: source}) as worker:
        yield worker


def _hear(worker: Worker, refs: Sequence[EntityRef]) -> Counts:
    worker.inbox.publish(
        Event(ref=ref, event_type="test.noticed", event_id=str(number))
        for number, ref in enumerate(refs)
    )
    return _drained(worker)


def _sweep(worker: Worker, source: Source) -> Counts:
    swept(worker, source)
    return _drained(worker)


def _drained(worker: Worker) -> Counts:
    counts = worker.drain()
    assert (counts.dead, counts.waiting) == (0, 0)
    return counts


def _graph(worker: Worker) -> set[Statement]:
    """All that it holds, but for when it learnt that something is gone."""
    return {s for s in worker.store.statements() if s[1] != iris.INVALIDATED_AT}


def _about(worker: Worker, ref: EntityRef) -> frozenset[Statement]:
    return frozenset(worker.store.about(MINTER.mint(ref)))


def _is_gone(worker: Worker, ref: EntityRef) -> bool:
    return iris.TOMBSTONE in {text_of(value) for _, _, value in _about(worker, ref)}
