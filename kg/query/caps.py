"""How much a query may hold: caps on nesting and on counts, by the engine's measured weaknesses.

The engine recurses over what is nested, and its optimiser tries joins pairwise, again and again:
100 triple patterns around one variable took 1.5 s, 200 over 8 s, before a single row was read.
100 OPTIONALs took 1 s, 1,000 conditions joined by && 0.8 s, 20 aggregates nested as sub-selects
1.6 s with the time doubling at each level. Legal queries of people stay far below all caps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kg.errors import QueryRefused
from kg.query.tokens import OPENERS, OPERANDS, Token, position_of

DEPTH: Final = 40
"""Brackets within brackets, and ``!!!…``; far above what anybody reads, far below a full stack."""

PATTERNS_IN_A_GROUP: Final = 100
SUB_SELECTS: Final = 12

TOTALS: Final = {
    "patterns": 400,
    "OPTIONALs": 64,
    "UNIONs": 200,
    "FILTERs and BINDs": 500,
    "operators": 500,
}
"""Over the whole query. Path steps, list items and inner groups count as patterns too."""

_COUNTED: Final = {
    "OPTIONAL": "OPTIONALs",
    "UNION": "UNIONs",
    "FILTER": "FILTERs and BINDs",
    "AS": "FILTERs and BINDs",
}
_OPERATORS: Final = frozenset(
    ("&&", "||", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "!", "|", "^")
)
_SIGNS: Final = frozenset(("!", "^", "+", "-"))
_MAKES_A_PATTERN: Final = frozenset(("[", "{|", "<<", "~", "/"))
_SEPARATORS: Final = frozenset((".", ";", ","))
_TEMPLATES: Final = frozenset(("CONSTRUCT", "INSERT", "DELETE", "DATA"))


@dataclass(slots=True)
class _Group:
    """One pair of braces. Templates and data are not optimised, so theirs is not counted."""

    counted: bool
    patterns: int = 0
    is_select: bool = False


def enforce(text: str, tokens: Sequence[Token]) -> None:
    """Raises `QueryRefused` at the token where a cap is passed.

    ``tokens`` are those of a text whose brackets match.
    """
    _Counting(text).run(tokens)


class _Counting:
    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[str] = []
        self._groups: list[_Group] = []
        self._totals: Counter[str] = Counter()
        self._signs = 0
        self._in_values = False

    def run(self, tokens: Sequence[Token]) -> None:
        previous = Token("", "", 0)
        for token in tokens:
            self._depth(token, previous)
            if token.kind == "word":
                self._word(token)
            elif token.kind == "mark":
                self._mark(token, previous)
            elif previous.kind in OPERANDS and self._inside("("):
                self._patterns(token, 2)  # an item of a list is two triples
            previous = token

    def _inside(self, opener: str) -> bool:
        return bool(self._open) and self._open[-1] == opener

    def _depth(self, token: Token, previous: Token) -> None:
        repeated = token.text in _SIGNS and previous.text in _SIGNS
        self._signs = self._signs + 1 if repeated else 0
        if len(self._open) + self._signs + (token.text in OPENERS) > DEPTH:
            raise self._refusal(token, f"nests more than {DEPTH} deep", cap="depth")

    def _word(self, token: Token) -> None:
        word = token.keyword
        if word == "VALUES":
            self._in_values = True
        elif word == "SELECT" and self._groups:
            self._groups[-1].is_select = True
            if sum(group.is_select for group in self._groups) > SUB_SELECTS:
                problem = f"nests more than {SUB_SELECTS} SELECTs"
                raise self._refusal(token, problem, cap="sub-selects")
        elif word in _COUNTED:
            self._add(token, _COUNTED[word])

    def _mark(self, token: Token, previous: Token) -> None:
        mark = token.text
        if mark in _OPERATORS:
            self._add(token, "operators")
        elif mark in _MAKES_A_PATTERN or (mark in _SEPARATORS and not self._inside("(")):
            self._patterns(token, 1)
        if mark == "{":
            self._enter(token, previous)
        if mark in OPENERS:
            self._open.append(mark)
        elif self._open and OPENERS[self._open[-1]] == mark:
            self._open.pop()
            if mark == "}":
                self._groups.pop()

    def _enter(self, token: Token, previous: Token) -> None:
        is_template = previous.keyword in _TEMPLATES
        is_inner = not self._groups or self._groups[-1].counted
        if previous.keyword != "UNION":
            self._patterns(token, 1)
        counted = is_inner and not is_template and not self._in_values
        self._groups.append(_Group(counted=counted))
        self._in_values = False

    def _patterns(self, token: Token, more: int) -> None:
        if self._groups and self._groups[-1].counted and not self._in_values:
            group = self._groups[-1]
            group.patterns += more
            if group.patterns > PATTERNS_IN_A_GROUP:
                problem = f"has more than {PATTERNS_IN_A_GROUP} patterns in one group"
                raise self._refusal(token, problem, cap="patterns in a group")
            self._add(token, "patterns", more)

    def _add(self, token: Token, what: str, more: int = 1) -> None:
        self._totals[what] += more
        if self._totals[what] > TOTALS[what]:
            raise self._refusal(token, f"has more than {TOTALS[what]} {what}", cap=what)

    def _refusal(self, token: Token, problem: str, *, cap: str) -> QueryRefused:
        line, column = position_of(self._text, token.start)
        return QueryRefused(
            f"The query {problem} at line {line}, column {column}; ask in several queries.",
            line=line,
            column=column,
            cap=cap,
        )
