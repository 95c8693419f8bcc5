"""One entity, whole: as it is, or was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kg.iris import EntityRef
from kg.model import Finding
from kg.views.things import Fact, Named, Relation

State = Literal["hydrated", "awaiting", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityView:
    """Everything that the page and the JSON of one entity show."""

    iri: str
    ref: EntityRef
    state: State
    type: Named
    name: str
    description: str | None
    owners: tuple[Named, ...]
    domains: tuple[Named, ...]
    keywords: tuple[str, ...]
    facts: tuple[Fact, ...]
    relations: tuple[Relation, ...]
    findings: tuple[Finding, ...]
    last_hydrated: datetime | None = None
    last_changed: datetime | None = None
    last_enriched: datetime | None = None
    gone_since: datetime | None = None
    as_of: datetime | None = None
    """The moment of which all of this is; None for now. Findings are of now alone."""
