"""Thin events and webhooks: durable when acknowledged, clear when refused, all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.server.installation import BASE, Installation, event


def test_one_event_reaches_the_graph(client: FlaskClient, installation: Installation) -> None:
    installation.put({"type": "model", "key": "fresh", "name": "Fresh from the source"})
    answer = client.post("/events", json=event("model", "fresh"))
    assert (answer.status_code, answer.json) == (202, {"accepted": 1})
    installation.settle()
    assert "Fresh from the source" in client.get("/e/model/registry/fresh").text


def test_a_list_of_events(client: FlaskClient) -> None:
    events = [event("model", "home-ranker"), event("model-version", "home-ranker/3")]
    assert client.post("/events", json=events).json == {"accepted": 2}
    assert client.post("/events", json=[]).json == {"accepted": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b'"text"',
        b"{",
        b"{}",
        b"[[]]",
        b"[null]",
        b'{"event_type": "model.new", "source": "registry"}',
        b'{"event_type": "model", "source": "registry", "id": "x"}',
        b'{"event_type": "Model.New", "source": "registry", "id": "x"}',
        b'{"event_type": "model.new", "source": "registry", "id": 7}',
        b'{"event_type": "model.new", "source": "registry", "id": ""}',
        b'{"event_type": "model.new", "source": "registry", "id": "x", "id": "y"}',
        b'{"event_type": "model.new", "source": "registry", "id": "x", "time": "soon"}',
        b'{"event_type": "model.new", "source": "registry", "id": "x", "time": NaN}',
        b'{"event_type": "model.new", "source": "registry", "id": "x", "n": Infinity}',
        b'{"event_type": "model.new", "source": "../..", "id": "x"}',
        b'{"event_type": "model.new", "source": "registry", "id": "\\ud800"}',
        b'{"event_type": "model.new", "source": "registry", "id": "a\\u0000b"}',
        b'{"event_type": "model.new", "source": "registry", "id": "\xff"}',
        b'{"event_type": "model.new", "source": "registry", "id": "x", "n": 1' + b"0" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'"' + b'\\"' * 200_000,
        '{"event_type": "model.new", "source": "registry", "id": "x"}'.encode("utf-16"),
        b'{"event_type": "model.new", "source": "registry", "id": "' + b"x" * 3000 + b'"}',
    ],
    ids=lambda body: repr(body[:60]),
)
def test_malformed_events_are_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/events", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "bad-event"


def test_one_bad_event_refuses_the_list(client: FlaskClient, installation: Installation) -> None:
    pending = installation.service.sources()[0].last_event
    answer = client.post("/events", json=[event("model", "home-ranker"), {"source": "registry"}])
    assert answer.json is not None
    assert (answer.json["code"], answer.json["index"]) == ("bad-event", 1)
    assert installation.service.sources()[0].last_event == pending


def test_where_the_json_breaks_is_said(client: FlaskClient) -> None:
    answer = client.post("/events", data=b'{\n  "a" 1}', content_type="application/json")
    assert answer.json is not None
    assert (answer.json["line"], answer.json["column"]) == (2, 7)


def test_an_unknown_source_is_named(client: FlaskClient) -> None:
    odd: dict[str, Any] = event("model", "x") | {"source": "elsewhere"}
    for answer in (
        client.post("/events", json=odd),
        client.post("/webhooks/elsewhere", json={}),
    ):
        assert answer.status_code == 404
        assert answer.json is not None
        assert answer.json["code"] == "unknown-source"
        assert "elsewhere" in answer.json["detail"]


def test_a_source_without_notices_says_where_events_go(client: FlaskClient) -> None:
    answer = client.post("/webhooks/registry", json={})
    assert answer.status_code == 404
    assert answer.json is not None
    assert "/events" in answer.json["detail"]


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
@pytest.mark.parametrize("path", ["/events", "/webhooks/registry", "/submit"])
def test_what_another_origin_can_send_unasked_is_refused(
    client: FlaskClient, path: str, content_type: str | None
) -> None:
    answer = client.post(path, data=b"{}", content_type=content_type)
    assert answer.status_code == 415
    assert answer.json is not None
    assert answer.json["code"] == "unsupported-format"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://kg.example.evil", "null", "x["])
@pytest.mark.parametrize("path", ["/events", "/webhooks/registry", "/submit"])
def test_no_other_origin_is_let_in(client: FlaskClient, path: str, origin: str) -> None:
    asked = client.options(
        path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    told = client.post(path, json={}, headers={"Origin": origin})
    assert (asked.status_code, told.status_code) == (403, 403)
    assert not [name for name, _ in (*asked.headers, *told.headers) if "Access-Control" in name]


@pytest.mark.parametrize("origin", [BASE, "http://localhost:8080", "http://[::1]:9000", None])
def test_our_own_pages_and_programs_may_write(client: FlaskClient, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert client.post("/events", json=[], headers=headers).status_code == 202


@pytest.mark.parametrize("path", ["/events", "/webhooks/registry", "/submit", "/validate"])
def test_a_body_over_the_limit_is_refused(client: FlaskClient, path: str) -> None:
    kind = "application/json" if path in ("/events", "/webhooks/registry") else "text/turtle"
    answer = client.post(path, data=b" " * 1_100_000, content_type=kind)
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["code"] == "too-large"


def test_a_compressed_body_is_refused(client: FlaskClient) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post("/events", data=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "identity"
