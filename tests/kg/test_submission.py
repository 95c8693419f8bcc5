from __future__ import annotations

import pytest

from kg.errors import BadIri, BadRdf
from kg.formats import by_name
from kg.submission import read
from tests.kg.graphs import MINTER

HEAD = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
@prefix dct: <http://purl.org/dc/terms/> .
"""


def read_turtle(text: str) -> dict[str, set[str]]:
    entities = read((HEAD + text).encode(), by_name("turtle"), minter=MINTER)
    return {
        e.iri.removeprefix(MINTER.prefix): {value for _, _, value in e.statements} for e in entities
    }


def chain(length: int, *properties: str) -> str:
    """Blank nodes in a row, each referring to the next by each of the properties."""
    links = [f"_:n{n} {p} _:n{n + 1} ." for n in range(length) for p in properties]
    return " ".join(links)


def test_relative_names_are_entities_of_this_graph() -> None:
    assert read_turtle('<model/m/a> dct:title "A" . <model/m/b> dct:title "B" .') == {
        "model/m/a": {'"A"'},
        "model/m/b": {'"B"'},
    }


def test_blank_nodes_become_parts_named_by_what_they_say() -> None:
    text = '<model/m/a> mlg:hasParameter [ dct:title "{}" ; mlg:part [ dct:title "n" ] ] .'
    one, same, other = (read_turtle(text.format(t)) for t in ("x", "x", "y"))
    assert one == same != other
    (entity,) = read((HEAD + text.format("x")).encode(), by_name("turtle"), minter=MINTER)
    subjects = {subject for subject, _, _ in entity.statements}
    assert len(subjects) == 3
    assert all(s.partition("#")[0] == entity.iri for s in subjects)
    assert not any(value.startswith("_:") for _, _, value in entity.statements)


def test_the_work_does_not_double_with_each_blank_node() -> None:
    """Followed along every path, these sixty nodes would be visited 2^60 times."""
    text = "<model/m/a> dct:relation _:n0 . " + chain(60, "dct:relation", "dct:requires")
    (values,) = read_turtle(text).values()
    assert len(values) == 61


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "states nothing"),
        ("<model/m/a> a mlg:Tombstone .", "for the graph to say"),
        ("<model/m/a> mlg:recordedBy <source-system/m/m> .", "for the graph to say"),
        ('<http://elsewhere/x> dct:title "A" .', "elsewhere"),
        ('<model/m> dct:title "A" .', "type/source/key"),
        ('<model/m/a%2Fb> dct:title "A" .', "model/m/a/b"),
        ('[] dct:title "A" . <model/m/a> dct:title "A" .', "belongs to no entity"),
        ("<model/m/a> dct:relation _:a . _:a dct:relation _:b . _:b dct:relation _:a .", "ring"),
        ("<model/m/a> dct:relation <<( <a> <b> <c> )>> .", "triple term"),
        (
            f'<model/m/a> dct:description "{"x" * 1_000_001}" .',
            "dct:description has a value of 1,0",
        ),
        (
            "<model/m/a> dct:relation _:n . <model/m/b> dct:relation _:n . _:n dct:title 1 .",
            "and to <",
        ),
        ("<model/m/a> dct:relation _:n0 . " + chain(101, "dct:relation"), "100 deep"),
    ],
)
def test_what_cannot_be_kept_is_refused(text: str, why: str) -> None:
    with pytest.raises((BadRdf, BadIri), match=why):
        read_turtle(text)


def test_graph_names_are_refused() -> None:
    data = b"<http://localhost:8080/id/model/m/a> <http://p> <http://o> <http://g> ."
    with pytest.raises(BadRdf, match="http://g"):
        read(data, by_name("nquads"), minter=MINTER)
