"""A tool with a JSON API over HTTP, joined by its settings alone.

What other kinds do in code is said here in the settings file: where records are, what makes their
keys, how lists go on, how the tool says that something is gone. What a record means is said by
JSON-LD contexts in a folder of yours. Settings::

    [sources.tracker]
    kind = "rest"
    url = "http://127.0.0.1:8000/api/v1"  # what all paths are under; no other host is ever called
    contexts = "contexts/tracker"         # folder with {type}.jsonld, or context.jsonld for all
    token = "env:TRACKER_TOKEN"           # a bearer token; or
    username = "graph"                    # basic authentication, with password; or
    header = "X-Api-Key"                  # a header of the tool's own, with header_value
    absent = [404, 410]                   # statuses that say "there is no such thing",
    absent_code = { "error.code" = "NOT_FOUND" }  # if the answer has this in it, or one of a list
    timeout_seconds = 10
    per_second = 0                        # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64
    in_flight = 4                         # calls at a time
    webhook_secret = "env:TRACKER_HOOK"   # without it notices are refused
    webhook_header = "X-Signature-256"    # has the HMAC-SHA256 of the body in hex
    webhook_id_header = "X-Delivery"      # has what is the same when a notice is sent again, if any does
    notice_type = "entity.kind"           # where a notice has its type,
    notice_key = "entity.id"              # and the field or fields of the key
    notice_types = { Deploy = "deployment" }  # the tool's words for types, if it has its own

and a table for each entity type::

    [sources.tracker.types.deployment]
    all = "deployments?state=any"         # the list
    one = "deployments/{key}"             # one record; without it, it is looked for in the list
    list_shows_all = true                 # what the list shows of a record is all that ``one`` does
    items = "data.items"                  # where a list has its records; empty: it is the list
    record = "data"                       # where the answer for one has the record; empty: it is it
    key = "id"                            # the field that is the key, or several: "name,version"
    paging = "page"                       # none, page, offset, cursor or url
    page_parameter = "page"               # what page, offset or cursor is called
    first_page = 1
    size_parameter = "limit"              # if the tool lets us say how many, with page_size = 100
    next = "meta.next"                    # cursor and url: where the next one is; else: what says
                                          # that there is one, such as "meta.has_more"
    convert = { created = "milliseconds", "owner.email" = "lowercase" }

In ``one``, ``{key}`` is the key as one segment of the path, percent-encoded; of a key of several
fields, joined by slashes, there is also each field: ``models/{name}/versions/{version}``. Only the
first field may hold slashes. ``url`` paging takes the parameters of the next page's address and
nothing else of it. Without ``next``, pages and offsets end with an empty page.

A context names a nested value with dots, ``"owner.email"``; in a list of objects, it is those of
all. What it needs in another form is converted first:

================ =================================================================================
conversion       does
================ =================================================================================
``milliseconds`` since 1970 to a date and time; zero is none
``seconds``      the same
``date-time``    ISO 8601 to UTC; without a time zone it is UTC
``lowercase``    a text, or each of a list: for e-mail addresses that name persons
``split``        ``"a, b"`` to a list
``tags``         ``{"team": "x"}``, or a list of ``{"key": "team", "value": "x"}``, to ``team::x``
``parameters``   the same to parts of the entity, with ``parameter_name`` and ``parameter_value``
``json``         anything to its JSON as text, such as a schema
================ =================================================================================

Keys are taken as they are, never converted. A fraction becomes its decimal digits by itself; empty
texts are left out.

A status in ``absent`` without an ``absent_code`` is believed only after the whole list was read, and
lacks that entity: a wrong address must not make everything look gone. An answer with another key
than was asked for is unusable, or gone if only the case differs. A listed record without its key is
left out and told of; the others are taken, and nothing is believed to be gone by such a list.

Known limits: paging by the ``Link`` header is not built, nor are lists that have to be asked for
once for each parent, nor answers of several entities. Fields with a dot in their name cannot be
named. Relative folders are those of the process. Where a list does not show all of its records, a
sweep asks for each of them.
"""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterator, Mapping
from typing import Any, cast

