"""Webhooks of a tool that joins by its settings: who is believed, and what about."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadEvent, NotAuthentic
from kg.iris import EntityRef
from kg.sources import Notifies
from kg.sources.rest import RestSource
from kg.sources.rest.notices import Notices, read_notices
from tests.kg.sources.rest_tool import CONTEXT

SECRET = "s3cret"
TYPES = frozenset({"service", "deployment"})


def notices(secret: str = SECRET, **over: Any) -> Notices:
    usual = {
        "header": "X-Signature-256",
        "id_header": "",
        "type": "entity.kind",
        "key": "entity.id",
        "words": {},
    }
    return read_notices("desk", TYPES, secret=secret, **{**usual, **over})


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def body(kind: Any, id: Any) -> bytes:
    return json.dumps({"entity": {"kind": kind, "id": id}, "then": "x"}).encode()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[RestSource]:
    """One that would fail if it called anybody."""
    (tmp_path / "context.jsonld").write_text(CONTEXT, "utf-8")
    made = RestSource(
        "desk",
        url="http://127.0.0.1:1",
        contexts=str(tmp_path),
        types={"service": {"all": "services"}},
        webhook_secret=SECRET,
        notice_type="entity.kind",
        notice_key="entity.id",
    )
    yield made
    made.close()


def test_a_signed_notice_is_an_event(source: RestSource) -> None:
    assert isinstance(source, Notifies)
    told = body("service", "search")
    for sign in (signature(told), "sha256=" + signature(told), signature(told).upper()):
        [event] = source.notice({"x-signature-256": sign}, told).events
        assert event.ref == EntityRef("service", "desk", "search")
        assert event.event_type == "service.noticed"


def test_a_notice_is_known_again_by_what_the_tool_says() -> None:
    told = body("service", "search")
    signed = {"X-Signature-256": signature(told), "X-Delivery": " d-1 "}
    assert notices().notice(signed, told).delivery == ""
    assert notices(id_header="X-delivery").notice(signed, told).delivery == "d-1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Signature-256": ""},
        {"X-Signature-256": signature(body("service", "other"))},
        {"X-Signature-256": signature(body("service", "search"), "another secret")},
        {"X-Signature-256": "sha256=é\ud800"},
        {"Authorization": signature(body("service", "search"))},
    ],
)
def test_nobody_else_is_believed(source: RestSource, headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic):
        source.notice(headers, body("service", "search"))


def test_without_a_secret_all_are_refused() -> None:
    told = body("service", "search")
    with pytest.raises(NotAuthentic, match=r"set \[sources.desk\] webhook_secret"):
        notices("").authenticate({"X-Signature-256": signature(told, "")}, told)


def test_the_header_is_a_setting() -> None:
    told = body("service", "search")
    notices(header="X-Hub-Signature-256").notice(
        {"X-Hub-Signature-256": "sha256=" + signature(told)}, told
    )


def test_a_tool_has_its_own_words() -> None:
    made = notices(words={"Release": "deployment"}, key="entity.id,then")
    [event] = made.events(body("Release", 7))
    assert event.ref == EntityRef("deployment", "desk", "7/x")
    assert made.events(body("deployment", 7)) == [], "no word of this tool"


def test_several_notices_in_one() -> None:
    told = (
        b"[" + body("service", "a") + b"," + body("ping", None) + b"," + body("service", "b") + b"]"
    )
    assert [event.ref.key for event in notices().events(told)] == ["a", "b"]


def test_notices_of_different_bodies_have_different_ids() -> None:
    [one], [other] = (notices().events(body("service", id)) for id in ("a", "b"))
    assert one.event_id != other.event_id


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[[]]",
        b"7",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"entity": "x"}',
        body(7, "x"),
        body("service", None),
        body("service", ""),
        body("service", {}),
        body("service", "line\nbreak"),
    ],
)
def test_what_names_nothing_is_refused(told: bytes) -> None:
    with pytest.raises(BadEvent):
        notices().events(told)


@given(st.binary())
def test_any_bytes_are_events_or_a_bad_event(told: bytes) -> None:
    with suppress(BadEvent):
        assert isinstance(notices().events(told), list)
