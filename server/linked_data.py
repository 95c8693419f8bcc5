"""Linked data: the IRI of a thing leads to a page or to a document about it.

``/id/…`` names the thing itself and answers 303; ``/data/….ttl`` and its siblings are documents.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from kg.errors import Gone, NotFound
from kg.formats import by_name
from kg.iris import EntityRef
from kg.resources import data_dir
from server import past, signposting
from server.context import HTML, see_other, service, wanted
from server.links import data_path

blueprint = Blueprint("linked_data", __name__)


@blueprint.get("/id/<type>/<source>/<key:key>")
def thing(type: str, source: str, key: str) -> Response:
    """303 to the page or to the document that the client prefers; 404 unknown, 410 gone."""
    ref = EntityRef(type, source, key)
    view = service().entity(ref, at=past.asked())
    if view.state == "gone" and view.as_of is None:
        raise Gone(f"{source} no longer has <{view.iri}>.", iri=view.iri, since=view.gone_since)
    offer = wanted((*signposting.DOCUMENTS, HTML))
    root = request.script_root
    page = signposting.page(ref, root=root)
    target = page if offer is HTML else root + data_path(ref, offer.name)
    answer = see_other(target + past.suffix())
    alternates = signposting.alternates(ref, root=root, suffix=past.suffix())
    signposting.sign(answer, iri=view.iri, alternates=alternates)
    return answer


@blueprint.get("/data/<type>/<source>/<key:name>")
def document(type: str, source: str, name: str) -> Response:
    """What the graph states about an entity, in the format of the extension."""
    key, dot, extension = name.rpartition(".")
    if not dot or extension not in signposting.LABELS:
        known = ", ".join(f".{known}" for known in signposting.LABELS)
        raise NotFound(f"A document's name ends in one of {known}; {name!r} does not.")
    ref = EntityRef(type, source, key)
    offer = next(offer for offer in signposting.DOCUMENTS if offer.name == extension)
    at = past.asked()
    data = service().describe(ref, by_name(extension), at=at)
    answer = Response(data, content_type=offer.content_type)
    iri = service().minter.mint(ref)
    answer.headers["Link"] = f'<{iri}>; rel="describes", <{iri}>; rel="cite-as"'
    return past.mark(answer, at)


@blueprint.get("/context.jsonld")
def context() -> Response:
    """The JSON-LD context of the ontology."""
    data = (data_dir("ontology") / "context.jsonld").read_bytes()
    answer = Response(data, content_type="application/ld+json")
    answer.add_etag()
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.make_conditional(request)
    return answer
