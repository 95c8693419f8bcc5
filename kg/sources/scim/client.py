"""SCIM's protocol: what a server offers, how it pages, and its word for what is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import integer, part, records, required, text
from kg.sources.http import HttpClient, Refusal

USERS: Final = "/Users"
GROUPS: Final = "/Groups"
_CONFIG: Final = "/ServiceProviderConfig"
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What a server says that it can do."""

    filters: bool
    paging: bool


class Client:
    """One SCIM server; listings ask for ``page_size`` records at a time, if it pages."""

    def __init__(self, source: str, *, url: str, page_size: int, **given: Any) -> None:
        accept = "application/scim+json, application/json"
        self._http = HttpClient(
            source, system="SCIM", url=url, is_absent=_is_absent, accept=accept, **given
        )
        self._page_size = page_size
        self._offers: Offers | None = None
        self._lock = threading.Lock()

    def offers(self) -> Offers:
        """Read once; a server without such a page offers nothing."""
        with self._lock:
            if self._offers is None:
                self._offers = _offers(self._http.get(_CONFIG))
            return self._offers

    def one(self, path: str, record_id: str) -> Payload | None:
        """One user or group by its id; None if the server says that it has none."""
        if record_id in ("", ".", ".."):
            return None
        found = self._http.get(f"{path}/{quote(record_id, safe='')}")
        if found is None:
            return None
        if not isinstance(found, dict):
            raise BadPayload(f"{path} answers no object for an id.")
        if required(found, "id") != record_id:
            return None
        return found

    def all(self, path: str) -> Iterator[Payload]:
        """Every user or group, each once. Raises when the server tells of fewer than it has."""
        return self._pages(path, {})

    def matching(self, path: str, attribute: str, value: str) -> list[Payload] | None:
        """Those with this value, as far as the server can tell; None if it refuses the filter."""
        wanted = f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"
        try:
            return list(self._pages(path, {"filter": wanted}))
        except _FilterRefused:
            return None

    def close(self) -> None:
        self._http.close()

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Payload]:
        paging = self.offers().paging
        seen: set[str] = set()
        start, total = 1, 1
        while start <= total:
            asked: dict[str, Any] = dict(query)
            if paging:
                asked |= {"startIndex": start, "count": self._page_size}
            elif start > 1:
                asked["startIndex"] = start
            page, total = self._page(path, asked)
            known = len(seen)
            for record in page:
                if (record_id := required(record, "id")) not in seen:
                    seen.add(record_id)
                    yield record
            start += len(page)
            if len(seen) == known:
                break
        if len(seen) < total:
            raise self._http.down(f"tells of {len(seen)} of {total} in {path}; try again")

    def _page(self, path: str, asked: Mapping[str, Any]) -> tuple[list[Payload], int]:
        answer = self._http.get(path, asked)
        if answer is None:
            if "filter" in asked:
                raise _FilterRefused
            raise self._http.down(f"has no {path}; url must be what comes before it")
        if not isinstance(answer, dict) or "totalResults" not in answer:
            raise BadPayload(f"{path} answers no list with totalResults.")
        page = records(answer, "Resources") if answer.get("Resources") is not None else []
        return page, integer(answer, "totalResults")


class _FilterRefused(Exception):
    """The server cannot filter in this way, though it offers filters."""


def _offers(config: Any) -> Offers:
    if config is None:
        return Offers(filters=False, paging=False)
    if not isinstance(config, dict):
        raise BadPayload(f"{_CONFIG} answers no object.")
    filters = part(config, "filter").get("supported") is True
    paging = part(config, "pagination").get("index", filters)
    return Offers(filters=filters, paging=paging is True)


def _is_absent(told: Refusal) -> bool:
    """A 404 in SCIM's own form; or a filter that it cannot do, which has a way round."""
    schemas = told.payload.get("schemas")
    if not isinstance(schemas, list) or _ERROR not in schemas:
        return False
    refused = told.status in (400, 501) and text(told.payload, "scimType") == "invalidFilter"
    return told.status == 404 or refused
