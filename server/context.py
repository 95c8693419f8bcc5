"""What every view needs of the application and of the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from flask import Flask, Response, current_app, json, request
from werkzeug.exceptions import NotAcceptable

from kg.errors import BadInput
from kg.service import Service
from server import body
from server.negotiate import Offer, choose

_EXTENSION: Final = "mlgraph"
View = TypeVar("View", bound=Callable[..., Any])
_PARAMETERS: Final[dict[Callable[..., Any], Sequence[str]]] = {}

HTML: Final = Offer("page", "text/html", ("application/xhtml+xml",))
JSON: Final = Offer("json", "application/json")


def install(app: Flask, service: Service) -> None:
    app.extensions[_EXTENSION] = service


def service() -> Service:
    """The installation that this application serves."""
    found: Service = current_app.extensions[_EXTENSION]
    return found


def takes(*parameters: str) -> Callable[[View], View]:
    """Declares the parameters of a view's query; with any other, `refuse_unknown` refuses a request.

    A misspelt one would be passed over, and another question answered than was asked.
    """

    def declare(view: View) -> View:
        _PARAMETERS[view] = parameters
        return view

    return declare


def parameters_of(view: Callable[..., Any]) -> Sequence[str] | None:
    """What `takes` declared of a view; None if it takes any."""
    return _PARAMETERS.get(view)


def refuse_unknown() -> None:
    """Raises `BadInput` for a parameter that the requested view does not take."""
    view = current_app.view_functions.get(request.endpoint or "")
    known = parameters_of(view) if view is not None else None
    if known is None:
        return
    if unknown := next((name for name in request.args if name not in known), None):
        listed = ", ".join(known) or "none"
        raise BadInput(
            f"{request.path} has no parameter {unknown[:40]!r}; it takes {listed}.",
            parameter=unknown,
        )


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
