"""SPARQL's JSON results as a table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.results import Cell, Table, table


def answer(*bindings: dict[str, Any], columns: tuple[str, ...] = ("a", "b")) -> bytes:
    return json.dumps({"head": {"vars": columns}, "results": {"bindings": bindings}}).encode()


def test_ask() -> None:
    assert table(b'{"head": {}, "boolean": true}', most=1) == Table(boolean=True)


def test_no_rows() -> None:
    assert table(answer(), most=5) == Table(columns=("a", "b"))


@pytest.mark.parametrize(
    ("term", "cell"),
    [
        ({"type": "uri", "value": "urn:x"}, Cell(text="urn:x", iri="urn:x")),
        ({"type": "bnode", "value": "b0"}, Cell(text="_:b0")),
        ({"type": "literal", "value": "x"}, Cell(text="x")),
        ({"type": "literal", "value": "x", "xml:lang": "en"}, Cell(text="x", language="en")),
        (
            {"type": "literal", "value": "1", "datatype": "urn:int"},
            Cell(text="1", datatype="urn:int"),
        ),
        (
            {
                "type": "literal",
                "value": "1",
                "datatype": "http://www.w3.org/2001/XMLSchema#string",
            },
            Cell(text="1"),
        ),
        (
            {
                "type": "triple",
                "value": {
                    "subject": {"type": "uri", "value": "urn:s"},
                    "predicate": {"type": "uri", "value": "urn:p"},
                    "object": {"type": "literal", "value": "o"},
                },
            },
            Cell(text="<<( urn:s urn:p o )>>"),
        ),
    ],
)
def test_cells(term: dict[str, Any], cell: Cell) -> None:
    assert table(answer({"a": term}), most=1).rows == ((cell, None),)


def test_rows_over_the_limit_are_counted() -> None:
    row = {"a": {"type": "literal", "value": "x"}}
    found = table(answer(row, row, row), most=2)
    assert (len(found.rows), found.more) == (2, 1)
