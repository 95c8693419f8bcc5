"""From errors to answers: the only place that knows HTTP status codes.

Every error leaves as an RFC 9457 problem with a stable ``code``, as a page for browsers, or as
plain text for SPARQL clients that ask for it. What HTTP itself refuses (no such route, another
method, no acceptable format) comes as Werkzeug's exceptions and leaves in the same shape.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from kg import errors
from kg.views import as_json
from server import negotiate

_log = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
_OFFERS: Final = (
    negotiate.Offer("problem", PROBLEM_JSON, ("application/json", "application/ld+json")),
    negotiate.Offer("page", "text/html", ("application/xhtml+xml",)),
    negotiate.Offer("text", "text/plain"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of error is told: a row of the table in ``server/README.md``."""

    status: int
    title: str
    meaning: str
    retry_after: int | None = None


KINDS: Final[dict[type[errors.MlgError], Kind]] = {
    errors.BadInput: Kind(400, "Unusable input", "a parameter or body cannot be used"),
    errors.BadIri: Kind(400, "Not an entity IRI", "an IRI is malformed or outside the base"),
    errors.BadEvent: Kind(400, "Malformed event", "an event or its JSON is malformed"),
    errors.BadRdf: Kind(400, "Unreadable RDF", "RDF does not parse, or is dangerous to parse"),
    errors.BadQuery: Kind(400, "Unreadable query", "the SPARQL, or its request, is malformed"),
    errors.QueryRefused: Kind(400, "Query refused", "legal SPARQL that is not run here"),
    errors.BadSetting: Kind(500, "Wrong setting", "the installation is configured wrongly"),
    errors.NotAuthentic: Kind(401, "Not authentic", "a signature is missing, wrong or too old"),
    errors.NotFound: Kind(404, "Not found", "nothing is known under that name"),
    errors.UnknownSource: Kind(404, "Unknown source", "no source of that name is configured"),
    errors.Gone: Kind(410, "Gone", "it was known, and its source no longer has it"),
    errors.TooLarge: Kind(413, "Too large", "a body, a query or an answer is over its limit"),
    errors.UnsupportedFormat: Kind(415, "Unsupported format", "the body's format is not read"),
    errors.DoesNotConform: Kind(422, "Does not conform", "metadata breaks rules; see findings"),
    errors.LimitExceeded: Kind(503, "Limit exceeded", "a query passed one of its limits", 10),
    errors.Busy: Kind(503, "Busy", "nothing is broken; come back in a moment", 1),
    errors.SystemFailure: Kind(500, "System failure", "this system cannot work now"),
    errors.SourceUnavailable: Kind(502, "Source unavailable", "a source does not answer", 30),
    errors.SourceClosed: Kind(
        503, "Source closed", "we are stopping, and ask a source no more", 10
    ),
    errors.BadPayload: Kind(502, "Bad payload", "a source answered something unusable"),
    errors.IncompleteList: Kind(
        502, "Incomplete list", "a source listed what cannot be named, beside the rest"
    ),
    errors.StoreUnavailable: Kind(503, "Store unavailable", "the store cannot be used now", 10),
    errors.MissingExtra: Kind(501, "Not installed", "an optional library is not installed"),
    errors.MlgError: Kind(500, "Error", "something went wrong"),
}
"""By class; a class that is not here is told like its nearest ancestor."""

_CHALLENGE: Final = "Signature"
"""The way to be believed that a 401 has to offer (RFC 9110, 15.5.2): as a source's kind tells."""
_OF_SIZE: Final = ("rows", "bytes")


def kind_of(error: errors.MlgError) -> Kind:
    """The row for an error. A query whose answer is too large will be so again: no retry."""
    if isinstance(error, errors.LimitExceeded) and error.details.get("limit") in _OF_SIZE:
        return Kind(413, "Answer too large", "an answer passed its number of rows or bytes")
    return next(KINDS[base] for base in type(error).__mro__ if base in KINDS)


