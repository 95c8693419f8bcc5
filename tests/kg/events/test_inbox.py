from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, NotFound, StoreUnavailable
from kg.events import Inbox
from kg.events.inbox import ASKED_AGAIN, KNOWN_AGAIN
from kg.iris import EntityRef
from kg.model import Event, Notice
from kg.sources.growthbook.webhooks import EVENT_WINDOW_SECONDS


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(tmp_path: Path, clock: Clock) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox.sqlite", now=clock) as opened:
        yield opened


def event(key: str, id: str = "e", source: str = "test") -> Event:
    return Event(
        ref=EntityRef("model", source, key), event_type="model.changed", event_id=f"{id}-{key}"
    )


def test_an_entity_is_worked_on_once_however_often_it_is_told_of(inbox: Inbox) -> None:
    assert inbox.publish([event("a"), event("b"), event("a", "again")]) == 3
    works = inbox.take(10, source="test")
    assert [(w.ref.key, w.told, w.event_id) for w in works] == [
        ("a", 2, "again-a"),
        ("b", 1, "e-b"),
    ]
    inbox.done(works)
    assert inbox.take(10, source="test") == [] and inbox.pending() == 0


def notice(*events: Event, delivery: str) -> Notice:
    return Notice(events=events, delivery=delivery)


def test_a_notice_is_heard_once_and_for_each_source_apart(inbox: Inbox, clock: Clock) -> None:
    told = notice(event("a"), event("b"), delivery="d-1")
    assert [inbox.hear("test", told) for _ in range(2)] == [2, 0]
    inbox.done(inbox.take(10, source="test"))
    assert inbox.hear("test", told) == 0 and inbox.pending() == 0
    assert inbox.hear("other", told) == 2
    assert inbox.hear("test", notice(event("a"), delivery="d-2")) == 1
    clock.pass_by(KNOWN_AGAIN.total_seconds() + 1)
    assert inbox.hear("test", notice(event("a"), delivery="d-3")) == 1
    assert inbox.hear("test", told) == 2, "it is not known for ever"


def test_a_notice_without_an_id_is_heard_each_time(inbox: Inbox) -> None:
    assert [inbox.hear("test", notice(event("a"), delivery="")) for _ in range(2)] == [1, 1]


def test_a_notice_that_could_not_be_kept_may_come_again(inbox: Inbox) -> None:
    odd = Event(ref=EntityRef("model", "test", "a"), event_type="x\ud800", event_id="e")
    with pytest.raises(BadInput):
        inbox.hear("test", notice(odd, delivery="d"))
    assert inbox.hear("test", notice(event("a"), delivery="d")) == 1


def test_a_notice_is_known_for_longer_than_it_may_be_old() -> None:
    assert KNOWN_AGAIN.total_seconds() > EVENT_WINDOW_SECONDS + 300


def test_refused_notices_are_counted(inbox: Inbox) -> None:
    for name in ("test", "other", "test"):
        inbox.refused(name)
    assert [inbox.source(name).refused for name in ("test", "other", "third")] == [2, 1, 0]


def test_what_is_told_meanwhile_stays_to_be_done(inbox: Inbox) -> None:
    inbox.publish([event("a")])
    works = inbox.take(10, source="test")
    inbox.publish([event("a", "later")])
    inbox.done(works)
    (left,) = inbox.take(10, source="test")
    assert left.event_id == "later-a"


def test_what_is_under_way_is_not_taken_again(inbox: Inbox) -> None:
    inbox.publish([event(key) for key in "abcd"])
    first = inbox.take(2, source="test")
    second = inbox.take(1, source="test", besides=[work.ref for work in first])
    assert [work.ref.key for work in (*first, *second)] == ["a", "b", "c"]


def test_work_survives_closing(tmp_path: Path, inbox: Inbox) -> None:
    inbox.publish([event("a")])
    inbox.close()
    with Inbox(tmp_path / "inbox.sqlite") as again:
        assert [work.ref.key for work in again.take(10, source="test")] == ["a"]


