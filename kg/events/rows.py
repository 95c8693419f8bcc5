"""What the inbox tells of: work, requests, sweeps, and how each source does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from kg.iris import EntityRef

REFERENCE: Final = "reference:"
"""With this begins the event's id when nothing but a reference tells of an entity."""
SWEEP: Final = "sweep:"
"""With this begins the event's id when a sweep tells of an entity."""
FIRST_SWEEP: Final = "sweep:first:"
"""With this, when it is the first sweep of the source, to which all is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An entity to hydrate; ``told`` is how many events had told of it when it was taken."""

    ref: EntityRef
    event_id: str
    told: int
    attempts: int
    happened_at: datetime
    """When its source says that it first changed, no later than now; else when we were told."""

    @property
    def is_event(self) -> bool:
        """Whether its source told of it, and not we ourselves."""
        return not self.event_id.startswith((SWEEP, REFERENCE))

    @property
    def heals(self) -> bool:
        """Whether a change of it is one that an event should have told of."""
        return self.event_id.startswith(SWEEP) and not self.event_id.startswith(FIRST_SWEEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something that a person asks to be written."""

    id: str
    kind: str
    body: bytes
    format: str
    sent_by: str
    state: Literal["pending", "done", "refused"]
    outcome: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep of one source under way; ``id`` is that of the events by which it tells of entities."""

    id: str
    began: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """The counts and times of one source."""

    pending: int = 0
    retrying: int = 0
    dead: int = 0
    last_event: datetime | None = None
    last_success: datetime | None = None
    last_sweep: datetime | None = None
    last_error: str | None = None
    failing: bool = False
    listed: int | None = None
    healed: int = 0
    refused: int = 0
    lags: tuple[float, ...] = ()
