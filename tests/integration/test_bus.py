"""A worker as its users start it, fed by a Kafka-protocol broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from kg import config, iris
from kg.errors import NotFound
from kg.events.kafka import KafkaPublisher
from kg.iris import EntityRef
from kg.service import Service
from kg.sources.memory import MemorySource
from kg.terms import node
from kg.worker import Worker
from tests.kg.events.brokers import SESSION, Kafka, eventually, quiet_port
from tests.kg.events.carrying import event

UNIVERSE = {"type": "model-version", "key": "m0", "name": "M", "version": "1", "model_id": "m"}


@contextmanager
def worker(file: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLG_")}
    command = [sys.executable, "-m", "kg.cli", "--config", str(file), "worker"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def known(service: Service) -> bool:
    try:
        return bool(service.entity(EntityRef("model-version", "test", "m0")).name)
    except NotFound:
        return False


def test_events_come_from_kafka_to_the_graph(tmp_path: Path) -> None:
    broker = Kafka(port=quiet_port())
    (tmp_path / "universe.json").write_text(json.dumps([UNIVERSE]))
    file = tmp_path / "mlg.toml"
    file.write_text(
        f'''
        data_dir = "{tmp_path / "data"}"
        [events]
        url = "{broker.url("assets")}"
        [sources.test]
        kind = "memory"
        path = "{tmp_path / "universe.json"}"
        '''
    )
    settings = config.load(file, environ={})
    with worker(file), Service(settings) as service:
        eventually("trouble", lambda: "Kafka" in (service.status().message or ""))
        with broker.broker():
            broker.create("assets")
            with KafkaPublisher(broker.parts("assets")) as publisher:
                publisher.publish([event("m0")])
            producer = Producer({"bootstrap.servers": f"127.0.0.1:{broker.port}"})
            producer.produce("assets", value=b"no event")
            assert producer.flush(10) == 0
            eventually("both are seen", lambda: service.status().dead == 1)
            eventually("it is in the graph", lambda: known(service))
            assert service.status().message is None
        (letter,) = service.dead_letters()
        assert letter.ref is None and (letter.place or "").startswith("kafka:assets/")


def test_several_consumers_of_one_worker_share_a_topic(tmp_path: Path) -> None:
    broker = Kafka(port=quiet_port())
    source = MemorySource("test")
    url = broker.url("assets", more=f"{SESSION}&consumers=2")
    settings = config.load(environ={}, data_dir=str(tmp_path / "data"), events_url=url)
    stop, sent = threading.Event(), 0
    with broker.broker():
        broker.create("assets")
        with (
            Worker(settings, sources={"test": source}) as worker,
            KafkaPublisher(broker.parts("assets")) as publisher,
        ):
            running = threading.Thread(target=worker.run, args=(stop,))
            running.start()
            try:
                deadline = time.monotonic() + 60
                while not all(bridge.carried for bridge in worker.bridges):  # each has partitions
                    assert time.monotonic() < deadline
                    keys = [f"m{number}" for number in range(sent, sent + 20)]
                    for key in keys:
                        source.put({**UNIVERSE, "key": key})
                    sent += publisher.publish(map(event, keys))
                    time.sleep(0.2)
                eventually("all is hydrated", lambda: len(_models(worker)) == sent)
            finally:
                stop.set()
                running.join()
            assert len(worker.bridges) == 2
            assert worker.inbox.pending() == 0 and not worker.inbox.dead()


def _models(worker: Worker) -> set[str]:
    return set(worker.store.subjects(iris.TYPE, node(iris.class_of_type("model-version"))))
