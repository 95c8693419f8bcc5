"""OpenLineage's door: kept before it is answered, in the graph soon after, refused with a pointer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kg.config import load
from kg.iris import EntityRef
from kg.service import Service
from server import create_app
from tests.kg.sources.case_openlineage import GOOD, recorded
from tests.server.conftest import working
from tests.server.installation import BASE

LINEAGE = "/api/v1/lineage"


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("lineage")
    config = folder / "mlg.toml"
    config.write_text(
        f"""
        base = "{BASE}"
        data_dir = "{folder / "data"}"
        server.max_body_mb = 1
        [sources.lineage]
        kind = "openlineage"
        """,
        "utf-8",
    )
    settings = load(config, environ={})
    with working(settings) as worker, Service(settings) as service:
        client = create_app(service).test_client()
        for event in recorded("client.jsonl"):
            answer = client.post(LINEAGE, json=event)
            assert (answer.status_code, answer.json) == (201, {"accepted": 1})
        while service.status().pending or service.status().version < worker.store.version:
            time.sleep(0.01)
        yield client


def test_what_was_told_is_in_the_graph(lineage: FlaskClient) -> None:
    ref = EntityRef("pipeline-run", "lineage", GOOD)
    text = lineage.get(f"/data/{ref}.ttl").text
    assert "run-succeeded" in text
    assert f"<{BASE}/id/pipeline/lineage/scheduler/rank_titles>" in text
    assert f"<{BASE}/id/dataset/lineage/s3:%2F%2Fplays%2Fraw%2Fplays>" in text


def test_a_list_is_taken(lineage: FlaskClient) -> None:
    answer = lineage.post(LINEAGE, json=recorded("dbt.jsonl"))
    assert (answer.status_code, answer.json) == (201, {"accepted": 14})
    assert lineage.post(LINEAGE, json=[]).json == {"accepted": 0}


def test_where_an_event_is_wrong_is_said(lineage: FlaskClient) -> None:
    whole = recorded("client.jsonl")[0]
    answer = lineage.post(LINEAGE, json=[whole, whole | {"job": {"name": "x"}}])
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "bad-event"
    assert (answer.json["index"], answer.json["pointer"]) == (1, "/job/namespace")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 5000, b'{"a": NaN}', b'{"a":1,"a":2}'])
def test_what_is_no_json_is_refused(lineage: FlaskClient, body: bytes) -> None:
    answer = lineage.post(LINEAGE, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "bad-event"


def test_it_is_guarded_as_the_other_routes_that_write(lineage: FlaskClient) -> None:
    large = lineage.post(LINEAGE, data=b" " * 1_100_000, content_type="application/json")
    typed = lineage.post(LINEAGE, data=b"{}", content_type="text/plain")
    elsewhere = lineage.post(LINEAGE, json=[], headers={"Origin": "https://evil.example"})
    assert [a.status_code for a in (large, typed, elsewhere)] == [413, 415, 403]


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        ('[sources.a]\nkind = "openlineage"\n[sources.b]\nkind = "openlineage"', "bad-setting"),
        ('[sources.a]\nkind = "openlineage"\njobs = "x"', "bad-setting"),
        ('[sources.a]\nkind = "openlineage"\njobs = { s = "nobody" }', "unknown-source"),
        (
            '[sources.a]\nkind = "openlineage"\njobs = { s = "b" }\n[sources.b]\nkind = "scim"\n'
            + 'url = "http://127.0.0.1:9"',
            "bad-setting",
        ),
    ],
)
def test_nothing_is_kept_under_settings_that_cannot_be(
    tmp_path: Path, tables: str, code: str
) -> None:
    config = tmp_path / "mlg.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"\n{tables}\n', "utf-8")
    with Service(load(config, environ={})) as service:
        answer = create_app(service).test_client().post(LINEAGE, json=recorded("client.jsonl"))
        assert answer.json is not None
        assert answer.json["code"] == code
        if code == "unknown-source":
            assert list(service.source("a").list()) == []


def test_without_a_record_the_next_step_is_named(client: FlaskClient) -> None:
    answer = client.post(LINEAGE, json=[])
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["code"] == "unknown-source"
    assert "[sources.lineage]" in answer.json["detail"]
