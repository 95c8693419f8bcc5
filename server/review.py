"""The review list: pairs of entities that may be one thing, as a page and as JSON."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, render_template, request

from kg.errors import BadInput
from kg.views import ReviewPage, ReviewState, as_json
from server.context import answer_json, service, takes

blueprint = Blueprint("review", __name__)

_PER_PAGE: Final = 25
_MOST: Final = 500
_STATES: Final[dict[str, ReviewState]] = {"open": "open", "decided": "decided"}


@blueprint.get("/review")
def page() -> str:
    """The pairs, each with its evidence and a form that decides it."""
    return render_template("review.html", found=_found(_PER_PAGE), size=_PER_PAGE)


@blueprint.get("/api/v1/review")
@takes("state", "offset", "limit")
def review_json() -> Response:
    """The same as JSON."""
    return answer_json(as_json(_found(_number("limit", _PER_PAGE, most=_MOST))))


def _found(limit: int) -> ReviewPage:
    state = _STATES.get(name := request.args.get("state", "open"))
    if state is None:
        raise BadInput(f"state={name!r} is not understood; it is open or decided.")
    offset = _number("offset", 0, most=10_000_000)
    return service().review(state=state, offset=offset, limit=limit)


def _number(name: str, default: int, *, most: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= most):
        raise BadInput(f"{name}= is a whole number up to {most}, not {text!r}.", parameter=name)
    return int(text)
