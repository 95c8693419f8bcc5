"""Distinguished names as servers write them (RFC 4514), in one form that can be compared.

ldap3 has a parser of its own, which refuses names that OpenLDAP answers, such as one with ``#``.
"""

from __future__ import annotations

import re
from typing import Final

from kg.errors import BadPayload

Pair = tuple[str, str]

_PIECE: Final = re.compile(r"((?:\\.|[^\\,;+])*)([,;+]|$)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


def parsed(dn: str) -> list[frozenset[Pair]]:
    """From the entry's own name up: attributes and values in lower case, without escapes.

    Raises `BadPayload`.
    """
    path: list[frozenset[Pair]] = []
    joined: set[Pair] = set()
    at = 0
    while True:
        piece = _PIECE.match(dn, at)
        name, is_pair, value = (piece[1] if piece else "").partition("=")
        if piece is None or not is_pair or not name.strip():
            raise BadPayload(f"{dn!r} is no DN.")
        joined.add((name.strip().lower(), _plain(value).lower()))
        if piece[2] != "+":
            path.append(frozenset(joined))
            joined = set()
        if not piece[2]:
            return path
        at = piece.end()


def is_under(dn: str, base: str) -> bool:
    """Whether a DN is that of a base, or of an entry below it. What is no DN is nowhere."""
    root = parsed(base)
    try:
        path = parsed(dn)
    except BadPayload:
        return False
    return path[-len(root) :] == root


def _plain(value: str) -> str:
    r"""A value as it is: ``\2C`` and ``\,`` are both a comma, and so is a blank that is meant."""
    value = value.lstrip(" ")
    kept = value.rstrip(" ")
    if kept.endswith("\\") and len(kept) < len(value):
        kept += " "
    data = _ESCAPE.sub(_escaped, kept.encode())
    return data.decode("utf-8", "replace")


def _escaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1]
