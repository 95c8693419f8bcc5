"""Puts the application together: routes, errors, headers, and what templates show with."""

from __future__ import annotations

from typing import Final

from flask import Flask, request
from werkzeug.routing import BaseConverter

from kg import __version__, iris
from kg.service import Service
from server import (
    context,
    decisions,
    errors,
    events,
    headers,
    health,
    history,
    lineage,
    linked_data,
    links,
    past,
    portal,
    questions,
    review,
    search,
    simulate,
    sparql,
    submit,
    validate,
    why,
)

_NAVIGATION: Final = (
    ("portal.home", "Home"),
    ("search.page", "Search"),
    ("questions.every", "Questions"),
    ("sparql.endpoint", "SPARQL"),
    ("validate.page", "Validate"),
    ("review.page", "Review"),
    ("portal.sources", "Sources"),
)


_DECIDED: Final = frozenset({iris.SAME_THING_AS, iris.DIFFERENT_THING_FROM})
"""Properties that people state of two entities, for which there is evidence too."""


class _Key(BaseConverter):
    """An entity's key in a path: anything, slashes included, even doubled or at the start."""

    regex = "(?s:.+)"
    part_isolating = False


def build(service: Service) -> Flask:
    """The application, with all its routes, over an open service."""
    app = Flask("server")
    app.url_map.converters["key"] = _Key
    app.url_map.merge_slashes = False
    context.install(app, service)
    errors.register(app)
    headers.register(app, base=service.settings.base)
    app.before_request(context.refuse_unknown)
    asked = (history, lineage, portal, search, questions, sparql, linked_data, review)
    for module in (*asked, simulate, why, events, submit, decisions, validate, health):
        app.register_blueprint(module.blueprint)
    _dress(app, service)
    return app


def _dress(app: Flask, service: Service) -> None:
    """Gives the templates what they show and link with."""
    minter = service.minter
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {
        "version": __version__,
        "navigation": _NAVIGATION,
        "status": service.status,
        "has_reasons": lambda relation: relation.derived or relation.property.iri in _DECIDED,
    }
    app.jinja_env.filters |= {
        # within the past, links lead on within it
        "href": lambda iri: links.href(
            iri, minter=minter, root=request.script_root, suffix=past.suffix()
        ),
        "short": lambda iri: links.short(iri, minter=minter),
        "pieces": links.pieces,
        "as_query": links.relation_query,
        "as_question": links.question,
        "as_fact": links.relation_fact,
    }
