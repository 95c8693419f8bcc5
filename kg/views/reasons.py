"""Why a fact holds, and whether two entities are one thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kg.views.things import Named, Said

ReviewState = Literal["open", "decided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statedness:
    """Who states a fact, and when the graph learned it: by which event or request, and revision."""

    layer: str
    source: Named | None = None
    by: str | None = None
    revision: str | None = None
    recorded_at: datetime | None = None
    caused_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way by which a fact follows: the rule in words, its axiom, and the facts along it.

    ``first`` and ``confirmed`` are when it was first and last found to follow by it.
    """

    rule: Named
    steps: tuple[Explanation, ...]
    axiom: str | None = None
    first: datetime | None = None
    confirmed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a fact holds: by whom it is stated, and by which ways it follows from others.

    ``paths`` counts those ways, of which the first few are kept. ``again`` marks a fact that is
    explained elsewhere in the same answer, ``cut`` one that is left out because there are too many.
    Of what is stated of two entities that may be one thing, ``agreed`` is what speaks for that by
    identity rules, and ``against`` what speaks against it; it follows from neither.
    """

    fact: Said
    stated: tuple[Statedness, ...] = ()
    derived: bool = False
    ways: tuple[Way, ...] = ()
    paths: int = 0
    agreed: tuple[Way, ...] = ()
    against: tuple[Explanation, ...] = ()
    again: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts by which two entities agree under an identity rule."""

    rule: Named
    facts: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPair:
    """Two entities that may be one thing; ``decision`` is what a steward said of them, if any did.

    The evidence is as the facts are now, so beside a decision it may be other than it was, or none.
    """

    one: Named
    other: Named
    evidence: tuple[Evidence, ...] = ()
    against: tuple[Said, ...] = ()
    decision: str | None = None
    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """Some of the pairs in a state, and how many there are."""

    state: ReviewState
    total: int
    offset: int
    pairs: tuple[ReviewPair, ...]
