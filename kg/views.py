"""What the read side answers: an entity, a page of search hits, the state of a source.

Plain data, ready to be rendered as a page or as JSON (`as_json`); no store object leaks through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from itertools import chain, repeat
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
    target: Named | None = None
    """The value, where it is a thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts by which two entities agree under an identity rule."""

    rule: Named
    facts: tuple[Said, ...]


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
    """

    fact: Said
    stated: tuple[Statedness, ...] = ()
    derived: bool = False
    ways: tuple[Way, ...] = ()
    paths: int = 0
    again: bool = False
    cut: bool = False


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
    last_hydrated: datetime | None = None
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
class PathStep:
    """One step of a path through the graph: the property, as it is read on the way, and its end."""

    property: Named
    to: Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An entity that a walk reached, with one of the shortest paths to it."""

    entity: Named
    steps: int
    path: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What an entity depends on (``up``), or what depends on it (``down``), the nearest first.

    ``items`` are made while they are read, once; ``total`` of them. ``cycle`` is a way from the
    entity back to itself, if there is one.
    """

    entity: Named
    version: int
    direction: Literal["up", "down"]
    total: int
    items: Iterator[Reached]
    cycle: tuple[PathStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A thing, and how much of what is counted belongs to it."""

    thing: Named
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """``total`` groups, and the first of them."""

    total: int
    first: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactView:
    """What is hit if an entity changes: all of it in ``trace``, counted and grouped.

    ``tests`` are the A/B tests that are running, with how much of it takes part in each;
    ``deployments`` are those that are hit, with the steps to each.
    """

    by_type: tuple[FacetCount, ...]
    by_team: Groups
    by_domain: Groups
    tests: Groups
    deployments: Groups
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SupposedChange:
    """One thing that a simulation supposes; ``what`` is the column that a dataset loses."""

    kind: Literal["delete", "leave", "drop", "state"]
    entity: Named
    what: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A rule that fails, and the entity that it fails for."""

    entity: Named
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What supposed changes would make different.

    ``breaks`` when a deployment in production or a running test is hit, or a rule newly violated.
    ``counts`` has the whole numbers of ``changes``, ``fails``, ``mends``, ``lost``, ``gained``, and
    of the ``violations`` and ``warnings`` among ``fails``; the lists hold the first of each. ``impact`` is what depends on
    what changes, None if nothing that changes has anything depend on it; of it, ``models`` and
    ``production`` are the first models in any form and deployments in production, with paths.
    """

    breaks: bool
    counts: dict[str, int]
    changes: tuple[SupposedChange, ...]
    fails: tuple[Failing, ...]
    mends: tuple[Failing, ...]
    lost: tuple[Said, ...]
    gained: tuple[Said, ...]
    impact: ImpactView | None = None
    models: tuple[Reached, ...] = ()
    models_total: int = 0
    production: tuple[Reached, ...] = ()
    production_total: int = 0


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
    if isinstance(value, (list, tuple, set, frozenset, Iterator)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def json_chunks(value: Any) -> Iterator[str]:
    """The same as JSON text, piece by piece; what an iterator makes is one on a line, unbounded."""
    if isinstance(value, Iterator):
        before = chain(["\n"], repeat(",\n"))
        yield "["
        yield from (next(before) + _text(item) for item in value)
        yield "\n]"
    elif isinstance(value, dict):
        before = chain(["{"], repeat(", "))
        for name, item in value.items():
            yield f"{next(before)}{_text(name)}: "
            yield from json_chunks(item)
        yield "}"
    elif isinstance(value, (Trace, ImpactView)):
        yield from json_chunks({f.name: getattr(value, f.name) for f in fields(value)})
    else:
        yield _text(value)


def _text(value: Any) -> str:
    return json.dumps(as_json(value), ensure_ascii=False)
