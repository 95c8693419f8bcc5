"""Following an entity's IRI: 303 by preference, documents by extension, 404 and 410."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from kg import formats
from kg.iris import encode_key
from tests.server.installation import BASE, ODD_KEY

RANKER = "model/registry/home-ranker"


@pytest.mark.parametrize(
    ("accept", "target"),
    [
        ("text/html", f"/e/{RANKER}"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", f"/e/{RANKER}"),
        ("text/turtle", f"/data/{RANKER}.ttl"),
        ("application/ld+json", f"/data/{RANKER}.jsonld"),
        ("application/n-triples", f"/data/{RANKER}.nt"),
        ("application/rdf+xml", f"/data/{RANKER}.rdf"),
        ("application/rdf+xml;q=0.5, text/turtle;q=0.4", f"/data/{RANKER}.rdf"),
        ("*/*", f"/data/{RANKER}.ttl"),
        (None, f"/data/{RANKER}.ttl"),
    ],
)
def test_303_by_accept(client: FlaskClient, accept: str | None, target: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = client.get(f"/id/{RANKER}", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, target)
    assert "Accept" in answer.headers["Vary"]
    assert f'<{BASE}/id/{RANKER}>; rel="cite-as"' in answer.headers["Link"]
    followed = client.get(target, headers=headers)
    assert followed.status_code == 200


@pytest.mark.parametrize("extension", ["ttl", "jsonld", "nt", "rdf"])
def test_documents_state_the_same(client: FlaskClient, extension: str) -> None:
    answer = client.get(f"/data/{RANKER}.{extension}")
    form = formats.by_name(extension)
    assert answer.mimetype == form.media_type
    turtle = formats.by_name("ttl")
    stated = formats.parse(answer.data, form, base=BASE)
    assert {str(q) for q in stated} == {
        str(q) for q in formats.parse(client.get(f"/data/{RANKER}.ttl").data, turtle, base=BASE)
    }
    assert any(q.object.value == "Home ranker" for q in stated)


def test_odd_keys_survive_the_way(client: FlaskClient) -> None:
    key = encode_key(ODD_KEY)
    answer = client.get(f"/id/model/registry/{key}", headers={"Accept": "text/turtle"})
    assert answer.headers["Location"] == f"/data/model/registry/{key}.ttl"
    stated = formats.parse(
        client.get(answer.headers["Location"]).data, formats.by_name("ttl"), base=BASE
    )
    assert {q.subject.value for q in stated} == {f"{BASE}/id/model/registry/{key}"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/id/model/registry/nobody-knows", 404, "not-found"),
        ("/data/model/registry/nobody-knows.ttl", 404, "not-found"),
        ("/data/model/registry/home-ranker.exe", 404, "not-found"),
        ("/data/model/registry/home-ranker", 404, "not-found"),
        ("/id/model/registry/left-behind", 410, "gone"),
        ("/data/model/registry/left-behind.ttl", 410, "gone"),
        ("/id/Model/registry/x", 400, "bad-iri"),
        ("/id/model/Not A Source/x", 400, "bad-iri"),
        ("/id/model/registry/%00", 400, "bad-iri"),
        ("/id/model/registry/a%0D%0ASet-Cookie:%20x=1", 400, "bad-iri"),
        ("/id/model/registry/" + "x" * 2001, 400, "bad-iri"),
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str, status: int, code: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["code"] == code


def test_an_iri_that_offers_nothing_acceptable(client: FlaskClient) -> None:
    assert client.get(f"/id/{RANKER}", headers={"Accept": "image/png"}).status_code == 406


def test_the_context_is_json_that_may_be_kept(client: FlaskClient) -> None:
    answer = client.get("/context.jsonld")
    assert answer.mimetype == "application/ld+json"
    assert "@context" in json.loads(answer.data)
    again = client.get("/context.jsonld", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
