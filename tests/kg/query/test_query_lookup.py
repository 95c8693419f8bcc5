"""Which queries need no process of their own."""

from __future__ import annotations

import pytest

from kg.query.guard import check
from kg.query.lookup import is_lookup
from tests.kg.query import corpus


def judged(text: str) -> bool:
    return is_lookup(check(text, max_bytes=100_000))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { <a:s> ?p ?o }",
        "select ?o where { <a:s> <a:p> ?o . } limit 10",
        "SELECT ?p $o { <a:s> ?p $o }",
        "ASK { <a:s> a <a:Class> }",
        "PREFIX x: <a:> BASE <b:/> SELECT ?o { x:s x:p ?o } # what x:s has",
        "SELECT ?other { <a:s> ?p ?o }",
    ],
)
def test_what_is_told_of_one_node_is_looked_up(text: str) -> None:
    assert judged(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?s ?p ?o }",
        "SELECT ?s { ?s <a:p> <a:o> }",
        "SELECT * { <a:s> ?p ?o . ?o ?q ?r }",
        "SELECT * { <a:s> <a:p>* ?o }",
        "SELECT * { <a:s> <a:p>/<a:q> ?o }",
        "SELECT * { _:s ?p ?o }",
        "SELECT * { << <a:s> ?p ?o >> ?q ?r }",
        "SELECT * { <a:s> ?p ?o FILTER (?o > 1) }",
        "SELECT * { GRAPH ?g { <a:s> ?p ?o } }",
        "SELECT * { SELECT * { <a:s> ?p ?o } }",
        "SELECT * FROM <a:g> { <a:s> ?p ?o }",
        "SELECT (COUNT(*) AS ?n) { <a:s> ?p ?o }",
        "SELECT * { <a:s> ?p ?o } ORDER BY ?o",
        "CONSTRUCT { <a:s> ?p ?o } { <a:s> ?p ?o }",
        "DESCRIBE <a:s>",
        "PREFIX x: <a:> " * 40 + "SELECT * { x:s ?p ?o }",
    ],
)
def test_whatever_may_take_longer_is_not(text: str) -> None:
    assert not judged(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT DISTINCT ?p { <a:s> ?p ?o }",
        "SELECT REDUCED ?p { <a:s> ?p ?o }",
        "SELECT * { <a:s> ?p ?o } OFFSET 1000000",
        "SELECT * { <a:s> ?x ?x }",
        "SELECT * { <a:s> ?x $x }",
        r"SELECT * { <a:s> ?x ?\u0078 }",
    ],
)
def test_what_may_read_on_without_a_row_is_not(text: str) -> None:
    """A limit of bytes would not end it."""
    assert not judged(text)


WORDS = {"SELECT", "ASK", "WHERE", "LIMIT", "A", "PREFIX", "BASE", "VERSION"}


def test_no_other_words_among_all_legal_queries() -> None:
    found = [case.text for case in corpus.legal() if judged(case.text)]
    assert found
    for text in found:
        words = {t.keyword for t in check(text, max_bytes=100_000).tokens if t.keyword}
        assert words <= WORDS
