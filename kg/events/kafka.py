"""Kafka, and whatever speaks its protocol, by librdkafka (extra ``kafka``).

``events.url = "kafka://host:9092[,host:port]/topic?group=mlgraph"``, with these options:

==============  ====================================================================
``group``       the consumer group (``mlgraph``): its members share the partitions
``batch``       most messages put into the inbox together (2000)
``config``      a file of librdkafka's properties, one ``name=value`` a line: secrets
*a.dotted.name*  one of librdkafka's properties, such as ``security.protocol=SSL``
==============  ====================================================================

Offsets are committed by `acknowledge` alone, and only for partitions that are still this
consumer's: what was taken from one that is revoked meanwhile is committed by its next owner, which
reads it again. A consumer that lost its brokers is closed; the bridge builds another in a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as Record

from kg.errors import BadSetting, SystemFailure
from kg.events.bus import BusUrl, Message, thin_json
from kg.model import Event

WAIT_SECONDS: Final = 0.5
LINGER_SECONDS: Final = 0.02
"""How long a batch that has begun waits for more."""
CONNECT_SECONDS: Final = 3.0
QUIET_SECONDS: Final = 5.0
"""After so long without a message, the brokers are asked whether they are there."""

_OURS: Final = ("group", "batch", "config")
_DEFAULTS: Final[dict[str, str | int]] = {
    "client.id": "mlgraph",
    "partition.assignment.strategy": "cooperative-sticky",
    "queued.max.messages.kbytes": 16 * 1024,
    "reconnect.backoff.ms": 250,
    "log_level": 0,
}
"""The library would write of every broken connection on standard error; the bridge tells of one."""
_FIXED: Final[dict[str, str | bool]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
}
"""What the promise to lose nothing rests on."""
_SECRET: Final = ("password", "secret", "token", "key.pem")
_MOVED: Final = (
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._NO_OFFSET,
)
"""Answers to a commit that mean: the group is sharing out its partitions anew."""


class KafkaBus:
    """A member of a consumer group on one topic."""

    def __init__(self, url: BusUrl) -> None:
        self._topic = url.name
        self._where = url.where
        self._batch = url.number("batch", 2000, least=1, most=100_000)
        self._in_doubt, self._heard_at = False, 0.0
        self._subscribed = False
        self._owned: set[int] = set()
        self._in_hand: dict[int, int] = {}
        self._kept: dict[int, int] = {}
        properties = {
            **_DEFAULTS,
            **properties_of(url),
            **_FIXED,
            "bootstrap.servers": url.where,
            "group.id": url.options.get("group", "mlgraph"),
            "error_cb": self._hear,
        }
        try:
            self._consumer = Consumer(properties)
        except (KafkaException, TypeError, ValueError) as error:
            raise _bad_property(url, error) from error

    def poll(self) -> list[Message]:
        try:
            self._subscribe()
            records = self._consumer.consume(1, WAIT_SECONDS)
            if records:
                records += self._consumer.consume(self._batch - 1, LINGER_SECONDS)
            self._check_brokers(heard=bool(records))
        except KafkaException as error:
            raise self._away(error) from error
        self._in_hand = {}
        return [self._message(record) for record in records]

    def acknowledge(self) -> None:
        """Commits what is kept, of the partitions that are still ours; waits for the answer."""
        self._kept |= {p: offset for p, offset in self._in_hand.items() if p in self._owned}
        self._in_hand = {}
        if not self._kept:
            return
        offsets = [TopicPartition(self._topic, p, offset) for p, offset in self._kept.items()]
        try:
            # A commit has no limit of time: to a broker that went meanwhile it would wait for ever.
            self._consumer.list_topics(self._topic, timeout=CONNECT_SECONDS)
            committed = self._consumer.commit(offsets=offsets, asynchronous=False)
            for partition in committed or ():
                if partition.error is not None:
                    raise KafkaException(partition.error)
        except KafkaException as error:
            if _code(error) not in _MOVED:
                raise self._away(error) from error
            return  # tried again at the next, unless the partition goes
        self._kept = {}

    def close(self) -> None:
        """Leaves the group, so that its other members need not wait to take over."""
        self._consumer.close()

    def _subscribe(self) -> None:
        """Asks the brokers for the topic first: they are away, or have none, or all is well."""
        if self._subscribed:
            return
        topic = self._consumer.list_topics(self._topic, timeout=CONNECT_SECONDS).topics.get(
            self._topic
        )
        if topic is None or topic.error is not None:
            why = topic.error.str() if topic and topic.error else "it is not listed"
            raise SystemFailure(f"Kafka at {self._where} has no topic {self._topic!r}: {why}.")
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )
        self._in_doubt, self._heard_at = False, time.monotonic()
        self._subscribed = True

    def _check_brokers(self, *, heard: bool) -> None:
        """Asks, after any trouble or a long silence, whether a broker still answers; raises if not.

        Most trouble is none: a connection that was idle too long, one broker of several. And of
        brokers that are gone the library may say nothing: it tells of the same error once in half a
        minute, and counts those that it is not connected to at the moment as there.
        """
        now = time.monotonic()
        if not heard and (self._in_doubt or now - self._heard_at > QUIET_SECONDS):
            self._consumer.list_topics(self._topic, timeout=CONNECT_SECONDS)
            heard = True
        if heard:
            self._in_doubt, self._heard_at = False, now

    def _message(self, record: Record) -> Message:
        error = record.error()
        if error is not None:
            raise self._away(KafkaException(error))
        partition, offset = record.partition(), record.offset()
        assert partition is not None and offset is not None
        self._in_hand[partition] = offset + 1
        place = f"kafka:{self._topic}/{partition}@{offset}"
        return Message(body=record.value() or b"", place=place)

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned |= {partition.partition for partition in partitions}

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._owned.discard(partition.partition)
            self._kept.pop(partition.partition, None)

    def _hear(self, _: KafkaError) -> None:
        self._in_doubt = True

    def _away(self, error: KafkaException) -> SystemFailure:
        return SystemFailure(f"Kafka at {self._where}, topic {self._topic!r}: {_words(error)}.")


class KafkaPublisher:
    """Sends thin events, keyed by their entity: those of one stay in one partition, in order.

    The partitioner is that of Java's clients, so that senders of both kinds agree. A context
    manager.
    """

    def __init__(self, url: BusUrl) -> None:
        self._topic = url.name
        self._where = url.where
        properties = {
            "client.id": "mlgraph",
            "log_level": 0,
            "partitioner": "murmur2_random",
            **properties_of(url),
            "enable.idempotence": True,
            "bootstrap.servers": url.where,
        }
        try:
            self._producer = Producer(properties)
        except (KafkaException, TypeError, ValueError) as error:
            raise _bad_property(url, error) from error

    def publish(self, events: Iterable[Event], *, seconds: float = 30.0) -> int:
        """Sends events; the brokers have them when this returns. Raises `SystemFailure`.

        ``seconds`` is how long the brokers may take after the last was handed to the library.
        """
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _: Record) -> None:
            if error is not None:
                failed.append(error)

        count = 0
        for count, event in enumerate(events, start=1):  # noqa: B007
            self._hand_over(str(event.ref), thin_json(event), told)
        left = self._producer.flush(seconds)
        if left:
            self._producer.purge()
            self._producer.flush(1.0)
        if failed or left:
            why = failed[0].str() if failed else "no answer in time"
            raise SystemFailure(f"Kafka at {self._where} did not take all events: {why}.")
        return count

    def _hand_over(self, key: str, value: bytes, told: Any) -> None:
        while True:
            try:
                self._producer.produce(self._topic, key=key, value=value, on_delivery=told)
                self._producer.poll(0)
                return
            except BufferError:  # the library's queue is full
                self._producer.poll(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.flush(1.0)


def properties_of(url: BusUrl) -> dict[str, str]:
    """librdkafka's properties, of the file and of the URL. Raises `BadSetting`."""
    given = {name: value for name, value in url.options.items() if name not in _OURS}
    for name in given:
        if "." not in name:
            raise BadSetting(f"{url.setting} has an option {name!r}; known are {', '.join(_OURS)}.")
        if any(part in name for part in _SECRET):
            raise BadSetting(
                f"{url.setting}: {name} belongs into a file, named by the option config."
            )
    properties = {**_read(url), **given} if "config" in url.options else given
    for name in _FIXED:
        if name in properties:
            raise BadSetting(f"{url.setting}: {name} is not free to choose.")
    return properties


def _read(url: BusUrl) -> dict[str, str]:
    file = url.options["config"]
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{url.setting}: the file {file} cannot be read: {error}.") from error
    properties = {}
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.partition("=")
        if line.strip() and not line.lstrip().startswith("#"):
            if not equals:
                raise BadSetting(f"{url.setting}: {file}, line {number} is not name=value.")
            properties[name.strip()] = value.strip()
    return properties


def _bad_property(url: BusUrl, error: Exception) -> BadSetting:
    return BadSetting(f"{url.setting}: {_words(error)}.")


def _code(error: KafkaException) -> int | None:
    found = error.args[0] if error.args else None
    return found.code() if isinstance(found, KafkaError) else None


def _words(error: Exception) -> str:
    found = error.args[0] if error.args else error
    return (found.str() if isinstance(found, KafkaError) else str(found)).rstrip(".")
