"""The condition of an installation, its sources and its requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kg.iris import EntityRef
from kg.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One configured source, how its hydration goes, and how far it can be relied on.

    ``completeness`` is the part of what the source had at its last sweep that the graph has; ``lag``
    is in seconds, from an event's own time, if it has one, or its arrival to the commit of what it
    told of; ``healed`` counts the
    changes that no event told of, and a sweep found; ``refused`` the notices that it may not have
    sent, since they were not signed as they should be. ``event_types`` are the events that it may be
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
    refused: int = 0
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
