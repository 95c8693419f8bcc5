"""The request side of the SPARQL 1.1 Protocol, after the cases of W3C's protocol suite."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from kg.errors import BadInput, BadIri, BadQuery, MlgError, UnsupportedFormat
from server.sparql_protocol import FORM, QUERY, SparqlRequest, parse

ASK = "ASK {}"


def get(*fields: tuple[str, str]) -> SparqlRequest:
    return parse(method="GET", query_string=urlencode(fields).encode(), content_type=None, data=b"")


def post(data: bytes, content_type: str | None, query_string: bytes = b"") -> SparqlRequest:
    return parse(method="POST", query_string=query_string, content_type=content_type, data=data)


def test_get() -> None:
    assert get(("query", ASK)) == SparqlRequest(query=ASK)


def test_get_of_a_service_description() -> None:
    assert get() == SparqlRequest()


def test_post_form() -> None:
    assert post(urlencode({"query": ASK}).encode(), FORM) == SparqlRequest(query=ASK)
    assert post(b"query=ASK+%7B%7D", FORM + ";charset=UTF-8") == SparqlRequest(query=ASK)


def test_post_directly() -> None:
    found = post("ASK { ?s ?p 'é' }".encode(), QUERY, b"default-graph-uri=urn:g")
    assert found == SparqlRequest(query="ASK { ?s ?p 'é' }", default_graphs=("urn:g",))


def test_the_dataset_is_read() -> None:
    found = get(
        ("query", ASK),
        ("default-graph-uri", "http://e/1"),
        ("default-graph-uri", "http://e/2"),
        ("default-graph-uri", "http://e/1"),
        ("named-graph-uri", "urn:x:y"),
    )
    assert found.default_graphs == ("http://e/1", "http://e/2")
    assert found.named_graphs == ("urn:x:y",)


def test_our_own_parameters_are_read() -> None:
    found = get(("query", ASK), ("timeout", "2.5"), ("format", "csv"))
    assert (found.timeout, found.format) == (2.5, "csv")


def test_unknown_parameters_are_nobodys_business() -> None:
    assert get(("query", ASK), ("_", "1")) == SparqlRequest(query=ASK)


@pytest.mark.parametrize(
    ("query_string", "error"),
    [
        (b"query=ASK+%7B%7D&query=ASK+%7B%7D", BadInput),
        (b"update=CLEAR+ALL", BadQuery),
        (b"query=ASK+%7B%7D&using-graph-uri=urn:g", BadQuery),
        (b"query=ASK+%7B%7D&using-named-graph-uri=urn:g", BadQuery),
        (b"query=ASK+%7B%7D&as-of=2026&as-of=2025", BadInput),
        (b"query=ASK+%7B%7D&default-graph-uri=g", BadIri),
        (b"query=ASK+%7B%7D&named-graph-uri=http://e/a%20b", BadIri),
        (b"query=ASK+%7B%7D&named-graph-uri=", BadIri),
        (b"query=ASK+%7B%7D&timeout=soon", BadInput),
        (b"query=ASK+%7B%7D&timeout=-1", BadInput),
        (b"query=ASK+%7B%7D&timeout=0", BadInput),
        (b"query=ASK+%7B%7D&timeout=nan", BadInput),
        (b"query=ASK+%7B%7D&timeout=inf", BadInput),
        (b"query=ASK+%7B%7D&timeout=1&timeout=2", BadInput),
        (b"query=%FF", BadInput),
        (b"query=\xff", BadInput),
        (b"&".join(b"a=%d" % n for n in range(300)), BadInput),
    ],
)
def test_what_breaks_the_protocol(query_string: bytes, error: type[MlgError]) -> None:
    with pytest.raises(error):
        parse(method="GET", query_string=query_string, content_type=None, data=b"")


@pytest.mark.parametrize(
    ("data", "content_type", "query_string", "error"),
    [
        (b"ASK {}", QUERY, b"query=ASK+%7B%7D", BadInput),
        (b"query=ASK+%7B%7D", FORM, b"query=ASK+%7B%7D", BadInput),
        (b"update=CLEAR+ALL", FORM, b"", BadQuery),
        (b"ASK {}", "text/plain", b"", UnsupportedFormat),
        (b"ASK {}", None, b"", UnsupportedFormat),
        (b"CLEAR ALL", "application/sparql-update", b"", UnsupportedFormat),
        (b"query=ASK+%7B%7D", "multipart/form-data; boundary=x", b"", UnsupportedFormat),
        ("ASK {}".encode("utf-16"), QUERY + "; charset=UTF-16", b"", UnsupportedFormat),
        ("ASK {}".encode("utf-16"), QUERY, b"", BadQuery),
    ],
)
def test_bad_posts(
    data: bytes, content_type: str | None, query_string: bytes, error: type[MlgError]
) -> None:
    with pytest.raises(error):
        post(data, content_type, query_string)
