"""The nouns that the stages pass to each other. Frozen, and without behaviour that does I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from kg.iris import EntityRef
from kg.terms import ByGraph, Quad, Statement, by_graph

Layer = Literal["source", "steward", "derived"]
Severity = Literal["violation", "warning", "info"]
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A thin event: *that* an entity changed at its source, never what it is now.

    The source alone knows what happened, so ``event_type`` is kept for people and routes nothing.
    """

    ref: EntityRef
    event_type: str
    event_id: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a source told of its own accord (by a webhook): thin events.

    ``delivery`` is the same whenever this notice is sent again, and that of no other; empty if
    nothing in it is, for then the same may be told twice because it happened twice.
    """

    events: tuple[Event, ...] = ()
    delivery: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One entity as its source describes it, in the source's own JSON.

    ``payload`` is what the source's JSON-LD context maps; a foreign key is a plain string there.
    """

    ref: EntityRef
    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The answer of a source about one entity: its documents, or none when it is gone.

    The first document is the entity that was asked for; others are entities that the source
    only tells of inside it (a run's datasets, say).
    """

    ref: EntityRef
    documents: tuple[Document, ...]

    @property
    def gone(self) -> bool:
        return not self.documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """All that one layer says of an entity now; each subject is its IRI or a part of it."""

    ref: EntityRef
    iri: str
    statements: frozenset[Statement]
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An entity's new state in a layer, and what caused it: the unit that `commit` writes."""

    entity: Entity
    layer: Layer
    cause: str | None = None
    """The id of the event or request behind it, where there is one of its own."""
    replaces: frozenset[str] | None = None
    """The predicates whose old values go; None replaces all that the layer says of the entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one atomic update adds and removes, by graph; the default graph has the empty name."""

    added: ByGraph = field(default_factory=dict)
    removed: ByGraph = field(default_factory=dict)

    @classmethod
    def of(cls, *, added: Iterable[Quad] = (), removed: Iterable[Quad] = ()) -> Self:
        return cls(added=by_graph(added), removed=by_graph(removed))

    def __bool__(self) -> bool:
        return any(self.added.values()) or any(self.removed.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of validation, in the words of the rule that it breaks.

    ``rule`` is the rule's IRI, ``rule_id`` its short name. ``path`` is an IRI, or SPARQL's path
    syntax for more than one step. ``value`` is an IRI as it is, or a literal in N-Triples.
    """

    focus: str
    rule: str
    severity: Severity
    message: str
    path: str | None = None
    value: str | None = None
    remedy: str | None = None
    rule_id: str | None = None
    component: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of validating some focus nodes; gates count by severity, never by `sh:conforms`."""

    findings: tuple[Finding, ...]
    engine: str = "shacl"

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def acceptable(self) -> bool:
        """No violation; warnings and notes do not refuse anything."""
        return self.count("violation") == 0


def utc_now() -> datetime:
    """The clock that is passed in wherever time matters."""
    return datetime.now(UTC)
