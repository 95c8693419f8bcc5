"""How the graph came to say what it says: an entity's history, and differences between moments."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request

from kg.errors import BadInput
from kg.iris import EntityRef
from kg.views import HistoryPage, as_json
from server import past, portal, signposting
from server.context import HTML, JSON, answer_json, service, takes, wanted
from server.negotiate import Offer

blueprint = Blueprint("history", __name__)

_PATCH: Final = Offer("patch", "application/rdf-patch", ("text/rdf-patch",))
_PAGE_SIZE: Final = 50
_MOST: Final = 500
_ENDING: Final = "/history"


@blueprint.get("/e/<type>/<source>/<key:key>/history")
def page(type: str, source: str, key: str) -> Response:
    """An entity's revisions, the newest first; as JSON for clients that prefer that."""
    if service().knows(EntityRef(type, source, key + _ENDING)):  # a key that ends so is a key
        return portal.entity(type, source, key + _ENDING)
    found = _history(EntityRef(type, source, key))
    if wanted((HTML, JSON)) is JSON:
        answer = answer_json(as_json(found))
    else:
        answer = make_response(_rendered(found))
    answer.vary.add("Accept")
    return answer


def _rendered(found: HistoryPage) -> str:
    entity = signposting.page(found.ref, root=request.script_root)
    return render_template("history.html", history=found, entity=entity, size=_PAGE_SIZE)


@blueprint.get("/api/v1/entities/<type>/<source>/<key:key>/history")
@takes("offset", "limit", past.PARAMETER)
def history_json(type: str, source: str, key: str) -> Response:
    """An entity's revisions as JSON: ``offset``, ``limit``."""
    if service().knows(EntityRef(type, source, key + _ENDING)):
        return portal.entity_json(type, source, key + _ENDING)
    if past.PARAMETER in request.args:
        raise BadInput("A history is of now, and tells of every moment.", parameter=past.PARAMETER)
    return answer_json(as_json(_history(EntityRef(type, source, key))))


def _history(ref: EntityRef) -> HistoryPage:
    limit = min(_MOST, _number("limit", _PAGE_SIZE))
    return service().past.history(ref, offset=_number("offset", 0), limit=limit)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"{name}={text!r} is not a number from 0 on.", parameter=name)
    return int(text)


@blueprint.get("/api/v1/diff")
@takes("from", "to", "entity", "format")
def diff() -> Response:
    """What came and went between ``from`` and ``to``, of one ``entity`` or of the whole graph."""
    earlier, later = past.moment("from"), past.moment("to")
    offer = wanted((JSON, _PATCH), named=request.args.get("format"))
    named = request.args.get("entity")
    ref = service().minter.resolve(named) if named else None
    found = service().past.difference(earlier, later, of=ref)
    if offer is _PATCH:
        answer = Response(found.patch(), content_type=offer.content_type)
    else:
        answer = answer_json(as_json(service().past.told(earlier, later, found)))
    answer.vary.add("Accept")
    return answer
