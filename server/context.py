"""What every view needs of the application and of the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Flask, Response, current_app, json, request
from werkzeug.exceptions import NotAcceptable

from kg.service import Service
from server import body
from server.negotiate import Offer, choose

_EXTENSION: Final = "mlgraph"

HTML: Final = Offer("page", "text/html", ("application/xhtml+xml",))
JSON: Final = Offer("json", "application/json")


def install(app: Flask, service: Service) -> None:
    app.extensions[_EXTENSION] = service


def service() -> Service:
    """The installation that this application serves."""
    found: Service = current_app.extensions[_EXTENSION]
    return found


def read_body(*, limit: int | None = None) -> bytes:
    """The request's body, up to ``limit`` bytes or the setting ``server.max_body_mb``."""
    most = service().settings.integer("server.max_body_mb") * 1024 * 1024
    return body.read(
        request.stream,
        limit=most if limit is None else min(limit, most),
        declared=request.content_length,
        encoding=request.content_encoding,
    )


def wanted(offers: Sequence[Offer], *, named: str | None = None) -> Offer:
    """The representation to answer with: the one that ``format=`` names, or else by ``Accept``."""
    if named is not None:
        offer = next((offer for offer in offers if named in (offer.name, offer.media_type)), None)
    else:
        offer = choose(request.headers.get("Accept"), offers=offers)
    if offer is None:
        known = ", ".join(offer.media_type for offer in offers)
        raise NotAcceptable(f"This resource is offered as {known}.")
    return offer


def answer_json(value: Any, *, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False) + "\n"
    return Response(text, status=status, content_type=JSON.content_type)


def see_other(path: str) -> Response:
    """303: what was asked for is described there."""
    return Response(status=303, headers={"Location": path})
