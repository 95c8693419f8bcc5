"""What the tests of buses share: events to send, inboxes that fail, and what an inbox holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from kg.errors import SystemFailure
from kg.events import Inbox
from kg.events.bridge import Bridge, Patience
from kg.events.bus import Bus
from kg.events.letters import Letters
from kg.ingest import ingest_json
from kg.iris import EntityRef
from kg.model import Event

QUICK = Patience(first_seconds=0.05, longest_seconds=0.2)


class FailingInbox(Inbox):
    """An inbox that cannot be written the first so many times, as on a full disk."""

    def __init__(self, file: Path, *, failures: int) -> None:
        super().__init__(file)
        self.failures = failures
        self.tried = 0

    def publish(self, events: Iterable[Event]) -> int:
        self.tried += 1
        if self.tried <= self.failures:
            raise SystemFailure("The inbox cannot be written: the disk is full.")
        return super().publish(events)


def event(key: str, id: str = "1", *, type: str = "model-version") -> Event:
    return Event(
        ref=EntityRef(type, "test", key), event_type=f"{type}.changed", event_id=f"{key}-{id}"
    )


def told(inbox: Inbox) -> dict[str, int]:
    """How often each entity was told of."""
    return {work.ref.key: work.told for work in inbox.take(1_000_000, source="test")}


def last(inbox: Inbox) -> dict[str, str]:
    """The event that told of each entity last."""
    return {work.ref.key: work.event_id for work in inbox.take(1_000_000, source="test")}


def bridge(open: Callable[[], Bus], inbox: Inbox, letters: Letters) -> Bridge[list[Event]]:
    return Bridge(open, parse=ingest_json, keep=inbox.publish_all, letters=letters, patience=QUICK)
