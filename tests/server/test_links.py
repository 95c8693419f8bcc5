"""How names and IRIs are shown, and which of them may be clicked."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.iris import EntityRef, Minter
from kg.views import Named, Relation
from server import links

MINTER = Minter("http://kg.example")


@pytest.mark.parametrize(
    ("iri", "target"),
    [
        ("http://kg.example/id/model/mlflow/ranker", "/e/model/mlflow/ranker"),
        ("http://kg.example/id/model/mlflow/a%2F%2Fb", "/e/model/mlflow/a%2F%2Fb"),
        ("http://kg.example/id/model/mlflow/ranker#part", "/e/model/mlflow/ranker"),
        ("http://www.w3.org/ns/shacl#Warning", "http://www.w3.org/ns/shacl#Warning"),
        ("https://e.example/x", "https://e.example/x"),
        ("https://w3id.org/mlgraph/concept/task-ranking", None),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("urn:x:y", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_href(iri: str, target: str | None) -> None:
    assert links.href(iri, minter=MINTER) == target


def test_href_below_a_mount() -> None:
    iri = "http://kg.example/id/model/mlflow/ranker"
    assert links.href(iri, minter=MINTER, root="/graph") == "/graph/e/model/mlflow/ranker"


@pytest.mark.parametrize(
    ("iri", "text"),
    [
        ("http://kg.example/id/model/mlflow/ranker", "model/mlflow/ranker"),
        ("http://purl.org/dc/terms/title", "dct:title"),
        ("https://w3id.org/mlgraph/ns/Model", "mlg:Model"),
        ("http://purl.org/dc/terms/", "http://purl.org/dc/terms/"),
        ("http://purl.org/dc/terms/a/b", "http://purl.org/dc/terms/a/b"),
        ("urn:x:y", "urn:x:y"),
    ],
)
def test_short(iri: str, text: str) -> None:
    assert links.short(iri, minter=MINTER) == text


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Home ranker", "rank", [("Home ", False), ("rank", True), ("er", False)]),
        ("Home ranker", "", [("Home ranker", False)]),
        ("Home ranker", "x", [("Home ranker", False)]),
        ("a.b", ".", [("a", False), (".", True), ("b", False)]),
        ("ranker", "rank ranker", [("ranker", True)]),
    ],
)
def test_pieces(text: str, query: str, found: list[tuple[str, bool]]) -> None:
    assert list(links.pieces(text, query)) == found


@given(st.text(max_size=60), st.text(max_size=20))
def test_pieces_lose_nothing(text: str, query: str) -> None:
    assert "".join(piece for piece, _ in links.pieces(text, query)) == text


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40))
def test_a_page_leads_back_to_its_entity(key: str) -> None:
    ref = EntityRef("model", "mlflow", key)
    path = links.page_path(ref)
    assert MINTER.parse(f"{MINTER.base}/id/{path.removeprefix('/e/')}") == ref


@pytest.mark.parametrize(
    ("direction", "query"),
    [
        ("out", "SELECT ?thing WHERE {\n  <urn:a> <urn:p> ?thing .\n}"),
        ("in", "SELECT ?thing WHERE {\n  ?thing <urn:p> <urn:a> .\n}"),
    ],
)
def test_the_query_behind_a_relation(direction: Literal["out", "in"], query: str) -> None:
    named = Named(iri="urn:p", name="p")
    relation = Relation(property=named, direction=direction, items=(), total=12)
    assert links.relation_query(relation, "urn:a") == query
