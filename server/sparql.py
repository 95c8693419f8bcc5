"""The SPARQL endpoint: the protocol for programs, and at the same URL a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotAcceptable

from kg import formats
from kg.answer import Answer, Query
from kg.errors import MlgError, UnsupportedFormat
from kg.iris import PREFIXES
from server import errors, past, results, sparql_protocol
from server.context import HTML, answer_json, read_body, service, wanted
from server.negotiate import Offer, choose
from server.sparql_protocol import SparqlRequest

blueprint = Blueprint("sparql", __name__)

TABLES: Final = (
    Offer("json", "application/sparql-results+json", ("application/json",)),
    Offer("xml", "application/sparql-results+xml", ("application/xml", "text/xml")),
    Offer("csv", "text/csv"),
    Offer("tsv", "text/tab-separated-values"),
)
GRAPHS: Final = tuple(
    Offer(form.name, form.media_type, tuple(a for a in form.aliases if a != "text/plain"))
    for form in map(formats.by_name, ("turtle", "nt", "jsonld", "rdf"))
)
_ALL: Final = (*TABLES, *GRAPHS, HTML)
SHOWN_ROWS: Final = 1_000
"""Rows of a result that the page shows; the saved forms have all of them."""
SHOWN_BYTES: Final = 4_000_000
"""Size of an answer that is made into a page at all."""

_LABELS: Final = {
    "json": "JSON", "xml": "XML", "csv": "CSV", "tsv": "TSV",
    "turtle": "Turtle", "nt": "N-Triples", "jsonld": "JSON-LD", "rdf": "RDF/XML",
}  # fmt: skip


@blueprint.route("/sparql", methods=["GET", "POST"])
def endpoint() -> Response:
    """One query in any form of the protocol; without a query, what this service is."""
    accept = request.headers.get("Accept")
    if choose(accept, offers=_ALL) is HTML and "format" not in request.args:
        return _page()
    asked = _asked()
    return _description(asked) if asked.query is None else answer(asked)


@blueprint.post("/sparql/check")
def check() -> Response:
    """Reads a query without running it: its form, or what is wrong with it and where."""
    return answer_json({"form": service().answers.check(_asked().query or "").form})


def _asked() -> SparqlRequest:
    return sparql_protocol.parse(
        method=request.method,
        query_string=request.query_string,
        content_type=request.content_type,
        data=_read() if request.method == "POST" else b"",
    )


def _read() -> bytes:
    """The body of a query: at most its limit, with every byte percent-encoded, and a little."""
    return read_body(limit=3 * service().settings.integer("query.max_query_bytes") + 8192)


def _offers(query: Query) -> tuple[Offer, ...]:
    return TABLES if query.form in ("select", "ask") else GRAPHS


def _run(asked: SparqlRequest, query: Query, offer: Offer, at: datetime | None) -> Answer:
    return service().past.answer(
        query,
        at=at,
        format=offer.name,
        timeout=asked.timeout,
        default_graphs=asked.default_graphs,
        named_graphs=asked.named_graphs,
    )


def moment(asked: SparqlRequest) -> datetime | None:
    """The moment to ask about. An empty field of the page's form is no moment."""
    return past.read(asked.as_of) if asked.as_of else None


def answer(asked: SparqlRequest) -> Response:
    """The answer to a program: whole when it is small, else in chunks as they are read."""
    query = service().answers.read(asked.query or "")
    offer = wanted(_offers(query), named=asked.format)
    at = moment(asked)
    try:
        found = _run(asked, query, offer, at)
    except UnsupportedFormat as error:  # RDF/XML has no form for some properties
        raise NotAcceptable(str(error)) from error
    whole = isinstance(found.body, bytes)
    told = Response(
        found.body if whole else found.iter_chunks(),
        content_type=offer.content_type,
        headers=[("Content-Length", str(found.size)), ("Vary", "Accept")],
    )
    if request.method == "HEAD":  # nobody will read the chunks
        found.close()
    return past.mark(told, at)


def _description(asked: SparqlRequest) -> Response:
    """The service description of SPARQL 1.1, in the RDF that the client prefers."""
    offer = wanted(GRAPHS, named=asked.format)
    turtle = render_template(
        "service-description.ttl",
        endpoint=service().settings.base + "/sparql",
        prefix=service().minter.prefix,
        status=service().status(),
    )
    statements = formats.parse(turtle.encode(), formats.by_name("turtle"), base="urn:x:")
    data = formats.serialise(statements, formats.by_name(offer.name), prefixes=PREFIXES)
    told = Response(data, content_type=offer.content_type)
    told.vary.add("Accept")
    return told


def _page() -> Response:
    """The query, its answer or what is wrong with it, and examples; the query is never lost."""
    asked = SparqlRequest(query=request.args.get("query"))
    try:
        asked = _asked()
        at = moment(asked)
        found = shown(asked, at) if (asked.query or "").strip() else {}
        return past.mark(_filled(asked, {**found, **when(at)}), at)
    except MlgError as error:
        page = _filled(asked, {"problem": errors.problem_of(error)})
        return errors.mark(page, error=error)


def _filled(asked: SparqlRequest, shown: Mapping[str, Any]) -> Response:
    page = render_template(
        "sparql.html",
        query=asked.query or "",
        as_of=asked.as_of or "",
        examples=service().questions(),
        limit_seconds=f"{service().settings.number('query.timeout_seconds'):g}",
        **shown,
    )
    answer = make_response(page)
    answer.vary.add("Accept")
    return answer


def when(at: datetime | None) -> dict[str, Any]:
    """What a page says of its moment."""
    return {} if at is None else {"at": at, "before_all": service().past.is_before_all(at)}


def shown(asked: SparqlRequest, at: datetime | None) -> dict[str, Any]:
    """An answer for a page: a table, or statements as Turtle, unless it is too large to look at."""
    query = service().answers.read(asked.query or "")
    offers = _offers(query)
    found = _run(asked, query, offers[0], at)
    parts: dict[str, Any] = {"downloads": [(offer.name, _LABELS[offer.name]) for offer in offers]}
    if found.size > SHOWN_BYTES:
        found.close()
        return parts | {"too_large": found.rows}
    data = b"".join(found.iter_chunks())
    if offers is TABLES:
        return parts | {"table": results.table(data, most=SHOWN_ROWS)}
    return parts | {"document": data.decode()}