def test_work_is_taken_from_an_inbox_of_before_events_had_their_time(
    tmp_path: Path, clock: Clock
) -> None:
    with Inbox(tmp_path / "inbox.sqlite", now=clock) as inbox:
        inbox.publish([event("a")])
    with sqlite3.connect(tmp_path / "inbox.sqlite") as db:
        db.execute("ALTER TABLE work DROP COLUMN happened_at")
    for _ in range(2):
        with Inbox(tmp_path / "inbox.sqlite", now=clock) as again:
            (work,) = again.take(10, source="test")
            assert work.happened_at == clock.time, "when it was received"
            again.publish([event("a")])


def test_many_may_open_such_an_inbox_at_a_time(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite"):
        pass
    with sqlite3.connect(tmp_path / "inbox.sqlite") as db:
        db.execute("ALTER TABLE work DROP COLUMN happened_at")
    together = threading.Barrier(8)

    def open_it() -> None:
        together.wait(10)
        Inbox(tmp_path / "inbox.sqlite").close()

    with ThreadPoolExecutor(8) as pool:
        for opening in [pool.submit(open_it) for _ in range(8)]:
            opening.result(30)


def test_what_waits_for_its_source_comes_back_later(inbox: Inbox, clock: Clock) -> None:
    inbox.publish([event("a")])
    (work,) = inbox.take(10, source="test")
    inbox.retry(work, after=60, error="down")
    assert inbox.take(10, source="test") == []
    row = inbox.source("test")
    assert (row.failing, row.last_error, row.retrying, row.pending) == (True, "down", 1, 0)
    clock.pass_by(60)
    (work,) = inbox.take(10, source="test")
    assert work.attempts == 1
    inbox.done([work])
    row = inbox.source("test")
    assert (row.failing, row.last_error) == (False, None)


def test_a_new_event_does_not_wait(inbox: Inbox) -> None:
    inbox.publish([event("a")])
    (work,) = inbox.take(10, source="test")
    inbox.retry(work, after=3600, error="down")
    inbox.publish([event("a", "new")])
    assert [w.attempts for w in inbox.take(10, source="test")] == [0]


def test_dead_letters_are_listed_and_revived(inbox: Inbox) -> None:
    inbox.publish([event("a"), event("b")])
    for work in inbox.take(10, source="test"):
        inbox.bury(work, error="unusable")
    assert inbox.take(10, source="test") == [] and inbox.pending() == 0
    assert [(ref.key, why) for ref, why in inbox.dead()] == [("a", "unusable"), ("b", "unusable")]
    inbox.publish([event("a", "new")])
    assert [w.ref.key for w in inbox.take(10, source="test")] == ["a"]
    assert inbox.revive("test") == 1
    assert len(inbox.take(10, source="test")) == 2


def test_what_is_told_of_meanwhile_is_not_buried(inbox: Inbox) -> None:
    inbox.publish([event("a")])
    (work,) = inbox.take(10, source="test")
    inbox.publish([event("a", "new")])
    inbox.bury(work, error="unusable")
    assert inbox.dead() == []
    assert [w.event_id for w in inbox.take(10, source="test")] == ["new-a"]


def test_a_sweep_does_not_take_the_place_of_an_event(inbox: Inbox) -> None:
    swept = [replace(event(key), event_id="sweep:1") for key in ("a", "b")]
    inbox.publish([event("a")])
    inbox.sweep_tells("test", swept)
    works = inbox.take(10, source="test")
    assert [(w.ref.key, w.event_id, w.heals) for w in works] == [
        ("a", "e-a", False),
        ("b", "sweep:1", True),
    ]
    inbox.bury(works[0], error="unusable")
    inbox.sweep_tells("test", swept[:1])
    assert [w.event_id for w in inbox.take(10, source="test")] == ["sweep:1"] * 2, (
        "it waits no more"
    )


def test_what_we_tell_ourselves_is_no_event_of_the_source(inbox: Inbox) -> None:
    inbox.sweep_tells("test", [replace(event("a"), event_id="sweep:1")])
    assert inbox.source("test").last_event is None
    inbox.publish([event("b")])
    assert inbox.source("test").last_event is not None


def test_a_full_disk_is_said(inbox: Inbox) -> None:
    inbox.publish([event("a")])
    (pages,) = inbox._db.execute("PRAGMA page_count").fetchone()
    inbox._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match=r"inbox\.sqlite cannot be written.*full"):
        inbox.publish(event(f"{number}" * 200) for number in range(1000))
    assert inbox.pending() == 1


