"""The engine's syntax errors as sentences.

The engine says how far it looked ("error at 1:139: expected OPTIONAL"), which is up to a keyword
past the fault. Since `spelling` keeps tokens apart by more than that, the position names a token.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from kg.errors import BadQuery
from kg.query.guard import Query
from kg.query.tokens import OPERANDS, bad, shorten

_ERROR: Final = re.compile(r"error at \d+:(\d+): expected (?:one of )?(.*)", re.DOTALL)
_CLASS_OR_MARK: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|<unreported>')
_ONLY_MARKS: Final = re.compile(r'"[^"\w\\]+"(?:, "[^"\w\\]+"){0,2}')

_UNGROUPED: Final = "SELECT has a variable that is neither grouped nor aggregated"
_TOLD: Final = {
    "IRI parsing failed": "this is no valid IRI, or a relative one without BASE",
    "language tag parsing failed": "this is no language tag",
    "Unexpected aggregate": "an aggregate cannot stand here",
    "Duplicated variable name in SELECT": "SELECT has a variable twice",
    "The SELECT overrides an existing variable using an expression": (
        "SELECT sets a variable, by AS, that has a value already"
    ),
    "The SELECT contains a variable that is unbound": _UNGROUPED,
    "The SELECT contains an expression with a variable that is unbound": _UNGROUPED,
    "SELECT * is not authorized with GROUP BY": (
        "SELECT * cannot stand with GROUP BY or an aggregate; name the variables"
    ),
}


def explain(error: SyntaxError, query: Query) -> BadQuery:
    """What is wrong, in a short sentence with the line and column of the text that was sent.

    ``error`` is what the engine raised for ``query.text``.
    """
    match = _ERROR.match(str(error))
    if match is None:
        return BadQuery(f"The query does not parse: {error}.")
    offset, expected = int(match[1]) - 1, match[2]
    told = _told(expected)
    selects = [token for token in query.tokens if token.keyword == "SELECT"]
    if told.startswith("SELECT") and len(selects) == 1:
        return bad(query.source, selects[0].start, told)
    if offset >= len(query.text):
        return bad(query.source, len(query.source), told or "the query ends too early")
    index = max(0, bisect_right(query.spelling.starts, offset) - 1)
    token = query.tokens[index]
    problem = told or f"{shorten(token.text)!r} does not fit here{_hint(query, index, expected)}"
    return bad(query.source, token.start, problem)


def _told(expected: str) -> str:
    """The sentence among the expected things, if the engine says one."""
    for item in _CLASS_OR_MARK.sub("", expected).split(", "):
        words = item.strip().rstrip(".")
        if words in _TOLD:
            return _TOLD[words]
        if words.count(" ") >= 2:
            return words[0].lower() + words[1:]
    return ""


def _hint(query: Query, index: int, expected: str) -> str:
    if _ONLY_MARKS.fullmatch(expected):
        return "; " + " or ".join(expected.replace('"', "").split(", ")) + " is expected"
    token = query.tokens[index]
    before = query.tokens[index - 1].kind if index else ""
    after = query.spelling.pieces[index + 1 : index + 2]
    if after == ("(",) and query.tokens[index - 1].keyword in ("SELECT", "DISTINCT", "REDUCED"):
        return "; an expression is written (… AS ?name)"
    if token.kind in OPERANDS and before in OPERANDS:
        return "; is a '.' or ';' missing before it?"
    if token.kind == "node":
        return "; the label of a blank node belongs to one group"
    if token.text == "}" and any(other.keyword == "BIND" for other in query.tokens):
        return "; does BIND set a variable that has a value already?"
    return ""
