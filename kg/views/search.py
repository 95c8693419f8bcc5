"""A page of hits, and what to filter them by."""

from __future__ import annotations

from dataclasses import dataclass

from kg.iris import EntityRef
from kg.views.things import Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result."""

    iri: str
    ref: EntityRef
    name: str
    type: Named
    description: str | None = None
    owners: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """One value to filter by: ``value`` goes into the URL, ``label`` is shown."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """``total`` hits in all, ``hits`` the asked page of them; facets keyed type, source, owner, …"""

    query: str
    total: int
    offset: int
    hits: tuple[Hit, ...]
    facets: dict[str, tuple[FacetCount, ...]]
