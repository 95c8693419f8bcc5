"""The bridge's own order of things, with a broker of a few lines: what real ones do is beside."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadSetting, SystemFailure
from kg.events import Inbox
from kg.events.bridge import Bridge, Patience
from kg.events.bus import Bus, Message, thin_json
from kg.events.letters import Letters
from tests.kg.events.brokers import eventually
from tests.kg.events.carrying import FailingInbox, bridge, event, told


class Broker:
    """Holds messages until they are acknowledged; what a consumer left behind comes again."""

    def __init__(self, bodies: Iterable[bytes], *, at_once: int = 3) -> None:
        self.waiting = deque(bodies)
        self.at_once = at_once
        self.opened = self.closed = 0
        self.failing_polls = 0
        self.failing_acknowledgements = 0

    def open(self) -> Bus:
        self.opened += 1
        return Consumer(self)


class Consumer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.in_hand = 0
        self.numbers = count()

    def poll(self) -> list[Message]:
        if self.broker.failing_polls:
            self.broker.failing_polls -= 1
            raise SystemFailure("The broker is away.")
        found = list(self.broker.waiting)[: self.broker.at_once]
        self.in_hand = len(found)
        if not found:
            threading.Event().wait(0.01)
        return [Message(body=body, place=f"test:{next(self.numbers)}") for body in found]

    def acknowledge(self) -> None:
        if self.in_hand and self.broker.failing_acknowledgements:
            self.broker.failing_acknowledgements -= 1
            raise SystemFailure("The broker does not hear.")
        for _ in range(self.in_hand):
            self.broker.waiting.popleft()
        self.in_hand = 0

    def close(self) -> None:
        self.broker.closed += 1


def sent(*keys: str) -> list[bytes]:
    return [thin_json(event(key)) for key in keys]


def test_events_arrive_and_are_acknowledged(store: Inbox, letters: Letters) -> None:
    both = b"[" + b",".join(sent("c", "d")) + b"]"
    broker = Broker([*sent("a", "b"), both, *sent("a"), b"[]"])
    with bridge(broker.open, store, letters) as carrying:
        eventually("all acknowledged", lambda: not broker.waiting)
    assert told(store) == {"a": 2, "b": 1, "c": 1, "d": 1}
    assert (carrying.carried, carrying.trouble, letters.count()) == (5, None, 0)
    assert (broker.opened, broker.closed) == (1, 1)


RUBBISH = [
    b"",
    b"no JSON",
    b"\xff\xfe",
    b"[" * 1_000_000,
    b'{"event_type": "m.c"}',
    b'{"event_type": "model.changed", "source": "test", "id": "x", "event_id": "\\ud800"}',
    b"[" + sent("good")[0] + b", 3]",
]


def test_what_is_no_event_is_a_dead_letter_and_stops_nothing(
    store: Inbox, letters: Letters
) -> None:
    broker = Broker([sent("a")[0], *RUBBISH, sent("b")[0]])
    with bridge(broker.open, store, letters) as carrying:
        eventually("all acknowledged", lambda: not broker.waiting)
    assert told(store) == {"a": 1, "b": 1}, "of a list all or none"
    assert letters.count() == len(RUBBISH)
    assert {len(letter.body) for letter in letters.newest()} >= {0, 7, 2, 65_536}
    assert carrying.trouble is None


def test_a_fault_of_the_parser_stops_only_its_message(store: Inbox, letters: Letters) -> None:
    def parse(body: bytes) -> list[object]:
        raise ZeroDivisionError(body.decode())

    broker = Broker([b"a", b"b"])
    carrying = Bridge(broker.open, parse=parse, keep=len, letters=letters)
    with carrying:
        eventually("all acknowledged", lambda: not broker.waiting)
    assert all("ZeroDivisionError" in letter.error for letter in letters.newest())


def test_an_inbox_that_cannot_be_written_keeps_them_in_hand(
    tmp_path: Path, letters: Letters
) -> None:
    broker = Broker(sent("a", "b"))
    with FailingInbox(tmp_path / "failing.sqlite", failures=3) as inbox:
        seen = []
        acknowledge = Consumer.acknowledge

        class Watched(Consumer):
            def acknowledge(self) -> None:
                seen.append((inbox.tried, told(inbox)))
                acknowledge(self)

        with bridge(lambda: Watched(broker), inbox, letters) as carrying:
            eventually("trouble", lambda: carrying.trouble is not None)
            assert "disk is full" in (carrying.trouble or "")
            eventually("all acknowledged", lambda: not broker.waiting)
            eventually("no trouble", lambda: carrying.trouble is None)
        assert seen[0] == (4, {"a": 1, "b": 1}), "acknowledged only when the inbox has them"


def test_an_end_before_the_inbox_has_them_leaves_them_at_the_broker(
    tmp_path: Path, store: Inbox, letters: Letters
) -> None:
    broker = Broker(sent("a", "b"))
    with FailingInbox(tmp_path / "failing.sqlite", failures=1_000_000) as inbox:
        with bridge(broker.open, inbox, letters):
            eventually("tried", lambda: inbox.tried > 1)
        assert told(inbox) == {}
    assert len(broker.waiting) == 2
    assert broker.closed == 1
    with bridge(broker.open, store, letters):
        eventually("all acknowledged", lambda: not broker.waiting)
    assert told(store) == {"a": 1, "b": 1}


def test_what_was_not_acknowledged_comes_again_and_is_one_entity(
    store: Inbox, letters: Letters
) -> None:
    broker = Broker(sent("a", "b"))
    broker.failing_acknowledgements = 2
    with bridge(broker.open, store, letters):
        eventually("all acknowledged", lambda: not broker.waiting)
    assert told(store) == {"a": 3, "b": 3}
    assert (broker.opened, broker.closed) == (3, 3), "each failure builds a consumer anew"


def test_a_broker_that_is_away_is_tried_again(store: Inbox, letters: Letters) -> None:
    broker = Broker(sent("a"))
    broker.failing_polls = 4
    with bridge(broker.open, store, letters) as carrying:
        eventually("trouble", lambda: carrying.trouble == "The broker is away.")
        eventually("all acknowledged", lambda: not broker.waiting)
        eventually("no trouble", lambda: carrying.trouble is None)
    assert broker.opened == broker.closed == 5


def test_a_broker_that_cannot_be_opened_again_is_tried_again(
    store: Inbox, letters: Letters
) -> None:
    broker = Broker(sent("a"))
    broker.failing_polls = 1
    answers = iter([None, OSError("no file left"), BadSetting("changed meanwhile")])

    def open() -> Bus:
        if (error := next(answers, None)) is not None:
            raise error
        return broker.open()

    with bridge(open, store, letters):
        eventually("all acknowledged", lambda: not broker.waiting)
    assert told(store) == {"a": 1}


def test_a_wrong_setting_is_told_where_it_is_made(store: Inbox, letters: Letters) -> None:
    def open() -> Bus:
        raise BadSetting("no such bus")

    with pytest.raises(BadSetting):
        bridge(open, store, letters)


def test_a_bridge_that_never_ran_closes_its_consumer(store: Inbox, letters: Letters) -> None:
    broker = Broker([])
    unused = bridge(broker.open, store, letters)
    unused.close()
    unused.close()
    assert broker.closed == 1


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_patience_doubles_up_to_its_limit(failures: int, jitter: float) -> None:
    patience = Patience(first_seconds=0.5, longest_seconds=30, jitter=lambda: jitter)
    wait = patience.after(failures)
    assert 0.25 <= wait <= 30
    assert wait <= patience.after(failures + 1)
