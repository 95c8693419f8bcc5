"""What a sweep concludes from a listing, and how soon it looks again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kg import config
from kg.config import Settings, SourceSettings
from kg.errors import BadPayload, IncompleteList, SourceUnavailable
from kg.hydrate import Retry
from kg.iris import EntityRef
from kg.model import Event, Snapshot
from kg.normalise import contexts_of
from kg.sources.memory import MemorySource
from kg.sweep import Schedule
from kg.worker import Worker
from tests.kg.sweeps import swept

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Denying(MemorySource):
    """Lists all that it has, and answers for each of the ``denied`` that there is no such thing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.denied: set[str] = set()
        self.fault: Exception | None = None

    def fetch(self, ref: EntityRef) -> Snapshot:
        return Snapshot(ref=ref, documents=()) if ref.key in self.denied else super().fetch(ref)

    def list(self) -> Iterator[EntityRef]:
        yield from super().list()
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def source() -> Denying:
    source = Denying("test")
    for key in "abc":
        source.put({"type": "model", "key": key, "name": key})
    return source


@pytest.fixture
def worker(tmp_path: Path, source: Denying) -> Iterator[Worker]:
    table = SourceSettings(name="test", kind="memory", options={}, links={})
    found = config.load(environ={}, data_dir=str(tmp_path))
    settings = Settings(values=found.values, sources={"test": table})
    with Worker(settings, sources={"test": source}) as worker:
        yield worker


def test_what_is_listed_is_not_buried_because_it_is_denied(worker: Worker, source: Denying) -> None:
    swept(worker, source)
    worker.drain()
    source.denied = {"a", "b", "c"}
    swept(worker, source, everything=True)
    counts = worker.drain()
    assert (counts.gone, counts.dead) == (0, 0)
    assert worker.inbox.source("test").failing
    assert worker.inbox.pending() == 3


def test_an_event_is_believed_whatever_was_listed(worker: Worker, source: Denying) -> None:
    swept(worker, source)
    worker.drain()
    source.denied = {"a"}
    ref = EntityRef("model", "test", "a")
    worker.inbox.publish([Event(ref=ref, event_type="model.deleted", event_id="1")])
    assert worker.drain().gone == 1


def test_what_is_denied_is_no_more_than_unusable_while_the_list_is_incomplete(
    worker: Worker, source: Denying
) -> None:
    swept(worker, source)
    source.remove(EntityRef("model", "test", "a"))
    source.fault = IncompleteList("number 4 has no key.")
    counts = worker.drain()
    assert (counts.gone, counts.dead, counts.hydrated) == (0, 1, 2)
    assert "number 4" in worker.inbox.dead()[0][1]


@pytest.mark.parametrize("fault", [SourceUnavailable, BadPayload, IncompleteList])
def test_what_was_found_before_a_listing_breaks_is_told(
    worker: Worker, source: Denying, fault: type[Exception]
) -> None:
    source.fault = fault("It broke.")
    with pytest.raises(fault):
        swept(worker, source)
    assert worker.drain().hydrated == 3


class Here(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - that is what a future is for
            done.set_exception(error)
        return done


@pytest.mark.parametrize(
    ("fault", "after"),
    [(SourceUnavailable, timedelta(seconds=4)), (IncompleteList, timedelta(minutes=60))],
)
def test_a_list_that_is_incomplete_is_no_reason_to_hurry(
    worker: Worker, source: Denying, fault: type[Exception], after: timedelta
) -> None:
    clock = [NOW]
    schedule = Schedule(
        {"test": source},
        minutes={"test": 60},
        graph=worker.store,
        contexts={"test": contexts_of(source, worker.settings)},
        inbox=worker.inbox,
        executor=Here(),
        retry=Retry(first_seconds=2.0, longest_seconds=300.0, jitter=lambda: 1.0),
        now=lambda: clock[0],
    )
    lists = 0
    listed = source.list

    def counted() -> Iterator[EntityRef]:
        nonlocal lists
        lists += 1
        return listed()

    source.list = counted  # type: ignore[method-assign]
    source.fault = fault("It broke.")
    for _ in range(2):
        schedule.begin_what_is_due()
    for wait, times in ((after - timedelta(seconds=1), 1), (timedelta(seconds=1), 2)):
        clock[0] += wait
        schedule.begin_what_is_due()
        assert lists == times
