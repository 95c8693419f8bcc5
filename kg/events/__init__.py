"""Buses: how thin events reach the pipeline, and what keeps them until they are in the graph."""

from kg.events.bridge import Bridge
from kg.events.bus import INBOX, open_bus
from kg.events.inbox import GOES_ON, Inbox, Request, SourceRow, Sweep, Work
from kg.events.letters import MOST_KEPT, Letter, Letters

__all__ = [
    "GOES_ON",
    "INBOX",
    "MOST_KEPT",
    "Bridge",
    "Inbox",
    "Letter",
    "Letters",
    "Request",
    "SourceRow",
    "Sweep",
    "Work",
    "open_bus",
]
