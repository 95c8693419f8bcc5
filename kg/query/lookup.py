"""Queries that look up what is stated about one node: they need no process that can be killed.

One pattern whose subject is given is one range of an index, and nothing in it can nest, multiply or
wait. Every row of it has bytes, so a limit of bytes ends it, at the end of the value that passes it. Not
one of them is what may go on without writing: DISTINCT, OFFSET, and a variable that stands twice in
the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kg.query.guard import Query
from kg.query.tokens import Token

_MOST_TOKENS: Final = 100
"""A prologue may be long; nothing else of a lookup is."""
_NODE: Final = "(?:iri|name)"
_SHAPE: Final = re.compile(
    "(?:PREFIX name iri |BASE iri |VERSION string )*"
    rf"(?:SELECT (?:\* |(?:variable )+)|ASK )(?:WHERE )?"
    rf"{{ {_NODE} (?:{_NODE}|A|variable) (?:{_NODE}|variable) (?:\. )?}} (?:LIMIT number )?"
)


def is_lookup(query: Query) -> bool:
    """Whether a query is of that kind. It was read by the guard, and its grammar is still unproven."""
    tokens = query.tokens
    if len(tokens) > _MOST_TOKENS or not _SHAPE.fullmatch(" ".join(_shape(tokens)) + " "):
        return False
    opened = next(n for n, token in enumerate(tokens) if token.text == "{")
    _, predicate, value = query.spelling.pieces[opened + 1 : opened + 4]
    return predicate[1:] != value[1:] or tokens[opened + 2].kind != "variable"


def _shape(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        yield token.keyword or (token.text if token.kind == "mark" else token.kind)
