"""Buses: how thin events reach the pipeline, and what keeps them until they are in the graph."""

from kg.events.inbox import FIRST_SWEEP, SWEEP, Inbox, Request, SourceRow, Work

__all__ = ["FIRST_SWEEP", "SWEEP", "Inbox", "Request", "SourceRow", "Work"]
