"""The example queries are well made, and on the examples with some troubles they answer what is written down.

The answers are in `answers/`, one CSV for each query; rewrite them with
`MLG_WRITE_ANSWERS=1 pytest tests/ontology/test_ontology_queries.py` and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pyoxigraph as ox
import pytest

ROOT = Path(__file__).resolve().parents[2]
QUERIES = sorted((ROOT / "ontology" / "queries").glob("*.ttl"))
ANSWERS = Path(__file__).parent / "answers"
WANTED = {
    "discovery",
    "reuse",
    "lineage",
    "impact",
    "usage",
    "deprecation",
    "incident",
    "experiments",
    "governance",
}

PARTS = """
SELECT ?query ?label ?comment ?text ?prefixes
WHERE {
  ?query a sh:SPARQLExecutable , sh:SPARQLSelectExecutable ;
    rdfs:label ?label ;
    rdfs:comment ?comment ;
    sh:prefixes ?prefixes ;
    sh:select ?text .
}
"""


def parts(path: Path, prefixes: dict[str, str]) -> dict[str, str]:
    """The one query of a file."""
    store = ox.Store()
    store.load(path=path, format=ox.RdfFormat.TURTLE)
    found = store.query(PARTS, prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    (row,) = found
    names = ("query", "label", "comment", "text", "prefixes")
    return {name: row[name].value for name in names}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_query_is_well_made(path: Path, ontology: ox.Store, prefixes: dict[str, str]) -> None:
    query = parts(path, prefixes)
    assert query["query"] == prefixes["mlgq"] + path.stem
    assert query["label"].endswith("?") and query["comment"].endswith(".")
    assert ontology.query(f"ASK {{ <{query['prefixes']}> a owl:Ontology }}", prefixes=prefixes)
    text = query["text"]
    assert "ORDER BY" in text, "an answer has an order"
    assert not re.search(r"\b(GRAPH|SERVICE|FROM)\b", text), "queries read the default graph"
    assert "http" not in text, "queries name things by prefix"
    assert "NOW" not in text, "an answer as of a past moment must not look at the clock"


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_query_names_only_declared_terms(
    path: Path, ontology: ox.Store, prefixes: dict[str, str]
) -> None:
    declared = {quad.subject.value for quad in ontology if isinstance(quad.subject, ox.NamedNode)}
    text = re.sub(r'"[^"]*"|#.*', "", parts(path, prefixes)["text"])
    for prefix, local in re.findall(r"\b([a-z]+):([A-Za-z-]+)", text):
        assert prefix in prefixes
        assert prefix == "xsd" or prefixes[prefix] + local in declared, f"{prefix}:{local}"


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_query_answers(path: Path, closure: ox.Store, prefixes: dict[str, str]) -> None:
    found = closure.query(parts(path, prefixes)["text"], prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    csv = (found.serialize(format=ox.QueryResultsFormat.CSV) or b"").decode().replace("\r\n", "\n")
    answer = ANSWERS / f"{path.stem}.csv"
    if os.environ.get("MLG_WRITE_ANSWERS"):
        answer.write_text(csv, encoding="utf-8")
    assert csv.count("\n") > 1, "the examples hold no case of this question"
    assert csv == answer.read_text(encoding="utf-8")


def test_every_kind_of_question_is_asked(prefixes: dict[str, str]) -> None:
    store = ox.Store()
    for path in QUERIES:
        store.load(path=path, format=ox.RdfFormat.TURTLE)
    found = store.query(
        "SELECT DISTINCT ?word WHERE { ?query schema:keywords ?word }", prefixes=prefixes
    )
    assert isinstance(found, ox.QuerySolutions)
    assert {row["word"].value for row in found} >= WANTED
    assert len(QUERIES) >= 10


def test_no_answer_without_a_question() -> None:
    assert {path.stem for path in ANSWERS.glob("*.csv")} == {path.stem for path in QUERIES}
