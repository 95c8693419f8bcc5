"""The questions that the ontology comes with: a list, and a page each with what one may choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from kg.errors import MlgError
from kg.questions import Question
from kg.views import as_json
from server import errors, sparql
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
    form = given.pop("format", None)
    if (
        form is None
        and choose(request.headers.get("Accept"), offers=(HTML, *sparql.TABLES)) is HTML
    ):
        return _page(question, given)
    return sparql.answer(SparqlRequest(query=_text(question, given), format=form))


def _text(question: Question, given: Mapping[str, str]) -> str:
    return question.asked(given, now=service().settings.clock())


def _page(question: Question, given: Mapping[str, str]) -> Response:
    """Nothing that was typed is lost, also when it cannot be used."""
    try:
        text = _text(question, given)
        return _filled(question, given, {"query": text, **sparql.shown(SparqlRequest(query=text))})
    except MlgError as error:
        known = {choice.name for choice in question.choices}
        given = {name: value for name, value in given.items() if name in known}
        page = _filled(
            question, given, {"problem": errors.problem_of(error), "query": question.text}
        )
        return errors.mark(page, error=error)


def _filled(question: Question, given: Mapping[str, str], shown: Mapping[str, Any]) -> Response:
    answer = make_response(
        render_template("question.html", question=question, given=given, **shown)
    )
    answer.vary.add("Accept")
    return answer
