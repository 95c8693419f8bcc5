"""SPARQL results as a table for people: pure functions from the JSON results format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kg.iris import PREFIXES

_PLAIN: Final = (PREFIXES["xsd"] + "string", PREFIXES["rdf"] + "langString")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One bound value: what to show, where it leads, and its language or datatype."""

    text: str
    iri: str | None = None
    language: str | None = None
    datatype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The answer of a SELECT, or of an ASK (then ``boolean`` is set). ``more``: rows cut off."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell | None, ...], ...] = ()
    more: int = 0
    boolean: bool | None = None


def table(data: bytes, *, most: int) -> Table:
    """The first ``most`` rows of an answer in ``application/sparql-results+json``."""
    answer = json.loads(data)
    if "boolean" in answer:
        return Table(boolean=answer["boolean"])
    columns = tuple(answer["head"]["vars"])
    bindings: Sequence[Mapping[str, Any]] = answer["results"]["bindings"]
    rows = tuple(tuple(_cell(row.get(name)) for name in columns) for row in bindings[:most])
    return Table(columns=columns, rows=rows, more=max(0, len(bindings) - most))


def _cell(term: Mapping[str, Any] | None) -> Cell | None:
    if term is None:
        return None
    if term["type"] == "uri":
        return Cell(text=term["value"], iri=term["value"])
    if term["type"] == "bnode":
        return Cell(text=f"_:{term['value']}")
    if term["type"] == "triple":
        parts = (_cell(term["value"][name]) for name in ("subject", "predicate", "object"))
        return Cell(text=f"<<( {' '.join(part.text for part in parts if part)} )>>")
    datatype = term.get("datatype")
    return Cell(
        text=term["value"],
        language=term.get("xml:lang"),
        datatype=None if datatype in _PLAIN else datatype,
    )
