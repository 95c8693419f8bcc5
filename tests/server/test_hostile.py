"""What is known to hurt such a server, sent to the real process: a clear refusal, and it goes on."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.server.web import ask

QUERY = "application/sparql-query"
TURTLE = "text/turtle"
JSONLD = "application/ld+json"
RDFXML = "application/rdf+xml"
EVENT = "application/json"
ANY = "{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o . ?p ?q ?r }"


def bomb(levels: int) -> str:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(levels))
    return f"<!DOCTYPE x [<!ENTITY e0 'boom'>{entities}]><x>&e{levels};</x>"


DOUBLED = "SELECT ?x33 { BIND('ab' AS ?x0) " + " ".join(
    f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(33)
)

HOSTILE: dict[str, tuple[str, str, str]] = {
    "nested braces": ("/sparql", QUERY, "ASK " + "{" * 5_000 + "}" * 5_000),
    "nested ABS": ("/sparql", QUERY, f"SELECT ({'ABS(' * 2_000}1{')' * 2_000} AS ?x) {{}}"),
    "nested brackets": ("/sparql", QUERY, f"ASK {{ FILTER({'(' * 9_000}1{')' * 9_000}) }}"),
    "nested not": ("/sparql", QUERY, f"ASK {{ FILTER({'!' * 9_500}true) }}"),
    "long sum": ("/sparql", QUERY, f"ASK {{ FILTER({'1+' * 14_000}1) }}"),
    "nested sub-selects": ("/sparql", QUERY, "SELECT * {" * 500 + "}" * 500),
    "nested NOT EXISTS": ("/sparql", QUERY, "ASK {" + "FILTER NOT EXISTS {" * 900 + "}" * 901),
    "many OPTIONALs": ("/sparql", QUERY, "ASK {" + "OPTIONAL { ?a ?b ?c } " * 1_000 + "}"),
    "long path": ("/sparql", QUERY, f"ASK {{ ?a {'/'.join(['<urn:p>'] * 1_000)} ?b }}"),
    "many patterns": ("/sparql", QUERY, "ASK {" + "?x <urn:p> ?y . " * 1_000 + "}"),
    "brackets never closed": ("/sparql", QUERY, "ASK " + "{" * 20_000),
    "string never closed": ("/sparql", QUERY, "ASK { '" + "\\'" * 20_000),
    "cross product counted": ("/sparql", QUERY, f"SELECT (COUNT(*) AS ?n_) {ANY}"),
    "cross product ordered": ("/sparql", QUERY, f"SELECT * {ANY} ORDER BY ?a"),
    "cross product answered": ("/sparql", QUERY, f"SELECT * {ANY}"),
    "cross product built": ("/sparql", QUERY, f"CONSTRUCT {{ ?a <urn:p> ?f }} WHERE {ANY}"),
    "string doubled": ("/sparql", QUERY, DOUBLED + "}"),
    "service": ("/sparql", QUERY, "ASK { SERVICE <http://169.254.169.254/> {} }"),
    "service escaped": ("/sparql", QUERY, "ASK { SERVICE <http\\u003A//127.0.0.1:1/> {} }"),
    "update": ("/sparql", QUERY, "DROP ALL"),
    "load": ("/sparql", QUERY, "LOAD <file:///etc/passwd>"),
    "entity bomb": ("/submit", RDFXML, bomb(10)),
    "entity bomb, validated": ("/validate", RDFXML, bomb(10)),
    "external entity": (
        "/submit",
        RDFXML,
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    ),
    "nested JSON-LD": ("/submit", JSONLD, '{"urn:p":' * 10_000 + "1" + "}" * 10_000),
    "remote context": ("/submit", JSONLD, '{"@context": "http://127.0.0.1:1/c", "@id": "x"}'),
    "nested Turtle": ("/submit", TURTLE, "<urn:a> <urn:b> " + "[ <urn:b> " * 100_000),
    "nested triple terms": ("/validate", TURTLE, "<urn:a> <urn:b> " + "<<( " * 50_000),
    "quotes never closed": ("/validate", TURTLE, '"' + '\\"' * 200_000),
    "nested events": ("/events", EVENT, "[" * 100_000),
    "events' quotes never closed": ("/events", EVENT, '"' + '\\"' * 200_000),
    "a number of many digits": ("/events", EVENT, "1" * 100_000),
}


def post(port: int, path: str, kind: str, data: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", path, body=data.encode(), headers={"Content-Type": kind})
        with connection.getresponse() as answer:
            return answer.status, answer.read()


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_the_server_goes_on(port: int, name: str) -> None:
    status, said = post(port, *HOSTILE[name])
    assert status in (400, 413, 503), said
    problem = json.loads(said)
    assert problem["code"] in (
        "bad-event",
        "bad-query",
        "bad-rdf",
        "limit-exceeded",
        "query-refused",
        "too-large",
    )
    assert problem["detail"]
    assert "passwd" not in problem["detail"].replace("file:///etc/passwd", "")
    assert ask(port, "/healthz") == 200
    assert ask(port, "/sparql?" + urlencode({"query": "ASK {}"})) == 200
    assert ask(port, "/e/model/registry/home-ranker") == 200


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ('SERVICE <http://x> { LOAD }' AS ?x) {} # SERVICE",
        "SELECT ?service { ?service ?load 'DROP ALL' }",
        "ASK { FILTER(((((1 = 1))))) }",
    ],
)
def test_what_only_looks_hostile_is_answered(port: int, query: str) -> None:
    assert post(port, "/sparql", QUERY, query)[0] == 200
