"""The questions that the ontology comes with: a list, and a page each with what one may choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from kg.errors import MlgError
from kg.questions import Question
from kg.views import as_json
from server import errors, past, sparql
from server.context import HTML, JSON, answer_json, service, wanted
from server.negotiate import choose
from server.sparql_protocol import SparqlRequest

blueprint = Blueprint("questions", __name__)


@blueprint.get("/questions")
def every() -> Response:
    """What can be asked; as JSON with the values that each lets one choose."""
    questions = service().questions()
    if wanted((HTML, JSON)) is JSON:
        return answer_json([as_json(q) | {"choices": as_json(q.choices)} for q in questions])
    return make_response(render_template("questions.html", questions=questions))


@blueprint.get("/questions/<name>")
def one(name: str) -> Response:
    """A question and its answer: a page, or for programs any form of SPARQL results."""
    question = service().question(name)
    given = request.args.to_dict()
    form, as_of = given.pop("format", None), given.pop(past.PARAMETER, None)
    offers = (HTML, *sparql.TABLES)
    if form is None and choose(request.headers.get("Accept"), offers=offers) is HTML:
        return _page(question, given, as_of)
    text = _text(question, given, as_of)
    return sparql.answer(SparqlRequest(query=text, format=form, as_of=as_of))


def _text(question: Question, given: Mapping[str, str], as_of: str | None) -> str:
    """The query; so many days ago is counted from the moment that is asked about."""
    return question.asked(given, now=past.read(as_of) if as_of else service().settings.clock())


def _page(question: Question, given: Mapping[str, str], as_of: str | None) -> Response:
    """Nothing that was typed is lost, also when it cannot be used."""
    try:
        asked = SparqlRequest(query=_text(question, given, as_of), as_of=as_of)
        at = sparql.moment(asked)
        shown = {"query": asked.query, **sparql.shown(asked, at), **sparql.when(at)}
        return past.mark(_filled(question, given, as_of, shown), at)
    except MlgError as error:
        known = {choice.name for choice in question.choices}
        given = {name: value for name, value in given.items() if name in known}
        shown = {"problem": errors.problem_of(error), "query": question.text}
        return errors.mark(_filled(question, given, as_of, shown), error=error)


def _filled(
    question: Question, given: Mapping[str, str], as_of: str | None, shown: Mapping[str, Any]
) -> Response:
    page = render_template(
        "question.html", question=question, given=given, as_of=as_of or "", **shown
    )
    answer = make_response(page)
    answer.vary.add("Accept")
    return answer
