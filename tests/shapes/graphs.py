"""Files of graphs for the tests of rules, and the day on which they are judged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox

from kg.iris import PREFIXES
from kg.model import Finding
from kg.terms import Statement, ntriples, statement

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ROOT / "shapes"
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""All example and broken graphs are written for this day."""

INVALID = sorted((SHAPES / "invalid").glob("*.ttl"))
EXAMPLES = sorted((ROOT / "ontology" / "examples").glob("*.ttl"))
RECORDS = sorted((ROOT / "ontology" / "examples" / "rdf-1.2").glob("*.ttl"))


def triples(*paths: Path) -> list[ox.Triple]:
    quads = (q for p in paths for q in ox.parse(path=p, rename_blank_nodes=True))
    return [quad.triple for quad in quads]


def read(*paths: Path) -> list[Statement]:
    return [statement(triple) for triple in triples(*paths)]


def turtle(text: str) -> list[Statement]:
    """Turtle with the project's prefixes, and ``:`` for entities of one source."""
    head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    parsed = ox.parse(f"{head}@prefix : <{ENTITY}> .\n{text}", format=ox.RdfFormat.TURTLE)
    return [statement(quad.triple) for quad in parsed]


def nquads(statements: Iterable[Statement]) -> bytes:
    """Statements as a document from outside."""
    return f"{ntriples(statements)}\n".encode()


ENTITY = "http://localhost:8080/id/thing/test/"


def found(findings: Iterable[Finding]) -> set[tuple[str | None, str]]:
    """The findings as rule id and the last part of the focus node's IRI."""
    return {(f.rule_id, f.focus.rpartition("/")[2]) for f in findings}
