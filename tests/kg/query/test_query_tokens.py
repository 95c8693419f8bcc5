"""The laws of the tokeniser and of the spelling, for any text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kg.errors import BadQuery
from kg.query.spelling import spell
from kg.query.tokens import OPENERS, Token, position_of, tokenise

BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
PIECES = st.sampled_from(
    [
        *("{", "}", "(", ")", "[", "]", "<<", ">>", "<<(", ")>>", "{|", "|}", "()", "[]", "~"),
        *(".", ";", ",", "*", "/", "|", "^", "?", "+", "-", "!", "=", "<", ">", "&&", "||", "^^"),
        *("SELECT", "a", "true", "FILTER", "BNODE", "NOT", "AS", "x", "e", "_", "é", "漢", "😀"),
        *("?x", "$y", "?é", "_:b", "_:a.b", ":", ":a", "ex:", "ex:a.b.c", "a.b:c", "ex:%20\\~"),
        *("1", "-1", "1.5", ".5", "1e5", "1.e-5", "00", "<http://e/x>", "<x>", "<#y>", "<urn:x>"),
        *('"a"', "'b'", '"""c"d"""', "'''e\n'''", '"', "'", '"""', "'''", "@en", "@en--ltr", "@"),
        *("\\", "\\u0041", "\\U0001F600", "\\uD800", "\\q", "\\n", "%", "#", "# c\n", "#\r"),
        *(" ", "\n", "\r\n", "\t", "\u00a0", "\x00", "\x0b", "service", "SERVICE", "service:x"),
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join))


def read(text: str) -> tuple[Token, ...] | None:
    try:
        return tokenise(text)
    except BadQuery:
        return None


@given(TEXTS)
@example("SELECT (?a<?b&&?c>?d AS ?x) { <<(?a ?b 'c'@en--ltr)>> ?p << ?s ?p ?o~?r>> {|a ?x|} }")
def test_every_character_belongs_to_one_token_or_stands_between(text: str) -> None:
    tokens, position = read(text), 0
    if tokens is None:
        return
    for token in (*tokens, Token("end", "", len(text))):
        assert BETWEEN.fullmatch(text[position : token.start])
        assert text.startswith(token.text, token.start)
        position = token.start + len(token.text)


@given(TEXTS)
def test_brackets_match_in_what_is_read(text: str) -> None:
    tokens = read(text)
    if tokens is not None:
        marks = [token.text for token in tokens if token.kind == "mark"]
        for opener, closer in OPENERS.items():
            assert marks.count(opener) == marks.count(closer)


@given(TEXTS)
@example("SELECT * { ?s a.b:c.d.e '''x\n\"''' , 1.5 , _:a.b , <#x> , TRUE FILTER (BNODE ( ) = 1) }")
def test_a_spelling_has_the_same_tokens(text: str) -> None:
    tokens = read(text) or ()
    try:
        spelling = spell(text, tokens)
    except BadQuery:
        return
    again = tokenise(spelling.text)
    assert [t.kind for t in again] == [t.kind for t in tokens]
    assert [t.keyword for t in again] == [t.keyword for t in tokens]
    assert tuple(t.text for t in again) == spelling.pieces
    assert tuple(t.start for t in again) == spelling.starts
    assert spell(spelling.text, again).pieces == spelling.pieces


@given(st.text(alphabet="ab\r\n", max_size=30), st.integers(0, 30))
def test_positions_count_lines_and_columns_from_one(text: str, offset: int) -> None:
    line, column = position_of(text, min(offset, len(text)))
    before = text[: min(offset, len(text))].replace("\r\n", "\n").replace("\r", "\n")
    if not text[:offset].endswith("\r"):  # between \r and \n is nowhere
        assert (line, column) == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("'''it's \"so\"\n\\t'''", r'"it' + "'" + r's \"so\"\n\t"'),
        ('""""""', '""'),
        ("<http://example.org/x>", "<http://example.org/x>"),
        ("<x>", r"<\u0078>"),
        ("<urn:x:y>", r"<\u0075rn:x:y>"),
        ("<😀>", r"<\U0001F600>"),
        (r"<\u0078y>", r"<\u0078y>"),
        ("<>", "<>"),
        ("ex:a.b.c", r"ex:a\.b\.c"),
        (r"ex:a\.b", r"ex:a\.b"),
        ("a.b:c", "n0:c"),
        ("service:c", "n0:c"),
        ("mySERVICEs:c", "n0:c"),
        ("_:a.b", "_:n0"),
        (r"?\u0078", "?x"),
        (r"ex:\u0061", "ex:a"),
        ("TRUE", "true"),
        ("( )", "()"),
        ("[ \n ]", "[]"),
    ],
)
def test_spelling(text: str, spelled: str) -> None:
    assert spell(text, tokenise(text)).pieces == (spelled,)


def test_other_names_are_nobodys() -> None:
    text = "n0:a a.b:c n1:d a.b:e _:a.b _:n2"
    assert spell(text, tokenise(text)).pieces == ("n0:a", "n3:c", "n1:d", "n3:e", "_:n4", "_:n2")


@pytest.mark.parametrize("text", [r"ex:a\u0020b", r"?x\u002D", r"ex:\u003Cx"])
def test_an_escape_may_not_stand_for_what_may_not_stand_there(text: str) -> None:
    with pytest.raises(BadQuery, match="escape that is not allowed"):
        spell(text, tokenise(text))
