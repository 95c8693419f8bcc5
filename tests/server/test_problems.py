"""One shape of error over every family of routes, in the form that the client reads."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kg.errors import Busy, LimitExceeded, MlgError
from server import errors

FAMILIES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nothing/here", {}, 404, "not-found"),
    ("GET", "/search?page=x", {}, 400, "bad-input"),
    ("GET", "/api/v1/search?limit=1000000", {}, 400, "bad-input"),
    ("GET", "/e/model/registry/none", {}, 404, "not-found"),
    ("GET", "/api/v1/entities/model/registry/none", {}, 404, "not-found"),
    ("GET", "/api/v1/entities/Model/registry/none", {}, 400, "bad-iri"),
    ("GET", "/id/model/registry/none", {}, 404, "not-found"),
    ("GET", "/data/model/registry/none.ttl", {}, 404, "not-found"),
    ("GET", "/sparql?query=SELECT", {}, 400, "bad-query"),
    ("POST", "/sparql", {"data": b"x", "content_type": "text/plain"}, 415, "unsupported-format"),
    ("POST", "/sparql/check", {"data": {"query": "SELECT ?"}}, 400, "bad-query"),
    ("POST", "/events", {"json": {}}, 400, "bad-event"),
    ("POST", "/webhooks/none", {"json": {}}, 404, "unknown-source"),
    ("POST", "/submit", {"data": b"x", "content_type": "text/turtle"}, 400, "bad-rdf"),
    ("GET", "/submit/none", {}, 404, "not-found"),
    ("POST", "/validate", {"data": b"x", "content_type": "text/turtle"}, 400, "bad-rdf"),
    ("POST", "/", {}, 405, "method-not-allowed"),
    ("DELETE", "/events", {}, 405, "method-not-allowed"),
    ("PUT", "/healthz", {}, 405, "method-not-allowed"),
    ("POST", "/api/v1/sources", {}, 405, "method-not-allowed"),
]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"), FAMILIES, ids=lambda value: str(value)[:40]
)
def test_every_family_tells_errors_alike(
    client: FlaskClient, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = client.open(path, method=method, **options)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    problem = answer.json
    assert problem is not None
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:mlgraph:problem:{code}"
    assert problem["title"]
    assert problem["detail"].endswith((".", "}")) or ":" in problem["detail"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("application/sparql-results+json", "application/problem+json"),
        ("image/png", "application/problem+json"),
        ("text/html,*/*;q=0.8", "text/html"),
        ("text/plain", "text/plain"),
    ],
)
def test_the_form_of_an_error(client: FlaskClient, accept: str | None, mimetype: str) -> None:
    answer = client.get("/nothing/here", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (404, mimetype)
    assert "/nothing/here" in answer.text
    assert "Accept" in answer.headers["Vary"]


def test_a_page_about_an_error_shows_data_as_data(client: FlaskClient) -> None:
    page = client.get("/<script>x</script>", headers={"Accept": "text/html"}).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_method_that_is_not_taken_names_those_that_are(client: FlaskClient) -> None:
    answer = client.get("/events")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Busy("All query processes are at work; ask again in a moment."), 503, "1"),
        (Busy("The index is being opened; ask again soon.", retry_after=7), 503, "7"),
        (LimitExceeded("The query ran for 30 s.", limit="time"), 503, "10"),
        (LimitExceeded("The answer has more than 5 rows.", limit="rows"), 413, None),
    ],
)
def test_when_to_come_back(error: MlgError, status: int, retry_after: str | None) -> None:
    app = Flask("server")
    errors.register(app)

    @app.get("/")
    def fail() -> str:
        raise error

    answer = app.test_client().get("/")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == retry_after


def test_an_unforeseen_error_has_a_number_that_the_log_has_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Flask("server")
    errors.register(app)

    @app.get("/")
    def fail() -> str:
        raise RuntimeError("the password is hunter2")

    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/?token=secret")
    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["code"] == "internal-error"
    assert "hunter2" not in answer.text
    assert answer.json["request_id"] in caplog.text
    assert "hunter2" in caplog.text
    assert "token=secret" not in caplog.text
