"""What people decide of two entities: one thing, two, or that taken back. By JSON, or by a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import Forbidden

from kg.errors import BadEvent, BadInput, UnsupportedFormat
from kg.ingest import parse_json
from kg.resolve import Choice, Decision
from kg.views import Outcome, as_json
from server import body, errors
from server.context import answer_json, read_body, see_other, service
from server.sparql_protocol import FORM

blueprint = Blueprint("decisions", __name__)


@blueprint.post("/api/v1/review/<choice>")
def decide(choice: str) -> Response:
    """``{"one": …, "other": …}``: 200 once it is committed and visible, 202 when that takes long."""
    kind = body.media_type(request.content_type)
    if kind != "application/json":
        raise UnsupportedFormat(
            f"A decision is sent as application/json, not {kind or 'untyped'!r}."
        )
    try:
        said = parse_json(read_body())
    except BadEvent as error:
        raise BadInput(str(error), **error.details) from error
    outcome = _decided(said, choice)
    return answer_json(as_json(outcome), status=200 if outcome.state == "done" else 202)


@blueprint.post("/review")
def form() -> Response:
    """The same from the page. Browsers say where a form comes from; what does not say is refused."""
    if request.headers.get("Origin") is None:
        raise Forbidden("A form is taken from a page of this server; programs use /api/v1/review.")
    if body.media_type(request.content_type) != FORM:
        raise UnsupportedFormat("The page of the review list sends a form.")
    fields = dict(body.form_fields(read_body()))
    _decided(fields, fields.get("choice", ""))
    return see_other(url_for("review.page", state=fields.get("state") or None))


def _decided(said: Any, choice: str) -> Outcome:
    if not isinstance(said, Mapping):
        raise BadInput("A decision is a JSON object with the members one and other.")
    refs = []
    for name in ("one", "other"):
        if not isinstance(text := said.get(name), str):
            raise BadInput(f"A decision names two entities; {name} is missing.", parameter=name)
        refs.append(service().minter.resolve(text))
    one, other = refs
    outcome = service().decide(Decision(one=one, other=other, choice=cast("Choice", choice)))
    if outcome.problem is not None:
        raise errors.again(outcome.problem)
    return outcome
