"""Literals as the store keeps them.

The engine rewrites what it stores (``1.50`` becomes ``1.5``, `xsd:int` becomes `xsd:integer`), so a
difference is only a difference once both sides are written its way. Moments are written in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import pyoxigraph as ox

from kg import iris
from kg.terms import Statement, datatype_of, in_utc, term, text_of

_ANY = re.compile(r".*", re.DOTALL)
_KEPT_AS_GIVEN = {
    iris.term("xsd:anyURI"): _ANY,
    iris.term("xsd:boolean"): re.compile(r"true|false"),
    iris.term("xsd:integer"): re.compile(r"0|-?[1-9][0-9]{0,15}"),
    iris.DATE_TIME: re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z"),
}
_NODE = ox.NamedNode("urn:mlgraph:literal")


@lru_cache(maxsize=100_000)
def as_stored(value: str) -> str:
    """A literal, given in N-Triples, as it is written to the store and comes back from it."""
    value = in_utc(value)
    kept = _KEPT_AS_GIVEN.get(datatype_of(value) or "")
    if kept is not None and kept.fullmatch(text_of(value)):
        return value
    asked = ox.Store()  # the engine alone knows how it rewrites a literal
    asked.add(ox.Quad(_NODE, _NODE, term(value)))
    (answer,) = (quad.object for quad in asked)
    return str(answer)


def all_as_stored(statements: Iterable[Statement]) -> frozenset[Statement]:
    """Statements as they come back from the store; most are so already, and are passed over."""
    given = frozenset(statements)  # no copy of one that is frozen
    others = [
        said
        for said in given
        if said[2][-1] != '"' and said[2][0] == '"' and as_stored(said[2]) != said[2]
    ]
    if not others:
        return given
    return given.difference(others) | {(*said[:2], as_stored(said[2])) for said in others}
