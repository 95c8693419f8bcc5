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


def notice(*, at: float) -> tuple[bytes, dict[str, str]]:
    told = {
        "event": "experiment.created",
        "created": int(at * 1000),
        "data": {"object": {"id": "exp_1"}},
    }
    body = json.dumps(told).encode()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json", "X-GrowthBook-Signature": digest}


def test_a_notice_with_the_right_signature_is_taken_and_a_second_time_too(
    client: FlaskClient,
) -> None:
    body, headers = notice(at=time.time())
    for _ in range(2):
        answer = client.post(URL, data=body, headers=headers)
        assert (answer.status_code, answer.json) == (202, {"accepted": 1})


def test_a_wrong_signature_and_an_old_notice_are_refused(client: FlaskClient) -> None:
    body, headers = notice(at=time.time())
    old, signed = notice(at=time.time() - 7200)
    for sent, given in (
        (body + b" ", headers),
        (body, {"Content-Type": "application/json"}),
        (old, signed),
    ):
        answer = client.post(URL, data=sent, headers=given)
        assert answer.json is not None
        assert (answer.status_code, answer.json["code"]) == (403, "not-authentic")
