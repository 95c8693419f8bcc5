"""HTTP for people and tools: pages, linked data, SPARQL, events, submissions.

The server parses requests, asks `kg.service`, and renders; what the graph is and how it is kept
is not known here. Each family of routes is a blueprint in a file of its own; the table of them is
in ``server/README.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from kg.service import Service


def create_app(service: Service) -> Flask:
    """The WSGI application over an open service, which the caller closes."""
    # Imported late: the process that only holds the socket runs ``server.__main__`` and no more.
    from server.application import build

    return build(service)
