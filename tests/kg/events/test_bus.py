from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadSetting
from kg.events.bus import BusUrl, open_bus, read_url, thin_json
from kg.events.kafka import KafkaBus, KafkaPublisher, properties_of
from kg.events.sqs import SqsBus, unwrapped
from kg.ingest import ingest_json
from kg.iris import EntityRef
from kg.model import Event


def test_an_address_has_its_parts() -> None:
    assert read_url("kafka://a:9092,b:9093/assets?group=g&batch=5") == BusUrl(
        kind="kafka", where="a:9092,b:9093", name="assets", options={"group": "g", "batch": "5"}
    )
    url = read_url("sqs://eu-west-1/assets.fifo?endpoint=http%3A%2F%2F127.0.0.1%3A5010")
    assert (url.where, url.name) == ("eu-west-1", "assets.fifo")
    assert url.options == {"endpoint": "http://127.0.0.1:5010"}
    assert url.consumers == 1
    several = read_url("kafka://a/assets?consumers=3&batch=5")
    assert (several.consumers, several.options) == (3, {"batch": "5"})


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("amqp://host/queue", "amqp"),
        ("kafka://host:9092", "kafka://host:9092"),
        ("kafka:///topic", "kafka://host:9092"),
        ("kafka://host/a/b", "kafka://host:9092"),
        ("kafka://me:pass@host/topic", "kafka://host:9092"),
        ("kafka://host/topic#x", "kafka://host:9092"),
        ("kafka://host/topic?group=a&group=b", "twice"),
        ("kafka://host/topic?group", "URL"),
        ("kafka://[host/topic", "URL"),
        ("kafka://host/topic?batch=0", "batch"),
        ("kafka://host/topic?batch=²", "batch"),
        ("kafka://host/topic?colour=red", "colour"),
        ("kafka://host/topic?consumers=0", "consumers is a number from 1 to 64"),
        ("kafka://host/topic?no.such.property=1", "no.such.property"),
        ("kafka://host/topic?session.timeout.ms=soon", "session.timeout.ms"),
        ("kafka://host/topic?auto.offset.reset=latest", "auto.offset.reset"),
        ("kafka://host/topic?enable.auto.commit=true", "enable.auto.commit"),
        ("kafka://host/topic?sasl.password=pass", "sasl.password belongs into a file"),
        ("kafka://host/topic?config=/not/there", "/not/there"),
        ("sqs://eu-west-1", "sqs://region"),
        ("sqs://eu-west-1/queue?wait=21", "wait"),
        ("sqs://eu-west-1/queue?visibility=0", "visibility"),
        ("sqs://eu-west-1/queue?colour=red", "colour"),
        ("sqs://not a region/queue", "region"),
        ("sqs://eu-west-1/queue?endpoint=nowhere", "nowhere"),
    ],
)
def test_a_wrong_address_is_told_at_once_and_without_secrets(url: str, named: str) -> None:
    with pytest.raises(BadSetting, match=named) as caught:
        open_bus(url).close()
    assert ":pass@" not in str(caught.value) and "=pass" not in str(caught.value)


def test_a_consumer_is_built_without_calling_anybody() -> None:
    for url, kind in (
        ("kafka://127.0.0.1:1/topic", KafkaBus),
        ("sqs://eu-west-1/queue?endpoint=http://127.0.0.1:1", SqsBus),
    ):
        bus = open_bus(url)
        assert isinstance(bus, kind)
        bus.close()


def test_secrets_for_kafka_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("# ours\n\nsasl.password = a=b\nclient.id=theirs\n")
    url = f"kafka://host/topic?config={file}&client.id=ours&security.protocol=SASL_SSL"
    assert properties_of(read_url(url)) == {
        "sasl.password": "a=b",
        "client.id": "ours",
        "security.protocol": "SASL_SSL",
    }
    file.write_text("auto.offset.reset=latest")
    with pytest.raises(BadSetting, match="not free to choose"):
        properties_of(read_url(url))
    file.write_text("no equals sign")
    with pytest.raises(BadSetting, match="line 1"):
        properties_of(read_url(url))


def test_a_publisher_refuses_the_same_properties() -> None:
    with pytest.raises(BadSetting, match=r"no\.such"):
        KafkaPublisher(read_url("kafka://host/topic?no.such=1"))


KEYS = st.text(min_size=1, max_size=40).filter(str.isprintable)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
TIMES = st.none() | st.datetimes(timezones=ZONES | st.just(UTC))


@given(
    kind=st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True),
    verb=st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True),
    key=KEYS,
    id=KEYS,
    time=TIMES,
)
def test_a_thin_event_survives_its_json(
    kind: str, verb: str, key: str, id: str, time: datetime | None
) -> None:
    ref = EntityRef(kind, "test", key)
    sent = Event(ref=ref, event_type=f"{kind}.{verb}", event_id=id, time=time)
    assert ingest_json(thin_json(sent)) == [sent]


ENVELOPE = '{"Type": "Notification", "TopicArn": "arn:x", "Message": "{\\"a\\": 1}"}'


def test_an_envelope_of_sns_is_taken_off() -> None:
    assert unwrapped(ENVELOPE) == '{"a": 1}'


@pytest.mark.parametrize(
    "body",
    [
        '{"event_type": "m.c", "source": "s", "id": "Notification"}',
        '{"event_type": "m.c", "source": "s", "id": "\\"Notification\\""}',
        '{"Type": "Notification", "TopicArn": "arn:x", "Message": {"a": 1}}',
        '{"Type": "Notification", "Message": "no topic"}',
        '["Notification"]',
        '{"x": "Notification"',
        '{"x": "Notification", "y": ' + "[" * 200_000,
        "",
    ],
)
def test_what_is_no_envelope_stays_as_it_is(body: str) -> None:
    assert unwrapped(body) == body
