"""Queries over HTTP: our server against Oxigraph's own, on the same facts.

    python -m tests.benchmarks.sparql_http [--entities 20000] [--rounds 5] [--seconds 3]

Both are started as their users start them (``mlg serve``; ``oxigraph serve`` from PyPI), on one
machine, and asked in turns by the same client; printed are medians and their ratio. Oxigraph
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
SELECT_ALL = f"SELECT ?s ?p ?o WHERE {{ ?s ?p ?o }} LIMIT {ROWS}"


def run(entities: int, *, rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subjects = _fill(folder, entities)
        ours, theirs = processes.free_port(), processes.free_port()
        with (
            processes.running(_mlg(folder, ours)),
            processes.running(_oxigraph(folder, theirs)),
        ):
            processes.wait_until("mlg serve", lambda: _is_up(f"{ours}/readyz"))
            processes.wait_until("oxigraph serve", lambda: _is_up(f"{theirs}/"))
            _measure(ours, theirs, subjects, rounds=rounds, seconds=seconds)
    print(f"machine: {processes.load()}")


def _fill(folder: Path, entities: int) -> list[str]:
    """The same facts in both: ours by the pipeline, theirs by loading a dump of them."""
    source = universe.source(entities)
    with Worker(universe.settings(folder / "data"), sources={"bench": source}) as worker:
        worker.inbox.publish(universe.events(source))
        worker.drain()
        triples = list(worker.store.statements())
    dump = folder / "facts.nt"
    dump.write_text(ntriples(triples), "utf-8")
    load = [_binary(), "load", "--location", str(folder / "oxigraph"), "--file", str(dump)]
    subprocess.run(load, check=True, capture_output=True)
    size = dump.stat().st_size / 1e6
    print(f"{len(triples):,} statements ({size:.0f} MB as N-Triples) about {entities:,} entities")
    return sorted({subject for subject, _, _ in triples if "/model-instance/" in subject})


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


def _measure(ours: int, theirs: int, subjects: list[str], *, rounds: int, seconds: float) -> None:
    paths = {ours: "/sparql", theirs: "/query"}
    points = {
        port: [
            client.request(path, f"SELECT ?p ?o WHERE {{ <{iri}> ?p ?o }}", accept=JSON)
            for iri in subjects
        ]
        for port, path in paths.items()
    }
    sizes = [_asked(port, points[port][0])[1] for port in paths]
    print(f"a point query, one of {len(subjects):,}; {sizes[0]:,} and {sizes[1]:,} bytes a body")
    for connections in (1, 4):
        rates = _in_turns(
            ours,
            theirs,
            lambda port, connections=connections: client.requests_per_second(
                port, points[port], connections=connections, seconds=seconds
            ),
            rounds=rounds,
        )
        _tell(
            f"{connections} connection{'s'[: connections - 1]}", rates, "requests/s", WANTED_POINT
        )
    for form, accept in (("JSON", JSON), ("TSV", TSV)):
        whole = {p: client.request(path, SELECT_ALL, accept=accept) for p, path in paths.items()}
        sizes = [_asked(port, whole[port])[1] for port in paths]
        print(f"{ROWS:,} rows as {form}: {sizes[0]:,} and {sizes[1]:,} bytes a body")
        rates = _in_turns(
            ours,
            theirs,
            lambda port, whole=whole: ROWS / _asked(port, whole[port])[0],
            rounds=rounds,
        )
        _tell("to the last byte", rates, "rows/s", WANTED_ROWS)


def _asked(port: int, request: bytes) -> tuple[float, int]:
    """Seconds and size of one answer, on a new connection."""
    connection = client.Connection(port)
    start = time.perf_counter()
    size = connection.ask(request)
    taken = time.perf_counter() - start
    connection.close()
    return taken, size


def _in_turns(
    ours: int, theirs: int, rate: Callable[[int], float], *, rounds: int
) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        found[0].append(rate(ours))
        found[1].append(rate(theirs))
    return found


def _tell(what: str, rates: tuple[list[float], list[float]], unit: str, wanted: float) -> None:
    ours, theirs = map(median, rates)
    ratio = ours / theirs
    verdict = "ok" if ratio >= wanted else "MISSED"
    print(f"  {what:16} ours {ours:9,.0f} {unit}, oxigraph {theirs:9,.0f}; ", end="")
    print(f"ratio {ratio:.2f}, wanted {wanted:g}: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    run(given.entities, rounds=given.rounds, seconds=given.seconds)


if __name__ == "__main__":
    main()
