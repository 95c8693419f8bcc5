"""As of the past over HTTP: a model that is created, changed by its source and a steward, and gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from server import create_app
from tests.server.conftest import installed
from tests.server.installation import Installation

HTML = {"Accept": "text/html"}
CSV = {"Accept": "text/csv"}
MODEL = {
    "type": "model",
    "key": "ranker",
    "name": "Home ranker",
    "owner_emails": ["ada@aurora.example"],
    "tags": ["ranking"],
}
ADA = {"type": "person", "key": "ada@aurora.example", "display_name": "Ada Aurora", "active": True}
BO = {"type": "person", "key": "bo@aurora.example", "display_name": "Bo Aurora", "active": True}
NAMES = "SELECT ?name { ?m a <https://w3id.org/mlgraph/ns/Model> ; <http://purl.org/dc/terms/title> ?name }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The installation, and a moment after each step; ``changed`` comes before ``stated``."""

    installation: Installation
    before: str
    created: str
    changed: str
    stated: str
    gone: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed(tmp_path_factory.mktemp("story")) as found:
        before = datetime.now(UTC) - timedelta(days=1)

        def tell(*payloads: dict[str, Any]) -> str:
            for payload in payloads:
                found.put(payload)
            found.tell(*((p["type"], p["key"]) for p in payloads))
            return datetime.now(UTC).isoformat()

        created = tell(MODEL, ADA, BO)
        renamed = {**MODEL, "name": "Front page ranker", "owner_emails": ["bo@aurora.example"]}
        changed = tell(renamed)
        submitted = (
            create_app(found.service)
            .test_client()
            .post(
                "/submit",
                data="<model/registry/ranker> <http://purl.org/dc/terms/license> <urn:mit> .",
                content_type="text/turtle",
            )
        )
        assert submitted.status_code == 201, submitted.text
        stated = datetime.now(UTC).isoformat()
        found.remove("model", "ranker")
        found.tell(("model", "ranker"))
        yield Story(
            installation=found,
            before=before.isoformat(),
            created=created,
            changed=changed,
            stated=stated,
            gone=datetime.now(UTC).isoformat(),
        )


@pytest.fixture
def past(story: Story) -> FlaskClient:
    return create_app(story.installation.service).test_client()


def names(past: FlaskClient, **asked: str) -> list[str]:
    answer = past.get("/sparql", query_string={"query": NAMES, **asked}, headers=CSV)
    assert answer.status_code == 200, answer.text
    return answer.text.split()[1:] if " " not in answer.text else answer.text.splitlines()[1:]


def test_a_query_is_answered_as_of_a_moment(past: FlaskClient, story: Story) -> None:
    assert names(past) == []
    assert names(past, **{"as-of": story.created}) == ["Home ranker"]
    assert names(past, **{"as-of": story.changed}) == ["Front page ranker"]
    assert names(past, **{"as-of": story.gone}) == []
    assert names(past, **{"as-of": story.before}) == []
    posted = past.post("/sparql", data={"query": NAMES, "as-of": story.created}, headers=CSV)
    assert posted.text.splitlines()[1:] == ["Home ranker"]
    assert "Memento-Datetime" in posted.headers


def test_the_past_has_its_history_and_layers_and_no_findings(
    past: FlaskClient, story: Story
) -> None:
    def count(name: str, moment: str) -> int:
        query = f"SELECT (COUNT(*) AS ?n) {{ GRAPH <urn:mlgraph:graph:{name}> {{ ?s ?p ?o }} }}"
        asked = {"query": query, "as-of": moment}
        return int(past.get("/sparql", query_string=asked, headers=CSV).text.split()[1])

    assert 0 < count("history", story.created) < count("history", story.gone)
    assert (count("steward", story.created), count("steward", story.stated)) == (0, 1)
    assert count("findings", story.created) == 0


