"""GrowthBook's webhooks as thin events: who sent this, and which entities may have changed.

GrowthBook has two kinds. Event webhooks say what changed and sign their body alone; SDK webhooks
say that something did and sign as Standard Webhooks do, with an id and a moment. Which one it is,
its headers tell. Nothing but the names in a notice is used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from kg.errors import BadEvent, BadIri, BadPayload, NotAuthentic
from kg.iris import EntityRef
from kg.model import Event, Payload
from kg.sources.answers import part, required, text
from kg.sources.growthbook.documents import entities, experiments_of

WINDOW_SECONDS: Final = 300
EVENT_WINDOW_SECONDS: Final = 3600
"""GrowthBook tries an event again up to 11 minutes later, with the moment of the first try."""
_ENCODED: Final = "whsec_"
_VERSION: Final = "v1,"
_SIGNIFICANT: Final = 16


def authenticate(
    headers: Mapping[str, str], body: bytes, *, secret: str, setting: str, now: datetime
) -> str:
    """Checks the signature and its age, and answers the delivery's id. Raises `NotAuthentic`."""
    if not secret:
        raise NotAuthentic(f"Notices are refused: set {setting} to the webhook's secret.")
    given = {name.lower(): value for name, value in headers.items()}
    if "webhook-signature" in given:
        return _standard(given, body, secret=secret, setting=setting, now=now)
    signature = given.get("x-growthbook-signature", "").strip().lower()
    if not signature:
        raise NotAuthentic("The notice is not signed: it is not from a webhook of GrowthBook's.")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise _wrong(setting)
    return hashlib.sha256(body).hexdigest()[:_SIGNIFICANT]


def _standard(
    given: Mapping[str, str], body: bytes, *, secret: str, setting: str, now: datetime
) -> str:
    """By https://www.standardwebhooks.com: one right signature of several is enough, for a secret
    may be about to change. A secret that begins with ``whsec_`` is base64."""
    delivery, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not (delivery and stamp):
        raise NotAuthentic("The notice is signed without webhook-id or webhook-timestamp.")
    key = secret.encode()
    if secret.startswith(_ENCODED):
        key = _decoded(secret.removeprefix(_ENCODED))
        if not key:
            raise NotAuthentic(f"Notices are refused: {setting} is not base64 after {_ENCODED}.")
    expected = hmac.new(key, f"{delivery}.{stamp}.".encode() + body, hashlib.sha256).digest()
    told = [s for s in given["webhook-signature"].split(" ") if s.startswith(_VERSION)]
    if not any(hmac.compare_digest(expected, _decoded(s.removeprefix(_VERSION))) for s in told):
        raise _wrong(setting)
    try:
        sent = int(stamp)
    except ValueError as error:
        raise NotAuthentic("The notice's timestamp is not a number of seconds.") from error
    _refuse_old(now.timestamp() - sent, WINDOW_SECONDS)
    return delivery


def events(source: str, body: bytes, *, delivery: str, now: datetime) -> list[Event]:
    """The entities that a notice speaks of. Raises `BadEvent`, and `NotAuthentic` for old ones.

    An experiment brings its cells and allocations; those that it had before are named too, for
    they may be gone. A feature speaks of the experiments that its rules give out, or did. SDK
    webhooks name features only by what programs need: they are of nothing here.
    """
    notice = _object(body)
    if notice.get("type") == "payload.changed":
        return []
    kind = notice.get("event")
    if not isinstance(kind, str):
        raise BadEvent("A GrowthBook notice has its 'event' as text.")
    time = _created(notice.get("created"))
    if time is not None:
        _refuse_old((now - time).total_seconds(), EVENT_WINDOW_SECONDS)
    of = kind.partition(".")[0]
    if of not in ("experiment", "feature"):
        return []
    try:
        current, before = _states(kind, part(notice, "data"))
        keys = (
            _of_experiment(current, before) if of == "experiment" else _of_feature(current, before)
        )
        refs = [EntityRef(entity_type, source, key) for entity_type, key in dict.fromkeys(keys)]
    except (BadIri, BadPayload) as error:
        raise BadEvent(f"This GrowthBook notice names no entity: {error}") from error
    return [Event(ref=ref, event_type=kind, event_id=delivery, time=time) for ref in refs]


def _states(kind: str, data: Payload) -> tuple[Payload, Payload]:
    """What a notice tells of now and of before, in the newer form of payload or in the older."""
    if "object" in data:
        told = part(data, "object")
        if kind.endswith(".deleted"):
            return {}, told
        changed = part(data, "previous_attributes")
        return told, {**told, **changed} if changed else {}
    if "current" in data or "previous" in data:
        return part(data, "current"), part(data, "previous")
    return data, {}


def _of_experiment(current: Payload, before: Payload) -> Iterator[tuple[str, str]]:
    now = list(entities(current)) if text(current, "id") else []
    if not (now or before):
        yield "experiment", required(current, "experimentId")  # a warning or a result
        return
    yield from now[:1]
    if before:
        yield from (entity for entity in entities(before) if entity not in now)


def _of_feature(current: Payload, before: Payload) -> Iterator[tuple[str, str]]:
    for state in filter(None, (current, before)):
        yield from (("experiment", id) for id in experiments_of(state))


def _created(value: Any) -> datetime | None:
    """When GrowthBook says it happened, in milliseconds; older payloads do not say it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refuse_old(age: float, window: int) -> None:
    if abs(age) > window:
        raise NotAuthentic(f"The notice is {age:.0f} s old, over {window} s; compare the clocks.")


def _wrong(setting: str) -> NotAuthentic:
    return NotAuthentic(f"The notice's signature is wrong; compare {setting} with GrowthBook's.")


def _decoded(told: str) -> bytes:
    try:
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _object(body: bytes) -> Payload:
    try:
        notice = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"This GrowthBook notice is not usable JSON: {error}.") from error
    if not isinstance(notice, dict):
        raise BadEvent("A GrowthBook notice is a JSON object.")
    return notice
