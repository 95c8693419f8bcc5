"""A source's own notices at its address: taken when their signature is right, else refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kg.config import load
from kg.service import Service
from server import create_app

SECRET = "ewhk_1"
URL = "/webhooks/experiments"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    config = tmp_path / "mlg.toml"
    config.write_text(
        f"""
        data_dir = "{tmp_path / "data"}"
        [sources.experiments]
        kind = "growthbook"
        url = "http://127.0.0.1:1"
        token = "x"
        webhook_secret = "{SECRET}"
        """,
        "utf-8",
    )
    with Service(load(config, environ={})) as service:
        yield create_app(service).test_client()


def notice(*, at: float, id: str | None = "exp_1") -> tuple[bytes, dict[str, str]]:
    told = {
        "event": "experiment.created",
        "created": int(at * 1000),
        "data": {"object": {"id": id}},
    }
    body = json.dumps(told).encode()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json", "X-GrowthBook-Signature": digest}


def test_a_notice_with_the_right_signature_is_taken_once(client: FlaskClient) -> None:
    body, headers = notice(at=time.time())
    for accepted in (1, 0, 0):
        answer = client.post(URL, data=body, headers=headers)
        assert (answer.status_code, answer.json) == (202, {"accepted": accepted})
    another, signed = notice(at=time.time() + 1)
    answer = client.post(URL, data=another, headers=signed)
    assert answer.json == {"accepted": 1}, "of the same thing, which has changed again"


def test_what_is_not_signed_as_it_should_be_is_refused_and_counted(client: FlaskClient) -> None:
    body, headers = notice(at=time.time())
    old, signed = notice(at=time.time() - 7200)
    for sent, given in (
        (body + b" ", headers),
        (body, {"Content-Type": "application/json"}),
        (old, signed),
    ):
        answer = client.post(URL, data=sent, headers=given)
        assert answer.json is not None
        assert (answer.status_code, answer.json["code"]) == (401, "not-authentic")
        assert answer.headers["WWW-Authenticate"] == "Signature"
    [source] = client.get("/api/v1/sources").json["sources"]
    assert (source["refused"], source["pending"]) == (3, 0), "and nothing is queued"
    page = client.get("/sources", headers={"Accept": "text/html"}).text
    assert '<td class="number">3</td>' in page


def test_a_notice_of_nothing_is_a_dead_letter_with_the_reason(client: FlaskClient) -> None:
    body, headers = notice(at=time.time(), id=None)
    for _ in range(2):
        answer = client.post(URL, data=body, headers=headers)
        assert answer.json is not None
        assert (answer.status_code, answer.json["code"]) == (400, "bad-event")
    assert client.get("/readyz").json["dead"] == 1
    assert "/webhooks/experiments" in client.get("/sources").text
