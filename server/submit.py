"""Metadata from people and tools: submitted to the graph, or only checked."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from kg import formats
from kg.errors import DoesNotConform
from kg.views import Outcome, as_json
from server import body, errors
from server.context import answer_json, read_body, service

blueprint = Blueprint("submit", __name__)


@blueprint.post("/submit")
def submit() -> Response:
    """201 with the entities once they are committed and visible; 202 when that takes long."""
    kind = body.media_type(request.content_type)
    body.refuse_forgeable(kind)  # N-Triples, too, is not taken as text/plain
    outcome = service().submit(read_body(), formats.by_name(kind))
    if outcome.state == "refused":
        raise _refusal(outcome)
    answer = _told(outcome, status=201 if outcome.state == "done" else 202)
    answer.headers["Location"] = url_for(".outcome", id=outcome.id)
    return answer


@blueprint.get("/submit/<id>")
def outcome(id: str) -> Response:
    """What became of a submission: ``pending``, ``done`` or ``refused``, with its findings."""
    return _told(service().outcome(id), status=200)


def _told(outcome: Outcome, *, status: int) -> Response:
    answer = answer_json(
        as_json(outcome) | {"status_url": url_for(".outcome", id=outcome.id)}, status=status
    )
    if outcome.state == "pending":
        answer.headers["Retry-After"] = "1"
    return answer


def _refusal(outcome: Outcome) -> Exception:
    """A refused submission as the error that it is: unusable, or against the rules."""
    if outcome.problem is not None:
        return errors.again(outcome.problem, submission=outcome.id)
    violations = sum(finding.severity == "violation" for finding in outcome.findings)
    return DoesNotConform(
        f"Nothing was stored: the submission breaks {violations} rule(s); see findings.",
        findings=as_json(outcome.findings),
        submission=outcome.id,
    )
