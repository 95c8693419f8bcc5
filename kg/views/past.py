"""What changed, when and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kg.iris import EntityRef
from kg.views.things import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """One change of what a layer says of an entity.

    ``at`` is when the graph learned it; ``happened`` has what it states of when things happened.
    ``who`` is the source, the steward or the rules; ``event`` the event or request behind it.
    ``words`` say what changed, a sentence each; the statements say it as data.
    """

    version: int
    at: datetime
    layer: Literal["source", "steward", "derived"]
    who: str
    event: str | None
    creates: bool
    words: tuple[str, ...]
    asserted: tuple[Said, ...]
    retracted: tuple[Said, ...]
    happened: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Some of an entity's revisions, the newest first, and how many there are."""

    iri: str
    ref: EntityRef
    name: str
    total: int
    offset: int
    revisions: tuple[RevisionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """What was stated at one moment and not at another: ``asserted`` came, ``retracted`` went.

    Of a large difference only the first statements are given; the totals count them all.
    """

    earlier: datetime
    later: datetime
    asserted_total: int
    retracted_total: int
    asserted: tuple[Said, ...]
    retracted: tuple[Said, ...]
