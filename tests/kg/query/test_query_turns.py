"""Who asked first is served first, and nothing is lost or given twice."""

from __future__ import annotations

import threading
import time

from kg.query.turns import Turns


def test_the_last_that_was_given_back_goes_out_first() -> None:
    turns: Turns[str] = Turns()
    for thing in ("a", "b"):
        turns.give(thing)
    assert [turns.take(seconds=0) for _ in range(3)] == ["b", "a", None]


def test_those_who_wait_are_served_in_order() -> None:
    turns: Turns[int] = Turns()
    served: list[tuple[int, int | None]] = []
    threads = []
    for number in range(5):
        take = threading.Thread(target=lambda n=number: served.append((n, turns.take(seconds=30))))
        take.start()
        while turns.waiting <= number:
            time.sleep(0.001)
        threads.append(take)
    for number, thread in enumerate(threads):
        turns.give(number)
        thread.join()
    assert served == [(number, number) for number in range(5)]
    assert turns.waiting == 0


def test_who_gave_up_is_not_served() -> None:
    turns: Turns[str] = Turns()
    assert turns.take(seconds=0.01) is None
    assert turns.take(seconds=-1) is None
    turns.give("a")
    assert turns.take(seconds=0) == "a"


def test_callers_that_come_back_at_once_do_not_starve_others() -> None:
    turns: Turns[str] = Turns()
    turns.give("the only one")
    counts = [0] * 6
    end = time.monotonic() + 0.5

    def work(number: int) -> None:
        while time.monotonic() < end:
            thing = turns.take(seconds=30)
            assert thing == "the only one"
            counts[number] += 1
            turns.give(thing)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(counts) > 0
    assert turns.take(seconds=0) == "the only one"
