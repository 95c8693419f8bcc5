"""The parameters of the API: each route says which it takes, and refuses all others."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from server.context import parameters_of

ENTITY = "/api/v1/entities/model/registry/ranker"


def test_every_route_of_the_api_says_which_it_takes(client: FlaskClient) -> None:
    app = client.application
    silent = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and "GET" in (rule.methods or ())
        if parameters_of(app.view_functions[rule.endpoint]) is None
    }
    assert not silent


@pytest.mark.parametrize(
    ("path", "unknown", "known"),
    [
        ("/api/v1/lineage?entity=model/registry/ranker&type=model", "type", "types"),
        ("/api/v1/impact?entity=model/registry/ranker&as_of=now", "as_of", "as-of"),
        ("/api/v1/search?query=ranker", "query", "q"),
        ("/api/v1/why?as-of=2026-01-01T00:00:00Z", "as-of", "subject"),
        ("/api/v1/diff?since=2026-01-01T00:00:00Z", "since", "from"),
        ("/api/v1/review?page=2", "page", "offset"),
        ("/api/v1/sources?name=registry", "name", "none"),
        (f"{ENTITY}?asof=2026", "asof", "as-of"),
        (f"{ENTITY}/history?page=2", "page", "offset"),
    ],
)
def test_another_parameter_is_refused_with_those_that_there_are(
    client: FlaskClient, path: str, unknown: str, known: str
) -> None:
    for answer in (client.get(path), client.get(path, headers={"Accept": "text/html"})):
        assert answer.status_code == 400
    told = client.get(path).json
    assert told is not None
    assert (told["code"], told["parameter"]) == ("bad-input", unknown)
    assert f"no parameter {unknown!r}" in told["detail"]
    assert known in told["detail"].partition("it takes")[2]


def test_a_history_is_of_now(client: FlaskClient) -> None:
    answer = client.get(f"{ENTITY}/history?as-of=2026-01-01T00:00:00Z")
    assert (answer.status_code, answer.json["parameter"]) == (400, "as-of")


def test_pages_take_what_others_hang_on_them(client: FlaskClient) -> None:
    assert (
        client.get("/search?q=x&utm_source=mail", headers={"Accept": "text/html"}).status_code
        == 200
    )
