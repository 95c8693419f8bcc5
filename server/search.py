"""Search: the page with its facets, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.datastructures import MultiDict

from kg.errors import BadInput, BadIri
from kg.views import SearchPage, as_json
from server import past, signposting
from server.context import HTML, JSON, answer_json, see_other, service, takes, wanted

blueprint = Blueprint("search", __name__)

FACETS: Final = ("type", "source", "owner", "domain", "keyword")
PAGE_SIZE: Final = 25
MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 10_000
MAX_QUERY: Final = 500


@blueprint.get("/search")
def page() -> Response:
    """The hits of ``q``, 25 a page, narrowed by facets; an entity's IRI leads to its page."""
    text = request.args.get("q", "").strip()
    if wanted((HTML, JSON)) is JSON:
        found_json = api()
        found_json.vary.add("Accept")
        return found_json
    jump = _jump(text)
    if jump is not None:
        return see_other(jump)
    number = whole(request.args, "page", default=1, least=1, most=1 + MAX_OFFSET // PAGE_SIZE)
    filters = filters_of(request.args)
    found = _find(text, filters, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    answer = make_response(
        render_template(
            "search.html",
            found=found,
            filters=filters,
            number_of=number,
            at=past.asked(),
            moment=past.fields(),
            narrowed={**filters, **past.fields()},
            now=past.now_url(),
        )
    )
    answer.vary.add("Accept")
    return past.mark(answer, past.asked())


@blueprint.get("/api/v1/search")
@takes("q", *FACETS, "offset", "limit", past.PARAMETER)
def api() -> Response:
    """The hits of ``q`` from ``offset``, at most ``limit`` of them, as JSON."""
    offset = whole(request.args, "offset", default=0, least=0, most=MAX_OFFSET)
    limit = whole(request.args, "limit", default=PAGE_SIZE, least=0, most=MAX_LIMIT)
    text = request.args.get("q", "").strip()
    found = _find(text, filters_of(request.args), offset=offset, limit=limit)
    return past.mark(answer_json(as_json(found)), past.asked())


def _find(text: str, filters: Mapping[str, list[str]], *, offset: int, limit: int) -> SearchPage:
    if len(text) > MAX_QUERY:
        raise BadInput(f"q= has {len(text)} characters; the limit is {MAX_QUERY}.", parameter="q")
    at = past.asked()
    return service().search(text, filters=filters, offset=offset, limit=limit, at=at)


def filters_of(arguments: MultiDict[str, str]) -> dict[str, list[str]]:
    """The facets that narrow a search, by name, without empty values."""
    given = {name: [v for v in arguments.getlist(name) if v] for name in FACETS}
    return {name: values for name, values in given.items() if values}


def whole(arguments: MultiDict[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """A whole number among the arguments; `BadInput` when it is none or out of range."""
    text = arguments.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
        raise BadInput(
            f"{name}={text[:40]!r} is not a whole number from {least} to {most}.", parameter=name
        )
    return int(text)


def _jump(text: str) -> str | None:
    """The page of the entity whose IRI was typed, for the base's IRIs and ``aip://``."""
    if "://" not in text:
        return None
    try:
        ref = service().minter.resolve(text)
    except BadIri:
        return None
    return signposting.page(ref, root=request.script_root)
