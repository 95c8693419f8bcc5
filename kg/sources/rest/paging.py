"""How a list goes on, and how it ends: each answer is one page, and tells where the next begins.

Every way of paging ends by the tool's own word, an empty page or no next one; a page that comes
again raises, for such a list would never end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from kg.errors import BadPayload
from kg.sources.rest.places import value_at

PAGINGS: Final = ("none", "page", "offset", "cursor", "url")
Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """``next`` is where an answer has the cursor or address of the next page, or says that there
    is one; without it, pages and offsets go on until a page is empty."""

    way: str = "none"
    parameter: str = ""
    first: int = 1
    size_parameter: str = ""
    size: int = 0
    next: str = ""

    def start(self) -> Query:
        size = {self.size_parameter: self.size} if self.size_parameter else {}
        if self.way == "page":
            return {**size, self.parameter: self.first}
        return {**size, self.parameter: 0} if self.way == "offset" else size

    def after(self, asked: Query, answer: Any, found: list[Any]) -> Query | None:
        """What to ask for next; None at the end. ``asked`` is what this page was asked by."""
        if self.way == "none":
            return None
        told = value_at(answer, self.next) if self.next else bool(found)
        if not told:
            return None
        if self.way == "cursor":
            return {**asked, self.parameter: _cursor(told, self.next)}
        if self.way == "url":
            return {**asked, **_query_of(told, self.next)}
        if not found:
            raise BadPayload(f"An empty page says by {self.next!r} that there are more.")
        step = 1 if self.way == "page" else len(found)
        return {**asked, self.parameter: asked[self.parameter] + step}


def _cursor(told: Any, place: str) -> str:
    if isinstance(told, bool) or not isinstance(told, str | int):
        raise BadPayload(f"The cursor at {place!r} is neither text nor a number: {told!r:.100}")
    return str(told)


def _query_of(told: Any, place: str) -> Query:
    """The parameters of an address. Nothing else of it is used: the host is that of the settings."""
    try:
        query = parse_qs(urlsplit(told).query, keep_blank_values=True)
    except (TypeError, ValueError, AttributeError) as error:
        raise BadPayload(f"What is at {place!r} is no address: {told!r:.100}") from error
    if not query:
        raise BadPayload(f"The address at {place!r} has no parameters: {told!r:.100}")
    return query
