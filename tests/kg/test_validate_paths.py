"""Property paths: text, RDF and structure say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadRdf
from kg.iris import term
from kg.terms import triples
from kg.validate import paths
from kg.validate.graph import Graph
from kg.validate.paths import Alternative, Inverse, Path, Predicate, Repeat, Sequence
from tests.shapes.graphs import turtle

PREDICATES = st.sampled_from("abc").map(lambda name: Predicate(f"urn:p:{name}"))


def _deeper(inner: st.SearchStrategy[Path]) -> st.SearchStrategy[Path]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        inner.map(Inverse),
        st.builds(Repeat, inner, st.sampled_from("*+?")),
        several.map(lambda items: _flat(Sequence, items)),
        several.map(lambda items: _flat(Alternative, items)),
    )


def _flat(kind: type[Sequence | Alternative], items: list[Path]) -> Path:
    flat: list[Path] = []
    for item in items:
        flat += item.paths if isinstance(item, kind) else (item,)
    return kind(tuple(flat))


PATHS = st.recursive(PREDICATES, _deeper, max_leaves=8)


@given(PATHS)
def test_text_is_read_back(path: Path) -> None:
    assert paths.parse(paths.text(path)) == path


@given(PATHS)
def test_rdf_is_read_back(path: Path) -> None:
    node, structure = paths.triples(path)
    assert paths.read(Graph(structure), node) == path


def test_superfluous_brackets_do_not_matter() -> None:
    path = paths.parse("((<urn:a>)+/(^<urn:a>)?/(<urn:b>/<urn:c>))")
    assert paths.text(path) == "<urn:a>+/(^<urn:a>)?/<urn:b>/<urn:c>"


def test_a_path_of_one_predicate_is_its_iri() -> None:
    assert paths.text(Predicate("urn:a")) == "urn:a"
    assert paths.parse("urn:a") == Predicate("urn:a")


@pytest.mark.parametrize("text", ["<urn:a>/", "(<urn:a>", "^", "<urn:a> <urn:b>", "(|<urn:a>)"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(BadRdf, match=r"path"):
        paths.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":s sh:path ( ) .", "empty"),
        (":s sh:path ( 'text' ) .", "which is no property"),
        (":s sh:path _:p . _:p sh:inversePath _:p .", "contains itself"),
        (":s sh:path _:l . _:l rdf:first mlg:a ; rdf:rest _:l .", "contains itself"),
    ],
)
def test_a_broken_structure_is_refused(text: str, message: str) -> None:
    graph = Graph(triples(turtle(text)))
    (node,) = (n for subject in graph.subjects() for n in graph.nodes(subject, term("sh:path")))
    with pytest.raises(BadRdf, match=message):
        paths.read(graph, node)


def test_directions_of_a_path() -> None:
    path = paths.parse("^(<urn:a>/^<urn:b>)|<urn:c>*")
    assert list(paths.predicates(path)) == [("urn:a", True), ("urn:b", False), ("urn:c", False)]
