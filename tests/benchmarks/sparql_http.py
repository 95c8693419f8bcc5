"""Queries over HTTP: our server against Oxigraph's own, on the same facts.

    python -m tests.benchmarks.sparql_http [--entities 20000] [--rounds 5] [--seconds 3]

Both are started as their users start them (``mlg serve``; ``oxigraph serve`` from PyPI), on one
machine, and asked in turns by the same client; printed are medians and their ratio, and the
processor time of each, whose ratio a busy machine disturbs less. Oxigraph
answers in native code with no limit on what a query may do. Ours reads each query before it runs,
runs it in a process that can be killed, on a graph that has its history, findings and layers too.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kg.terms import ntriples
from kg.worker import Worker
from tests.benchmarks import client, processes, universe

WANTED_POINT = 0.25
WANTED_ROWS = 0.7
ROWS = 100_000
JSON = "application/sparql-results+json"
TSV = "text/tab-separated-values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One that runs: where it answers queries, and its process group."""

    port: int
    path: str
    group: int


Pair = tuple[Server, Server]
"""Ours and theirs."""


def run(entities: int, *, rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subjects, statements = _fill(folder, entities)
        rows = min(ROWS, statements)
        ours, theirs = processes.free_port(), processes.free_port()
        with (
            processes.running(_mlg(folder, ours)) as group,
            processes.running(_oxigraph(folder, theirs)) as peer,
        ):
            processes.wait_until("mlg serve", lambda: _is_up(f"{ours}/readyz"))
            processes.wait_until("oxigraph serve", lambda: _is_up(f"{theirs}/"))
            pair = (
                Server(port=ours, path="/sparql", group=group),
                Server(port=theirs, path="/query", group=peer),
            )
            _points(pair, subjects, rounds=rounds, seconds=seconds)
            _rows(pair, rows, rounds=rounds)
    print(f"machine: {processes.load()}")


def _fill(folder: Path, entities: int) -> tuple[list[str], int]:
    """The same facts in both: ours by the pipeline, theirs by loading a dump of them.

    Answers whom to ask about, and how many statements there are.
    """
    source = universe.source(entities)
    with Worker(universe.settings(folder / "data"), sources={"bench": source}) as worker:
        worker.inbox.publish(universe.events(source))
        worker.drain()
        worker.tidy()  # as a running system does when it is idle after a burst
        triples = list(worker.store.statements())
    dump = folder / "facts.nt"
    dump.write_text(ntriples(triples), "utf-8")
    load = [_binary(), "load", "--location", str(folder / "oxigraph"), "--file", str(dump)]
    subprocess.run(load, check=True, capture_output=True)
    size = dump.stat().st_size / 1e6
    print(f"{len(triples):,} statements ({size:.0f} MB as N-Triples) about {entities:,} entities")
    asked = sorted({subject for subject, _, _ in triples if "/model-instance/" in subject})
    return asked, len(triples)


def _mlg(folder: Path, port: int) -> list[str]:
    data = str(folder / "data")
    return [sys.executable, "-m", "kg.cli", "--data-dir", data, "serve", "--port", str(port)]


def _oxigraph(folder: Path, port: int) -> list[str]:
    location = str(folder / "oxigraph")
    return [_binary(), "serve", "--location", location, "--bind", f"{client.HOST}:{port}"]


def _binary() -> str:
    beside = Path(sys.executable).with_name("oxigraph")
    found = str(beside) if beside.exists() else shutil.which("oxigraph")
    if not found:
        raise SystemExit("The peer is missing: pip install oxigraph")
    return found


def _is_up(where: str) -> bool:
    with urllib.request.urlopen(f"http://{client.HOST}:{where}") as answer:
        return bool(answer.status == 200)


def _points(pair: Pair, subjects: list[str], *, rounds: int, seconds: float) -> None:
    points = {
        server: [
            client.request(server.path, f"SELECT ?p ?o WHERE {{ <{iri}> ?p ?o }}", accept=JSON)
            for iri in subjects
        ]
        for server in pair
    }
    sizes = [_asked(server, points[server][0])[1] for server in pair]
    print(f"a point query, one of {len(subjects):,}; {sizes[0]:,} and {sizes[1]:,} bytes a body")
    for connections in (1, 4):

        def rate(server: Server, connections: int = connections) -> tuple[float, float]:
            found = client.requests_per_second(
                server.port, points[server], connections=connections, seconds=seconds
            )
            return found, found * seconds

        what = f"{connections} connection{'s'[: connections - 1]}"
        _compare(what, pair, rate, rounds=rounds, unit="requests", wanted=WANTED_POINT)


def _rows(pair: Pair, rows: int, *, rounds: int) -> None:
    query = f"SELECT ?s ?p ?o WHERE {{ ?s ?p ?o }} LIMIT {rows}"
    for form, accept in (("JSON", JSON), ("TSV", TSV)):
        whole = {s: client.request(s.path, query, accept=accept) for s in pair}
        sizes = [_asked(server, whole[server])[1] for server in pair]
        print(f"{rows:,} rows as {form}: {sizes[0]:,} and {sizes[1]:,} bytes a body")

        def rate(server: Server, whole: dict[Server, bytes] = whole) -> tuple[float, float]:
            return rows / _asked(server, whole[server])[0], rows

        _compare("to the last byte", pair, rate, rounds=rounds, unit="rows", wanted=WANTED_ROWS)


def _asked(server: Server, request: bytes) -> tuple[float, int]:
    """Seconds and size of one answer, on a new connection."""
    connection = client.Connection(server.port)
    start = time.perf_counter()
    size = connection.ask(request)
    taken = time.perf_counter() - start
    connection.close()
    return taken, size


def _compare(
    what: str,
    pair: Pair,
    rate: Callable[[Server], tuple[float, float]],
    *,
    rounds: int,
    unit: str,
    wanted: float,
) -> None:
    """Asks both in turns. ``rate`` answers how many a second, and how many there were."""
    rates: dict[Server, list[float]] = {server: [] for server in pair}
    counts = dict.fromkeys(pair, 0.0)
    before = {server: processes.cpu_seconds(server.group) for server in pair}
    for _ in range(rounds):
        for server in pair:
            found, count = rate(server)
            rates[server].append(found)
            counts[server] += count
    spent = [
        (processes.cpu_seconds(server.group) - before[server]) / counts[server] * 1e6
        for server in pair
    ]
    ours, theirs = (median(rates[server]) for server in pair)
    ratio = ours / theirs
    verdict = "ok" if ratio >= wanted else "MISSED"
    print(f"  {what:16} ours {ours:9,.0f} {unit}/s, oxigraph {theirs:9,.0f}; ", end="")
    print(f"ratio {ratio:.2f}, wanted {wanted:g}: {verdict}")
    print(f"  {'':16} processor time each: {spent[0]:,.1f} and {spent[1]:,.1f} µs; ", end="")
    print(f"ratio {spent[1] / spent[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    run(given.entities, rounds=given.rounds, seconds=given.seconds)


if __name__ == "__main__":
    main()
