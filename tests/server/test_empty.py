"""An installation that holds nothing yet, and one whose worker never ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kg.config import load
from kg.service import Service
from kg.worker import Worker
from server import create_app


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    file = tmp_path / "payloads.json"
    file.write_text("[]", "utf-8")
    config = tmp_path / "mlg.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[sources.registry]\nkind = "memory"\npath = "{file}"\n',
        "utf-8",
    )
    with Service(load(config, environ={})) as service:
        yield service


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return create_app(service).test_client()


def test_an_empty_graph_says_how_to_fill_it(service: Service, client: FlaskClient) -> None:
    with Worker(service.settings):
        page = client.get("/").text
        assert "The graph is empty" in page
        for command in ("mlg sync", "mlg submit", "mlg demo"):
            assert command in page
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/", "/search?q=x", "/e/model/registry/x", "/sparql?query=ASK{}"])
def test_without_a_worker_it_says_what_to_start(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "mlg " in answer.text
    assert client.get(path, headers={"Accept": "application/json"}).status_code == 503


def test_it_is_alive_though_not_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["worker"] == "stopped"
    assert "mlg serve" in answer.json["message"]


def test_events_are_taken_while_no_worker_runs(service: Service, client: FlaskClient) -> None:
    event = {"event_type": "model.created", "source": "registry", "id": "x"}
    assert client.post("/events", json=event).status_code == 202
    assert service.status().pending == 1


def test_the_page_of_a_failure_does_not_fail(service: Service, client: FlaskClient) -> None:
    service.close()
    answer = client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code >= 500
    assert answer.mimetype == "text/html"
    assert "</footer>" in answer.text
