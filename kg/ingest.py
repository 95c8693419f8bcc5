"""Stage 1: the shape of a thin event. Checks what was sent and makes an `Event` of it.

An event says *that* something changed: ``{"event_type": "model_version.created", "source":
"mlflow", "id": "ranker/3"}``, plus ``time`` and ``event_id`` if the sender likes. Nothing else in
it is used, so an event can be lost, doubled, late or a lie, and the graph is still right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from kg.errors import BadEvent, BadIri
from kg.iris import EntityRef
from kg.model import Event

MAX_DEPTH = 20
MAX_LINEAGE_DEPTH = 100
"""OpenLineage's facets are trees: schemas, and plans of queries."""
_EVENT_TYPE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_EXAMPLE = '{"event_type": "model_version.created", "source": "mlflow", "id": "ranker/3"}'


def ingest(data: Any, *, new_id: Callable[[], str] = lambda: str(uuid4())) -> Event:
    """One thin event from its JSON object. Raises `BadEvent` naming the member that is wrong."""
    if not isinstance(data, Mapping):
        raise BadEvent(f"An event is a JSON object such as {_EXAMPLE}.")
    kind, verb = _split(_text(data, "event_type"))
    try:
        ref = EntityRef(kind, _text(data, "source"), _text(data, "id"))
    except BadIri as error:
        raise BadEvent(f"This event names no entity: {error}") from error
    event_id = _text(data, "event_id") if "event_id" in data else new_id()
    return Event(ref=ref, event_type=f"{kind}.{verb}", event_id=event_id, time=_time(data))


def ingest_json(text: bytes) -> list[Event]:
    """The events of one JSON document: an object or a list. All are checked before any is kept."""
    data = parse_json(text)
    events = data if isinstance(data, list) else [data]
    found = []
    for number, item in enumerate(events):
        try:
            found.append(ingest(item))
        except BadEvent as error:
            raise BadEvent(f"Event {number}: {error}", index=number) from error
    return found


def parse_json(text: bytes, *, deepest: int = MAX_DEPTH) -> Any:
    """JSON as strict as the standard: no NaN, no name twice, no deep nesting. Raises `BadEvent`."""
    if text.count(b"[") + text.count(b"{") > deepest and _depth(text) > deepest:
        raise BadEvent(f"The JSON nests deeper than {deepest}.")
    try:
        return _STRICT.decode(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        at = {"line": error.lineno, "column": error.colno}
        raise BadEvent(f"This is not JSON: {error.msg}.", **at) from error
    except UnicodeDecodeError as error:
        raise BadEvent("This is not JSON: it is not UTF-8.") from error
    except ValueError as error:  # a number of thousands of digits
        raise BadEvent(f"This JSON cannot be read: {error}.") from error


def _split(event_type: str) -> tuple[str, str]:
    found = _EVENT_TYPE.fullmatch(event_type)
    if not found:
        raise BadEvent(f"event_type is like 'model_version.created', not {event_type[:80]!r}.")
    return found[1].replace("_", "-"), found[2]


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"An event needs {name!r} as text, such as {_EXAMPLE}.")
    return value


def _time(data: Mapping[str, Any]) -> datetime | None:
    if data.get("time") is None:
        return None
    try:
        time = datetime.fromisoformat(_text(data, "time"))
    except ValueError as error:
        raise BadEvent("An event's 'time' is ISO 8601, such as 2026-11-23T08:00:00Z.") from error
    if time.tzinfo is None:
        raise BadEvent("An event's 'time' needs a zone, such as 2026-11-23T08:00:00Z.")
    return time


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadEvent("The JSON holds a name twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise BadEvent(f"{name} is not JSON.")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)

# The closing quote is optional: a search for a missing one would start again at every quote.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]')


def _depth(text: bytes) -> int:
    deepest = depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        mark = token.group()
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in b"]}":
            depth -= 1
    return deepest
