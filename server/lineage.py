"""Where things come from and what a change hits: streamed as JSON, and as a page of an entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, make_response, render_template, request

from kg.errors import BadInput
from kg.iris import EntityRef
from kg.views import json_chunks
from server import past
from server.context import JSON, service, takes

if TYPE_CHECKING:
    from kg.lineage.walk import Direction

blueprint = Blueprint("lineage", __name__)

SHOWN: Final = 200
"""Entities of each direction on a page; the API has all."""
_DIRECTIONS: Final[Mapping[str, tuple[Direction, ...]]] = {
    "up": ("up",),
    "down": ("down",),
    "both": ("up", "down"),
}
_DEEPEST: Final = 1_000_000
_BLOCK: Final = 64 * 1024


@blueprint.get("/api/v1/lineage")
@takes("entity", "direction", "depth", "types", "kinds", "stop_at", past.PARAMETER)
def lineage() -> Response:
    """What ``entity`` depends on and what depends on it, each with a shortest path; all of it."""
    directions = _DIRECTIONS.get(name := request.args.get("direction", "both"))
    if directions is None:
        raise BadInput(f"direction={name[:40]!r} is not up, down or both.", parameter="direction")
    narrowed = {name: _several(name) for name in ("types", "kinds", "stop_at")}
    at = past.asked()
    ref, depth, tracer = _entity(), _depth(), service().tracer(at=at)
    found = {way: tracer.trace(ref, direction=way, depth=depth, **narrowed) for way in directions}
    return past.mark(_streamed(found), at)


@blueprint.get("/api/v1/impact")
@takes("entity", "list", past.PARAMETER)
def impact() -> Response:
    """What is hit if ``entity`` changes: counted, grouped, and listed unless ``list=false``."""
    listing = request.args.get("list", "true")
    if listing not in ("true", "false"):
        raise BadInput(f"list={listing[:40]!r} is not true or false.", parameter="list")
    at = past.asked()
    found = service().tracer(at=at).impact(_entity(), listing=listing == "true")
    return past.mark(_streamed(found), at)


@blueprint.get("/e/<type>/<source>/<key:key>/lineage")
def page(type: str, source: str, key: str) -> Response:
    """An entity's lineage and impact; the nearest entities, with how they hang together."""
    at = past.asked()
    ref, tracer = EntityRef(type, source, key), service().tracer(at=at)
    up, hit = tracer.trace(ref, direction="up"), tracer.impact(ref)
    traces = [(trace, list(islice(trace.items, SHOWN))) for trace in (up, hit.trace)]
    shown = render_template(
        "lineage.html", ref=ref, traces=traces, hit=hit, at=at, now=past.now_url()
    )
    return past.mark(make_response(shown), at)


def _entity() -> EntityRef:
    text = request.args.get("entity")
    if not text:
        raise BadInput("entity= names what to start from: its IRI or type/source/key.")
    return service().minter.resolve(text)


def _depth() -> int | None:
    text = request.args.get("depth")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 0 < int(text) < _DEEPEST):
        raise BadInput(f"depth={text[:40]!r} is not a number of steps, 1 or more.")
    return int(text)


def _several(name: str) -> tuple[str, ...]:
    """The values of a parameter that may be given several times, or once with commas."""
    return tuple(v for text in request.args.getlist(name) for v in text.split(",") if v)


def _streamed(view: Any) -> Response:
    """JSON that is made while it is sent; what can be refused was refused before."""
    return Response(_blocks(json_chunks(view)), content_type=JSON.content_type)


def _blocks(chunks: Iterator[str]) -> Iterator[bytes]:
    block = bytearray()
    for chunk in chunks:
        block += chunk.encode()
        if len(block) > _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block) + b"\n"
