"""SPARQL's tokens, as the standard's grammar has them. Nothing here knows what a query may do.

Every character of the text belongs to one token, or to the blanks and comments between them. Strings
and IRIs are checked strictly, escapes too: a lenient tokeniser sees a string where the engine,
which gives up on a bad escape and reads on differently, sees code.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from kg.errors import BadQuery


class Token(NamedTuple):
    """One token; ``kind`` is a key of the grammar below, ``start`` its offset in the text.

    ``keyword`` is a word in capitals; empty for other kinds.
    """

    kind: str
    text: str
    start: int
    keyword: str = ""


# The grammar's terminals. Names may hold \u escapes: the standard allows them anywhere a character
# of that kind may stand. Quantifiers are possessive or bounded, so that no text takes more than
# linear time here: this runs in the server's own process.
_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_MORE = "0-9\u00b7\u0300-\u036f\u203f\u2040"
_ESCAPE = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_STRING_ESCAPE = rf"\\[tbnrf\"'\\]|{_ESCAPE}"
_INNER = f"[{_BASE}_{_MORE}-]|{_ESCAPE}"
_PREFIX = rf"(?:[{_BASE}]|{_ESCAPE})(?:{_INNER}|\.{{1,9}}(?={_INNER})){{0,200}}+"
_LOCAL_ESCAPE = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL_INNER = f"{_INNER}|:|{_LOCAL_ESCAPE}"
_LOCAL = (
    rf"(?:[{_BASE}_0-9:]|{_ESCAPE}|{_LOCAL_ESCAPE})"
    rf"(?:{_LOCAL_INNER}|\.{{1,9}}(?={_LOCAL_INNER}))*+"
)
_EXPONENT = "[eE][+-]?[0-9]+"

_GRAMMAR: Final = (
    ("iri", rf"<(?:[^<>\"{{}}|^`\\\x00-\x20]|{_ESCAPE})*+>"),
    ("string", rf'"""(?:[^"\\]++|{_STRING_ESCAPE}|"(?!""))*+"""'),
    ("string", rf"'''(?:[^'\\]++|{_STRING_ESCAPE}|'(?!''))*+'''"),
    ("string", rf'"(?!"")(?:[^"\\\r\n]++|{_STRING_ESCAPE})*+"'),
    ("string", rf"'(?!'')(?:[^'\\\r\n]++|{_STRING_ESCAPE})*+'"),
    ("variable", f"[?$](?:[{_BASE}_0-9]|{_ESCAPE})(?:[{_BASE}_{_MORE}]|{_ESCAPE})*+"),
    ("node", rf"_:[{_BASE}_0-9](?:[{_BASE}_{_MORE}-]|\.{{1,9}}(?=[{_BASE}_{_MORE}-]))*+"),
    ("name", f"(?:{_PREFIX})?:(?:{_LOCAL})?"),
    ("word", "[A-Za-z][A-Za-z0-9_]*+"),
    ("language", "@[A-Za-z]++(?:-[A-Za-z0-9]++)*+(?:--[A-Za-z]++)?"),
    (
        "number",
        rf"[+-]?(?:[0-9]++\.[0-9]*{_EXPONENT}|\.?[0-9]++{_EXPONENT}|[0-9]*\.[0-9]++|[0-9]++)",
    ),
    (
        "mark",
        (
            r"<<\(|\)>>|<<|>>|\{\||\|\}|\([ \t\r\n]*+\)|\[[ \t\r\n]*+\]|&&|\|\||\^\^|<=|>=|!=|"
            r"[{}()\[\].;,*/|^?+\-!=<>~]"
        ),
    ),
)
_KINDS: Final = tuple(kind for kind, _ in _GRAMMAR)
_BLANK: Final = r"(?:[ \t\r\n]++|#[^\r\n]*+)*+"
_BETWEEN: Final = re.compile(_BLANK)
_ONE: Final = re.compile("|".join(f"({pattern})" for _, pattern in _GRAMMAR))
_NEXT: Final = re.compile(f"(?:{_ONE.pattern}){_BLANK}")
_SCHEMES: Final = ("http:", "https:", "urn:")
_COMPARISON: Final = re.compile(r"<[?$=]|<[^()]*(?:\([^()]*\)[^()]*)*\)|.*&&")
_CODE_POINT: Final = re.compile(_ESCAPE)

OPENERS: Final = {"{": "}", "(": ")", "[": "]", "<<": ">>", "<<(": ")>>", "{|": "|}"}
_CLOSERS: Final = {closer: opener for opener, closer in OPENERS.items()}
_SHORTER: Final = {">>": ">", ")>>": ")", "|}": "|"}
OPERANDS: Final = frozenset({"name", "variable", "node", "iri", "string", "language", "number"})


def tokenise(text: str) -> tuple[Token, ...]:
    """The tokens of a text, in order, without the blanks and comments between them.

    Raises `BadQuery` for what is no token and for brackets that do not match.
    """
    tokens: list[Token] = []
    open_brackets: list[Token] = []
    position = _after_blanks(text, 0)
    while position < len(text):
        match = _NEXT.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        number, following = match.lastindex or 1, match.end()
        kind, piece = _KINDS[number - 1], match[number]
        if kind == "iri" or piece in _SHORTER or piece == "<<":
            whole, previous = piece, tokens[-1] if tokens else None
            kind, piece = _in_context(text, kind, piece, position, open_brackets, previous)
            if piece != whole:
                following = _after_blanks(text, position + len(piece))
        token = Token(kind, piece, position, piece.upper() if kind == "word" else "")
        if piece == "<" and text.startswith(_SCHEMES, position + 1):
            raise bad(
                text, position, "the IRI that begins here holds a blank or another wrong sign"
            )
        if kind == "mark":
            _bracket(text, token, open_brackets)
        elif "\\" in piece:
            _check_code_points(text, token)
        tokens.append(token)
        position = following
    if open_brackets:
        opener = open_brackets[-1]
        raise bad(text, opener.start, f"the {opener.text!r} here is never closed")
    return tuple(tokens)


def _after_blanks(text: str, start: int) -> int:
    match = _BETWEEN.match(text, start)
    assert match is not None  # it matches nothing as well
    return match.end()


def is_one(text: str, *, kind: str) -> bool:
    """Whether the text is exactly one token of the kind."""
    match = _ONE.fullmatch(text)
    return match is not None and _KINDS[(match.lastindex or 1) - 1] == kind


def _in_context(
    text: str, kind: str, piece: str, start: int, open_brackets: list[Token], previous: Token | None
) -> tuple[str, str]:
    """What ``<…>`` and the brackets of RDF 1.2 are where they stand."""
    opener = open_brackets[-1].text if open_brackets else ""
    if piece in _SHORTER:
        return kind, piece if _CLOSERS[piece] == opener else _SHORTER[piece]
    after_operand = previous is not None and (previous.kind in OPERANDS or previous.text == ")")
    if opener == "(" and after_operand:
        # ?a<?b&&?c>?d holds an IRI by the letter of the standard and never by intent, and
        # ?a<<http://…> is a comparison with an IRI in SPARQL 1.1, before << was a token.
        if kind == "iri" and _COMPARISON.match(piece):
            return "mark", "<=" if piece.startswith("<=") else "<"
        if piece == "<<" and _iri_at(text, start + 1):
            return "mark", "<"
    return kind, piece


def _iri_at(text: str, start: int) -> bool:
    match = _ONE.match(text, start)
    return match is not None and _KINDS[(match.lastindex or 1) - 1] == "iri"


def _bracket(text: str, token: Token, open_brackets: list[Token]) -> None:
    if token.text in OPENERS:
        open_brackets.append(token)
    elif token.text in _CLOSERS:
        if not open_brackets:
            raise bad(text, token.start, f"the {token.text!r} here closes nothing")
        opener = open_brackets.pop()
        if opener.text != _CLOSERS[token.text]:
            line, column = position_of(text, opener.start)
            raise bad(
                text,
                token.start,
                f"{token.text!r} cannot close the {opener.text!r} of line {line}, column {column}",
            )


def _check_code_points(text: str, token: Token) -> None:
    for match in _CODE_POINT.finditer(token.text):
        code = int(match[0].lstrip("\\uU"), 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise bad(text, token.start + match.start(), f"{match[0]} is no character")


_QUOTES: Final = "“”„‟‘’‚‛«»"


def _unreadable(text: str, start: int) -> BadQuery:
    character = text[start]
    if character in "\"'":
        line = text[start:].splitlines()[0]
        problem = f"the string {shorten(line)} does not end, or has an escape SPARQL does not know"
    elif character in _QUOTES:
        problem = f"{character} is a typographic quote; use \" or '"
    elif character.isprintable() and character != " ":
        problem = f"{character!r} does not belong in a query here"
    else:
        problem = f"there is an invisible character, U+{ord(character):04X}"
    return bad(text, start, problem)


def shorten(text: str) -> str:
    """A piece of a query for a message, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 40 else flat[:39] + "…"


_LINE_END: Final = re.compile(r"\r\n|\n|\r")


def position_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both counted from 1."""
    line, start = 1, 0
    for match in _LINE_END.finditer(text, 0, offset):
        line, start = line + 1, match.end()
    return line, offset - start + 1


def bad(text: str, offset: int, problem: str) -> BadQuery:
    """The error for a fault at an offset of the text."""
    line, column = position_of(text, offset)
    end = "" if problem.endswith("?") else "."
    return BadQuery(f"Line {line}, column {column}: {problem}{end}", line=line, column=column)
