"""Alive, ready, and how the sources do."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"alive": True}


def test_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["worker"] == "running"
    assert answer.json["triples"] > 0


def test_sources(client: FlaskClient) -> None:
    answer = client.get("/api/v1/sources").json
    assert answer is not None
    (source,) = answer["sources"]
    assert (source["name"], source["kind"], source["state"]) == ("registry", "memory", "ok")
    assert source["entities"] > 0
