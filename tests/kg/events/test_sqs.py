"""Against moto's server: SQS alone, and behind SNS, wrapped and raw."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kg.errors import SystemFailure
from kg.events import Inbox
from kg.events.bridge import Bridge
from kg.events.bus import open_bus, thin_json
from kg.events.letters import Letters
from tests.benchmarks.processes import free_port
from tests.kg.events import brokers
from tests.kg.events.brokers import REGION, eventually
from tests.kg.events.carrying import FailingInbox, bridge, event, last, told

_numbers = count()


class Queue:
    """One queue of a server, as a test sees it."""

    def __init__(self, address: str, name: str, **attributes: str) -> None:
        self.name = name
        self.endpoint = address
        self.sqs = brokers.client("sqs", address)
        self.address = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = self._attributes("QueueArn")["QueueArn"]

    def url(self, **options: object) -> str:
        given = "".join(f"&{name}={value}" for name, value in {"wait": 1, **options}.items())
        return f"sqs://{REGION}/{self.name}?endpoint={self.endpoint}{given}"

    def send(self, *bodies: str) -> None:
        for first in range(0, len(bodies), 10):
            entries: list[dict[str, Any]] = [
                {"Id": str(number), "MessageBody": body}
                for number, body in enumerate(bodies[first : first + 10])
            ]
            self.sqs.send_message_batch(QueueUrl=self.address, Entries=entries)

    def left(self) -> int:
        """Messages that are not deleted, whether somebody has them in hand or not."""
        found = self._attributes("All")
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(found[name]) for name in names)

    def _attributes(self, *names: str) -> dict[str, str]:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.address, AttributeNames=list(names))
        found: dict[str, str] = answer["Attributes"]
        return found


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers.with_credentials(monkeypatch)


@pytest.fixture
def queue(amazon: str) -> Queue:
    return Queue(amazon, f"assets-{next(_numbers)}")


def sent(key: str, id: str = "1") -> str:
    return thin_json(event(key, id)).decode()


def carrying(url: str, inbox: Inbox, letters: Letters) -> Bridge:
    return bridge(lambda: open_bus(url), inbox, letters)


def test_events_arrive_and_are_deleted(queue: Queue, store: Inbox, letters: Letters) -> None:
    keys = [f"m{number}" for number in range(47)]
    queue.send(*map(sent, keys))
    with carrying(queue.url(), store, letters) as bridging:
        eventually("all deleted", lambda: queue.left() == 0)
        assert told(store) == dict.fromkeys(keys, 1)
        queue.send(sent("late"))
        eventually("the late one", lambda: "late" in told(store))
    assert bridging.trouble is None and letters.count() == 0


def test_doubled_and_late_events_are_one_entity(
    queue: Queue, store: Inbox, letters: Letters
) -> None:
    queue.send(sent("a", "2"), sent("a", "1"), sent("a", "2"), sent("b"))
    with carrying(queue.url(), store, letters):
        eventually("all deleted", lambda: queue.left() == 0)
    assert told(store) == {"a": 3, "b": 1}
    assert last(store)["b"] == "b-1"


def test_sns_wrapped_and_raw(amazon: str, queue: Queue, store: Inbox, letters: Letters) -> None:
    sns = brokers.client("sns", amazon)
    for name, raw in (("wrapped", "false"), ("raw", "true")):
        topic = sns.create_topic(Name=f"{queue.name}-{name}")["TopicArn"]
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue.arn,
            Attributes={"RawMessageDelivery": raw},
        )
        sns.publish(TopicArn=topic, Message=sent(f"{name}-é"))
        sns.publish(TopicArn=topic, Message=f"[{sent(f'{name}-1')}, {sent(f'{name}-2')}]")
        sns.publish(TopicArn=topic, Message=f"{name} rubbish")
    with carrying(queue.url(), store, letters):
        eventually("all deleted", lambda: queue.left() == 0)
    assert told(store).keys() == {
        f"{name}-{tail}" for name in ("wrapped", "raw") for tail in ("é", "1", "2")
    }
    assert {letter.body for letter in letters.newest()} == {b"wrapped rubbish", b"raw rubbish"}


def test_rubbish_is_a_dead_letter_and_the_consumer_goes_on(
    queue: Queue, store: Inbox, letters: Letters
) -> None:
    envelope = json.dumps({"Type": "Notification", "TopicArn": "arn:x", "Message": "\ud800"})
    queue.send("no JSON", "[" * 100_000, envelope, sent("a"), "{}")
    with carrying(queue.url(), store, letters):
        eventually("all deleted", lambda: queue.left() == 0)
        queue.send(sent("b"))
        eventually("the next one", lambda: "b" in told(store))
    assert told(store) == {"a": 1, "b": 1}
    assert letters.count() == 4
    assert all(letter.place.startswith(f"sqs:{queue.name}/") for letter in letters.newest())


def test_a_message_is_deleted_only_when_the_inbox_has_it(
    tmp_path: Path, queue: Queue, store: Inbox, letters: Letters
) -> None:
    """The bridge ends between delivery and deletion; after the visibility timeout all is there."""
    queue.send(sent("a"), sent("b"))
    with FailingInbox(tmp_path / "failing.sqlite", failures=1_000_000) as failing:
        with carrying(queue.url(visibility=2), failing, letters) as bridging:
            eventually("it has them in hand", lambda: failing.tried > 2)
            assert "disk is full" in (bridging.trouble or "")
        assert told(failing) == {}
    assert queue.left() == 2
    with carrying(queue.url(), store, letters):
        eventually("they came again", lambda: told(store) == {"a": 1, "b": 1})
        eventually("and are deleted", lambda: queue.left() == 0)


def test_a_queue_that_keeps_order_is_read_too(amazon: str, store: Inbox, letters: Letters) -> None:
    queue = Queue(amazon, "assets.fifo", FifoQueue="true")
    for id in "123":
        queue.sqs.send_message(
            QueueUrl=queue.address,
            MessageBody=sent("a", id),
            MessageGroupId="a",
            MessageDeduplicationId=id,
        )
    with carrying(queue.url(), store, letters):
        eventually("all deleted", lambda: queue.left() == 0)
    assert (told(store), last(store)) == ({"a": 3}, {"a": "a-3"})


def test_a_queue_that_is_made_later(amazon: str, store: Inbox, letters: Letters) -> None:
    url = f"sqs://{REGION}/later?endpoint={amazon}&wait=1"
    with carrying(url, store, letters) as bridging:
        eventually("trouble is told", lambda: "later" in (bridging.trouble or ""))
        Queue(amazon, "later").send(sent("a"))
        eventually("the event", lambda: told(store) == {"a": 1})
        eventually("no trouble", lambda: bridging.trouble is None)


def test_a_service_that_is_absent_is_named() -> None:
    bus = open_bus(f"sqs://{REGION}/assets?endpoint=http://127.0.0.1:{free_port()}")
    with pytest.raises(SystemFailure, match="'assets'"):
        bus.poll()
    bus.close()


def test_missing_credentials_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queue: Queue
) -> None:
    for name in brokers.NOBODY:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bus = open_bus(queue.url())
    with pytest.raises(SystemFailure, match="credentials"):
        bus.poll()
    bus.close()
