"""What every answer carries, and what other origins may do."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

READS = ["/", "/search", "/sparql", "/sparql?query=ASK%20%7B%7D", "/context.jsonld", "/healthz"]


@pytest.mark.parametrize("path", READS)
def test_reads_are_open_without_credentials(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Origin": "https://e.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert not answer.headers.getlist("Set-Cookie")


def test_a_browser_may_ask_first(client: FlaskClient) -> None:
    answer = client.options("/sparql", headers={"Origin": "https://e.example"})
    assert answer.status_code == 200
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) >= {"GET", "POST"}
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", READS)
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    for directive in ("default-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_the_body(client: FlaskClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.data == b""
    assert head.content_type == get.content_type
