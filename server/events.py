"""Events in: thin ones from anyone who knows of a change, sources' own webhooks, OpenLineage's."""

from __future__ import annotations

from flask import Blueprint, Response, request

from kg.errors import UnsupportedFormat
from kg.ingest import ingest_json
from server import body
from server.context import answer_json, read_body, service

blueprint = Blueprint("events", __name__)


@blueprint.post("/events")
def publish() -> Response:
    """One event or a list; 202 once all of them are on disk, else none of them is."""
    kind = body.media_type(request.content_type)
    if kind != "application/json":
        raise UnsupportedFormat(f"Events are sent as application/json, not {kind or 'untyped'!r}.")
    accepted = service().publish(ingest_json(read_body()))
    return answer_json({"accepted": accepted}, status=202)


@blueprint.post("/api/v1/lineage")
def lineage() -> Response:
    """OpenLineage events, one or a list; 201 once all of them are on disk, else none of them is."""
    kind = body.media_type(request.content_type)
    if kind != "application/json":
        raise UnsupportedFormat(f"Events are sent as application/json, not {kind or 'untyped'!r}.")
    return answer_json({"accepted": service().lineage(read_body())}, status=201)


@blueprint.post("/webhooks/<source>")
def notice(source: str) -> Response:
    """A source's own notice, as its bytes came: its signature is checked over those."""
    body.refuse_forgeable(body.media_type(request.content_type))
    accepted = service().notices(source, dict(request.headers), read_body())
    return answer_json({"accepted": accepted}, status=202)
