"""Submitting metadata: committed and visible, or refused whole with what is wrong."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.server.installation import BASE

TURTLE = "text/turtle"
NAMED = """
@prefix dct: <http://purl.org/dc/terms/> .
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
<{base}/id/model/steward/{key}> a mlg:Model ;
    dct:title "{title}" ;
    dct:description "Made by a person, for the tests of the submission route." ;
    mlg:ownedBy <{base}/id/person/registry/ada@aurora.example> .
"""
WITHOUT_AN_OWNER = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
<{base}/id/model/steward/unowned> a mlg:Model .
"""


def document(key: str, title: str = "Submitted") -> bytes:
    return NAMED.format(base=BASE, key=key, title=title).encode()


def test_what_is_accepted_is_visible_at_once(client: FlaskClient) -> None:
    answer = client.post("/submit", data=document("seen"), content_type=TURTLE)
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["state"] == "done"
    assert answer.json["iris"] == [f"{BASE}/id/model/steward/seen"]
    assert "<h1>Submitted</h1>" in client.get("/e/model/steward/seen").text
    told = client.get(answer.headers["Location"])
    assert told.json == answer.json


def test_json_ld_is_as_good(client: FlaskClient) -> None:
    answer = client.post(
        "/submit",
        json={
            "@context": {"dct": "http://purl.org/dc/terms/"},
            "@id": f"{BASE}/id/model/steward/linked",
            "@type": "https://w3id.org/mlgraph/ns/Model",
            "dct:title": "Linked",
            "dct:description": "Submitted as JSON-LD, for the tests of the submission route.",
            "https://w3id.org/mlgraph/ns/ownedBy": {
                "@id": f"{BASE}/id/person/registry/ada@aurora.example"
            },
        },
        headers={"Content-Type": "application/ld+json"},
    )
    assert answer.status_code == 201


def test_what_breaks_a_rule_is_refused_with_its_findings(client: FlaskClient) -> None:
    answer = client.post(
        "/submit", data=WITHOUT_AN_OWNER.format(base=BASE).encode(), content_type=TURTLE
    )
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "does-not-conform"
    assert {f["severity"] for f in answer.json["findings"]} >= {"violation"}
    assert all(f["message"] and f["rule"] for f in answer.json["findings"])
    assert client.get("/e/model/steward/unowned").status_code == 404
    told = client.get(f"/submit/{answer.json['submission']}")
    assert told.json is not None
    assert told.json["state"] == "refused"


@pytest.mark.parametrize(
    ("data", "content_type", "code"),
    [
        (b"@prefix broken", TURTLE, "bad-rdf"),
        (b"<a> <b> <c> .\n<a> <b", TURTLE, "bad-rdf"),
        (b"{", "application/ld+json", "bad-rdf"),
        (b'{"@context": "http://e.example/c", "@id": "x"}', "application/ld+json", "bad-rdf"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "application/rdf+xml", "bad-rdf"),
        (b'{"a":' * 5_000, "application/ld+json", "bad-rdf"),
        (b"", TURTLE, "bad-rdf"),
        (b"<http://elsewhere.example/x> a <urn:y> .", TURTLE, "bad-iri"),
        (b"\xff\xfe", TURTLE, "bad-rdf"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_unusable_documents(client: FlaskClient, data: bytes, content_type: str, code: str) -> None:
    answer = client.post("/submit", data=data, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == code


def test_the_place_of_a_syntax_error_is_said(client: FlaskClient) -> None:
    answer = client.post("/submit", data=b"<urn:a> <urn:b>\n  nonsense .", content_type=TURTLE)
    assert answer.json is not None
    assert answer.json["line"] == 2


def test_a_format_that_is_not_read(client: FlaskClient) -> None:
    answer = client.post("/submit", data=b"a,b", content_type="text/csv")
    assert answer.status_code == 415
    assert "text/turtle" in answer.text


def test_an_unknown_submission(client: FlaskClient) -> None:
    assert client.get("/submit/none-such").status_code == 404
