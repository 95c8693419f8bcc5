"""Thin events through a real Kafka-protocol broker: events and entities a second, and against what.

    python -m tests.benchmarks.kafka [--events 100000] [--entities 10000] [--consumers 2]

Prints, from one run on one machine: sending the events to the broker; two bridges of one group
that take them from there, read, check and put them into one inbox, synced, and commit; the same
events put straight into an inbox, in batches of the same size, first as they are in memory, then
read from their JSON as the bridges do. Then all the way to committed, validated and indexed
entities, of a memory source, by one worker: from two bridges, and from as many threads that put the
same into its inbox. The broker is tansu with its memory as storage; each bridge is a thread, as in
a worker. The time of the bridges begins with the first event that arrives: the broker lets a new
group wait before.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from kg import iris
from kg.events import Inbox
from kg.events.bridge import Bridge
from kg.events.bus import open_bus, thin_json
from kg.events.kafka import KafkaPublisher
from kg.events.letters import Letters
from kg.ingest import ingest_json
from kg.iris import EntityRef
from kg.model import Event
from kg.sources import Source
from kg.sources.memory import MemorySource
from kg.terms import node
from kg.worker import Worker
from tests.benchmarks import processes, universe
from tests.kg.events.brokers import SESSION, Kafka, quiet_port

TOPIC = "assets"
BATCH = 2000
"""What a bridge puts into the inbox at a time, at most."""

T = TypeVar("T")


def run(count: int, *, entities: int, consumers: int) -> None:
    source = universe.source(entities)
    refs = list(source.list())
    events = [_event(number, refs[number % entities]) for number in range(count)]
    bodies = [thin_json(event) for event in events]
    straight = _straight(_batches(events), lambda batch: batch)
    read = _straight(_batches(bodies), lambda batch: [e for b in batch for e in ingest_json(b)])
    broker = Kafka(port=quiet_port())
    with broker.broker():
        broker.create(TOPIC)
        start = time.perf_counter()
        with KafkaPublisher(broker.parts(TOPIC)) as publisher:
            publisher.publish(events, seconds=300)
        sent = time.perf_counter() - start
        carried = _carried(broker, count, entities=entities, consumers=consumers)
        bridged = _to_graph(universe.source(entities), count, _bridges(broker, consumers))
    told = _to_graph(universe.source(entities), count, _tellers(events, consumers))
    _print("sent to the broker, keyed, idempotent", count, sent)
    _print(f"broker to inbox, {consumers} consumers, {entities:,} entities", count, carried)
    _print(f"straight into the inbox, {BATCH} at a time", count, straight)
    _print("the same, read from JSON", count, read)
    print(
        f"ratio to straight into the inbox {straight / carried:.2f}, "
        f"to the same read from JSON {read / carried:.2f}"
    )
    _print(f"broker to graph, {consumers} consumers", entities, bridged, of="entities")
    _print(f"inbox to graph, {consumers} threads", entities, told, of="entities")
    print(f"ratio of the broker to the inbox {told / bridged:.2f}")
    print(f"machine: {processes.load()}")


def _event(number: int, ref: EntityRef) -> Event:
    return Event(ref=ref, event_type=f"{ref.type}.changed", event_id=str(number))


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _straight(
    batches: Iterator[Sequence[T]], events_of: Callable[[Sequence[T]], Sequence[Event]]
) -> float:
    with tempfile.TemporaryDirectory() as folder, Inbox(Path(folder) / "inbox.sqlite") as inbox:
        start = time.perf_counter()
        for batch in batches:
            inbox.publish(events_of(batch))
        return time.perf_counter() - start


def _carried(broker: Kafka, count: int, *, entities: int, consumers: int) -> float:
    """Seconds from the first event in the inbox to the last."""
    url = broker.url(TOPIC, more=f"{SESSION}&batch={BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inbox.sqlite"
        with Inbox(file) as inbox, ExitStack() as stack:
            bridges = [
                Bridge(
                    lambda: open_bus(url),
                    parse=ingest_json,
                    keep=inbox.publish_all,
                    letters=Letters(file),
                )
                for _ in range(consumers)
            ]
            for bridge in bridges:
                stack.enter_context(bridge)
            _wait(lambda: sum(bridge.carried for bridge in bridges) > 0)
            already = sum(bridge.carried for bridge in bridges)
            start = time.perf_counter()
            _wait(lambda: sum(bridge.carried for bridge in bridges) >= count)
            seconds = time.perf_counter() - start
            assert inbox.pending() == entities, "each entity is there, and there once"
            print(f"  shared as {' and '.join(f'{bridge.carried:,}' for bridge in bridges)}")
    return seconds * count / (count - already)


Fill = Callable[[Inbox, Path], AbstractContextManager[Callable[[], int]]]
"""Begins to fill an inbox, whose file is named, and gives what tells how many events it has."""


def _bridges(broker: Kafka, consumers: int) -> Fill:
    url = broker.url(TOPIC, group="graph", more=f"{SESSION}&batch={BATCH}")

    @contextmanager
    def fill(inbox: Inbox, file: Path) -> Iterator[Callable[[], int]]:
        bridges = [
            Bridge(
                lambda: open_bus(url),
                parse=ingest_json,
                keep=inbox.publish_all,
                letters=Letters(file),
            )
            for _ in range(consumers)
        ]
        with ExitStack() as stack:
            for bridge in bridges:
                stack.enter_context(bridge)
            yield lambda: sum(bridge.carried for bridge in bridges)

    return fill


def _tellers(events: Sequence[Event], count: int) -> Fill:
    @contextmanager
    def fill(inbox: Inbox, file: Path) -> Iterator[Callable[[], int]]:
        told = [0] * count

        def tell(number: int) -> None:
            for batch in _batches(events[number::count]):
                told[number] += inbox.publish(batch)

        with ThreadPoolExecutor(count) as pool:
            for number in range(count):
                pool.submit(tell, number)
            yield lambda: sum(told)

    return fill


def _to_graph(source: MemorySource, count: int, fill: Fill) -> float:
    """Seconds from the first event in the inbox until all entities are in the graph.

    The worker closes the source, which is empty then.
    """
    entities = len(list(source.list()))
    with tempfile.TemporaryDirectory() as folder:
        sources: dict[str, Source] = {source.name: source}
        with Worker(universe.settings(Path(folder)), sources=sources) as worker:
            before = source.fetches
            with fill(worker.inbox, Path(folder) / "inbox.sqlite") as filled:
                _wait(lambda: filled() > 0)
                start = time.perf_counter()
                while filled() < count or worker.inbox.pending():
                    worker.drain()
                seconds = time.perf_counter() - start
            recorded = worker.store.subjects(iris.RECORDED_BY, _recorder(worker, source.name))
            assert len(set(recorded)) == entities > 0, "every entity is in the graph"
            print(f"  {source.fetches - before:,} entities were asked for")
    return seconds


def _recorder(worker: Worker, name: str) -> str:
    return node(worker.settings.minter.mint(iris.source_system(name)))


def _wait(holds: Callable[[], bool], *, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"After {seconds:g} seconds not all events are in the inbox.")
        time.sleep(0.001)


def _print(what: str, count: int, seconds: float, *, of: str = "events") -> None:
    print(f"{what}: {count:,} {of} in {seconds:.2f} s, {count / seconds:,.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--consumers", type=int, default=2)
    given = parser.parse_args()
    run(given.events, entities=given.entities, consumers=given.consumers)


if __name__ == "__main__":
    main()