def mark(answer: Response, *, error: errors.MlgError) -> Response:
    """Gives an answer that tells of an error the error's status, and when to come back."""
    kind = kind_of(error)
    answer.status_code = kind.status
    retry_after = error.details.get("retry_after", kind.retry_after)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def again(problem: Mapping[str, Any], **details: Any) -> errors.MlgError:
    """An error that was told elsewhere (``code``, ``detail``, more) as one that can be raised."""
    members = {**problem, **details}
    code, detail = members.pop("code"), members.pop("detail")
    found = next((kind for kind in KINDS if kind.code == code), errors.SystemFailure)
    return found(detail, **members)


def register(app: Flask) -> None:
    """Makes every error of the application leave through here."""
    app.register_error_handler(errors.MlgError, _told)
    app.register_error_handler(HTTPException, _told_by_http)
    app.register_error_handler(Exception, _untold)


def _told(error: errors.MlgError) -> Response:
    # A full queue or a query over its time is the client's to know; a failing part is ours.
    level = logging.WARNING if isinstance(error, errors.SystemFailure) else logging.INFO
    _log.log(level, "%s %r: %s: %s", request.method, request.path, error.code, error)
    answer = mark(respond(problem_of(error)), error=error)
    if isinstance(error, errors.NotAuthentic):
        answer.headers["WWW-Authenticate"] = _CHALLENGE
    if isinstance(error, errors.UnsupportedFormat) and request.content_encoding:
        answer.headers["Accept-Encoding"] = "identity"
    return answer


def _told_by_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    code = status.phrase.lower().replace(" ", "-")
    answer = respond(_problem(status, code, status.phrase, _in_our_words(status, error)))
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def _in_our_words(status: HTTPStatus, error: HTTPException) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.path}; the home page links to what there is."
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return f"{request.path} does not take {request.method}; it takes {allowed}."
    return error.description or status.description


def _untold(error: Exception) -> Response:
    """What nobody foresaw: the client gets a number, the log gets the rest."""
    request_id = secrets.token_hex(8)
    _log.error("request %s: %s %r", request_id, request.method, request.path, exc_info=error)
    detail = f"The server failed in a way it should not. Report it as request {request_id}."
    problem = _problem(500, "internal-error", "Internal error", detail, request_id=request_id)
    return respond(problem)


def problem_of(error: errors.MlgError) -> dict[str, Any]:
    """An error as the members of its problem."""
    return _problem(
        kind_of(error).status, error.code, kind_of(error).title, str(error), **error.details
    )


def _problem(status: int, code: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return as_json(more) | {  # type: ignore[no-any-return]
        "type": f"urn:mlgraph:problem:{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": code,
    }


def respond(problem: dict[str, Any]) -> Response:
    """A problem in the form that the client reads; in JSON when it accepts none of ours."""
    offer = negotiate.choose(request.headers.get("Accept"), offers=_OFFERS) or _OFFERS[0]
    if offer.name == "page":
        # The page of a failure asks nobody for the footer's numbers: that may be what fails.
        bare = problem["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR
        text = render_template("problem.html", problem=problem, bare=bare)
    elif offer.name == "text":
        text = _as_text(problem)
    else:
        text = json.dumps(problem, ensure_ascii=False) + "\n"
    data = text.encode("utf-8", "replace")  # half a surrogate pair may be what is wrong
    answer = Response(data, status=problem["status"], content_type=offer.content_type)
    answer.vary.add("Accept")
    return answer


def _as_text(problem: dict[str, Any]) -> str:
    """One line; most messages about a text begin with the line and column already."""
    text = f"{problem['title']}: {problem['detail']}"
    place = ", ".join(f"{name} {problem[name]}" for name in ("line", "column") if name in problem)
    return text + (f" ({place})\n" if place and "line" not in text.lower() else "\n")
