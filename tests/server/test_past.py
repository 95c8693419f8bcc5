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
