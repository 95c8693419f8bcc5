"""MLflow's webhooks as thin events: who sent this, and which entities may have changed.

Nothing but the names in a notice is used, so it does not matter that MLflow's payloads are
incomplete (a version made by ``mlflow.register_model`` has no run in its notice).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from kg.errors import BadEvent, BadIri, NotAuthentic
from kg.iris import EntityRef
from kg.model import Event

WINDOW_SECONDS: Final = 300
_VERSION: Final = "v1,"
_KINDS: Final = {
    "registered_model": ("model", None),
    "model_version": ("model", "model-version"),
    "model_version_tag": ("model", "model-version"),
    "model_version_alias": ("model", "model-version"),
    "prompt": ("prompt", None),
    "prompt_tag": ("prompt", None),
    "prompt_version": ("prompt", "prompt-version"),
    "prompt_version_tag": ("prompt", "prompt-version"),
    "prompt_alias": ("prompt", "prompt-version"),
}
"""What a notice is about: the type of what has the name in it, and that of the version in it."""


def authenticate(
    headers: Mapping[str, str], body: bytes, *, secret: str, setting: str, now: datetime
) -> str:
    """Checks the signature and its age, and answers the delivery's id. Raises `NotAuthentic`.

    The signature covers ``id.timestamp.body``. The window is wider than MLflow's own retries,
    which repeat the first timestamp.
    """
    if not secret:
        raise NotAuthentic(f"Notices are refused: set {setting} to the webhook's secret.")
    given = {name.lower(): value for name, value in headers.items()}
    delivery = given.get("x-mlflow-delivery-id", "")
    stamp = given.get("x-mlflow-timestamp", "")
    signature = given.get("x-mlflow-signature", "")
    if not (delivery and stamp and signature):
        raise NotAuthentic("The notice is not signed; give the webhook in MLflow a secret.")
    signed = f"{delivery}.{stamp}.".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    if not signature.startswith(_VERSION) or not hmac.compare_digest(
        expected, _decoded(signature.removeprefix(_VERSION))
    ):
        raise NotAuthentic(f"The notice's signature is wrong; compare {setting} with MLflow's.")
    try:
        age = now.timestamp() - int(stamp)
    except ValueError as error:
        raise NotAuthentic("The notice's timestamp is not a number of seconds.") from error
    if abs(age) > WINDOW_SECONDS:
        raise NotAuthentic(
            f"The notice is {age:.0f} s old, over {WINDOW_SECONDS} s; compare the clocks."
        )
    return delivery


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


def events(source: str, body: bytes, *, delivery: str) -> list[Event]:
    """The entities that a notice speaks of; none for budgets and what is new to us.

    A version's notice is one of its model or prompt too, whose snapshot brings all versions: MLflow
    does not name the version that lost an alias, be it moved or deleted. Raises `BadEvent`.
    """
    notice = _object(body)
    entity, action = notice.get("entity"), notice.get("action")
    if not isinstance(entity, str) or not isinstance(action, str):
        raise BadEvent("An MLflow notice has an 'entity' and an 'action' as text.")
    data = notice.get("data")
    if entity not in _KINDS:
        return []
    if not isinstance(data, dict):
        raise BadEvent("An MLflow notice has its 'data' as an object.")
    time = _time(notice.get("timestamp"))
    name = _text(data, "name")
    whole, version = _KINDS[entity]
    keys = [(whole, name)]
    if version and "version" in data:
        keys.insert(0, (version, f"{name}/{_text(data, 'version')}"))
    try:
        return [
            Event(
                ref=EntityRef(entity_type, source, key),
                event_type=f"{entity}.{action}",
                event_id=delivery,
                time=time,
            )
            for entity_type, key in keys
        ]
    except BadIri as error:
        raise BadEvent(f"This MLflow notice names no entity: {error}") from error


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        notice = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"This MLflow notice is not usable JSON: {error}.") from error
    if not isinstance(notice, dict):
        raise BadEvent("An MLflow notice is a JSON object.")
    return notice


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"An MLflow notice needs {name!r} as text in its 'data'.")
    return value


def _time(value: Any) -> datetime | None:
    """When MLflow says it happened; it is for people, so an odd one is no reason to refuse."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
