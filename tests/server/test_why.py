"""The explanation of a fact over HTTP: as JSON, as a page, and where the pages link to it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from kg.iris import encode_key, term
from tests.server.installation import BASE, ODD_KEY, SCRIPT

FACT = {
    "subject": "model-version/registry/home-ranker/3",
    "predicate": "dependsOn",
    "object": f"{BASE}/id/model/registry/home-ranker",
}


def test_a_derived_fact_is_explained_as_json(client: FlaskClient) -> None:
    answer = client.get("/api/v1/why", query_string=FACT)
    assert answer.status_code == 200 and answer.json is not None
    assert answer.json["derived"] is True
    (way,) = answer.json["ways"]
    assert way["axiom"] == "mlg:dependsOn ⊒ mlg:versionOf"
    (stated,) = way["steps"][0]["stated"]
    assert stated["source"]["name"] == "registry"
    assert stated["revision"].startswith("urn:mlgraph:revision:")
    assert {"recorded_at", "caused_by"} <= stated.keys()


def test_the_page_of_an_entity_leads_to_the_reason_without_script(client: FlaskClient) -> None:
    page = client.get(f"/e/{FACT['subject']}").text
    links = [unescape(link) for link in re.findall(r'href="(/why\?[^"]+)"', page)]
    assert len(links) >= 1
    reasons = client.get(links[0])
    assert reasons.status_code == 200
    assert "inferred" in reasons.text and "Stated by" in reasons.text
    assert "<script" not in reasons.text


def test_both_ends_link_to_the_same_reason(client: FlaskClient) -> None:
    there, back = (
        set(re.findall(r'href="(/why\?[^"]+)"', client.get(f"/e/{entity}").text))
        for entity in (FACT["subject"], "model/registry/home-ranker")
    )
    assert there & back


def test_labels_are_data(client: FlaskClient) -> None:
    fact = {
        "subject": f"model/registry/{encode_key(ODD_KEY)}",
        "predicate": term("dct:title"),
        "object": SCRIPT,
    }
    page = client.get("/why", query_string=fact)
    assert page.status_code == 200
    assert SCRIPT not in page.text and "&lt;script&gt;" in page.text


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"object": ""}, 400, "bad-input"),
        ({"predicate": "dependOn"}, 400, "bad-input"),
        ({"subject": "home-ranker"}, 400, "bad-iri"),
        ({"object": "model/registry/other"}, 404, "not-found"),
    ],
)
def test_what_cannot_be_explained(
    changed: dict[str, str], status: int, code: str, client: FlaskClient
) -> None:
    answer = client.get("/api/v1/why", query_string=FACT | changed)
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (status, code)
    page = client.get("/why", query_string=FACT | changed, headers={"Accept": "text/html"})
    assert page.status_code == status and "<script" not in page.text


def test_the_nearest_facts_are_offered(client: FlaskClient) -> None:
    answer = client.get("/api/v1/why", query_string=FACT | {"object": "model/registry/other"})
    assert answer.json is not None
    assert answer.json["holds_for"] == [FACT["object"]]
