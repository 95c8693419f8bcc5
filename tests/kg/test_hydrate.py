"""Asking the sources: each at its own pace, with real threads and a source that can be slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from kg.errors import SourceUnavailable
from kg.events import Work
from kg.hydrate import Hydrated, Hydrator, Retry
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources.memory import MemorySource

START = datetime(2026, 11, 23, tzinfo=UTC)


class Paced(MemorySource):
    """Answers when ``gate`` is open, and notes how many ask at a time."""

    in_flight = 4

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.gate = threading.Event()
        self.seconds = 0.0
        self.most = self._asking = 0
        self._counting = threading.Lock()

    def fetch(self, ref: EntityRef) -> Snapshot:
        with self._counting:
            self._asking += 1
            self.most = max(self.most, self._asking)
        self.gate.wait(10)
        time.sleep(self.seconds)
        with self._counting:
            self._asking -= 1
        return super().fetch(ref)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture
def clock() -> Clock:
    return Clock()


def works(source: MemorySource, *, count: int) -> list[Work]:
    refs = [source.put({"type": "model", "key": f"m{number}"}) for number in range(count)]
    return [Work(ref=ref, event_id="e", told=1, attempts=0, happened_at=START) for ref in refs]


def hydrator(
    *sources: MemorySource, executor: ThreadPoolExecutor, clock: Clock, seconds: float = 5.0
) -> Hydrator:
    retry = Retry(first_seconds=2.0, longest_seconds=300.0, jitter=lambda: 1.0)
    return Hydrator(
        {source.name: source for source in sources},
        executor=executor,
        retry=retry,
        now=clock,
        together_seconds=seconds,
    )


def everything(asking: Hydrator) -> list[Hydrated]:
    found = []
    while asking.busy:
        found += asking.take(seconds=10, most=1000)
    return found


def test_a_slow_source_holds_up_no_other(executor: ThreadPoolExecutor, clock: Clock) -> None:
    slow, quick = Paced("slow"), MemorySource("quick")
    asking = hydrator(slow, quick, executor=executor, clock=clock)
    asking.begin("slow", works(slow, count=8))
    asking.begin("quick", works(quick, count=100))
    (told,) = asking.take(seconds=10, most=1000)
    assert len(told.snapshots) == 100
    assert len(asking.under_way("slow")) == 8 and not asking.under_way("quick")
    slow.gate.set()
    (told,) = asking.take(seconds=10, most=1000)
    assert len(told.snapshots) == 8
    assert slow.most == Paced.in_flight


def test_what_takes_long_comes_in_parts(executor: ThreadPoolExecutor, clock: Clock) -> None:
    slow = Paced("slow")
    slow.gate.set()
    slow.seconds = 0.05
    asking = hydrator(slow, executor=executor, clock=clock, seconds=0.1)
    asking.begin("slow", works(slow, count=40))
    parts = everything(asking)
    assert len(parts) > 1 and len(parts[0].snapshots) < 40
    assert sum(len(told.snapshots) for told in parts) == 40
    assert all(told.works.keys() == told.snapshots.keys() for told in parts)


def test_a_source_is_asked_without_a_pause(executor: ThreadPoolExecutor, clock: Clock) -> None:
    source = Paced("busy")
    asking = hydrator(source, executor=executor, clock=clock)
    first, *more = (works(source, count=n)[-10:] for n in (10, 20, 30))
    asking.begin("busy", first)
    for following in more:
        asking.begin("busy", following)
    source.gate.set()
    (told,) = asking.take(seconds=10, most=10)
    assert len(told.snapshots) == 10 and asking.under_way("busy")
    rest = everything(asking)
    assert sum(len(told.snapshots) for told in rest) == 20
    assert source.most == Paced.in_flight
    assert not asking.busy


def test_who_does_not_answer_is_left_in_peace(executor: ThreadPoolExecutor, clock: Clock) -> None:
    source = MemorySource("down")
    asked = works(source, count=100)
    source.down = True
    asking = hydrator(source, executor=executor, clock=clock)
    for wait in (2, 4, 8):
        asking.begin("down", asked)
        (told,) = everything(asking)
        assert len(told.unavailable) == 1, "it was asked once"
        assert told.works.keys() == told.unavailable.keys()
        clock.time += timedelta(seconds=wait - 0.1)
        assert not asking.may_ask("down")
        clock.time += timedelta(seconds=0.1)
        assert asking.may_ask("down")
    source.down = False
    asking.begin("down", asked)
    (told,) = everything(asking)
    assert len(told.snapshots) == 100
    assert asking.may_ask("down")


class Talkative(MemorySource):
    """Tells of ``m1`` when it is asked for ``m0``, which may take as long as the ``gate`` is shut."""

    in_flight = 2

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked, self.gate = threading.Event(), threading.Event()

    def fetch(self, ref: EntityRef) -> Snapshot:
        told = super().fetch(ref)
        if ref.key != "m0":
            return told
        aside = super().fetch(EntityRef("model", self.name, "m1"))
        self.asked.set()
        self.gate.wait(10)
        return Snapshot(ref=ref, documents=(*told.documents, *aside.documents))


@pytest.fixture
def talkative(executor: ThreadPoolExecutor, clock: Clock) -> tuple[Talkative, Hydrator, list[Work]]:
    source = Talkative("talkative")
    return (
        source,
        hydrator(source, executor=executor, clock=clock, seconds=0),
        works(source, count=2),
    )


def names(told: list[Hydrated]) -> list[list[str | None]]:
    return [
        [document.payload.get("name") for document in snapshot.documents]
        for part in told
        for snapshot in part.snapshots.values()
    ]


def test_what_was_told_aside_before_a_later_event_never_comes_after_it(
    talkative: tuple[Talkative, Hydrator, list[Work]],
) -> None:
    source, asking, (whole, part) = talkative
    source.put({"type": "model", "key": "m1", "name": "old"})
    asking.begin("talkative", [whole])
    source.asked.wait(10)
    source.put({"type": "model", "key": "m1", "name": "new"})
    asking.begin("talkative", [part])
    told: list[Hydrated] = []
    while not told:
        told = asking.take(seconds=0.01, most=1)
    assert names(told) == [["new"]]
    source.gate.set()
    assert names(everything(asking)) == [[None]], "of m0 alone"
    asking.begin("talkative", [whole])
    assert names(everything(asking)) == [[None, "new"]]


def test_what_was_told_aside_after_an_event_is_taken(
    talkative: tuple[Talkative, Hydrator, list[Work]],
) -> None:
    source, asking, (whole, part) = talkative
    source.gate.set()
    asking.begin("talkative", [part])
    asking.begin("talkative", [whole])
    told = names(everything(asking))
    assert [None, None] in told
    assert len(told) == 2


class Tired(MemorySource):
    """Says for how long it wants to be left alone."""

    seconds = 0

    def fetch(self, ref: EntityRef) -> Snapshot:
        raise SourceUnavailable("Not now.", source=self.name, retry_after=self.seconds)


@pytest.mark.parametrize(("wanted", "given"), [(120, 120), (1, 2), (3600, 300)])
def test_a_source_is_left_alone_as_long_as_it_says_up_to_the_limit(
    executor: ThreadPoolExecutor, clock: Clock, wanted: int, given: int
) -> None:
    source = Tired("tired")
    source.seconds = wanted
    asking = hydrator(source, executor=executor, clock=clock)
    asking.begin("tired", works(source, count=1))
    everything(asking)
    clock.time = START + timedelta(seconds=given - 0.1)
    assert not asking.may_ask("tired")
    clock.time = START + timedelta(seconds=given)
    assert asking.may_ask("tired")


def test_what_was_not_asked_for_yet_is_not_when_it_closes(
    executor: ThreadPoolExecutor, clock: Clock
) -> None:
    source = Paced("busy")
    asking = hydrator(source, executor=executor, clock=clock)
    asking.begin("busy", works(source, count=100))
    asking.close()
    source.gate.set()
    executor.shutdown(wait=True)
    assert source.fetches <= Paced.in_flight


def test_an_unknown_source_is_told_of(executor: ThreadPoolExecutor, clock: Clock) -> None:
    asking = hydrator(executor=executor, clock=clock)
    asking.begin("nobody", works(MemorySource("nobody"), count=2))
    (told,) = everything(asking)
    assert {str(error) for error in told.unusable.values()} == {
        "No source 'nobody' is configured; `mlg sources` lists them."
    }
