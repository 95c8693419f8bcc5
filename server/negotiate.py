"""Which representation a client gets: the ``Accept`` header against what a resource offers.

Pure functions, without Flask. Werkzeug's own matching is not used: it prefers ``application/json``
to ``text/html`` for ``text/html, application/json;q=0.9`` on some offers, and finds nothing for
``application/sparql-results+json;charset=utf-8``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_HEADER: Final = 4096
"""A longer header is read as if it were absent; nobody needs it but to keep the server busy."""

# A closing quote is optional, or a missing one would be searched for again at every quote.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
_RANGE = re.compile(r"\*/\*|[\w!#$&^.+-]+/(?:\*|[\w!#$&^.+-]+)", re.ASCII)
_QUALITY = re.compile(r"0?\.\d{1,6}|0\.?|1(?:\.0{0,6})?", re.ASCII)
"""As RFC 9110 writes it, and Java's ``.2``."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation: our name for it, its media type, and other names that clients use."""

    name: str
    media_type: str
    aliases: tuple[str, ...] = ()

    @property
    def content_type(self) -> str:
        """The header to answer with; text says its encoding."""
        is_text = self.media_type.startswith("text/")
        return f"{self.media_type}; charset=utf-8" if is_text else self.media_type


@dataclass(frozen=True, slots=True)
class _Wish:
    """One element of the header: a media range, how much it is wanted, and where it stood."""

    type: str
    subtype: str
    quality: float
    position: int

    @property
    def specificity(self) -> int:
        return (self.type != "*") + (self.subtype != "*")

    def matches(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        return self.type in ("*", kind) and self.subtype in ("*", subtype)


def choose(accept: str | None, *, offers: Sequence[Offer]) -> Offer | None:
    """The offer that the client wants most, or None when it accepts none of them.

    For each offer the most specific range decides, so ``text/csv;q=0, */*`` excludes CSV. Between
    offers wanted alike, one that is named beats one that a wildcard admits, then the client's
    order decides, then ours. Parameters other than ``q`` (a charset, a profile) are ignored: every
    offer has one form. An absent, empty or unreadable header accepts everything.
    """
    usable = accept if accept and len(accept) <= MAX_HEADER else ""
    return _chosen(usable, tuple(offers))


@lru_cache(maxsize=256)  # clients send few different headers, and each costs a point query's tenth
def _chosen(accept: str, offers: tuple[Offer, ...]) -> Offer | None:
    wishes = list(_wishes(accept))
    if not wishes:
        return offers[0]
    best: tuple[float, int, int, int] | None = None
    chosen = None
    for index, offer in enumerate(offers):
        wish = _deciding(wishes, offer)
        if wish is None or wish.quality == 0:
            continue
        rank = (wish.quality, wish.specificity, -wish.position, -index)
        if best is None or rank > best:
            best, chosen = rank, offer
    return chosen


def _deciding(wishes: Sequence[_Wish], offer: Offer) -> _Wish | None:
    matching = [
        wish
        for wish in wishes
        if wish.matches(offer.media_type)
        or any(wish.subtype != "*" and wish.matches(alias) for alias in offer.aliases)
    ]  # what a wildcard admits is sent under the first name, so that has to fit
    return max(matching, key=lambda wish: (wish.specificity, wish.quality), default=None)


def _wishes(accept: str) -> Iterator[_Wish]:
    """The readable elements of the header; an element with a wrong quality is not one of them."""
    for position, element in enumerate(_ELEMENT.findall(accept.lower())):
        parts = [part.strip() for part in _PARAMETER.findall(element)] or [""]
        # Java's URLConnection sends a bare "*" for "*/*".
        found = _RANGE.fullmatch("*/*" if parts[0] == "*" else parts[0])
        quality = _quality(parts[1:])
        if found is not None and quality is not None:
            kind, _, subtype = found.group().partition("/")
            yield _Wish(kind, subtype, quality, position)


def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            return float(value) if _QUALITY.fullmatch(value) else None
    return 1.0
