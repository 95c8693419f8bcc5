"""What a change would break, for programs: JSON, or Markdown for a pull request."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from kg import formats
from kg.simulate.render import render
from server import body
from server.context import JSON, read_body, service, wanted
from server.negotiate import Offer

blueprint = Blueprint("simulate", __name__)

_REPORTS: Final = (
    JSON,
    Offer("markdown", "text/markdown"),
    Offer("text", "text/plain"),
)


@blueprint.post("/api/v1/simulate")
def simulate() -> Response:
    """200 with what would be different; ``breaks`` says whether live things or rules are hit."""
    kind = body.media_type(request.content_type)
    body.refuse_forgeable(kind)
    offer = wanted(_REPORTS, named=request.args.get("format"))
    form = None if kind == JSON.media_type else formats.by_name(kind)
    found = service().simulate(read_body(), form)
    answer = Response(render(found, offer.name), content_type=offer.content_type)
    answer.vary.add("Accept")
    return answer
