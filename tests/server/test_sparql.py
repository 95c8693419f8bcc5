"""The SPARQL endpoint over HTTP: protocol, formats, limits, and the page at the same URL."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from kg import formats
from tests.server.installation import BASE, SCRIPT

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
NAMES = "PREFIX dct: <http://purl.org/dc/terms/> SELECT ?s ?name { ?s dct:title ?name }"
ABOUT = f"DESCRIBE <{BASE}/id/model/registry/home-ranker>"
MANY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } LIMIT 4000"
TOO_MANY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n0 ?o }"
RESULTS = "application/sparql-results+json"


def code_of(text: str) -> str:
    found: str = json.loads(text)["code"]
    return found


def test_the_three_forms_of_a_request(client: FlaskClient) -> None:
    answers = (
        client.get("/sparql", query_string={"query": NAMES}),
        client.post("/sparql", data={"query": NAMES}),
        client.post("/sparql", data=NAMES, content_type=QUERY),
    )
    for answer in answers:
        assert (answer.status_code, answer.content_type) == (200, RESULTS)
        assert "Accept" in answer.headers["Vary"]
    first, *others = (sorted(map(str, json.loads(a.text)["results"]["bindings"])) for a in answers)
    assert first
    assert all(first == other for other in others)


def test_json_xml_csv_and_tsv_say_the_same(client: FlaskClient) -> None:
    query = NAMES + " ORDER BY ?s"

    def ask(media_type: str) -> str:
        answer = client.get(
            "/sparql", query_string={"query": query}, headers={"Accept": media_type}
        )
        assert answer.mimetype == media_type
        return answer.text

    rows = json.loads(ask(RESULTS))["results"]["bindings"]
    names = [row["name"]["value"] for row in rows]
    assert SCRIPT in names
    space = "{http://www.w3.org/2005/sparql-results#}"
    root = ElementTree.fromstring(ask("application/sparql-results+xml"))
    assert [literal.text for literal in root.iter(f"{space}literal")] == names
    assert [row["name"] for row in csv.DictReader(io.StringIO(ask("text/csv")))] == names
    assert len(ask("text/tab-separated-values").splitlines()) == len(names) + 1


@pytest.mark.parametrize("query", ["ASK {}", "ASK { <urn:none> ?p ?o }"])
def test_ask(client: FlaskClient, query: str) -> None:
    answer = client.get("/sparql", query_string={"query": query}).json
    assert answer is not None
    assert answer["boolean"] is (query == "ASK {}")


@pytest.mark.parametrize("name", ["turtle", "nt", "jsonld", "rdf"])
@pytest.mark.parametrize("query", [ABOUT, "CONSTRUCT WHERE { ?s a ?o }"])
def test_graphs_in_every_format(client: FlaskClient, name: str, query: str) -> None:
    form = formats.by_name(name)
    by_accept = client.get(
        "/sparql", query_string={"query": query}, headers={"Accept": form.media_type}
    )
    by_name = client.get("/sparql", query_string={"query": query, "format": name})
    assert by_accept.mimetype == by_name.mimetype == form.media_type
    assert formats.parse(by_accept.data, form, base=BASE)
    assert len(by_accept.data) == len(by_name.data)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        (NAMES, "text/turtle"),
        (NAMES, "application/rdf+xml"),
        (NAMES, "image/png"),
        (ABOUT, RESULTS),
        (ABOUT, "text/csv"),
    ],
)
def test_what_cannot_be_said_in_a_format(client: FlaskClient, query: str, accept: str) -> None:
    answer = client.get("/sparql", query_string={"query": query}, headers={"Accept": accept})
    assert answer.status_code == 406
    assert code_of(answer.text) == "not-acceptable"


@pytest.mark.parametrize(("query", "name"), [(NAMES, "turtle"), (ABOUT, "csv"), (NAMES, "xls")])
def test_a_named_format_that_does_not_fit(client: FlaskClient, query: str, name: str) -> None:
    answer = client.get("/sparql", query_string={"query": query, "format": name})
    assert answer.status_code == 406


def test_rdf_xml_that_cannot_hold_a_property(client: FlaskClient) -> None:
    query = "CONSTRUCT { <urn:s> <urn:p/> 1 } {}"
    answer = client.get("/sparql", query_string={"query": query, "format": "rdf"})
    assert (answer.status_code, code_of(answer.text)) == (406, "not-acceptable")


def test_a_large_answer_arrives_whole(client: FlaskClient) -> None:
    answer = client.get("/sparql", query_string={"query": MANY})
    assert len(json.loads(answer.data)["results"]["bindings"]) == 4000
    assert answer.content_length == len(answer.data)
    head = client.head("/sparql", query_string={"query": MANY})
    assert (head.status_code, head.data) == (200, b"")


def test_an_answer_over_the_limit_of_rows(client: FlaskClient) -> None:
    answer = client.get("/sparql", query_string={"query": TOO_MANY})
    assert (answer.status_code, code_of(answer.text)) == (413, "limit-exceeded")
    assert "Retry-After" not in answer.headers


def test_a_query_over_its_time(client: FlaskClient) -> None:
    answer = client.get("/sparql", query_string={"query": ENDLESS, "timeout": "0.5"})
    assert (answer.status_code, code_of(answer.text)) == (503, "limit-exceeded")
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/sparql", query_string={"query": "ASK {}"}).status_code == 200


@pytest.mark.parametrize(
    ("query_string", "status", "code"),
    [
        ("query=ASK%20%7B%7D&query=ASK%20%7B%7D", 400, "bad-input"),
        ("query=", 400, "bad-query"),
        ("query=SELECT", 400, "bad-query"),
        ("update=CLEAR%20ALL", 400, "bad-query"),
        ("query=ASK%20%7B%7D&using-graph-uri=urn:g", 400, "bad-query"),
        ("query=ASK%20%7B%7D&as-of=2026-01-01", 400, "bad-input"),
        ("query=ASK%20%7B%7D&default-graph-uri=g", 400, "bad-iri"),
        ("query=ASK%20%7B%7D&timeout=soon", 400, "bad-input"),
        ("query=DROP%20ALL", 400, "query-refused"),
        (
            "query=ASK%20%7B%20SERVICE%20%3Chttp://127.0.0.1:1/%3E%20%7B%7D%20%7D",
            400,
            "query-refused",
        ),
        ("query=ASK" + "%7B" * 3000 + "%7D" * 3000, 400, "query-refused"),
        ("query=" + "%20" * 70_000, 413, "too-large"),
    ],
)
def test_what_is_refused(client: FlaskClient, query_string: str, status: int, code: str) -> None:
    answer = client.get("/sparql", query_string=query_string)
    assert (answer.status_code, code_of(answer.text)) == (status, code)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/sparql-update", "multipart/form-data; boundary=x"]
)
def test_bodies_of_other_types(client: FlaskClient, content_type: str) -> None:
    answer = client.post("/sparql", data=b"ASK {}", content_type=content_type)
    assert (answer.status_code, code_of(answer.text)) == (415, "unsupported-format")


def test_the_place_of_an_error_in_json_and_in_text(client: FlaskClient) -> None:
    wrong = {"query": "SELECT ?s WHERE {\n  ?s ?p }"}
    problem = client.get("/sparql", query_string=wrong, headers={"Accept": RESULTS}).json
    assert problem is not None
    assert (problem["code"], problem["line"], problem["column"]) == ("bad-query", 2, 9)
    text = client.get(
        "/sparql", query_string=wrong, headers={"Accept": "text/csv, text/plain;q=0.5"}
    )
    assert (text.status_code, text.mimetype) == (400, "text/plain")
    assert "line 2, column 9" in text.text.lower()


def test_the_dataset_of_the_protocol(client: FlaskClient) -> None:
    def count(**asked: str) -> int:
        query = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
        answer = client.get("/sparql", query_string={"query": query, **asked}).json
        assert answer is not None
        return int(answer["results"]["bindings"][0]["n"]["value"])

    assert count() > 0
    assert count(**{"default-graph-uri": "urn:mlgraph:graph:none-such"}) == 0
    assert count(**{"default-graph-uri": "urn:mlgraph:graph:history"}) > 0


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "text/turtle"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("application/ld+json", "application/ld+json"),
    ],
)
def test_the_service_describes_itself(
    client: FlaskClient, accept: str | None, mimetype: str
) -> None:
    answer = client.get("/sparql", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    stated = formats.parse(answer.data, formats.by_name(mimetype), base=BASE)
    sd = "http://www.w3.org/ns/sparql-service-description#"
    assert {str(q.object) for q in stated if q.predicate.value == sd + "supportedLanguage"} == {
        f"<{sd}SPARQL11Query>"
    }
    assert {str(q.object) for q in stated if q.predicate.value == sd + "endpoint"} == {
        f"<{BASE}/sparql>"
    }


def test_checking_runs_nothing(client: FlaskClient) -> None:
    checked = client.post("/sparql/check", data={"query": ENDLESS})
    assert (checked.status_code, checked.json) == (200, {"form": "select"})
    wrong = client.post("/sparql/check", data="SELECT ?s {", content_type=QUERY)
    assert (wrong.status_code, code_of(wrong.text)) == (400, "bad-query")


HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_browsers_get_a_page_with_examples(client: FlaskClient) -> None:
    answer = client.get("/sparql", headers=HTML)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert 'name="query"' in answer.text
    assert answer.text.count('href="/sparql?query=') >= 10


def test_the_page_shows_a_table_with_links(client: FlaskClient) -> None:
    page = client.get("/sparql", query_string={"query": NAMES}, headers=HTML).text
    assert '<a href="/e/model/registry/home-ranker">model/registry/home-ranker</a>' in page
    assert "<td>Home ranker" in page
    assert SCRIPT not in page
    assert f"/sparql?query={quote(NAMES, safe='')}".split("%20")[0] in page


def test_the_page_shows_yes_and_statements(client: FlaskClient) -> None:
    assert "Yes." in client.get("/sparql?query=ASK%20%7B%7D", headers=HTML).text
    page = client.get("/sparql", query_string={"query": ABOUT}, headers=HTML).text
    assert "<pre" in page
    assert "Home ranker" in page


def test_the_page_keeps_a_wrong_query(client: FlaskClient) -> None:
    answer = client.get("/sparql", query_string={"query": "SELECT <b>"}, headers=HTML)
    assert answer.status_code == 400
    assert "SELECT &lt;b&gt;</textarea>" in answer.text
    assert 'role="alert"' in answer.text


def test_the_page_shows_part_of_many_rows(client: FlaskClient) -> None:
    page = client.get("/sparql", query_string={"query": MANY}, headers=HTML).text
    assert "4,000 rows; the first 1,000 are shown" in page
    assert page.count("<tr>") == 1001


def test_the_page_shows_script_links_as_text(client: FlaskClient) -> None:
    query = "SELECT (IRI('javascript:alert(1)') AS ?x) {}"
    page = client.get("/sparql", query_string={"query": query}, headers=HTML).text
    assert "<td>javascript:alert(1)</td>" in page
    assert 'href="javascript' not in page