def test_history_is_that_of_then_whatever_names_it(past: FlaskClient, story: Story) -> None:
    graph = "urn:mlgraph:graph:history"
    some = {
        f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}",
        "PREFIX g: <urn:mlgraph:graph:> SELECT (COUNT(*) AS ?n) { GRAPH g:history { ?s ?p ?o } }",
        "SELECT (COUNT(*) AS ?n) { GRAPH <urn:mlgraph:graph:\\u0068istory> { ?s ?p ?o } }",
        f"SELECT (COUNT(*) AS ?n) FROM <{graph}> {{ ?s ?p ?o }}",
        f"SELECT (COUNT(*) AS ?n) FROM NAMED <{graph}> {{ GRAPH ?g {{ ?s ?p ?o }} }}",
        f"SELECT (COUNT(*) AS ?n) {{ GRAPH ?g {{ ?s ?p ?o }} FILTER (?g = <{graph}>) }}",
    }
    counts = {
        past.get("/sparql", query_string={"query": query, "as-of": story.created}, headers=CSV).text
        for query in some
    }
    asked = {"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "as-of": story.created}
    by_protocol = past.get(
        "/sparql", query_string={**asked, "default-graph-uri": graph}, headers=CSV
    )
    assert counts == {by_protocol.text}
    assert int(by_protocol.text.split()[1]) > 0


def test_an_answer_says_of_which_moment_it_is(past: FlaskClient, story: Story) -> None:
    asked = {"query": "ASK {}", "as-of": story.created}
    answer = past.get("/sparql", query_string=asked)
    assert answer.headers["Memento-Datetime"].endswith("GMT")
    links = answer.headers.getlist("Link")
    assert '</sparql?query=ASK+%7B%7D>; rel="original latest-version"' in links
    assert any('rel="first memento"' in link for link in links)
    assert answer.headers["Cache-Control"] == "no-cache", "the last hour may still change"
    old = past.get("/sparql", query_string={"query": "ASK {}", "as-of": story.before})
    assert old.headers["Cache-Control"] == "public, max-age=86400"
    now = past.get("/sparql", query_string={"query": "ASK {}"})
    assert "Memento-Datetime" not in now.headers


@pytest.mark.parametrize("as_of", ["2999-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026", "soon"])
def test_no_moment_of_the_past_is_refused(past: FlaskClient, as_of: str) -> None:
    answer = past.get("/sparql", query_string={"query": "ASK {}", "as-of": as_of})
    assert (answer.status_code, answer.json["code"]) == (400, "bad-input")  # type: ignore[index]
    assert as_of in answer.json["detail"]  # type: ignore[index]


def test_an_offset_may_have_lost_its_plus_sign(past: FlaskClient, story: Story) -> None:
    assert "+00:00" in story.created
    answer = past.get(f"/sparql?query=ASK%20%7B%7D&as-of={story.created}", headers=CSV)
    assert answer.status_code == 200


def test_the_page_says_of_which_moment_it_is(past: FlaskClient, story: Story) -> None:
    def page(moment: str) -> str:
        asked = {"query": NAMES, "as-of": moment}
        return past.get("/sparql", query_string=asked, headers=HTML).text

    assert "Home ranker" in page(story.created)
    assert "As the graph knew it at" in page(story.created)
    assert "as-of=" in page(story.created).partition("Save as")[2]
    assert "Nothing was recorded by then" in page(story.before)
    assert "is yet to come" in page("2999-01-01T00:00:00Z")
    assert "As the graph knew it" not in page("")


RANKER = "/e/model/registry/ranker"
API = "/api/v1/entities/model/registry/ranker"


def test_an_entity_is_shown_as_of_a_moment(past: FlaskClient, story: Story) -> None:
    def shown(moment: str) -> Any:
        answer = past.get(API, query_string={"as-of": moment})
        assert answer.status_code == 200
        assert "Memento-Datetime" in answer.headers
        return answer.json

    created, stated, gone = shown(story.created), shown(story.stated), shown(story.gone)
    assert (created["name"], stated["name"]) == ("Home ranker", "Front page ranker")
    assert [o["name"] for o in created["owners"]] == ["Ada Aurora"]
    assert [o["name"] for o in stated["owners"]] == ["Bo Aurora"]
    assert [s["state"] for s in (created, stated, gone)] == ["hydrated", "hydrated", "gone"]
    assert datetime.fromisoformat(created["as_of"]) == datetime.fromisoformat(story.created)
    assert past.get(API).status_code == 410, "now it is gone"
    before = past.get(API, query_string={"as-of": story.before})
    assert before.status_code == 404
    assert "It came on" in before.json["detail"]  # type: ignore[index]


def test_what_pointed_at_a_thing_is_known_of_the_past_too(past: FlaskClient, story: Story) -> None:
    def owned(key: str, moment: str) -> list[str]:
        path = f"/api/v1/entities/person/registry/{key}"
        shown: Any = past.get(path, query_string={"as-of": moment}).json
        return [i["name"] for r in shown["relations"] if r["direction"] == "in" for i in r["items"]]

    assert owned("ada@aurora.example", story.created) == ["Home ranker"]
    assert owned("ada@aurora.example", story.changed) == []
    assert owned("bo@aurora.example", story.created) == []
    assert owned("bo@aurora.example", story.changed) == ["Front page ranker"]
    assert owned("bo@aurora.example", story.gone) == []


def test_the_page_of_the_past_leads_back_to_now(past: FlaskClient, story: Story) -> None:
    asked = {"as-of": story.created}
    answer = past.get(RANKER, query_string=asked, headers=HTML)
    assert answer.status_code == 200
    assert "As the graph knew it at" in answer.text
    assert f'<a href="{RANKER}">See it as it is now</a>' in answer.text
    assert '<a href="/e/person/registry/ada@aurora.example?as-of=2' in answer.text
    assert "Findings are not kept of the past" in answer.text
    assert f'href="{RANKER}/history"' in answer.text
    now = past.get(RANKER, headers=HTML).text
    assert "As the graph knew it" not in now and "as-of" not in now
    document = past.get("/data/model/registry/ranker.nt", query_string=asked)
    assert '"Home ranker"' in document.text and "Memento-Datetime" in document.headers
    assert past.get("/data/model/registry/ranker.nt").status_code == 410
    thing = past.get("/id/model/registry/ranker", query_string=asked, headers=HTML)
    assert thing.status_code == 303
    assert thing.headers["Location"].startswith(f"{RANKER}?as-of=")


def test_history_tells_who_changed_what_and_why(past: FlaskClient, story: Story) -> None:
    answer: Any = past.get(f"{API}/history").json
    told = [r for r in answer["revisions"] if r["layer"] != "derived"]
    gone, steward, changed, created = told
    assert [r["who"] for r in told] == ["registry", "anonymous", "registry", "registry"]
    assert created["creates"] and "name is Home ranker" in created["words"]
    assert "name is now Front page ranker, was Home ranker" in changed["words"]
    assert "owned by is now Bo Aurora, was Ada Aurora" in changed["words"]
    assert [s["value"]["text"] for s in steward["asserted"]] == ["urn:mit"]
    assert any(s["property"]["iri"].endswith("invalidatedAtTime") for s in gone["happened"])
    assert all(r["event"] for r in told)
    assert [r["version"] for r in told] == sorted((r["version"] for r in told), reverse=True)
    assert answer["total"] == len(answer["revisions"])
    second: Any = past.get(f"{API}/history?offset=1&limit=1").json
    assert second["revisions"] == answer["revisions"][1:2]
    assert past.get(f"{API}/history?limit=all").status_code == 400
    assert past.get("/api/v1/entities/model/registry/nothing/history").status_code == 404


def test_the_page_of_a_history(past: FlaskClient) -> None:
    page = past.get(f"{RANKER}/history", headers=HTML).text
    assert "name is now Front page ranker, was Home ranker" in page
    assert f'<a href="{RANKER}?as-of=2' in page
    assert "<script" not in page
    first = past.get(f"{RANKER}/history?limit=1", headers=HTML).text
    assert "older →" in first and "← newer" not in first


def test_a_key_may_end_like_the_page_of_a_history(past: FlaskClient, story: Story) -> None:
    story.installation.put({"type": "model", "key": "listening/history", "name": "Listening"})
    story.installation.tell(("model", "listening/history"))
    path = "/e/model/registry/listening/history"
    assert "<h1>Listening</h1>" in past.get(path, headers=HTML).text
    assert "<h1>History of Listening</h1>" in past.get(f"{path}/history", headers=HTML).text
    shown: Any = past.get("/api/v1/entities/model/registry/listening/history").json
    assert shown["name"] == "Listening"


def test_differences_of_an_entity_and_of_the_graph(past: FlaskClient, story: Story) -> None:
    def patch(**asked: str) -> set[str]:
        headers = {"Accept": "application/rdf-patch"}
        answer = past.get("/api/v1/diff", query_string=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.text.splitlines()[0] == "TX ." and answer.text.endswith("TC .\n")
        return set(answer.text.splitlines()[1:-1])

    span = {"from": story.created, "to": story.changed}
    lines = patch(**span, entity="model/registry/ranker")
    assert lines == patch(**span), "nothing else changed"
    assert any(line.startswith("A ") and '"Front page ranker"' in line for line in lines)
    assert any(line.startswith("D ") and '"Home ranker"' in line for line in lines)
    back = patch(**{"from": story.changed, "to": story.created})
    assert back == {{"A": "D", "D": "A"}[line[0]] + line[1:] for line in lines}
    told: Any = past.get("/api/v1/diff", query_string=span).json
    assert told["asserted_total"] + told["retracted_total"] == len(lines)
    assert "Front page ranker" in {said["value"]["text"] for said in told["asserted"]}
    whole = {"from": story.before, "to": story.changed}
    assert all(line.startswith("A ") for line in patch(**whole))
    assert past.get("/api/v1/diff", query_string={"from": story.before}).status_code == 400
    unknown = {**span, "entity": "model/registry/nothing"}
    assert past.get("/api/v1/diff", query_string=unknown).status_code == 404


def test_search_by_name_as_of_a_moment(past: FlaskClient, story: Story) -> None:
    def found(text: str, moment: str, **more: str) -> list[str]:
        asked = {"q": text, "as-of": moment, **more}
        answer: Any = past.get("/api/v1/search", query_string=asked)
        assert answer.status_code == 200, answer.text
        assert "Memento-Datetime" in answer.headers
        assert answer.json["total"] == len(answer.json["hits"])
        return [hit["name"] for hit in answer.json["hits"]]

    assert found("ranker", story.created) == ["Home ranker"]
    assert found("RANKER page", story.changed) == ["Front page ranker"]
    assert found("home", story.changed) == []
    assert found("ranker", story.gone) == []
    assert found("", story.before) == []
    assert found("aurora", story.created) == ["Bo Aurora", "Ada Aurora"]
    assert found("a", story.created, type="model") == ["Home ranker"]
    assert found("a", story.created, source="elsewhere") == []
    refused = past.get("/api/v1/search", query_string={"as-of": story.created, "owner": "x"})
    assert (refused.status_code, refused.json["code"]) == (400, "bad-input")  # type: ignore[index]
    asked = {"q": "ranker", "as-of": story.created}
    page = past.get("/search", query_string=asked, headers=HTML).text
    assert f'href="{RANKER}?as-of=2' in page and "As the graph knew it at" in page
    hit: Any = past.get("/api/v1/search", query_string=asked).json["hits"][0]  # type: ignore[index]
    assert hit["owners"] == ["Ada Aurora"]
