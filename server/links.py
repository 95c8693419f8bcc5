"""How names and IRIs look and lead somewhere on our pages: pure functions, used as filters.

Labels and IRIs are data. An IRI becomes a link only if it is one of our entities or is http(s):
``javascript:``, ``file:`` and the like are shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from kg.errors import BadIri
from kg.iris import PREFIXES, EntityRef, Minter
from kg.views import Relation, Said

_WEB: Final = ("http", "https")
_OUR_TERMS: Final = tuple(PREFIXES[prefix] for prefix in ("mlg", "mlgc", "mlgsh"))
"""The vocabulary's own names, which no page describes yet: a link would lead nowhere."""


def page_path(ref: EntityRef) -> str:
    """The path of an entity's page, below the application's root."""
    return f"/e/{ref}"


def data_path(ref: EntityRef, extension: str) -> str:
    return f"/data/{ref}.{extension}"


def entity_of(iri: str, *, minter: Minter) -> EntityRef | None:
    """The entity that an IRI names or is a part of, or None for any other IRI."""
    try:
        return minter.parse(iri)
    except BadIri:
        return None


def href(iri: str, *, minter: Minter, root: str = "", suffix: str = "") -> str | None:
    """Where a click on an IRI leads: our page of it (with ``suffix``), the web, or nowhere."""
    ref = entity_of(iri, minter=minter)
    if ref is not None:
        return root + page_path(ref) + suffix
    if iri.startswith(_OUR_TERMS):
        return None
    try:
        return iri if urlsplit(iri).scheme in _WEB else None
    except ValueError:
        return None


def short(iri: str, *, minter: Minter) -> str:
    """An IRI as people like to read it: ``model/mlflow/ranker``, ``dct:title``, or as it is."""
    if iri.startswith(minter.prefix):
        return iri[len(minter.prefix) :]
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and re.fullmatch(r"[\w-]+", iri[len(namespace) :]):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def pieces(text: str, query: str) -> Iterator[tuple[str, bool]]:
    """The text cut at the words of a query, each piece with whether it matches one."""
    words = sorted({re.escape(word) for word in query.split()}, key=len, reverse=True)
    if not words:
        yield text, False
        return
    for index, piece in enumerate(re.split(f"({'|'.join(words)})", text, flags=re.IGNORECASE)):
        if piece:
            yield piece, index % 2 == 1


def question(said: Said) -> dict[str, str]:
    """A fact as what /why is asked for."""
    return {
        "subject": said.subject.iri,
        "predicate": said.property.iri,
        "object": said.value.iri or said.value.text,
    }


def relation_fact(relation: Relation, iri: str, other: str) -> dict[str, str]:
    """One edge of a relation of an entity as what /why is asked for."""
    subject, value = (other, iri) if relation.direction == "in" else (iri, other)
    return {"subject": subject, "predicate": relation.property.iri, "object": value}


def relation_query(relation: Relation, iri: str) -> str:
    """All things in one relation of an entity, as a query to look at and change.

    It is shown, not run here; and IRIs that come from the graph hold no angle brackets.
    """
    subject, value = (
        ("?thing", f"<{iri}>") if relation.direction == "in" else (f"<{iri}>", "?thing")
    )
    return f"SELECT ?thing WHERE {{\n  {subject} <{relation.property.iri}> {value} .\n}}"
