"""Unleash's webhook as thin events: who sent this, and which entities may have changed.

Unleash signs nothing; it sends an ``Authorization`` header that was agreed on. So a notice can be
repeated by whoever reads one, which does no harm: one that came lately is known by its id, and of
another nothing but the names is used.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from kg.errors import BadEvent, BadIri, BadPayload, NotAuthentic
from kg.iris import EntityRef
from kg.model import Event
from kg.sources.answers import required
from kg.sources.unleash.documents import removed

_OF_FLAGS: Final = "feature-"


def authenticate(headers: Mapping[str, str], *, secret: str, setting: str) -> None:
    """Compares the header in constant time. Raises `NotAuthentic`."""
    if not secret:
        raise NotAuthentic(f"Notices are refused: set {setting} to the webhook's Authorization.")
    given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
        raise NotAuthentic(
            f"The notice's Authorization is wrong; compare {setting} with Unleash's."
        )


def events(source: str, body: bytes) -> list[Event]:
    """The entities that a notice speaks of; none if it is not of a flag. Raises `BadEvent`.

    A flag's event is one of its experiment, whose snapshot brings cells and allocations. Those
    that an earlier form of a strategy had are named too, for they may be gone; so is the flag in
    the project that it was moved from.
    """
    notice = _object(body)
    kind = notice.get("type")
    if not isinstance(kind, str):
        raise BadEvent("An Unleash notice has a 'type' as text.")
    if not kind.startswith(_OF_FLAGS):
        return []
    try:
        number = required(notice, "id")
        refs = dict.fromkeys(EntityRef(t, source, key) for t, key in _keys(notice))
    except (BadIri, BadPayload) as error:
        raise BadEvent(f"This Unleash notice names no entity: {error}") from error
    time = _time(notice.get("createdAt"))
    return [Event(ref=ref, event_type=kind, event_id=number, time=time) for ref in refs]


def _keys(notice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    project, name = required(notice, "project"), required(notice, "featureName")
    yield "experiment", f"{project}/{name}"
    data, before = notice.get("data"), notice.get("preData")
    if isinstance(data, dict) and isinstance(data.get("oldProject"), str):
        yield "experiment", f"{data['oldProject']}/{name}"
    if isinstance(before, dict):
        place = notice.get("environment")
        environment = place if isinstance(place, str) else ""
        yield from removed(before, flag=f"{project}/{name}", environment=environment)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        notice = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"This Unleash notice is not usable JSON: {error}.") from error
    if not isinstance(notice, dict):
        raise BadEvent("An Unleash notice is a JSON object.")
    return notice


def _time(value: Any) -> datetime | None:
    """When Unleash says it happened; it is for people, so an odd one is no reason to refuse."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
