"""Checking metadata against the rules without storing anything: for programs, and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request

from kg import formats
from kg.errors import BadInput, MlgError
from kg.model import Report
from kg.validate import Rule, load_shapes
from kg.validate.render import render
from server import body, errors
from server.context import HTML, read_body, service, wanted
from server.negotiate import Offer
from server.sparql_protocol import FORM

blueprint = Blueprint("validate", __name__)

REPORTS: Final = (
    Offer("json", "application/json"),
    Offer("turtle", "text/turtle"),
    Offer("sarif", "application/sarif+json"),
    HTML,
)
_FORMATS: Final = {"turtle": "Turtle", "jsonld": "JSON-LD", "nt": "N-Triples", "rdf": "RDF/XML"}
_NOT_BUILT: Final = ("pack", "shapes")


@blueprint.get("/validate")
def page() -> str:
    """A form for trying a document."""
    return render_template("validate.html", formats=_FORMATS, data="", format="turtle")


@blueprint.post("/validate")
def validate() -> Response:
    """200 when the document breaks no rule that is a violation, else 422; the report either way."""
    for name in _NOT_BUILT:
        if name in request.args:
            raise BadInput(f"{name}= is not understood by this version.", parameter=name)
    kind = body.media_type(request.content_type)
    if kind == FORM:
        return _try(read_body())
    offer = wanted(REPORTS)
    data = read_body()
    report = service().validate(data, formats.by_name(kind))
    if offer is HTML:
        return _page(report=report, data="", format=kind)
    text = render(report, offer.name, rules=_rules())
    return Response(text, status=_status(report), content_type=offer.content_type)


@cache  # files that do not change while a process lives
def _rules() -> Mapping[str, Rule]:
    return load_shapes().rules


def _try(encoded: bytes) -> Response:
    """What was typed into the page, with its report below, or with what is wrong with it."""
    fields = dict(body.form_fields(encoded))
    data, name = fields.get("data", ""), fields.get("format", "turtle")
    try:
        report = service().validate(data.encode(), formats.by_name(name))
    except MlgError as error:
        page = _page(problem=errors.problem_of(error), data=data, format=name)
        return errors.mark(page, error=error)
    return _page(report=report, data=data, format=name)


def _page(**shown: object) -> Response:
    answer = make_response(render_template("validate.html", formats=_FORMATS, **shown))
    report = shown.get("report")
    if isinstance(report, Report):
        answer.status_code = _status(report)
    return answer


def _status(report: Report) -> int:
    return 200 if report.acceptable else 422
