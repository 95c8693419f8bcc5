"""Clients that others wrote, against the real process: they must get what they ask for."""

from __future__ import annotations

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS
from rdflib.plugins.stores.sparqlstore import SPARQLStore

from tests.server.installation import BASE

RANKER = URIRef(f"{BASE}/id/model/registry/home-ranker")
NAME = Literal("Home ranker")


def test_rdflib_follows_the_iri_of_a_thing(port: int) -> None:
    graph = Graph().parse(f"http://127.0.0.1:{port}/id/model/registry/home-ranker")
    assert (RANKER, DCTERMS.title, NAME) in graph


def test_rdflib_selects_and_asks(port: int) -> None:
    graph = Graph(SPARQLStore(f"http://127.0.0.1:{port}/sparql"))
    rows = list(
        graph.query(
            "SELECT ?name { ?ranker dct:title ?name }",
            initNs={"dct": DCTERMS},
            initBindings={"ranker": RANKER},
        )
    )
    assert [row[0] for row in rows] == [NAME]
    assert graph.query("ASK { ?s ?p ?o }").askAnswer


def test_rdflib_constructs_by_post(port: int) -> None:
    graph = Graph(SPARQLStore(f"http://127.0.0.1:{port}/sparql", method="POST"))
    found = graph.query(f"CONSTRUCT {{ <{RANKER}> ?p ?o }} WHERE {{ <{RANKER}> ?p ?o }}").graph
    assert found is not None
    assert (RANKER, DCTERMS.title, NAME) in found
