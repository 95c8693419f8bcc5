"""Against a real broker. Each test has a topic and a group of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kg.errors import SystemFailure
from kg.events import Inbox
from kg.events.bridge import Bridge
from kg.events.bus import open_bus
from kg.events.kafka import KafkaPublisher
from kg.events.letters import Letters
from tests.kg.events import brokers
from tests.kg.events.brokers import PARTITIONS, SESSION, Kafka, eventually, quiet_port
from tests.kg.events.carrying import FailingInbox, bridge, event, last, told

_numbers = count()


@pytest.fixture
def topic(kafka: Kafka) -> str:
    name = f"assets-{next(_numbers)}"
    kafka.create(name)
    return name


def send(kafka: Kafka, topic: str, *keys: str, id: str = "1") -> None:
    with KafkaPublisher(kafka.parts(topic)) as publisher:
        assert publisher.publish(event(key, id) for key in keys) == len(keys)


def bodies(kafka: Kafka, topic: str, *values: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})
    for number, value in enumerate(values):
        producer.produce(topic, value=value, partition=number % PARTITIONS)
    assert producer.flush(10) == 0


def committed(kafka: Kafka, topic: str, *, group: str = "mlgraph") -> int:
    """How many messages the group says it is done with."""
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{kafka.port}", "group.id": group})
    try:
        offsets = consumer.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], 10)
        return sum(max(0, partition.offset) for partition in offsets)
    finally:
        consumer.close()


def carrying(kafka: Kafka, topic: str, inbox: Inbox, letters: Letters, more: str = "") -> Bridge:
    """Each topic has its group, since this broker keeps one generation for a group's name."""
    url = kafka.url(topic, group=topic, more=f"{SESSION}{more}")
    return bridge(lambda: open_bus(url), inbox, letters)


def test_events_arrive_and_are_committed(
    kafka: Kafka, topic: str, store: Inbox, letters: Letters
) -> None:
    keys = [f"m{number}" for number in range(500)]
    send(kafka, topic, *keys)
    with carrying(kafka, topic, store, letters) as bridging:
        eventually("all in the inbox", lambda: bridging.carried == 500)
        eventually("all committed", lambda: committed(kafka, topic, group=topic) == 500)
        assert told(store) == dict.fromkeys(keys, 1)
        for id, doubled in (("3", "abc"), ("2", "cba"), ("3", "bca")):
            send(kafka, topic, *doubled, id=id)
        eventually("the later ones", lambda: bridging.carried == 509)
    assert {key: count for key, count in told(store).items() if key in "abc"} == dict.fromkeys(
        "abc", 3
    )
    assert {last(store)[key] for key in "abc"} == {"a-3", "b-3", "c-3"}, "as they came"
    assert bridging.trouble is None


def test_the_events_of_an_entity_stay_in_one_partition(kafka: Kafka, topic: str) -> None:
    for id in "123":
        send(kafka, topic, *(f"m{number}" for number in range(60)), id=id)
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{kafka.port}", "group.id": "reader"})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    found: Counter[tuple[bytes | None, int | None]] = Counter()
    while sum(found.values()) < 180:
        for record in consumer.consume(100, 0.2):
            assert record.error() is None
            found[_bytes(record.key()), record.partition()] += 1
    consumer.close()
    assert len(found) == 60 and set(found.values()) == {3}
    assert {partition for _, partition in found} == set(range(PARTITIONS))


def _bytes(key: str | bytes | None) -> bytes | None:
    return key.encode() if isinstance(key, str) else key


def test_rubbish_is_a_dead_letter_and_the_consumer_goes_on(
    kafka: Kafka, topic: str, store: Inbox, letters: Letters
) -> None:
    rubbish = [b"no JSON", b"\xff", None, b"[" * 100_000, b'{"event_type": "x"}']
    bodies(kafka, topic, *rubbish)
    send(kafka, topic, "a", "b")
    bodies(kafka, topic, b"more of it")
    with carrying(kafka, topic, store, letters):
        eventually("all committed", lambda: committed(kafka, topic, group=topic) == 8)
        send(kafka, topic, "c")
        eventually("the next one", lambda: "c" in told(store))
    assert told(store) == {"a": 1, "b": 1, "c": 1}
    found = {letter.place: letter for letter in letters.newest()}
    assert len(found) == 6
    assert found[f"kafka:{topic}/0@0"].body == b"no JSON"
    assert "JSON" in found[f"kafka:{topic}/0@0"].error