def test_a_request_keeps_its_bytes_until_it_is_decided(inbox: Inbox) -> None:
    body = b"\x00 <a> <b> <c> .\r\n"
    inbox.ask(id="r1", kind="submission", body=body, format="turtle", by="ada")
    (request,) = inbox.requests(10)
    assert (request.body, request.sent_by, request.state) == (body, "ada", "pending")
    inbox.decide("r1", "refused", {"why": "é"})
    assert inbox.requests(10) == []
    assert inbox.request("r1").outcome == {"why": "é"}
    assert inbox.request("r1").body == body
    with pytest.raises(NotFound, match="r2"):
        inbox.request("r2")


def test_a_batch_is_kept_whole_or_not_at_all(inbox: Inbox) -> None:
    broken = Event(ref=EntityRef("model", "test", "x"), event_type="\ud800", event_id="x")
    with pytest.raises(BadInput):
        inbox.publish([event("a"), broken])
    assert inbox.take(10, source="test") == []


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["tell", "take", "done", "retry", "bury"]), st.integers(0, 4)),
        max_size=25,
    )
)
def test_no_telling_is_lost(tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    """Whatever happens, each entity told of after its last completion is still there."""
    clock = Clock()
    with Inbox(tmp_path / "law.sqlite", now=clock) as inbox:
        for name in ("work", "request", "source"):
            inbox._db.execute(f"DELETE FROM {name}")
        owed: dict[str, int] = {}
        taken = []
        for step, number in steps:
            key = str(number)
            clock.pass_by(1)
            if step == "tell":
                inbox.publish([event(key)])
                owed[key] = owed.get(key, 0) + 1
            elif step == "take":
                taken = inbox.take(3, source="test")
            elif taken:
                work = taken.pop()
                if step == "done":
                    inbox.done([work])
                    if owed.get(work.ref.key) == work.told:
                        del owed[work.ref.key]
                elif work.ref.key in owed and step == "retry":
                    inbox.retry(work, after=5, error="down")
                elif work.ref.key in owed:
                    inbox.bury(work, error="bad")
        clock.pass_by(1_000_000)
        inbox.revive("test")
        assert {work.ref.key for work in inbox.take(100, source="test")} == set(owed)


def test_what_is_referred_to_is_turned_to_by_how_much_hangs_on_it(
    inbox: Inbox, clock: Clock
) -> None:
    few, most, told = (event(key).ref for key in ("few", "most", "told"))
    inbox.publish([event("told")])
    inbox.refer({few: 2, most: 1, told: 9})
    inbox.refer({most: 3})
    assert inbox.pending() == 3 and inbox.sources_told_of() == ["test"]
    (work,) = inbox.take(10, source="test")
    inbox.done([work])
    assert inbox.sources_told_of() == ["test"], "of what is awaited"
    assert inbox.turn_to_awaited(1, source="test") == 1
    (work,) = inbox.take(10, source="test")
    assert work.ref == most and not work.is_event and not work.heals
    inbox.done([work])
    inbox.refer({most: 5})
    assert inbox.pending() == 1, "asked for a moment ago"
    clock.time += ASKED_AGAIN
    inbox.refer({most: 5})
    assert inbox.pending() == 2
    inbox.publish([event("most")])
    inbox.done(inbox.take(10, source="test"))
    assert inbox.pending() == 1 and inbox.hydrated_at(most) == clock.time
    assert inbox.turn_to_awaited(9, source="test") == 1
    assert inbox.turn_to_awaited(9, source="test") == 0
    assert inbox.source("test").lags == (0.0, 0.0), "of events alone"
