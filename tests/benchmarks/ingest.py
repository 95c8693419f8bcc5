"""Events to committed, validated and indexed entities: entities a second, and against what.

    python -m tests.benchmarks.ingest [--entities 20000] [--slow 300] [--mlmd-python PYTHON]

Prints, from one run on one machine: the whole pipeline; the commit alone (the same statements put
into the same store in the same batches, with no history, validation, inference or index); the
pipeline with pySHACL in place of the default engine, on a small part; and two ways to keep the
same properties in SQLite in batches of 100. One is plain rows, the least that any store of this
kind does. The other is ml-metadata, the C++ store of TensorFlow Extended, with neither validation
nor history nor index. It pins old releases of its dependencies, so it is run by a Python of its
own that has it (``pip install ml-metadata``), named here or in ``MLG_BENCH_MLMD_PYTHON``.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from pyoxigraph import RdfFormat, Store

from kg import iris
from kg.terms import Statement, ntriples
from kg.worker import Worker
from tests.benchmarks import processes, universe

PEER = Path(__file__).with_name("mlmd.py")
PEER_PYTHON = "MLG_BENCH_MLMD_PYTHON"
WANTED, PEER_THEN = 3000, 4300
"""Entities a second that are wanted, and what ml-metadata put where that was said: machines differ by
a factor of two, so their ratio tells how far the way is on this one."""
PUBLISHED = 1000
"""Events handed to the inbox at a time."""


def run(count: int, *, slow: int, mlmd_python: str | None) -> None:
    whole, triples = _pipeline(count)
    alone = _commit_alone(triples, count)
    _print("commit alone, same statements", count, alone)
    rows = _rows(triples)
    _print("rows in SQLite, batches of 100", count, rows)
    mlmd = _mlmd(triples, mlmd_python) if mlmd_python else None
    if mlmd is None:
        print("ml-metadata: not measured; --mlmd-python names a Python that has it")
    else:
        _print("ml-metadata on SQLite, batches of 100", count, mlmd)
    _judge(count / whole, count / mlmd if mlmd else None)
    fast, _ = _pipeline(slow)
    reference, _ = _pipeline(slow, engine="pyshacl")
    print(
        f"ratio to commit alone {alone / whole:.2f}, to rows in SQLite {rows / whole:.2f}", end=""
    )
    print(f", to ml-metadata {mlmd / whole:.2f}" if mlmd else "")
    print(f"ratio to pySHACL, of {slow} entities each: {reference / fast:.1f}, ", end="")
    print(f"by the rate of the whole run: {reference / slow / (whole / count):.1f}")
    print(f"machine: {processes.load()}")


def _judge(rate: float, peer: float | None) -> None:
    print(f"  wanted {WANTED:,}/s: {'ok' if rate >= WANTED else 'MISSED'}", end="")
    if peer:
        print(f"; {rate / peer:.2f} of ml-metadata, ", end="")
        print(f"where {WANTED / PEER_THEN:.2f} is what was wanted of both", end="")
    print()


def _pipeline(count: int, *, engine: str = "shacl") -> tuple[float, list[Statement]]:
    """Seconds from the first event to the last published checkpoint, and what is then true."""
    source = universe.source(count)
    events = universe.events(source)
    with tempfile.TemporaryDirectory() as folder:
        settings = universe.settings(Path(folder))
        with Worker(settings, sources={"bench": source}, engine=engine) as worker:
            start = time.perf_counter()
            for first in range(0, len(events), PUBLISHED):
                worker.inbox.publish(events[first : first + PUBLISHED])
            published = time.perf_counter() - start
            worker.drain()
            whole = time.perf_counter() - start
            triples = list(worker.store.statements())
            _print(f"events to entities, validated by {engine}", len(events), whole)
            print(
                f"  {published:.2f} s to publish; {len(triples):,} statements, "
                f"{worker.store.version} versions"
            )
    return whole, triples


def _print(what: str, count: int, seconds: float) -> None:
    print(f"{what}: {count:,} entities in {seconds:.2f} s, {count / seconds:,.0f}/s")


def _commit_alone(triples: list[Statement], count: int) -> float:
    size = max(1, len(triples) * 1000 // count)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        start = time.perf_counter()
        for batch in range(0, len(triples), size):
            store.load(ntriples(triples[batch : batch + size]).encode(), RdfFormat.N_TRIPLES)
        return time.perf_counter() - start


def _by_subject(triples: list[Statement]) -> list[list[Statement]]:
    about: dict[str, list[Statement]] = {}
    for statement in triples:
        about.setdefault(statement[0], []).append(statement)
    return list(about.values())


def _rows(triples: list[Statement]) -> float:
    entities = _by_subject(triples)
    with tempfile.TemporaryDirectory() as folder, sqlite3.connect(f"{folder}/rows.db") as db:
        db.execute("CREATE TABLE artifact (id INTEGER PRIMARY KEY, uri TEXT UNIQUE, type TEXT)")
        db.execute("CREATE TABLE property (artifact TEXT, name TEXT, value TEXT)")
        db.execute("CREATE INDEX by_artifact ON property (artifact, name)")
        start = time.perf_counter()
        for batch in range(0, len(entities), 100):
            for rows in entities[batch : batch + 100]:
                db.execute("INSERT INTO artifact (uri, type) VALUES (?, ?)", (rows[0][0], "x"))
                db.executemany("INSERT INTO property VALUES (?, ?, ?)", rows)
            db.commit()
        return time.perf_counter() - start


def _mlmd(triples: list[Statement], python: str) -> float:
    lines = []
    for rows in _by_subject(triples):
        properties = {predicate: value for _, predicate, value in rows}
        lines.append(json.dumps([properties.pop(iris.TYPE, "?"), rows[0][0], properties]))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, str(PEER), f"{folder}/mlmd.db"],
            input="\n".join(lines),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=20_000)
    parser.add_argument("--slow", type=int, default=300)
    parser.add_argument("--mlmd-python", default=os.environ.get(PEER_PYTHON))
    given = parser.parse_args()
    run(given.entities, slow=given.slow, mlmd_python=given.mlmd_python)


if __name__ == "__main__":
    main()