def test_a_message_is_committed_only_when_the_inbox_has_it(
    tmp_path: Path, kafka: Kafka, topic: str, store: Inbox, letters: Letters
) -> None:
    """The bridge ends between delivery and commit; another takes over and finds all of them."""
    send(kafka, topic, "a", "b", "c")
    with FailingInbox(tmp_path / "failing.sqlite", failures=1_000_000) as failing:
        with carrying(kafka, topic, failing, letters) as bridging:
            eventually("it has them in hand", lambda: failing.tried > 2)
            assert "disk is full" in (bridging.trouble or "")
        assert told(failing) == {}
    assert committed(kafka, topic, group=topic) == 0
    with carrying(kafka, topic, store, letters):
        eventually("they came again", lambda: len(told(store)) == 3)
        eventually("and are committed", lambda: committed(kafka, topic, group=topic) == 3)


@contextmanager
def sending(kafka: Kafka, topic: str) -> Iterator[list[str]]:
    """Sends one event after the other, each of a new entity, until the block ends."""
    stop = threading.Event()
    keys: list[str] = []

    def run() -> None:
        with KafkaPublisher(kafka.parts(topic)) as publisher:
            while not stop.wait(0.005):
                key = f"m{len(keys)}"
                publisher.publish([event(key)])
                keys.append(key)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield keys
    finally:
        stop.set()
        thread.join()


def test_two_consumers_share_and_nothing_is_lost_when_one_leaves(
    kafka: Kafka, topic: str, store: Inbox, letters: Letters
) -> None:
    with carrying(kafka, topic, store, letters) as first:
        with sending(kafka, topic) as keys:
            eventually("the first carries", lambda: first.carried > 0)
            with carrying(kafka, topic, store, letters) as second:
                eventually("the second carries", lambda: second.carried > 20)
                before = first.carried
                eventually("both carry", lambda: first.carried > before + 20)
            after = first.carried
            eventually("the first goes on", lambda: first.carried > after + 20)
        eventually("nothing is lost", lambda: told(store).keys() == set(keys))
    assert (first.trouble, second.trouble) == (None, None)


HOLDS_THEM = """
import sys, time
from kg.events.bus import open_bus
bus, found = open_bus(sys.argv[1]), 0
while found < int(sys.argv[2]):
    found += len(bus.poll())
print("in hand", flush=True)
time.sleep(600)
"""


def test_a_consumer_that_is_killed_loses_nothing(
    kafka: Kafka, topic: str, store: Inbox, letters: Letters
) -> None:
    """It had all in hand: no acknowledgement, no good-bye to its group."""
    send(kafka, topic, *(f"m{number}" for number in range(50)))
    command = [sys.executable, "-c", HOLDS_THEM, kafka.url(topic, group=topic), "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"in hand\n"
        finally:
            process.kill()
    with carrying(kafka, topic, store, letters):
        eventually("all in the inbox", lambda: len(told(store)) == 50)
        eventually("and committed", lambda: committed(kafka, topic, group=topic) == 50)


def test_a_broker_that_is_absent_at_first(tmp_path: Path, store: Inbox, letters: Letters) -> None:
    broker = Kafka(port=quiet_port())
    with carrying(broker, "assets", store, letters) as bridging:
        eventually("trouble is told", lambda: bridging.trouble is not None)
        assert f"127.0.0.1:{broker.port}" in (bridging.trouble or "")
        with broker.broker():
            broker.create("assets")
            send(broker, "assets", "a")
            eventually("the event", lambda: told(store) == {"a": 1})
            eventually("no trouble", lambda: bridging.trouble is None)
        eventually("trouble again", lambda: bridging.trouble is not None)


def test_a_broker_that_goes_while_a_batch_is_kept() -> None:
    broker = Kafka(port=quiet_port())
    with closing(open_bus(broker.url("assets"))) as bus:
        with broker.broker():
            broker.create("assets")
            send(broker, "assets", "a")
            while not bus.poll():
                pass
        with pytest.raises(SystemFailure, match="transport failure"):
            bus.acknowledge()


def test_a_broker_that_restarts(amazon: str, store: Inbox, letters: Letters) -> None:
    broker = brokers.lasting(amazon, bucket="tansu")
    with carrying(broker, "assets", store, letters) as bridging:
        with broker.broker():
            broker.create("assets")
            send(broker, "assets", "a", "b")
            eventually("the first events", lambda: told(store) == {"a": 1, "b": 1})
            eventually("committed", lambda: committed(broker, "assets", group="assets") == 2)
        eventually("trouble", lambda: bridging.trouble is not None)
        with broker.broker():
            send(broker, "assets", "b", "c", id="2")
            eventually("what came after", lambda: told(store) == {"a": 1, "b": 2, "c": 1})
            eventually("no trouble", lambda: bridging.trouble is None)


def test_a_publisher_says_that_nobody_took_its_events() -> None:
    broker = Kafka(port=quiet_port())
    with (
        KafkaPublisher(broker.parts("assets")) as publisher,
        pytest.raises(SystemFailure, match=str(broker.port)),
    ):
        publisher.publish([event("a")], seconds=0.5)
