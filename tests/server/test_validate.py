"""Checking without storing: the report in each form, by program and by page."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from kg import formats
from tests.server.installation import BASE

TURTLE = "text/turtle"
PREFIXES = """
@prefix dct: <http://purl.org/dc/terms/> .
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
"""
UNOWNED = PREFIXES + f"<{BASE}/id/model/steward/unowned> a mlg:Model .\n"
PERSON = PREFIXES + f'<{BASE}/id/team/steward/t> a mlg:Team ; dct:title "Team of one" .\n'


def test_what_conforms(client: FlaskClient) -> None:
    answer = client.post("/validate", data=PERSON, content_type=TURTLE)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json is not None
    assert answer.json["conforms"] is True


def test_what_does_not_conform_and_is_not_kept(client: FlaskClient) -> None:
    answer = client.post("/validate", data=UNOWNED, content_type=TURTLE)
    assert (answer.status_code, answer.mimetype) == (422, "application/json")
    assert answer.json is not None
    assert answer.json["conforms"] is False
    assert "violation" in {finding["severity"] for finding in answer.json["findings"]}
    assert client.get("/e/model/steward/unowned").status_code == 404


def test_the_report_as_turtle(client: FlaskClient) -> None:
    answer = client.post("/validate", data=UNOWNED, content_type=TURTLE, headers={"Accept": TURTLE})
    assert (answer.status_code, answer.mimetype) == (422, TURTLE)
    stated = formats.parse(answer.data, formats.by_name("turtle"), base=BASE)
    assert "http://www.w3.org/ns/shacl#ValidationReport" in {
        q.object.value for q in stated if hasattr(q.object, "value")
    }


def test_the_report_as_sarif(client: FlaskClient) -> None:
    answer = client.post(
        "/validate",
        data=UNOWNED,
        content_type=TURTLE,
        headers={"Accept": "application/sarif+json"},
    )
    assert (answer.status_code, answer.mimetype) == (422, "application/sarif+json")
    (run,) = json.loads(answer.data)["runs"]
    assert "error" in {result["level"] for result in run["results"]}
    assert all("shortDescription" in rule for rule in run["tool"]["driver"]["rules"])


def test_the_report_as_a_page(client: FlaskClient) -> None:
    answer = client.post(
        "/validate", data=UNOWNED, content_type=TURTLE, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "This would be refused." in answer.text


def test_typed_into_the_page(client: FlaskClient) -> None:
    assert 'name="data"' in client.get("/validate").text
    refused = client.post("/validate", data={"data": UNOWNED, "format": "turtle"})
    assert (refused.status_code, refused.mimetype) == (422, "text/html")
    assert "How to fix:" in refused.text
    assert "mlg:Model .\n</textarea>" in refused.text
    fine = client.post("/validate", data={"data": PERSON, "format": "turtle"})
    assert fine.status_code == 200
    assert "This may be submitted." in fine.text


@pytest.mark.parametrize("form", ["turtle", "none-such", "../x"])
def test_what_is_typed_wrongly_is_kept(client: FlaskClient, form: str) -> None:
    answer = client.post("/validate", data={"data": "<b>&", "format": form})
    assert answer.status_code in (400, 415)
    assert "&lt;b&gt;&amp;</textarea>" in answer.text
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"nonsense", TURTLE, 400, "bad-rdf"),
        (b"a,b", "text/csv", 415, "unsupported-format"),
        (b"<!DOCTYPE x><x/>", "application/rdf+xml", 400, "bad-rdf"),
        (b'{"a":' * 5_000, "application/ld+json", 400, "bad-rdf"),
    ],
)
def test_unusable_documents(
    client: FlaskClient, data: bytes, kind: str, status: int, code: str
) -> None:
    answer = client.post("/validate", data=data, content_type=kind)
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["code"] == code


@pytest.mark.parametrize("name", ["pack", "shapes"])
def test_what_is_not_built_is_refused(client: FlaskClient, name: str) -> None:
    answer = client.post(f"/validate?{name}=eu-ai-act", data=PERSON, content_type=TURTLE)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["parameter"] == name


@pytest.mark.parametrize("form", ["&".join(f"a{n}=1" for n in range(300)), "data=%FF"])
def test_forms_that_cannot_be_read(client: FlaskClient, form: str) -> None:
    kind = "application/x-www-form-urlencoded"
    answer = client.post("/validate", data=form, content_type=kind)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "bad-input"
