"""Lineage and impact over HTTP: the streamed JSON, the page, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.server.installation import ODD_KEY, SCRIPT, Installation

LINEAGE, IMPACT = "/api/v1/lineage", "/api/v1/impact"
MODEL, VERSION = "model/registry/home-ranker", "model-version/registry/home-ranker/3"


@pytest.fixture(autouse=True)
def known(installation: Installation) -> Iterator[None]:
    installation.tell(("model", "home-ranker"), ("model-version", "home-ranker/3"))
    yield


def get(client: FlaskClient, path: str, **arguments: str) -> Any:
    answer = client.get(path, query_string=arguments)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.json


def test_lineage_both_ways(client: FlaskClient) -> None:
    told = get(client, LINEAGE, entity=VERSION)
    assert told.keys() == {"up", "down"}
    (above,) = told["up"]["items"]
    assert (above["entity"]["ref"], above["steps"]) == (MODEL, 1)
    assert [step["property"]["name"] for step in above["path"]] == ["version of"]
    told = get(client, LINEAGE, entity=f"aip://{MODEL}", direction="down", depth="1")
    assert [item["entity"]["ref"] for item in told["down"]["items"]] == [VERSION]
    assert get(client, LINEAGE, entity=MODEL, types="dataset,feature")["down"]["total"] == 0


def test_impact_counts_and_lists(client: FlaskClient) -> None:
    told = get(client, IMPACT, entity=MODEL)
    assert told["by_type"] == [{"value": "model-version", "label": "model versions", "count": 1}]
    assert [item["entity"]["ref"] for item in told["trace"]["items"]] == [VERSION]
    counted = get(client, IMPACT, entity=MODEL, list="false")
    assert (counted["trace"]["total"], counted["trace"]["items"]) == (1, [])


def test_lineage_of_the_past(client: FlaskClient, installation: Installation) -> None:
    def version(key: str, name: str) -> dict[str, Any]:
        return {"type": "model-version", "key": key, "name": name, "model_id": "of-then"}

    installation.put({"type": "model", "key": "of-then", "name": "Of then", "description": "-"})
    installation.put(version("of-then/1", "First"))
    installation.tell(("model", "of-then"), ("model-version", "of-then/1"))
    then = installation.settings.clock().isoformat()
    installation.remove("model-version", "of-then/1")
    installation.put(version("of-then/2", "Second"))
    installation.tell(("model-version", "of-then/1"), ("model-version", "of-then/2"))
    model = "model/registry/of-then"
    now = get(client, IMPACT, entity=model)
    assert [item["entity"]["name"] for item in now["trace"]["items"]] == ["Second"]
    past = get(client, IMPACT, entity=model, **{"as-of": then})
    (hit,) = past["trace"]["items"]
    assert (hit["entity"]["name"], hit["path"][0]["property"]["name"]) == ("First", "has version")
    page = client.get(f"/e/{model}/lineage", query_string={"as-of": then})
    assert "As the graph knew it at" in page.text and "First" in page.text
    assert page.headers["Memento-Datetime"]
    before = client.get(LINEAGE, query_string={"entity": model, "as-of": "2000-01-01T00:00:00Z"})
    assert before.status_code == 404, "nothing was known of it"


@pytest.mark.parametrize(
    ("path", "arguments", "status", "code"),
    [
        (LINEAGE, {}, 400, "bad-input"),
        (LINEAGE, {"entity": "home-ranker"}, 400, "bad-iri"),
        (LINEAGE, {"entity": MODEL, "direction": "left"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "depth": "0"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "depth": "²"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "types": "gadget"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "kinds": "title"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "stop_at": "gadget"}, 400, "bad-input"),
        (LINEAGE, {"entity": MODEL, "as-of": "2026-01-01"}, 400, "bad-input"),
        (IMPACT, {"entity": MODEL, "list": "some"}, 400, "bad-input"),
        (IMPACT, {"entity": "model/registry/home-rankr"}, 404, "not-found"),
    ],
)
def test_what_is_refused(
    client: FlaskClient, path: str, arguments: dict[str, str], status: int, code: str
) -> None:
    answer = client.get(path, query_string=arguments)
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_who_is_unknown_is_told_the_nearest(client: FlaskClient) -> None:
    answer = client.get(IMPACT, query_string={"entity": "model/registry/home-rankr"})
    assert MODEL in answer.json["nearest"]


def test_the_page(client: FlaskClient) -> None:
    shown = client.get(f"/e/{VERSION}/lineage").text
    assert "Lineage of Home ranker 3" in shown
    assert "version of" in shown
    assert f'href="/e/{MODEL}"' in shown
    assert "1 entity is hit" in client.get(f"/e/{MODEL}/lineage").text
    assert f'href="/e/{VERSION}/lineage"' in client.get(f"/e/{VERSION}").text
    assert client.get("/e/model/registry/nobody/lineage").status_code == 404


def test_the_page_shows_hostile_names_as_text(client: FlaskClient) -> None:
    shown = client.get(f"/e/model/registry/{quote(ODD_KEY, safe='')}/lineage")
    assert shown.status_code == 200
    assert "Lineage of &lt;script&gt;" in shown.text
    assert SCRIPT not in shown.text