from kg.errors import BadIri, BadPayload, IncompleteList
from kg.iris import EntityRef
from kg.model import Document, Notice, Payload, Snapshot
from kg.sources import Source, not_owned
from kg.sources.http import positive
from kg.sources.pace import Pace
from kg.sources.rest.calls import Calls
from kg.sources.rest.conversions import flat
from kg.sources.rest.notices import read_notices
from kg.sources.rest.settings import (
    Kind,
    read_absence,
    read_contexts,
    read_credentials,
    read_kinds,
)
from kg.sources.rest.tables import Table

_log = logging.getLogger(__name__)


class RestSource:
    """One tool. Its types, contexts and number of calls are those of its settings."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        contexts: str,
        types: Mapping[str, Any],
        token: str = "",
        username: str = "",
        password: str = "",
        header: str = "",
        header_value: str = "",
        absent: builtins.list[int] | tuple[int, ...] = (404, 410),
        absent_code: Mapping[str, Any] | None = None,
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
        in_flight: int = 4,
        webhook_secret: str = "",
        webhook_header: str = "X-Signature-256",
        webhook_id_header: str = "",
        notice_type: str = "type",
        notice_key: str = "key",
        notice_types: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._kinds = read_kinds(name, types)
        self.types = frozenset(self._kinds)
        self.contexts = read_contexts(name, contexts, self._kinds)
        self.in_flight = Table(f"[sources.{name}]", {"in_flight": in_flight}).whole(
            "in_flight", 4, least=1
        )
        self._notices = read_notices(
            name,
            self.types,
            secret=webhook_secret,
            header=webhook_header,
            id_header=webhook_id_header,
            type=notice_type,
            key=notice_key,
            words=notice_types or {},
        )
        self._calls = Calls(
            name,
            url=url,
            absence=read_absence(name, absent, absent_code or {}),
            headers=read_credentials(
                name,
                token=token,
                username=username,
                password=password,
                header=header,
                header_value=header_value,
            ),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )

    def fetch(self, ref: EntityRef) -> Snapshot:
        kind = self._kinds.get(ref.type)
        if kind is None or ref.source != self.name:
            raise not_owned(cast(Source, self), ref)
        try:
            record = self._calls.record(kind, ref.key)
            if record is None:
                return Snapshot(ref=ref, documents=())
            return _snapshot(ref, kind, record)
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error

    def list(self) -> Iterator[EntityRef]:
        return (ref for ref, _, _ in self._listed())

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        for ref, kind, record in self._listed():
            try:
                yield _snapshot(ref, kind, record) if kind.is_listed_whole else ref
            except BadPayload:
                yield ref  # `fetch` tells what is wrong with it

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        return self._notices.notice(headers, body)

    def close(self) -> None:
        self._calls.close()

    def _listed(self) -> Iterator[tuple[EntityRef, Kind, Payload]]:
        seen: set[EntityRef] = set()
        faults: builtins.list[str] = []
        for kind in self._kinds.values():
            try:
                for parts, record in self._calls.records(kind):
                    ref = self._named(kind, parts)
                    if ref is not None and ref not in seen:
                        seen.add(ref)
                        yield ref, kind, record
            except IncompleteList as error:
                faults.append(str(error))
        if faults:
            raise IncompleteList(f"Source {self.name!r}: {' '.join(faults)}")

    def _named(self, kind: Kind, parts: tuple[str, ...]) -> EntityRef | None:
        """The entity of a key; None if it cannot name one, or not be asked for again."""
        key = "/".join(parts)
        try:
            ref = EntityRef(kind.type, self.name, key)
        except BadIri:
            ref = None
        if ref is None or kind.key.split(key) != parts:
            _log.warning("%s: %s %r is left out for its key", self.name, kind.type, key)
            return None
        return ref


def _snapshot(ref: EntityRef, kind: Kind, record: Payload) -> Snapshot:
    document = Document(ref=ref, payload=flat(record, kind.convert))
    return Snapshot(ref=ref, documents=(document,))
