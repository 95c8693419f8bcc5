"""MLflow's webhooks: those that a real server sent, and those that nobody should believe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadEvent, NotAuthentic
from kg.iris import EntityRef
from kg.model import Event
from kg.sources.mlflow import MlflowSource
from tests.kg.sources.mlflow_replay import SECRET, recorded

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BODY = b'{"entity": "registered_model", "action": "created", "data": {"name": "ranker"}}'
BUILT, CHANGED = recorded("built", "webhooks"), recorded("changed", "webhooks")


def source(*, secret: str = SECRET, now: datetime = NOW) -> MlflowSource:
    """One that would fail if it called anybody."""
    url = "http://127.0.0.1:1"
    return MlflowSource("mlflow", url=url, webhook_secret=secret, now=lambda: now)


def signed(body: bytes, *, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"d-1.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "X-MLflow-Delivery-Id": "d-1",
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": "v1," + base64.b64encode(digest).decode(),
    }


def notice(entity: str, action: str, **data: Any) -> bytes:
    return json.dumps({"entity": entity, "action": action, "data": data}).encode()


def received(kept: dict[str, Any]) -> tuple[Event, ...]:
    at = datetime.fromtimestamp(int(kept["headers"]["X-MLflow-Timestamp"]), UTC)
    notice = source(now=at + timedelta(seconds=2)).notice(kept["headers"], kept["body"].encode())
    assert notice.delivery == kept["headers"]["X-MLflow-Delivery-Id"]
    return notice.events


def test_what_mlflow_really_sends_is_believed() -> None:
    events = [event for kept in (*BUILT, *CHANGED) for event in received(kept)]
    assert {event.event_type for event in events} == {
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_alias.created",
        "model_version_alias.deleted",
        "prompt.created",
        "prompt_tag.set",
        "prompt_tag.deleted",
        "prompt_version.created",
        "prompt_version_tag.set",
        "prompt_version_tag.deleted",
        "prompt_alias.created",
        "prompt_alias.deleted",
    }
    assert {event.ref for event in events} == {
        EntityRef(kind, "mlflow", key)
        for kind, key in (
            ("model", "home-ranker"),
            ("model", "ad-click-scorer"),
            ("model", "ad-click-scorer-live"),
            ("model", "title-embedder"),
            ("model-version", "home-ranker/1"),
            ("model-version", "home-ranker/2"),
            ("model-version", "ad-click-scorer/1"),
            ("model-version", "ad-click-scorer-live/1"),
            ("model-version", "title-embedder/1"),
            ("prompt", "row-title"),
            ("prompt", "greeting"),
            ("prompt-version", "row-title/1"),
            ("prompt-version", "row-title/2"),
            ("prompt-version", "greeting/1"),
        )
    }
    assert all(event.time is not None for event in events)
    deliveries = {kept["headers"]["X-MLflow-Delivery-Id"] for kept in (*BUILT, *CHANGED)}
    assert {event.event_id for event in events} == deliveries


@pytest.mark.parametrize(
    ("entity", "whole"),
    [
        ("model_version_alias", EntityRef("model", "mlflow", "home-ranker")),
        ("prompt_alias", EntityRef("prompt", "mlflow", "row-title")),
    ],
)
def test_a_deleted_alias_names_no_version(entity: str, whole: EntityRef) -> None:
    told = [json.loads(kept["body"]) | {"kept": kept} for kept in (*BUILT, *CHANGED)]
    [deleted] = [t["kept"] for t in told if (t["entity"], t["action"]) == (entity, "deleted")]
    assert [event.ref for event in received(deleted)] == [whole]


def test_names_of_headers_have_no_case() -> None:
    headers = {name.upper(): value for name, value in signed(BODY).items()}
    [event] = source().notice(headers, BODY).events
    assert event == Event(
        ref=EntityRef("model", "mlflow", "ranker"),
        event_type="registered_model.created",
        event_id="d-1",
    )


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_five_minutes(seconds: int) -> None:
    headers = signed(BODY, at=NOW + timedelta(seconds=seconds))
    assert len(source().notice(headers, BODY).events) == 1


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_outside_five_minutes(seconds: int) -> None:
    headers = signed(BODY, at=NOW + timedelta(seconds=seconds))
    with pytest.raises(NotAuthentic, match="over 300 s"):
        source().notice(headers, BODY)


def test_without_a_secret_nothing_is_believed() -> None:
    with pytest.raises(NotAuthentic, match=r"set \[sources.mlflow\] webhook_secret"):
        source(secret="").notice(signed(BODY, secret=""), BODY)


@pytest.mark.parametrize("missing", list(signed(BODY)))
def test_an_unsigned_notice(missing: str) -> None:
    headers = {name: value for name, value in signed(BODY).items() if name != missing}
    with pytest.raises(NotAuthentic, match="not signed"):
        source().notice(headers, BODY)


@pytest.mark.parametrize(
    "changed",
    [
        {"X-MLflow-Signature": "v1,"},
        {"X-MLflow-Signature": signed(BODY)["X-MLflow-Signature"][:-5]},
        {"X-MLflow-Signature": signed(BODY)["X-MLflow-Signature"].removeprefix("v1,")},
        {"X-MLflow-Signature": signed(BODY)["X-MLflow-Signature"].replace("v1,", "v0,")},
        {"X-MLflow-Signature": signed(BODY)["X-MLflow-Signature"] + "\n"},
        {"X-MLflow-Signature": signed(BODY, secret="guessed")["X-MLflow-Signature"]},
        {"X-MLflow-Signature": "v1," + base64.b64encode(hashlib.sha1(BODY).digest()).decode()},
        {"X-MLflow-Signature": "v1,ü"},
        {"X-MLflow-Delivery-Id": "d-2"},
        {"X-MLflow-Timestamp": str(int(NOW.timestamp()) + 1)},
        {"X-MLflow-Timestamp": "now"},
    ],
)
def test_a_signature_for_something_else(changed: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic, match="signature is wrong"):
        source().notice(signed(BODY) | changed, BODY)


def test_a_signed_timestamp_that_is_no_number() -> None:
    digest = hmac.new(SECRET.encode(), b"d-1.now." + BODY, hashlib.sha256).digest()
    headers = signed(BODY) | {
        "X-MLflow-Timestamp": "now",
        "X-MLflow-Signature": "v1," + base64.b64encode(digest).decode(),
    }
    with pytest.raises(NotAuthentic, match="not a number"):
        source().notice(headers, BODY)


@given(place=st.integers(0, len(BODY) - 1), byte=st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, byte: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= byte
    with pytest.raises(NotAuthentic):
        source().notice(signed(BODY), bytes(changed))


@pytest.mark.parametrize(
    "body",
    [
        notice("budget_policy", "exceeded"),
        notice("something_new", "happened", name="x"),
    ],
)
def test_what_is_not_in_the_registry_is_left(body: bytes) -> None:
    assert source().notice(signed(body), body).events == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"1",
        b"{}",
        b'{"entity": "registered_model"}',
        b'{"entity": ["registered_model"], "action": "created"}',
        b'{"entity": "registered_model", "action": "created"}',
        b'{"entity": "registered_model", "action": "created", "data": []}',
        notice("registered_model", "created"),
        notice("registered_model", "created", name=""),
        notice("registered_model", "created", name=7),
        notice("registered_model", "created", name="line\nbreak"),
        notice("registered_model", "created", name="x" * 5_000),
        notice("model_version", "created", name="ranker", version=3),
        notice("model_version", "created", version="3"),
    ],
)
def test_a_notice_that_cannot_be_used(body: bytes) -> None:
    with pytest.raises(BadEvent):
        source().notice(signed(body), body)


def test_an_odd_time_is_no_reason_to_refuse() -> None:
    for time in (None, 5, "yesterday", "2026-11-23T09:00:00"):
        body = json.dumps(json.loads(BODY) | {"timestamp": time}).encode()
        [event] = source().notice(signed(body), body).events
        assert event.time is None


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["entity", "action", "data", "name", "version", "x"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_is_events_or_a_refusal(body: bytes) -> None:
    try:
        events = source().notice(signed(body), body).events
    except BadEvent:
        return
    assert all(isinstance(event, Event) for event in events)
