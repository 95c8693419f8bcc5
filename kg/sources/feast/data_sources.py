"""Feast's data sources: where each keeps its data, which is what a dataset is known by."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Final

from kg.model import Payload
from kg.sources.answers import part, text

_QUALIFIED: Final = {
    "snowflakeOptions": ("database", "schema", "table"),
    "redshiftOptions": ("database", "schema", "table"),
    "athenaOptions": ("database", "table"),
    "bigqueryOptions": ("table",),
    "trinoOptions": ("table",),
    "sparkOptions": ("table",),
}
"""The parts of a table's name, by the kind of store. Without the last there is a query instead."""
_PLACES: Final = (
    ("fileOptions", "uri"),
    ("sparkOptions", "path"),
    ("kafkaOptions", "topic"),
    ("kinesisOptions", "streamName"),
)
_ADDRESSES: Final = (("fileOptions", "uri"), ("sparkOptions", "path"))


def stored_in(source: Payload) -> Iterator[Payload]:
    """The data sources in one that hold data: a stream has the batch source that keeps it inside."""
    kind = text(source, "type")
    if kind not in ("REQUEST_SOURCE", "PUSH_SOURCE"):
        yield source
    if inner := part(source, "batchSource"):
        yield from stored_in(inner)


def place_of(source: Payload) -> str:
    """The table, path or topic as it is configured; empty for a query."""
    for options, names in _QUALIFIED.items():
        given = part(source, options)
        if text(given, names[-1]):
            return ".".join(found for name in names if (found := text(given, name)))
    for options, name in _PLACES:
        if place := text(part(source, options), name):
            return place
    custom = _custom(source)
    return text(custom, "table") or text(custom, "path")


def address(source: Payload) -> str:
    """Where the data is, of data that is kept in files."""
    found = (text(part(source, options), name) for options, name in _ADDRESSES)
    return next((place for place in found if place), "")


def is_relative(source: Payload) -> bool:
    """Whether the data is in a file whose path means something within its own project only."""
    place = address(source)
    absolute = "://" in place or place.startswith("/")
    return bool(place) and place == place_of(source) and not absolute


def _custom(source: Payload) -> Payload:
    """What a contributed kind of store writes of itself, as JSON inside Base64; else nothing."""
    try:
        packed = text(part(source, "customOptions"), "configuration")
        found = json.loads(base64.b64decode(packed or "e30=", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}
