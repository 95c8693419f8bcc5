"""OpenLineage events from a topic: a real client sends them, and a worker as its users start it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kg import config
from kg.config import Settings
from kg.errors import NotFound
from kg.iris import EntityRef
from kg.model import Payload
from kg.service import Service
from kg.sources.openlineage import OpenLineageSource
from tests.docs.documents import ROOT
from tests.kg.events.brokers import SESSION, Kafka, eventually, quiet_port
from tests.kg.sources.case_openlineage import recorded

CLIENT = ROOT / "tests" / "data" / "openlineage" / "record.py"
Graph = dict[EntityRef, Payload]


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    made = Kafka(port=quiet_port())
    with made.broker():
        for topic in ("client", "crash", "rubbish"):
            made.create(topic)
        yield made


def settings_of(folder: Path, broker: Kafka, *, topic: str) -> tuple[Path, Settings]:
    file = folder / "mlg.toml"
    file.write_text(
        f'''
        data_dir = "{folder / "data"}"
        [sources.lineage]
        kind = "openlineage"
        url = "{broker.url(topic, group=topic, more=f"{SESSION}&consumers=2")}"
        '''
    )
    return file, config.load(file, environ={})


@contextmanager
def worker(file: Path, *, killed: bool = False) -> Iterator[None]:
    command = [sys.executable, "-m", "kg.cli", "--config", str(file), "worker"]
    with subprocess.Popen(command, cwd=file.parent) as process:
        try:
            yield
        finally:
            (process.kill if killed else process.terminate)()
            process.wait(30)


def send(broker: Kafka, topic: str, *bodies: bytes) -> None:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{broker.port}"})
    for body in bodies:
        producer.produce(topic, value=body)
    assert producer.flush(10) == 0


def graph(source: OpenLineageSource) -> Graph:
    """All that a record says."""
    return {ref: source.fetch(ref).documents[0].payload for ref in source.list()}


def told_directly(folder: Path, *names: str) -> Graph:
    """What a record says that was told by no broker."""
    source = OpenLineageSource("lineage", data_dir=folder)
    for name in names:
        source.keep(recorded(name))
    return graph(source)


def arrived(settings: Settings, expected: Graph) -> bool:
    return graph(OpenLineageSource("lineage", data_dir=settings.data_dir)) == expected


def is_known(service: Service, ref: EntityRef) -> bool:
    try:
        return service.entity(ref).state == "hydrated"
    except NotFound:
        return False


def test_what_a_client_sends_to_a_topic_is_in_the_graph(tmp_path: Path, broker: Kafka) -> None:
    file, settings = settings_of(tmp_path, broker, topic="client")
    subprocess.run(
        [sys.executable, CLIENT, f"kafka://127.0.0.1:{broker.port}/client"], check=True, timeout=60
    )
    expected = told_directly(tmp_path / "direct", "client.jsonl")
    with worker(file), Service(settings) as service:
        eventually("all of it", lambda: arrived(settings, expected), seconds=40)
        eventually("in the graph", lambda: all(is_known(service, ref) for ref in expected))
        assert service.status().message is None
        assert service.dead_letters() == []


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path, broker: Kafka) -> None:
    file, settings = settings_of(tmp_path, broker, topic="crash")
    events = recorded("dbt.jsonl")
    expected = told_directly(tmp_path / "direct", "dbt.jsonl")
    half = len(events) // 2
    with worker(file, killed=True), Service(settings):
        send(broker, "crash", *(json.dumps(event).encode() for event in events[:half]))
        record = OpenLineageSource("lineage", data_dir=settings.data_dir)
        eventually("the first of them", lambda: any(record.list()), seconds=40)
    send(broker, "crash", *(json.dumps(event).encode() for event in events[half:]))
    with worker(file), Service(settings) as service:
        eventually("all of it", lambda: arrived(settings, expected), seconds=40)
        eventually("in the graph", lambda: all(is_known(service, ref) for ref in expected))


def test_what_cannot_be_used_is_listed_under_its_source(tmp_path: Path, broker: Kafka) -> None:
    file, settings = settings_of(tmp_path, broker, topic="rubbish")
    good = json.dumps(recorded("client.jsonl")).encode()  # a list, as HTTP takes one
    no_event = b'{"eventTime": "2026-11-01T04:00:00Z", "job": {"name": "x"}}'
    send(broker, "rubbish", b"no JSON", good, no_event)
    expected = told_directly(tmp_path / "direct", "client.jsonl")
    with worker(file), Service(settings) as service:
        eventually("the good one", lambda: arrived(settings, expected), seconds=40)
        eventually("the others", lambda: len(service.dead_letters("lineage")) == 2)
        errors = " ".join(letter.error for letter in service.dead_letters("lineage"))
        assert "not JSON" in errors
        assert "/job" in errors
        assert service.replay("lineage") == 0, "what is still no event stays listed"
        assert len(service.dead_letters("lineage")) == 2
