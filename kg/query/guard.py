"""The guard before every query: reads the text, refuses what is dangerous, says what is wrong.

What comes out is not the text that was sent but a spelling of it that the engine cannot read in
another way (see `spelling`); only that may reach the engine. The guard is the first of several
layers: behind it stand worker processes with limits of time and memory (`pool`) that cannot open
a network connection (`confine`), or, for queries of one harmless shape, that shape (`lookup`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Final, Literal

from kg.errors import QueryRefused, TooLarge
from kg.iris import PREFIXES
from kg.query import caps
from kg.query.spelling import Spelling, spell
from kg.query.tokens import Token, bad, position_of, shorten, tokenise

Form = Literal["select", "ask", "construct", "describe"]

_FORMS: Final[dict[str, Form]] = {
    "SELECT": "select",
    "ASK": "ask",
    "CONSTRUCT": "construct",
    "DESCRIBE": "describe",
}
_UPDATES: Final = frozenset(
    ("ADD", "CLEAR", "COPY", "CREATE", "DELETE", "DROP", "INSERT", "LOAD", "MOVE", "WITH")
)
_NAMING: Final = frozenset(("GRAPH", "FROM", "NAMED"))
_PLAIN_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:(?!/\.)[^\\])*")
"""An absolute IRI without escapes, and without dots that may be taken for steps of its path."""
_REACHES_OUT: Final = {"SERVICE": "asks another server", "LOAD": "fetches from another server"}

_OTHER_WORDS: Final = """
    A ABS ADJUST ALL AS ASC AVG BASE BIND BNODE BOUND BY CEIL COALESCE CONCAT CONTAINS COUNT DATA
    DATATYPE DAY DEFAULT DESC DISTINCT ENCODE_FOR_URI EXISTS FALSE FILTER FLOOR FROM GRAPH GROUP
    GROUP_CONCAT HASLANG HASLANGDIR HAVING HOURS IF IN INTO IRI ISBLANK ISIRI ISLITERAL ISNUMERIC
    ISTRIPLE ISURI LANG LANGDIR LANGMATCHES LATERAL LCASE LIMIT MAX MD5 MIN MINUS MINUTES MONTH
    NAMED NOT NOW OBJECT OFFSET OPTIONAL ORDER PREDICATE PREFIX RAND REDUCED REGEX REPLACE ROUND
    SAMETERM SAMPLE SECONDS SEPARATOR SHA1 SHA256 SHA384 SHA512 SILENT STR STRAFTER STRBEFORE STRDT
    STRENDS STRLANG STRLANGDIR STRLEN STRSTARTS STRUUID SUBJECT SUBSTR SUM TIMEZONE TO TRIPLE TRUE
    TZ UCASE UNDEF UNION URI USING UUID VALUES VERSION WHERE YEAR
"""
WORDS: Final = frozenset((*_FORMS, *_UPDATES, *_REACHES_OUT, *_OTHER_WORDS.split()))
"""All words of SPARQL 1.1 and 1.2, and of the engine's extensions LATERAL and ADJUST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that may be run: ``spelling.text`` is what the engine gets, ``source`` what was sent.

    ``dataset`` has its FROM clauses in the engine's spelling, True for FROM NAMED, and needs the
    ``prologue`` to be resolved. ``prefixes`` are the declared ones as they were written.
    """

    source: str
    form: Form
    spelling: Spelling
    tokens: tuple[Token, ...]
    prologue: str
    prefixes: Mapping[str, str]
    dataset: tuple[tuple[bool, str], ...]

    @property
    def text(self) -> str:
        return self.spelling.text

    @property
    def graphs(self) -> frozenset[str] | None:
        """The graphs that it may read besides the default one; None if its words do not tell which."""
        found = set()
        for token, named in pairwise(self.tokens):
            if token.keyword in _NAMING and named.keyword != "NAMED":
                iri = self._iri(named)
                if iri is None:
                    return None
                found.add(iri)
        return frozenset(found)

    def _iri(self, token: Token) -> str | None:
        """The IRI that a token is, where the engine could read no other."""
        if token.kind == "iri":
            iri = token.text[1:-1]
        elif token.kind == "name":
            prefix, _, local = token.text.partition(":")
            iri = self.prefixes[prefix] + local if prefix in self.prefixes else ""
        else:
            return None
        return iri if _PLAIN_IRI.fullmatch(iri) else None


def check(text: str, *, max_bytes: int) -> Query:
    """Reads a query. Whether its grammar is right in all else, only the engine's parser says.

    Raises `TooLarge`, `QueryRefused` (SERVICE, LOAD, an update, a cap of `caps`) or `BadQuery`,
    with line and column.
    """
    tokens = _tokens(text, max_bytes)
    prefixes, first = _prologue(text, tokens)
    _words(text, tokens)
    form = _form(text, tokens, first)
    _names(text, tokens, prefixes)
    caps.enforce(text, tokens)
    spelling = spell(text, tokens)
    return Query(
        source=text,
        form=form,
        spelling=spelling,
        tokens=tokens,
        prologue=" ".join(spelling.pieces[:first]),
        prefixes=prefixes,
        dataset=tuple(_dataset(tokens, spelling.pieces)),
    )


def _tokens(text: str, max_bytes: int) -> tuple[Token, ...]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise bad(text, error.start, "there is half of a surrogate pair") from error
    if size > max_bytes:
        raise TooLarge(f"The query has {size:,} bytes; the limit is {max_bytes:,}.", size=size)
    return tokenise(text)


def _words(text: str, tokens: Sequence[Token]) -> None:
    """Each word is one of SPARQL's, and none asks for what lies outside the graph."""
    for token in tokens:
        word = token.keyword
        if word in _REACHES_OUT:
            line, column = position_of(text, token.start)
            raise QueryRefused(
                f"Line {line}, column {column}: {word} {_REACHES_OUT[word]}, which is not done "
                "here; query this graph only.",
                line=line,
                column=column,
            )
        if word and word not in WORDS:
            near = get_close_matches(word, sorted(WORDS), n=1, cutoff=0.8)
            hint = f"; {near[0]} is" if near else ""
            raise bad(text, token.start, f"{shorten(token.text)!r} is not a word of SPARQL{hint}")


