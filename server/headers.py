"""The headers that every answer carries: what a page may load, and who may read an answer."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; "
        "form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

_WRITES: Final = frozenset({"events", "submit"})
"""Blueprints that change something. No page of another origin may call them."""

_EXPOSED: Final = "Link, Location, Retry-After"


def register(app: Flask) -> None:
    app.after_request(_complete)


def _complete(answer: Response) -> Response:
    answer.headers.update(_SECURITY)
    if request.blueprint not in _WRITES:
        _open_to_readers(answer)
    if request.endpoint != "static":
        # Facts change under a URL: a copy is asked for again before it is used.
        answer.headers.setdefault("Cache-Control", "no-cache")
    return answer


def _open_to_readers(answer: Response) -> None:
    """Any origin may read, without credentials; there are no cookies to send along."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS" and "Allow" in answer.headers:
        answer.headers["Access-Control-Allow-Methods"] = answer.headers["Allow"]
        answer.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type"
        answer.headers["Access-Control-Max-Age"] = "86400"
