"""A query written again, token by token, so that our engine reads what the tokeniser read.

The engine's parser has no tokens: it reads characters as the place in the grammar suggests, and
takes another way when the first fails. So ``'''a')…\\q'''`` is two strings with code after them,
``1SERVICE`` a number and a keyword, ``service:x {`` a keyword and a name, ``:a.b.SERVICE`` a name
and a keyword, and ``<?b)SERVICE:x#>`` no IRI. A guard in front of it is worth nothing unless both
read alike. Here every token is written in a form that can be read in one way only:

- tokens stand apart, comments are gone;
- long strings become short ones;
- an IRI begins with an escape, unless ``://`` follows its scheme, so ``<`` cannot be an operator;
- dots in local names are escaped, and names that hold a keyword or a dot before the colon are
  replaced by others;
- ``\\u`` escapes in names, which the engine does not know, become their characters;
- ``TRUE`` becomes ``true`` and ``CONCAT (`` becomes ``CONCAT(``: legal, and unknown to the engine.

The gap between tokens is wider than the engine's longest keyword. That makes the position of a
syntax error, which is as far as the engine looked, name a token (see `explain`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kg.query.tokens import Token, bad, is_one

GAP: Final = " " * 16
"""Wider than ``ENCODE_FOR_URI``."""

_GLUED: Final = frozenset({"BNODE", "COALESCE", "CONCAT"})
_CODE_POINT: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_PLAIN_IRI: Final = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*://|<\\|<>")
_IN_LONG: Final = re.compile(r'\\.|["\n\r]', re.DOTALL)
_RAW: Final = {'"': r"\"", "\n": r"\n", "\r": r"\r"}
_DOT: Final = re.compile(r"\\.|\.", re.DOTALL)
_RISKY_PREFIX: Final = re.compile(r"service|\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spelling:
    """The text for the engine. Its token ``i`` is ``pieces[i]`` and begins at ``starts[i]``."""

    text: str
    pieces: tuple[str, ...]
    starts: tuple[int, ...]


def spell(text: str, tokens: Sequence[Token]) -> Spelling:
    """Writes the tokens of a text again.

    Raises `BadQuery` for an escape that stands for a character that may not stand there.
    """
    names = _Names(tokens)
    spelled: list[str] = []
    pieces: list[str] = []
    starts: list[int] = []
    length, glued = 0, False
    for token in tokens:
        piece = _spell(text, token, names)
        gap = "" if glued and piece in ("(", "()") else GAP
        starts.append(length + len(gap))
        length += len(gap) + len(piece)
        spelled += (gap, piece)
        pieces.append(piece)
        glued = token.keyword in _GLUED
    return Spelling("".join(spelled) + GAP, tuple(pieces), tuple(starts))


class _Names:
    """Other names for risky ones, the same for each occurrence and used by no one else."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        named = (token.text for token in tokens if token.kind in ("name", "node"))
        self._taken = {label for text in named for label in text.partition(":")[::2]}
        self._others: dict[str, str] = {}

    def other(self, name: str) -> str:
        if name not in self._others:
            number = len(self._others)
            while f"n{number}" in self._taken:
                number += 1
            self._taken.add(f"n{number}")
            self._others[name] = f"n{number}"
        return self._others[name]


def _spell(text: str, token: Token, names: _Names) -> str:
    if token.kind == "iri":
        return token.text if _PLAIN_IRI.match(token.text) else _escape_first(token.text)
    if token.kind == "string":
        return _as_short(token.text)
    if token.kind == "variable":
        return _resolved(text, token)
    if token.kind == "node":
        return "_:" + names.other(token.text) if "." in token.text else token.text
    if token.kind == "name":
        prefix, _, local = _resolved(text, token).partition(":")
        if _RISKY_PREFIX.search(prefix):
            prefix = names.other(prefix + ":")
        return f"{prefix}:{_DOT.sub(_escape_dot, local)}"
    if token.keyword in ("TRUE", "FALSE"):
        return token.text.lower()
    if token.kind == "mark":
        return token.text if len(token.text) < 3 else "".join(token.text.split())
    return token.text


def _escape_first(iri: str) -> str:
    code = ord(iri[1])
    escape = f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
    return f"<{escape}{iri[2:]}"


def _as_short(string: str) -> str:
    if not string.startswith(('"""', "'''")):
        return string
    return '"' + _IN_LONG.sub(lambda m: _RAW.get(m[0], m[0]), string[3:-3]) + '"'


def _escape_dot(match: re.Match[str]) -> str:
    return r"\." if match[0] == "." else match[0]


def _resolved(text: str, token: Token) -> str:
    """A name without its code point escapes."""
    if "\\" not in token.text:
        return token.text
    plain = _CODE_POINT.sub(lambda match: chr(int(match[1] or match[2], 16)), token.text)
    if not is_one(plain, kind=token.kind):
        raise bad(text, token.start, f"{token.text} holds an escape that is not allowed there")
    return plain
