"""For those who operate an installation: is it alive, is it ready, how are the sources."""

from __future__ import annotations

from flask import Blueprint, Response

from kg.views import as_json
from server.context import answer_json, service, takes

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """200 as long as this process answers; it asks nobody else."""
    return answer_json({"alive": True})


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when a worker runs and the graph can be read, else 503 with the reason."""
    status = service().status()
    return answer_json(as_json(status), status=200 if status.ready else 503)


@blueprint.get("/api/v1/sources")
@takes()
def sources() -> Response:
    """Each configured source and how its hydration goes."""
    return answer_json({"sources": as_json(service().sources())})
