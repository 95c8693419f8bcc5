"""The portal: the home page, and the page of each entity, with the same as JSON."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request

from kg.errors import Gone
from kg.iris import EntityRef
from kg.views import EntityView, as_json
from server import past, signposting
from server.context import HTML, JSON, answer_json, service, takes, wanted

blueprint = Blueprint("portal", __name__)

_GONE: Final = 410


@blueprint.get("/")
def home() -> str:
    """What is in the graph and where it comes from."""
    return render_template("home.html", types=service().types(), sources=service().sources())


@blueprint.get("/sources")
def sources() -> str:
    """How far each source can be relied on, and what could not be used."""
    found = service()
    return render_template("sources.html", sources=found.sources(), dead=found.dead_letters())


@blueprint.get("/e/<type>/<source>/<key:key>")
def entity(type: str, source: str, key: str) -> Response:
    """An entity's page; its JSON for clients that prefer that."""
    view = service().entity(EntityRef(type, source, key), at=past.asked())
    if wanted((HTML, JSON)) is JSON:
        return _as_json(view)
    formats = signposting.alternates(view.ref, root=request.script_root, suffix=past.suffix())
    asked = [(q, choice) for q in service().questions() if (choice := q.about(view.ref.type))]
    page = signposting.page(view.ref, root=request.script_root)
    answer = make_response(
        render_template(
            "entity.html",
            entity=view,
            formats=formats,
            questions=asked,
            now=past.now_url(),
            history=f"{page}/history",
            lineage=f"{page}/lineage{past.suffix()}",
        )
    )
    answer.status_code = _GONE if view.state == "gone" and view.as_of is None else 200
    signposting.sign(answer, iri=view.iri, alternates=formats)
    return past.mark(answer, view.as_of)


@blueprint.get("/api/v1/entities/<type>/<source>/<key:key>")
@takes(past.PARAMETER)
def entity_json(type: str, source: str, key: str) -> Response:
    """An entity as JSON."""
    return _as_json(service().entity(EntityRef(type, source, key), at=past.asked()))


def _as_json(view: EntityView) -> Response:
    if view.state == "gone" and view.as_of is None:
        since = view.gone_since
        raise Gone(f"{view.ref.source} no longer has <{view.iri}>.", iri=view.iri, since=since)
    answer = answer_json(as_json(view))
    answer.vary.add("Accept")
    return past.mark(answer, view.as_of)
