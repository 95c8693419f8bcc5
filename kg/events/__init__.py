"""Buses: how thin events reach the pipeline, and what keeps them until they are in the graph."""

from kg.events.bridge import Bridge
from kg.events.bus import INBOX, open_bus, read_url
from kg.events.inbox import GOES_ON, Inbox
from kg.events.letters import MOST_KEPT, Letter, Letters
from kg.events.rows import Request, SourceRow, Sweep, Work

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
    "read_url",
]
