"""The graph as of a moment: the first answer, the next ones, and single entities.

    python -m tests.benchmarks.past [--entities 10000] [--more 40000] [--changes 10000]

A graph of ``--entities`` in which ``--changes`` statements are then changed, and the same with
``--more`` beside them: the price of the past must be that of the changes, not that of the graph. The
peer of a query of the past is the same query of now, in turns, answered in the same way; that of an
entity as of a moment is the entity now.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import ParamSpec

from kg.commit import propose
from kg.draft import Draft
from kg.iris import EntityRef
from kg.model import Entity, Proposal
from kg.service import Service
from kg.terms import literal
from kg.worker import Worker
from tests.benchmarks import processes, universe

Given = ParamSpec("Given")
ROUNDS = 200
BATCH = 500
"""Entities that one commit changes; each of its two changed statements is one that goes or comes."""
TITLE = "http://purl.org/dc/terms/title"
COUNT = "SELECT (COUNT(*) AS ?n) { ?s a <https://w3id.org/mlgraph/ns/ModelVersion> }"
GRAPHS = ("steward", "history")
"""One that is had without history as it was, and history itself."""
NAMED = "SELECT (COUNT(*) AS ?n) { GRAPH <urn:mlgraph:graph:%s> { ?s ?p ?o } }"
POINT = "SELECT ?p ?o { <%s> ?p ?o }"


def run(count: int, *, changes: int) -> None:
    source = universe.source(count)
    with tempfile.TemporaryDirectory() as folder:
        settings = universe.settings(Path(folder))
        with Worker(settings, sources={"bench": source}) as worker:
            worker.inbox.publish(universe.events(source))
            worker.drain()
            worker.tidy()  # as one does that has nothing else to do
            then = settings.clock()
            refs = [ref for ref in source.list() if ref.type != "person"][: changes // 2]
            for first in range(0, len(refs), BATCH):
                _rename(worker, refs[first : first + BATCH], settings.clock())
            worker.publish()
            size = len(worker.store)
        with Service(settings) as service:
            print(f"{count:,} entities, {size:,} statements, {changes:,} of them changed since")
            _queries(service, then, service.minter.mint(refs[0]))
            _entities(service, then, refs)


def _rename(worker: Worker, refs: list[EntityRef], at: datetime) -> None:
    """Another title for each: one statement goes, and one comes."""
    draft = Draft(worker.store)
    for ref in refs:
        iri = worker.settings.minter.mint(ref)
        kept = {s for s in draft.held(iri).of("source") if s[1] != TITLE}
        named = (iri, TITLE, literal(f"Renamed at {at.isoformat()}"))
        entity = Entity(ref=ref, iri=iri, statements=frozenset({*kept, named}))
        propose(draft, Proposal(entity=entity, layer="source", cause="bench"), at=at)
    worker.writer.enrich(draft, at=at)
    worker.writer.commit(draft, at=at)


def _queries(service: Service, then: datetime, iri: str) -> None:
    def ask(query: str, at: datetime | None) -> None:
        service.past.answer(query, at=at, format="json").close()

    ask(COUNT, None)  # the processes are up
    used = processes.cpu_seconds(os.getpgrp())
    first = _seconds(ask, COUNT, then)
    used = processes.cpu_seconds(os.getpgrp()) - used
    _judge(f"first answer ({used:.2f} s of work)", first)
    for name in GRAPHS:
        _judge(f"first answer that names graph {name}", _seconds(ask, NAMED % name, then))
    for name, query in (("point query", POINT % iri), ("count", COUNT)):
        past, now = [], []
        for _ in range(ROUNDS):
            past.append(_seconds(ask, query, then))
            now.append(_seconds(ask, query, None))
        ratio = median(past) / median(now)
        print(
            f"  {name}: {median(past) * 1000:.2f} ms, of now {median(now) * 1000:.2f} ms, "
            f"ratio {ratio:.2f}"
        )


def _judge(what: str, seconds: float) -> None:
    print(f"  {what}: {seconds:.2f} s, wanted < 1 s: {'ok' if seconds < 1 else 'MISSED'}")


def _entities(service: Service, then: datetime, refs: list[EntityRef]) -> None:
    shown = refs[:: max(1, len(refs) // ROUNDS)][:ROUNDS]
    asked: dict[str, Callable[[EntityRef], object]] = {
        "an entity as of then": lambda ref: service.entity(ref, at=then),
        "its history": service.past.history,
        "the entity now": service.entity,
    }
    for name, ask in asked.items():
        took = [_seconds(ask, ref) for ref in shown]
        p95 = quantiles(took, n=20)[-1] * 1000
        print(f"  {name}: p50 {median(took) * 1000:.1f} ms, p95 {p95:.1f} ms", end="")
        print("" if name.endswith("now") else f", wanted < 30 ms: {'ok' if p95 < 30 else 'MISSED'}")


def _seconds(do: Callable[Given, object], *given: Given.args, **named: Given.kwargs) -> float:
    start = time.perf_counter()
    do(*given, **named)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--more", type=int, default=40_000)
    parser.add_argument("--changes", type=int, default=10_000)
    given = parser.parse_args()
    run(given.entities, changes=given.changes)
    run(given.entities + given.more, changes=given.changes)
    print(f"machine: {processes.load()}")


if __name__ == "__main__":
    main()
