"""Events to committed, validated and indexed entities: entities a second, and against what.

    python -m tests.benchmarks.ingest [--entities 20000]

Prints, from one run on one machine: the whole pipeline; the commit alone (the same statements put
into the same store in the same batches, with no history, validation, inference or index); and
ml-metadata-like storage (SQLite, batches of 100, a row for each property) as the peer.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from pyoxigraph import RdfFormat, Store

from kg import config
from kg.config import SourceSettings
from kg.model import Event
from kg.terms import ntriples
from kg.worker import Worker
from tests.benchmarks import universe


def run(count: int) -> None:
    source = universe.source(count)
    refs = list(source.list())
    events = [
        Event(ref=r, event_type=f"{r.type}.created", event_id=str(n)) for n, r in enumerate(refs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        with Worker(settings, sources={"bench": source}) as worker:
            start = time.perf_counter()
            for batch in range(0, len(events), 1000):
                worker.inbox.publish(events[batch : batch + 1000])
            published = time.perf_counter() - start
            worker.drain()
            whole = time.perf_counter() - start
            triples = list(worker.store.statements())
            _print("publish alone", count, published)
            _print("events to committed, validated, indexed entities", count, whole)
            print(f"  {len(triples):,} statements, {worker.store.version} versions")
    alone = _commit_alone(triples, count)
    _print("commit alone, same statements", count, alone)
    peer = _rows(refs, triples)
    _print("rows in SQLite, batches of 100", count, peer)
    print(f"ratio to commit alone {alone / whole:.2f}, to rows in SQLite {peer / whole:.2f}")


def _settings(folder: Path) -> config.Settings:
    found = config.load(environ={}, data_dir=str(folder))
    table = SourceSettings(name="bench", kind="memory", options={}, links={})
    return config.Settings(values=found.values, sources={"bench": table})


def _print(what: str, count: int, seconds: float) -> None:
    print(f"{what}: {count:,} entities in {seconds:.2f} s, {count / seconds:,.0f}/s")


def _commit_alone(triples: list, count: int) -> float:
    size = max(1, len(triples) * 1000 // count)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        start = time.perf_counter()
        for batch in range(0, len(triples), size):
            store.load(ntriples(triples[batch : batch + size]).encode(), RdfFormat.N_TRIPLES)
        return time.perf_counter() - start


def _rows(refs: list, triples: list) -> float:
    about: dict[str, list[tuple[str, str, str]]] = {}
    for t in triples:
        about.setdefault(t[0], []).append(t)
    entities = list(about.values())
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--entities", type=int, default=20_000)
    run(parser.parse_args().entities)
