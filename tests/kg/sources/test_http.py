"""The client that all sources over HTTP share: what it remembers of a system's answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from kg.errors import SourceUnavailable
from kg.sources.http import HttpClient
from kg.sources.remembered import Memory, Remembered, new_enough_since
from tests.kg.sources.raw_server import DRIPS, FINE, Server, serving

TAGGED = FINE.replace(b"Content-Length", b'ETag: "a"\r\nContent-Length')
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n"


def client(server: Server, *, whole_seconds: float | None = None) -> HttpClient:
    return HttpClient(
        "told",
        system="The system",
        url=f"http://127.0.0.1:{server.port}",
        is_absent=lambda told: told.status == 404,
        whole_seconds=whole_seconds,
    )


def test_a_system_whose_answer_drips_for_ever_is_down() -> None:
    with serving(DRIPS) as server:
        server.drips = True
        with pytest.raises(SourceUnavailable, match=r"'told'.*not whole"):
            client(server, whole_seconds=0.5).get("/x")


def test_what_is_tagged_is_asked_for_on_condition_that_it_changed() -> None:
    with serving(TAGGED) as server:
        http = client(server)
        assert http.get("/x") == {}
        server.answer = UNCHANGED
        assert http.get("/x") == {}
        first, second = server.asked
        assert b"If-None-Match" not in first
        assert b'If-None-Match: "a"' in second


def test_a_system_that_begins_to_tag_its_answers_is_noticed() -> None:
    with serving() as server:
        http = client(server)
        for number in range(100):
            http.get(f"/{number}")
        server.answer = TAGGED
        for _ in range(20):
            http.get("/x")
        for number in range(100, 120):
            http.get(f"/{number}")
        server.answer = UNCHANGED
        for number in ("x", *range(100, 120)):
            assert http.get(f"/{number}") == {}
        assert all(b"If-None-Match" in asked for asked in server.asked[-21:])


def asks_to_wait(status: int, retry_after: str) -> bytes:
    return (
        f"HTTP/1.1 {status} Wait\r\nRetry-After: {retry_after}\r\nContent-Length: 4\r\n\r\nslow"
    ).encode()


@pytest.mark.parametrize("status", [429, 503])
def test_a_system_that_wants_a_moment_is_given_it(status: int) -> None:
    with serving() as server:
        server.first = [asks_to_wait(status, "1")]
        began = time.monotonic()
        assert client(server).get("/x") == {}
        assert time.monotonic() - began >= 1
        assert len(server.asked) == 2


def test_nobody_else_asks_meanwhile() -> None:
    with serving() as server:
        http = client(server)
        server.first = [asks_to_wait(429, "1")]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(http.get, "/x")
            server.at_work.acquire(timeout=10)
            while server.first:
                time.sleep(0.001)
            time.sleep(0.1)
            began = time.monotonic()
            assert http.get("/y") == {}
            assert time.monotonic() - began >= 0.5
            assert waiting.result(10) == {}


def test_a_moment_may_be_a_date() -> None:
    with serving() as server:
        when = datetime.now(UTC) + timedelta(seconds=2)
        server.first = [asks_to_wait(429, format_datetime(when, usegmt=True))]
        assert client(server).get("/x") == {}
        assert datetime.now(UTC) >= when - timedelta(seconds=1)  # a date has no fractions


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (asks_to_wait(429, "3600"), 3600),
        (asks_to_wait(503, "3600"), 3600),
        (asks_to_wait(429, "soon"), None),
        (asks_to_wait(500, "1"), 1),
    ],
)
def test_a_system_that_wants_to_be_left_alone_is_unavailable(
    answer: bytes, wanted: int | None
) -> None:
    with serving(answer) as server:
        with pytest.raises(SourceUnavailable) as caught:
            client(server).get("/x")
        assert len(server.asked) == 1
        assert caught.value.details.get("retry_after") == wanted
        assert ("to be asked again in" in str(caught.value)) is (wanted is not None)


def test_a_system_that_always_wants_another_moment_is_unavailable_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kg.sources.http._MOST_HOLDS", 2)
    with serving(asks_to_wait(429, "1")) as server:
        with pytest.raises(SourceUnavailable, match="429"):
            client(server).get("/x")
        assert len(server.asked) == 2


def test_what_is_asked_for_together_is_asked_for_once() -> None:
    with serving() as server:
        http = client(server)
        http.get("/x")
        with new_enough_since(time.monotonic()):
            for _ in range(3):
                assert http.get("/x") == http.get("/y", {"of": "x"}) == {}
        assert len(server.asked) == 3, "what was known before does not count"
        with new_enough_since(time.monotonic()):
            http.get("/x")
        http.get("/x")
        assert len(server.asked) == 5


def test_a_second_look_is_one() -> None:
    with serving() as server, new_enough_since(time.monotonic()):
        http = client(server)
        http.get("/x")
        http.get("/x", anew=True)
        assert len(server.asked) == 2


def test_what_threads_ask_for_together_serves_them_all() -> None:
    with serving() as server, ThreadPoolExecutor(2) as pool:
        http, since = client(server), time.monotonic()

        def ask() -> Any:
            with new_enough_since(since):
                return http.get("/x")

        assert pool.submit(ask).result(10) == pool.submit(ask).result(10) == {}
        assert len(server.asked) == 1


def test_an_answer_that_has_not_changed_is_new_again() -> None:
    with serving(TAGGED) as server:
        http = client(server)
        http.get("/x")
        server.answer = UNCHANGED
        with new_enough_since(time.monotonic()):
            assert http.get("/x") == http.get("/x") == {}
        assert len(server.asked) == 2


def test_a_refusal_is_not_remembered() -> None:
    with serving() as server, new_enough_since(time.monotonic()):
        server.first = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"]
        http = client(server)
        assert http.get("/x") is None
        assert http.get("/x") == {}


def test_the_memory_keeps_to_its_limits() -> None:
    memory = Memory(most=3, most_bytes=10)
    for target in "abcd":
        memory.keep(target, Remembered(body=b"xx", tag="t", asked=0.0))
        memory.of("a")
    assert [target for target in "abcd" if memory.of(target)] == ["a", "c", "d"]
    memory.keep("a", Remembered(body=b"x" * 9, tag="t", asked=0.0))
    assert [target for target in "abcd" if memory.of(target)] == ["a"]
    memory.keep("a", Remembered(body=b"x" * 11, tag="t", asked=0.0))
    assert memory.of("a") is None
    memory.keep("a", Remembered(body=b"x" * 10, tag="t", asked=0.0))
    assert memory.of("a") is not None