def _prologue(text: str, tokens: Sequence[Token]) -> tuple[dict[str, str], int]:
    """The declared prefixes, and the index of the first token after all declarations."""
    prefixes: dict[str, str] = {}
    index = 0
    while index < len(tokens) and tokens[index].keyword in _DECLARATIONS:
        kinds, example = _DECLARATIONS[tokens[index].keyword]
        given = tokens[index + 1 : index + 1 + len(kinds)]
        if tuple(token.kind for token in given) != kinds or (
            kinds[0] == "name" and not given[0].text.endswith(":")
        ):
            raise bad(text, tokens[index].start, f"a declaration is written like {example}")
        if kinds[0] == "name":
            prefixes[given[0].text[:-1]] = given[1].text[1:-1]
        index += 1 + len(kinds)
    return prefixes, index


_DECLARATIONS: Final = {
    "PREFIX": (("name", "iri"), "PREFIX ex: <http://example.org/>, without a full stop"),
    "BASE": (("iri",), "BASE <http://example.org/>, without a full stop"),
    "VERSION": (("string",), 'VERSION "1.2"'),
}


def _form(text: str, tokens: Sequence[Token], first: int) -> Form:
    if first == len(tokens):
        raise bad(text, len(text), "there is no query; begin with SELECT, ASK or CONSTRUCT")
    token = tokens[first]
    if token.keyword in _UPDATES:
        line, column = position_of(text, token.start)
        raise QueryRefused(
            f"Line {line}, column {column}: {token.keyword} changes the graph, which a query "
            "cannot; submit metadata to /submit, or by `mlg submit`.",
            line=line,
            column=column,
        )
    if token.keyword not in _FORMS:
        problem = (
            f"a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE, not {shorten(token.text)!r}"
        )
        raise bad(text, token.start, problem)
    return _FORMS[token.keyword]


def _names(text: str, tokens: Sequence[Token], prefixes: Mapping[str, str]) -> None:
    """Each prefix that is used is declared."""
    for token in tokens:
        prefix = token.text.partition(":")[0]
        if token.kind == "name" and prefix not in prefixes and "\\" not in prefix:
            problem = f"the prefix {prefix}: is not declared"
            if prefix in PREFIXES:
                problem += f"; begin with PREFIX {prefix}: <{PREFIXES[prefix]}>"
            raise bad(text, token.start, problem)


def _dataset(tokens: Sequence[Token], pieces: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """The FROM clauses: whether NAMED, and the graph's IRI in the engine's spelling."""
    for index, token in enumerate(tokens):
        if token.keyword == "FROM":
            named = index + 1 < len(tokens) and tokens[index + 1].keyword == "NAMED"
            at = index + 1 + named
            if at < len(tokens) and tokens[at].kind in ("iri", "name"):
                yield named, pieces[at]
