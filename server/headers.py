"""Between origins: what a page may load, who may read an answer, who may not write."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

_SECURITY: Final = (
    (
        "Content-Security-Policy",
        (
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; "
            "form-action 'self'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
)

_WRITES: Final = frozenset({"decisions", "events", "submit"})
"""Blueprints that change something. No page of another origin may call them."""

_READABLE: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Link, Location, Memento-Datetime, Retry-After"),
)


_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def register(app: Flask, *, base: str) -> None:
    """Guards the routes of an application whose pages are at ``base``, or on this machine."""
    own = _LOOPBACK | {urlsplit(base).hostname}

    def refuse_other_origins() -> None:
        # Only browsers send it. A name that was made to point at this machine (DNS rebinding)
        # passes as our own origin in all else, the Host header included.
        origin = request.headers.get("Origin")
        if origin is None or request.blueprint not in _WRITES:
            return
        if _host(origin) not in own:
            raise Forbidden(f"A page of {origin} may not write here.")

    app.before_request(refuse_other_origins)
    app.after_request(_complete)


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def _complete(answer: Response) -> Response:
    answer.headers.extend(_SECURITY)  # nobody else sets them; looking for others takes its time
    if request.blueprint not in _WRITES:
        _open_to_readers(answer)
    if request.endpoint != "static":
        # Facts change under a URL: a copy is asked for again before it is used.
        answer.headers.setdefault("Cache-Control", "no-cache")
    return answer


def _open_to_readers(answer: Response) -> None:
    """Any origin may read, without credentials; there are no cookies to send along."""
    answer.headers.extend(_READABLE)
    if request.method == "OPTIONS" and "Allow" in answer.headers:
        answer.headers["Access-Control-Allow-Methods"] = answer.headers["Allow"]
        answer.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type"
        answer.headers["Access-Control-Max-Age"] = "86400"
