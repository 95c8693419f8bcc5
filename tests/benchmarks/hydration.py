"""Hydration from a source over HTTP that takes its time: how much of what is possible is reached.

    python -m tests.benchmarks.hydration [--entities 10000] [--latency 20] [--in-flight 16]

A server in a process of its own answers each request so many milliseconds after it came. With so
many requests in flight, no client can have more than ``in flight / latency`` answers a second:
that is the limit, and what is measured is the whole way, from events to committed, validated and
indexed entities. The same is measured of asking alone, by as many threads and nothing else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socketserver
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from kg.errors import SourceUnavailable
from kg.iris import EntityRef
from kg.model import Document, Event, Snapshot
from kg.sources.http import HttpClient
from kg.sources.memory import MemorySource, understood
from kg.worker import Worker
from tests.benchmarks import processes, universe

WANTED = 0.85


class OverHttp:
    """The payloads of a memory source, asked of a server one by one."""

    types = MemorySource.types
    contexts = MemorySource.contexts

    def __init__(self, name: str, *, port: int, in_flight: int) -> None:
        self.name = name
        self.in_flight = in_flight
        self._http = HttpClient(
            name,
            system="The benchmark",
            url=f"http://127.0.0.1:{port}",
            path="/",
            is_absent=lambda told: told.status == 404,
            connections=in_flight,
        )

    def fetch(self, ref: EntityRef) -> Snapshot:
        payload = self._http.get(f"{ref.type}/{quote(ref.key, safe='')}")
        found = (Document(ref=ref, payload=understood(payload)),) if payload else ()
        return Snapshot(ref=ref, documents=found)

    def list(self) -> Iterator[EntityRef]:
        return iter(())  # events tell of all that there is

    def close(self) -> None:
        self._http.close()


def serve(port: int, count: int, latency: float) -> None:
    """A server that answers each request ``latency`` seconds after it came; runs until killed.

    A thread sleeps to within 0.1 ms; an event loop wakes by whole milliseconds, and was 5 % late.
    """
    answers = {
        f"/{payload['type']}/{payload['key']}": json.dumps(payload).encode()
        for payload in universe.payloads(count)
    }

    class Answering(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            for line in self.rfile:
                due = time.perf_counter() + latency
                while self.rfile.readline().strip():
                    pass
                body = answers.get(unquote(line.split()[1].decode()), b"")
                status = b"200 OK" if body else b"404 Not Found"
                head = (
                    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                )
                time.sleep(max(0.0, due - time.perf_counter()))
                self.wfile.write(head % (status, len(body)) + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Answering) as server:
        server.serve_forever()


def run(count: int, *, latency: float, in_flight: int) -> None:
    port = processes.free_port()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(port, count, latency), daemon=True
    )
    server.start()
    try:
        source = OverHttp("bench", port=port, in_flight=in_flight)
        probe = EntityRef("team", "bench", "team")
        processes.wait_until("the server", lambda: _answers(source, probe))
        events = universe.events(universe.source(count))
        limit = in_flight / latency
        alone = count / _asking_alone(source, events)
        whole = count / _pipeline(source, events)
    finally:
        server.kill()
        server.join()
    print(f"{count:,} entities, {latency * 1000:g} ms each, {in_flight} in flight")
    print(f"  limit                 {limit:8,.0f} entities/s")
    print(f"  asking alone          {alone:8,.0f} entities/s, {alone / limit:.2f} of the limit")
    verdict = "ok" if whole / limit >= WANTED else "MISSED"
    print(f"  events to the graph   {whole:8,.0f} entities/s, ", end="")
    print(f"{whole / limit:.2f} of the limit, wanted {WANTED:g}: {verdict}")
    print(f"machine: {processes.load()}")


def _answers(source: OverHttp, ref: EntityRef) -> bool:
    try:
        return not source.fetch(ref).gone
    except SourceUnavailable:
        return False


def _asking_alone(source: OverHttp, events: list[Event]) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(source.in_flight) as pool:
        for _ in pool.map(source.fetch, [event.ref for event in events]):
            pass
    return time.perf_counter() - start


def _pipeline(source: OverHttp, events: list[Event]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = universe.settings(Path(folder))
        sources: dict[str, Any] = {"bench": source}
        with Worker(settings, sources=sources) as worker:
            start = time.perf_counter()
            worker.inbox.publish(events)
            worker.drain()
            taken = time.perf_counter() - start
            assert worker.inbox.pending() == 0
            return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds")
    parser.add_argument("--in-flight", type=int, default=16)
    given = parser.parse_args()
    run(given.entities, latency=given.latency / 1000, in_flight=given.in_flight)


if __name__ == "__main__":
    main()
