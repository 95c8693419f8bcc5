"""The forms in which an entity can be had, and the headers that say so to machines.

The `Link` relations are those of FAIR Signposting, level 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Response

from kg.formats import by_name
from kg.iris import EntityRef
from server.links import data_path, page_path
from server.negotiate import Offer

LABELS: Final = {"ttl": "Turtle", "jsonld": "JSON-LD", "nt": "N-Triples", "rdf": "RDF/XML"}
"""The file extensions of the RDF documents about an entity, and how people call the formats."""

DOCUMENTS: Final = tuple(
    Offer(extension, by_name(extension).media_type, by_name(extension).aliases)
    for extension in LABELS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternate:
    """One document about an entity."""

    label: str
    media_type: str
    href: str


def alternates(ref: EntityRef, *, root: str, suffix: str = "") -> tuple[Alternate, ...]:
    """The RDF documents about an entity; ``root`` is where the application is mounted.

    ``suffix`` ends their URLs: the moment of which they are.
    """
    return tuple(
        Alternate(
            label=LABELS[offer.name],
            media_type=offer.media_type,
            href=root + data_path(ref, offer.name) + suffix,
        )
        for offer in DOCUMENTS
    )


def page(ref: EntityRef, *, root: str) -> str:
    return root + page_path(ref)


def sign(answer: Response, *, iri: str, alternates: Sequence[Alternate]) -> None:
    """Adds `Vary` and the links to an answer about the entity named ``iri``."""
    links = [f'<{iri}>; rel="cite-as"']
    links += [f'<{a.href}>; rel="describedby"; type="{a.media_type}"' for a in alternates]
    answer.headers["Link"] = ", ".join(links)
    answer.vary.add("Accept")
