"""Buses: how thin events reach the pipeline, and what keeps them until they are in the graph."""

from kg.events.inbox import Inbox, Request, Work

__all__ = ["Inbox", "Request", "Work"]
