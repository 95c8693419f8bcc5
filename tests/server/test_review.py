"""The review list over HTTP: read, decided by JSON and by the form, and not by other pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.server.installation import BASE, Installation

KEYS = ("ops-1", "ops-2")
ONE, OTHER = (f"person/registry/{key}" for key in KEYS)
ORIGIN = {"Origin": BASE}


@pytest.fixture(autouse=True)
def pair(installation: Installation, client: FlaskClient) -> Iterator[None]:
    """Two people with one address, whom their source keeps apart: a pair for people to judge."""
    for key in KEYS:
        installation.put(
            {
                "type": "person",
                "key": key,
                "display_name": f"<b>{key}</b>",
                "email": "ops@aurora.example",
                "active": True,
            }
        )
    installation.tell(*(("person", key) for key in KEYS))
    yield
    decide(client, "undo")
    for key in KEYS:
        installation.remove("person", key)
    installation.tell(*(("person", key) for key in KEYS))
    assert pairs(client) == []


def pairs(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/review{query}")
    assert answer.status_code == 200 and answer.json is not None
    assert answer.json["total"] >= len(answer.json["pairs"])
    found: list[dict[str, Any]] = answer.json["pairs"]
    return found


def decide(client: FlaskClient, choice: str, **said: Any) -> Any:
    members = {"one": ONE, "other": f"{BASE}/id/{OTHER}"} | said
    return client.post(f"/api/v1/review/{choice}", json=members)


def test_the_list_is_json_with_its_evidence(client: FlaskClient) -> None:
    (found,) = pairs(client)
    assert {found["one"]["ref"], found["other"]["ref"]} == {ONE, OTHER}
    evidence = {e["rule"]["name"]: e["facts"] for e in found["evidence"]}
    facts = evidence["e-mail address of a person"]
    assert {f["value"]["text"] for f in facts} == {"mailto:ops@aurora.example"}
    assert pairs(client, "?offset=1") == pairs(client, "?limit=0") == []


def test_accept_reject_and_undo(client: FlaskClient) -> None:
    evidence = pairs(client)[0]["evidence"]
    assert evidence
    answer = decide(client, "accept")
    assert (answer.status_code, answer.json["state"]) == (200, "done")
    assert pairs(client) == []
    (found,) = pairs(client, "?state=decided")
    assert (found["decision"], found["by"]) == ("accept", "anonymous")
    assert found["evidence"] == evidence
    shown = client.get(f"/api/v1/entities/{ONE}").json
    assert shown is not None
    (relation,) = [r for r in shown["relations"] if r["property"]["name"] == "same thing as"]
    assert [item["ref"] for item in relation["items"]] == [OTHER]
    (link,) = re.findall(
        r'href="([^"]*)" aria-label="why same thing as', client.get(f"/e/{ONE}").text
    )
    why = client.get(html.unescape(link)).text
    assert "anonymous" in why and "e-mail address of a person" in why
    assert decide(client, "reject").status_code == 200
    assert pairs(client) == []
    assert pairs(client, "?state=decided")[0]["evidence"] == evidence
    assert decide(client, "undo").status_code == 200
    assert len(pairs(client)) == 1
    assert pairs(client, "?state=decided") == []


@pytest.mark.parametrize(
    ("choice", "said", "status", "code"),
    [
        ("maybe", {}, 400, "bad-input"),
        ("accept", {"other": ONE}, 400, "bad-input"),
        ("accept", {"other": None}, 400, "bad-input"),
        ("accept", {"other": "model/registry/home-ranker"}, 400, "bad-input"),
        ("accept", {"other": "ops"}, 400, "bad-iri"),
        ("accept", {"other": "person/registry/nobody"}, 404, "not-found"),
    ],
)
def test_what_cannot_be_decided(
    choice: str, said: dict[str, Any], status: int, code: str, client: FlaskClient
) -> None:
    answer = decide(client, choice, **said)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert len(pairs(client)) == 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"one=a&other=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_bodies_that_are_no_decision(
    body: bytes, kind: str, status: int, client: FlaskClient
) -> None:
    answer = client.post("/api/v1/review/accept", data=body, content_type=kind)
    assert answer.status_code == status


@pytest.mark.parametrize("query", ["state=both", "offset=-1", "limit=501", "offset=x"])
def test_questions_that_are_not_understood(query: str, client: FlaskClient) -> None:
    assert client.get(f"/api/v1/review?{query}").status_code == 400


def form(client: FlaskClient, choice: str, headers: dict[str, str]) -> Any:
    """Presses a button of the page, with what the page put into the form."""
    page = client.get("/review?state=decided" if choice == "undo" else "/review").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert fields.keys() == {"one", "other", "state"}
    return client.post("/review", data={**fields, "choice": choice}, headers=headers)


def test_the_page_decides_without_script(client: FlaskClient) -> None:
    page = client.get("/review").text
    assert "1 pair" in page and "e-mail address of a person" in page
    assert "&lt;b&gt;ops-1&lt;/b&gt;" in page and "<b>" not in page and "<script" not in page
    answer = form(client, "accept", ORIGIN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review?state=open")
    assert "Nothing waits for a decision." in client.get("/review").text
    decided = client.get("/review?state=decided").text
    assert "Accepted by anonymous" in decided and "as it is now" in decided
    assert "e-mail address of a person" in decided and "mailto:ops@aurora.example" in decided
    assert form(client, "undo", ORIGIN).status_code == 303
    assert len(pairs(client)) == 1


def test_the_page_says_why_a_pair_was_to_be_decided(client: FlaskClient) -> None:
    fact = {"subject": ONE, "predicate": "sameThingAs", "object": OTHER}
    assert client.get("/api/v1/why", query_string=fact).status_code == 404
    decide(client, "accept")
    page = client.get("/why", query_string=fact).text
    assert "Stated by anonymous (steward)" in page
    assert "For one thing: e-mail address of a person" in page and "<b>" not in page
    answer = client.get("/api/v1/why", query_string=fact).json
    assert answer is not None
    steps = [step for way in answer["agreed"] for step in way["steps"]]
    assert steps and all(step["stated"] or step["again"] for step in steps)


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_page_of_another_origin_decides_nothing(
    headers: dict[str, str], client: FlaskClient
) -> None:
    assert form(client, "accept", headers).status_code == 403
    if headers:
        answer = client.post(
            "/api/v1/review/accept", json={"one": ONE, "other": OTHER}, headers=headers
        )
        assert answer.status_code == 403
    assert len(pairs(client)) == 1
