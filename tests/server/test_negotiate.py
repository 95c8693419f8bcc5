"""The ``Accept`` cases that clients really send, and those that other servers get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.negotiate import MAX_HEADER, Offer, choose

JSON = Offer("json", "application/sparql-results+json", ("application/json",))
XML = Offer("xml", "application/sparql-results+xml", ("application/xml", "text/xml"))
CSV = Offer("csv", "text/csv")
TSV = Offer("tsv", "text/tab-separated-values")
HTML = Offer("html", "text/html", ("application/xhtml+xml",))
RESULTS = (JSON, XML, CSV, TSV, HTML)

TURTLE = Offer("turtle", "text/turtle", ("application/x-turtle",))
JSONLD = Offer("jsonld", "application/ld+json")
RDF = Offer("rdf", "application/rdf+xml")
GRAPHS = (TURTLE, JSONLD, RDF, HTML)

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
RDFLIB = "application/sparql-results+xml,application/sparql-results+json;q=0.9"
JENA = (
    "application/sparql-results+json, application/sparql-results+xml;q=0.9, "
    "text/tab-separated-values;q=0.7, text/csv;q=0.5, application/json;q=0.2, "
    "application/xml;q=0.2, */*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("application/sparql-results+json", JSON),
        ("application/sparql-results+json;charset=utf-8", JSON),
        ("application/sparql-results+json; charset=utf-8; q=0.5, text/csv; q=0.4", JSON),
        ("APPLICATION/SPARQL-RESULTS+XML", XML),
        ("application/json", JSON),
        ("application/xml", XML),
        ("text/csv", CSV),
        ("text/tab-separated-values", TSV),
        ("text/html, application/json;q=0.9", HTML),
        ("application/json;q=0.9, text/html", HTML),
        ("text/html;q=0.5, application/json;q=0.9", JSON),
        ("text/csv;q=0.9, */*;q=0.1", CSV),
        # The most specific range decides about an offer, not the highest quality.
        ("text/csv;q=0.1, text/*;q=0.9, */*;q=0.8", TSV),
        ("text/csv;q=0, text/*", TSV),
        ("application/sparql-results+json;q=0, */*", XML),
        ("application/*;q=0, */*", CSV),
        # Wanted alike: what is named beats what a wildcard admits, then the client's order.
        ("*/*, text/csv", CSV),
        ("application/sparql-results+xml, application/sparql-results+json", XML),
        ("application/sparql-results+json,application/sparql-results+xml,*/*;q=0.9", JSON),
        ("text/plain, text/csv;q=0.2", CSV),
        # Elements that cannot be read are left out, the others count.
        ("text/csv;q=2, text/tab-separated-values;q=0.1", TSV),
        ("text/csv;q=high, text/tab-separated-values", TSV),
        ("*/csv, text/csv;q=0.1", CSV),
        (",, ;, text/csv,", CSV),
        ("nonsense", JSON),
        # A comma or semicolon inside quotes separates nothing.
        ('text/csv;note="a, text/html;q=1";q=0.3, text/html;q=0.2', CSV),
        ('text/csv;note="never closed, text/html', CSV),
        (FIREFOX, HTML),
        (CHROME, HTML),
        (JAVA, HTML),
        (RDFLIB, XML),
        (JENA, JSON),
    ],
)
def test_results(accept: str | None, wanted: Offer) -> None:
    assert choose(accept, offers=RESULTS) == wanted


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/ld+json", JSONLD),
        ('application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"', JSONLD),
        ("application/x-turtle", TURTLE),
        ("text/turtle;q=0.5, application/rdf+xml", RDF),
        ("application/rdf+xml, text/turtle", RDF),
        (FIREFOX, HTML),
    ],
)
def test_graphs(accept: str, wanted: Offer) -> None:
    assert choose(accept, offers=GRAPHS) == wanted


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "text/plain",
        "application/sparql-results+json;q=0",
        "*/*;q=0",
        "application/*;q=0, text/*;q=0.000",
        "application/rdf+xml, text/turtle",
    ],
)
def test_nothing_acceptable(accept: str) -> None:
    assert choose(accept, offers=RESULTS) is None


def test_a_header_that_is_too_long_counts_as_absent() -> None:
    assert choose("text/csv," + "a/b," * MAX_HEADER, offers=RESULTS) == JSON


@given(st.text(max_size=200))
def test_any_header_gets_one_of_the_offers_or_none(accept: str) -> None:
    assert choose(accept, offers=RESULTS) in (*RESULTS, None)


@given(st.permutations(["text/csv;q=0.3", "text/html;q=0.7", "application/json;q=0.5"]))
def test_distinct_qualities_do_not_depend_on_order(elements: list[str]) -> None:
    assert choose(", ".join(elements), offers=RESULTS) == HTML


def test_text_says_its_encoding() -> None:
    assert CSV.content_type == "text/csv; charset=utf-8"
    assert JSON.content_type == "application/sparql-results+json"
