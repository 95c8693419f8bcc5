"""A tool's webhooks as thin events: who sent this, and which entities may have changed.

Only the type and the key in a notice are used. Its signature has no date, so an old notice can be
sent again by whoever saw it: that asks the tool once more, and no harm is done. The hash of a body
tells no notice from another of the same thing, so one is only known again by what the tool says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kg.errors import BadEvent, BadIri, BadPayload, BadSetting, NotAuthentic
from kg.iris import EntityRef
from kg.model import Event, Notice
from kg.sources.rest.places import Key, value_at
from kg.sources.rest.tables import Table

_PREFIX: Final = "sha256="
_SIGNIFICANT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """How one tool's notices are signed, and what they speak of.

    ``words`` are the tool's names of the entity types; a notice of another word is of nothing here.
    """

    source: str
    secret: str
    header: str
    id_header: str
    type: str
    key: Key
    words: Mapping[str, str]

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Raises `NotAuthentic` and `BadEvent`."""
        given = {name.lower(): value for name, value in headers.items()}
        self.authenticate(given, body)
        delivery = given.get(self.id_header.lower(), "").strip() if self.id_header else ""
        return Notice(events=tuple(self.events(body)), delivery=delivery)

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Checks the signature: HMAC-SHA256 over the body, in hex; names of headers in lower case.

        Raises `NotAuthentic`.
        """
        setting = f"[sources.{self.source}] webhook_secret"
        if not self.secret:
            raise NotAuthentic(f"Notices are refused: set {setting} to the webhook's secret.")
        signature = headers.get(self.header.lower(), "").strip()
        if not signature:
            raise NotAuthentic(f"The notice is not signed: it has no header {self.header}.")
        expected = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        told = signature.removeprefix(_PREFIX).lower().encode("utf-8", "replace")
        if not hmac.compare_digest(expected.encode(), told):
            raise NotAuthentic(
                f"The notice's signature is wrong; compare {setting} with the tool's."
            )

    def events(self, body: bytes) -> list[Event]:
        """The entities that a notice, or a list of them, speaks of. Raises `BadEvent`."""
        try:
            notices = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadEvent(f"This notice is not usable JSON: {error}.") from error
        id = hashlib.sha256(body).hexdigest()[:_SIGNIFICANT]
        listed = notices if isinstance(notices, list) else [notices]
        return [event for notice in listed for event in self._event(notice, id)]

    def _event(self, notice: Any, id: str) -> list[Event]:
        if not isinstance(notice, dict):
            raise BadEvent("A notice is a JSON object.")
        try:
            word = value_at(notice, self.type)
            if not isinstance(word, str):
                raise BadEvent(f"A notice has the type of what changed at {self.type!r}, as text.")
            if word not in self.words:
                return []
            key = "/".join(self.key.parts_of(notice))
            ref = EntityRef(self.words[word], self.source, key)
        except (BadPayload, BadIri) as error:
            raise BadEvent(f"This notice names no entity: {error}") from error
        return [Event(ref=ref, event_type=f"{ref.type}.noticed", event_id=id)]


def read_notices(
    source: str,
    types: frozenset[str],
    *,
    secret: Any,
    header: Any,
    id_header: Any,
    type: Any,
    key: Any,
    words: Any,
) -> Notices:
    given = {"webhook_secret": secret, "webhook_header": header, "webhook_id_header": id_header}
    given |= {"notice_type": type, "notice_key": key, "notice_types": words}
    table = Table(f"[sources.{source}]", given)
    known = table.flat("notice_types") or {name: name for name in types}
    for word, entity_type in known.items():
        if entity_type not in types:
            raise table.wrong(f"notice_types.{word}", entity_type, "a type that has a table")
    found = Notices(
        source=source,
        secret=table.text("webhook_secret"),
        header=table.text("webhook_header"),
        id_header=table.text("webhook_id_header"),
        type=table.place("notice_type"),
        key=table.key("notice_key"),
        words=known,
    )
    if found.secret and not (found.header and found.type):
        raise BadSetting(f"[sources.{source}] webhook_secret needs webhook_header and notice_type.")
    return found
