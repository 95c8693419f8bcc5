"""The client that all sources over HTTP share: what it remembers of a system's answers."""

from __future__ import annotations

from kg.sources.http import HttpClient
from tests.kg.sources.raw_server import FINE, Server, serving

TAGGED = FINE.replace(b"Content-Length", b'ETag: "a"\r\nContent-Length')
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n"


def client(server: Server) -> HttpClient:
    return HttpClient(
        "told",
        system="The system",
        url=f"http://127.0.0.1:{server.port}",
        is_absent=lambda told: told.status == 404,
    )


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
