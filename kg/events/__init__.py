"""Buses: how thin events reach the pipeline, and what keeps them until they are in the graph."""

from kg.events.bridge import Bridge
from kg.events.bus import INBOX, open_bus
from kg.events.inbox import FIRST_SWEEP, SWEEP, Inbox, Request, SourceRow, Work
from kg.events.letters import Letter, Letters

__all__ = [
    "FIRST_SWEEP",
    "INBOX",
    "SWEEP",
    "Bridge",
    "Inbox",
    "Letter",
    "Letters",
    "Request",
    "SourceRow",
    "Work",
    "open_bus",
]
