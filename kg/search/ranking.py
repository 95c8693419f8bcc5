"""From what a person types to a question for Tantivy, and what counts as a better match.

What is typed is never a query language: quotes, colons, brackets and AND are what they look like.
It is cut into chunks as names are (`kg.search.words`), and each chunk must match somewhere. A
chunk counts by its best match, and an entity by the sum over the chunks, so the order follows from
`SCORES` alone: an exact name, then whole words and beginnings of the name, then parts of it, then
what is said about the entity, then what it is related to, then its texts, then near misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tantivy import Occur, Query, Schema

from kg.search.words import Chunk, chunks, grams, in_order, squashed

SCORES: Final = {
    "exact": 10_000.0,  # the name as written
    "same": 5_000.0,  # the name or key, but for case, accents, punctuation and spaces
    "begins": 300.0,  # the name or key begins with all that was typed
    "name": 100.0,
    "name…": 60.0,  # a word of the name begins so
    "about": 30.0,  # a word of the key, type, keywords, owners or domains
    "…name…": 25.0,  # a part of the name or key
    "related": 15.0,
    "about…": 12.0,
    "related…": 8.0,
    "text": 6.0,
    "text…": 4.0,
    "~name": 2.0,  # a near miss
    "~about": 1.0,
}
_FIELDS: Final = ("name", "about", "related", "text")
_SHORTEST_BEGINNING: Final = {"name": 1, "about": 2, "related": 3, "text": 3}

MAX_CHUNKS: Final = 12
"""Chunks of one question that count; the rest of a pasted paragraph finds nothing better."""
_MAX_PARTS = 8
_MAX_WORD = 80
_ONE_SLIP, _TWO_SLIPS, _NO_SLIP = 4, 8, 32  # from so many letters on; a long word costs too much


def every(*questions: Query) -> Query:
    return Query.boolean_query([(Occur.Must, question) for question in questions])


def some(*questions: Query) -> Query:
    return Query.boolean_query([(Occur.Should, question) for question in questions])


def among(schema: Schema, field: str, values: Sequence[str]) -> Query:
    """A condition: it decides what is found and not in which order."""
    return Query.const_score_query(Query.term_set_query(schema, field, values), 0.0)


class Question:
    """What was typed, as questions of growing patience. It holds nothing of the index but names."""

    def __init__(self, schema: Schema, text: str) -> None:
        self._schema = schema
        self._text = text
        self._chunks = list(dict.fromkeys(chunks(text)))[:MAX_CHUNKS]

    def as_typed(self) -> Query:
        """Every chunk matches, as a word, a beginning or a part."""
        return self._whole(every(*self._matches(close=False)) if self._chunks else None)

    def or_close(self) -> Query:
        """Every chunk matches, or nearly: one letter wrong in a word of four, two in eight."""
        return self._whole(every(*self._matches(close=True)) if self._chunks else None)

    def any_of_it(self) -> Query:
        """Some chunk matches, or nearly; the more the better."""
        return self._whole(some(*self._matches(close=True)) if self._chunks else None)

    def _whole(self, matched: Query | None) -> Query:
        """With what the text as a whole is worth."""
        found = [self._term("title", in_order(self._text), SCORES["exact"])]
        squash = squashed(self._text)
        if squash:
            found.append(self._term("known_as", squash, SCORES["same"]))
            found.append(self._beginning("known_as", squash, SCORES["begins"]))
        return some(*found, *([matched] if matched is not None else []))

    def _matches(self, *, close: bool) -> list[Query]:
        return [self._chunk(chunk, close=close) for chunk in self._chunks]

    def _chunk(self, chunk: Chunk, *, close: bool) -> Query:
        """The chunk as one word, or as its parts, each of which then counts for its share."""
        whole = self._word(chunk.whole, close=close)
        if not 1 < len(chunk.parts) <= _MAX_PARTS:
            return whole
        parts = every(*(self._word(part, close=close) for part in chunk.parts))
        return _best([whole, Query.boost_query(parts, 1 / len(chunk.parts))])

    def _word(self, word: str, *, close: bool) -> Query:
        word = word[:_MAX_WORD]
        ways = [self._term(field, word, SCORES[field]) for field in _FIELDS]
        for field, shortest in _SHORTEST_BEGINNING.items():
            if len(word) >= shortest:
                ways.append(self._beginning(field, word, SCORES[f"{field}…"]))
        if len(word) >= 3:
            ways.append(_scored(self._part(word), SCORES["…name…"]))
        if close and _ONE_SLIP <= len(word) < _NO_SLIP:
            slips = 2 if len(word) >= _TWO_SLIPS else 1
            for field in ("name", "about"):
                near = Query.fuzzy_term_query(self._schema, field, word, distance=slips)
                ways.append(_scored(near, SCORES[f"~{field}"]))
        return _best(ways)

    def _term(self, field: str, word: str, score: float) -> Query:
        return _scored(Query.term_query(self._schema, field, word, "basic"), score)

    def _beginning(self, field: str, word: str, score: float) -> Query:
        found = Query.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True)
        return _scored(found, score)

    def _part(self, word: str) -> Query:
        """Names that hold the word: its runs of three, each where it belongs.

        Every third run, and the last one, cover the word.
        """
        runs = grams(word)
        if len(runs) == 1:
            return Query.term_query(self._schema, "grams", word, "basic")
        places = sorted({*range(0, len(runs), 3), len(runs) - 1})
        return Query.phrase_query(self._schema, "grams", [(at, runs[at]) for at in places])


def _scored(question: Query, score: float) -> Query:
    return Query.const_score_query(question, score)


def _best(questions: Iterable[Query]) -> Query:
    return Query.disjunction_max_query(list(questions))
