"""Why a fact holds: as a page, complete without JavaScript, and as JSON."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from kg.errors import BadInput
from kg.views import Explanation, as_json
from server.context import answer_json, service, takes

blueprint = Blueprint("why", __name__)


@blueprint.get("/why")
def page() -> str:
    """The explanation of the fact that the query names: all that it rests on, down to who says so."""
    return render_template("why.html", why=_found())


@blueprint.get("/api/v1/why")
@takes("subject", "predicate", "object")
def why_json() -> Response:
    """The same as JSON."""
    return answer_json(as_json(_found()))


def _found() -> Explanation:
    asked = []
    for name in ("subject", "predicate", "object"):
        text = request.args.get(name, "").strip()
        if not text:
            raise BadInput(f"{name}= is missing; a fact has all three parts.", parameter=name)
        asked.append(text)
    return service().why(*asked)
