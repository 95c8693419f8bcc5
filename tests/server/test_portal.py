"""Home, search and entity pages, and the same as JSON."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from kg.iris import EntityRef, encode_key
from tests.server.installation import BASE, ODD_KEY, SCRIPT, Installation

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
RANKER = "/e/model/registry/home-ranker"
ODD = f"/e/model/registry/{encode_key(ODD_KEY)}"


def test_home_counts_the_types_and_shows_the_sources(client: FlaskClient) -> None:
    page = client.get("/").text
    assert '<a href="/search?type=model">' in page
    assert '<a href="/search?source=registry">registry</a>' in page
    assert "The graph is empty" not in page


def test_the_page_of_sources_says_how_far_they_can_be_relied_on(client: FlaskClient) -> None:
    page = client.get("/sources").text
    assert '<a href="/search?source=registry">registry</a>' in page
    assert "dead letter" in page and "No source is configured" not in page


def test_an_entity_page_shows_facts_and_both_directions(client: FlaskClient) -> None:
    page = client.get(RANKER).text
    assert "<h1>Home ranker</h1>" in page
    assert "Orders the rows of the home page" in page
    assert '<a href="/e/person/registry/ada@aurora.example">' in page
    assert "(incoming)" in page
    assert '<a href="/e/model-version/registry/home-ranker/3">Home ranker 3</a>' in page


def test_an_entity_is_json_for_those_who_prefer_it(client: FlaskClient) -> None:
    by_accept = client.get(RANKER, headers=JSON)
    by_route = client.get("/api/v1/entities/model/registry/home-ranker")
    assert by_accept.json == by_route.json
    assert by_accept.json is not None
    assert by_accept.json["iri"] == f"{BASE}/id/model/registry/home-ranker"
    assert by_accept.json["ref"] == "model/registry/home-ranker"
    assert by_accept.json["state"] == "hydrated"
    assert by_accept.json["last_hydrated"] >= by_accept.json["last_changed"]
    assert "Accept" in by_accept.headers["Vary"]


def test_labels_are_data(client: FlaskClient) -> None:
    for path in (ODD, "/search?q=alert", "/search?q=" + SCRIPT):
        page = client.get(path).text
        assert "<script" not in page
        assert "<img" not in page
    assert "&lt;script&gt;" in client.get(ODD).text


def test_odd_keys_have_pages_that_the_search_links_to(client: FlaskClient) -> None:
    assert client.get(ODD).status_code == 200
    assert f'href="{ODD}"'.replace("&", "&amp;") in client.get("/search?q=alert").text.replace(
        "&#39;", "'"
    )


def test_a_tombstone_keeps_what_was_known(client: FlaskClient) -> None:
    answer = client.get("/e/model/registry/left-behind", headers=HTML)
    assert answer.status_code == 410
    assert "no longer has this" in answer.text
    assert client.get("/e/model/registry/left-behind", headers=JSON).status_code == 410
    problem = client.get("/api/v1/entities/model/registry/left-behind").json
    assert problem is not None
    assert problem["code"] == "gone"


def test_what_others_refer_to_is_awaited(client: FlaskClient, installation: Installation) -> None:
    installation.put(
        {"type": "model", "key": "orphaned", "name": "O", "owner_emails": ["b@aurora.example"]}
    )
    client.post("/events", json={"event_type": "model.new", "source": "registry", "id": "orphaned"})
    installation.settle()
    page = client.get("/e/person/registry/b@aurora.example")
    assert page.status_code == 200
    assert "awaiting" in page.text and "it was asked last" in page.text


def test_search_finds_by_part_of_a_name_and_marks_it(client: FlaskClient) -> None:
    page = client.get("/search?q=rank").text
    assert "<mark>rank</mark>er" in page
    assert 'role="status"' in page


def test_facets_narrow(client: FlaskClient) -> None:
    everything = client.get("/search?q=ranker", headers=JSON).json
    versions = client.get("/search?q=ranker&type=model-version", headers=JSON).json
    assert everything is not None
    assert versions is not None
    assert 0 < versions["total"] < everything["total"]
    assert {hit["ref"].split("/")[0] for hit in versions["hits"]} == {"model-version"}
    page = client.get("/search?q=ranker&type=model-version").text
    assert 'value="model-version" checked' in page
    assert "Remove all filters" in page


def test_search_as_json_is_paged(client: FlaskClient) -> None:
    first = client.get("/api/v1/search?q=&limit=1").json
    second = client.get("/api/v1/search?q=&limit=1&offset=1").json
    assert first is not None
    assert second is not None
    assert first["total"] == second["total"] > 2
    assert first["hits"][0]["iri"] != second["hits"][0]["iri"]


def test_no_hits_offer_a_way_on(client: FlaskClient) -> None:
    assert "Nothing matches" in client.get("/search?q=zzzzzzzz").text
    assert "without the filters" in client.get("/search?q=zzzzzzzz&type=model").text


@pytest.mark.parametrize("name", ["{base}/id/model/registry/x", "aip://model/registry/x"])
def test_an_iri_in_the_search_box_leads_to_its_page(client: FlaskClient, name: str) -> None:
    answer = client.get("/search", query_string={"q": name.format(base=BASE)}, headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/e/model/registry/x")


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "page=1e3", "page=99999999999", "page=²"]
)
def test_a_wrong_page_is_a_problem(client: FlaskClient, query: str) -> None:
    assert client.get(f"/search?{query}").status_code == 400


def test_a_search_for_a_whole_document_is_refused(client: FlaskClient) -> None:
    assert client.get("/search", query_string={"q": "x" * 501}).status_code == 400


def test_pages_of_a_mounted_application_link_below_the_mount(client: FlaskClient) -> None:
    page = client.get(RANKER, environ_overrides={"SCRIPT_NAME": "/graph"}).text
    assert 'href="/graph/e/model-version/registry/home-ranker/3"' in page
    assert 'href="/graph/data/model/registry/home-ranker.ttl"' in page


def test_the_page_says_what_it_is_about_to_machines(client: FlaskClient) -> None:
    links = client.get(RANKER).headers["Link"]
    iri = f"{BASE}/id/{EntityRef('model', 'registry', 'home-ranker')}"
    assert f'<{iri}>; rel="cite-as"' in links
    assert '</data/model/registry/home-ranker.ttl>; rel="describedby"; type="text/turtle"' in links


def test_questions_are_listed_and_asked(client: FlaskClient) -> None:
    listed = client.get("/questions", headers=JSON).json
    assert listed is not None
    walk = next(question for question in listed if question["name"] == "incident-walk")
    assert [choice["name"] for choice in walk["choices"]] == ["modelName"]
    assert walk["label"] in client.get("/questions").text
    assert "/questions/incident-walk?modelName=Home+ranker" in client.get(RANKER).text
    page = client.get("/questions/whom-to-ask")
    assert page.status_code == 200 and "Results" in page.text
    table = client.get("/questions/owners-who-left", headers={"Accept": "text/csv"})
    assert table.text.startswith("type,asset,name,owner")
    named = client.get("/questions/owners-who-left?format=tsv")
    assert named.text.startswith("?type\t?asset")


def test_what_cannot_be_asked_is_a_problem_and_stays_on_the_page(client: FlaskClient) -> None:
    page = client.get("/questions/unused-since?since=yesterday")
    assert page.status_code == 400
    assert "so many days ago (P90D)" in page.text and 'value="yesterday"' in page.text
    unknown = client.get("/questions/incident-wolk", headers=JSON)
    assert unknown.status_code == 404 and "incident-walk" in unknown.text
    assert client.get("/questions/unused-since?nobody=1", headers=JSON).status_code == 400
