"""What the read side answers: an entity, a page of search hits, the state of a source.

Plain data, ready to be rendered as a page or as JSON (`as_json`); no store object leaks through.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

from kg.iris import EntityRef
from kg.model import Finding

State = Literal["hydrated", "awaiting", "gone"]
ReviewState = Literal["open", "decided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing with what a person calls it. ``ref`` is None for what is not an entity here."""

    iri: str
    name: str
    ref: EntityRef | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a fact: text to show, and the IRI when the value is a thing."""

    text: str
    iri: str | None = None
    datatype: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One property of an entity with all its values; parts of the entity are nested facts."""

    property: Named
    values: tuple[Value, ...]
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The edges of one property in one direction: ``total`` of them, ``items`` the first few."""

    property: Named
    direction: Literal["out", "in"]
    items: tuple[Named, ...]
    total: int
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One statement, in words."""

    subject: Named
    property: Named
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts by which two entities agree under an identity rule."""

    rule: Named
    facts: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPair:
    """Two entities that may be one thing; ``decision`` is what a steward said of them, if any did."""

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
    last_changed: datetime | None = None
    last_enriched: datetime | None = None
    gone_since: datetime | None = None
    as_of: datetime | None = None
    """The moment of which all of this is; None for now. Findings are of now alone."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One configured source, how its hydration goes, and how far it can be relied on.

    ``completeness`` is the part of what the source had at its last sweep that the graph has; ``lag``
    is in seconds, from an event's arrival to the commit of what it told of; ``healed`` counts the
    changes that no event told of, and a sweep found. ``event_types`` are the events that it may be
    told of by, such as ``model_version.*``.
    """

    name: str
    kind: str
    state: Literal["ok", "waiting", "down", "unusable"]
    event_types: tuple[str, ...]
    pending: int
    retrying: int
    dead: int
    entities: int
    last_event: datetime | None = None
    last_success: datetime | None = None
    last_sweep: datetime | None = None
    completeness: float | None = None
    lag_p50: float | None = None
    lag_p95: float | None = None
    healed: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What could not be used, and why: an entity as its source told of it, or a bus's message.

    ``place`` is where the message stood there; it names no entity.
    """

    ref: EntityRef | None
    error: str
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request that was put in the inbox.

    ``pending`` when it was not decided within the wait; it is on disk and will be.
    """

    id: str
    state: Literal["pending", "done", "refused"]
    iris: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The health of an installation. ``ready`` when a worker is alive and a checkpoint readable."""

    ready: bool
    worker: Literal["running", "stopped", "write-dead"]
    version: int
    triples: int
    entities: int
    pending: int
    dead: int
    last_commit: datetime | None = None
    message: str | None = None


def as_json(value: Any) -> Any:
    """Any of these as JSON-ready data: tuples to lists, times to ISO 8601, None left out."""
    if isinstance(value, EntityRef):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {name: as_json(item) for name, item in pairs if item is not None}
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
