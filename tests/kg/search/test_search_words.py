"""Cutting names into words."""

from __future__ import annotations

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from kg.search.words import Chunk, chunks, grams, in_order, literal, prepared, squashed

_CASES = {
    "home-ranker_v2": [("home",), ("ranker",), ("v2",)],
    "rankingModelV5": [("rankingmodelv5", "ranking", "model", "v5")],
    "ResNet50": [("resnet50", "res", "net", "50")],
    "XMLParser": [("xmlparser", "xml", "parser")],
    "S3Bucket": [("s3bucket", "s3", "bucket")],
    "media.play_events": [("media",), ("play",), ("events",)],
    "HOME Ranker 5": [("home",), ("ranker",), ("5",)],
    "3f9ab12c": [("3f9ab12c",)],
    "Déjà-vu": [("deja",), ("vu",)],
    "Straße": [("strasse",)],
    "İstanbul": [("istanbul",)],
    "ﬁlm": [("film",)],
    "推荐模型": [("推荐模型", "推荐", "荐模", "模型")],
    "हिन्दी": [("हनद",)],
    "": [],
    "***": [],
}


@pytest.mark.parametrize(("text", "expected"), _CASES.items())
def test_chunks(text: str, expected: list[tuple[str, ...]]) -> None:
    assert chunks(text) == [Chunk(whole, tuple(parts)) for whole, *parts in expected]


@given(st.text(max_size=60))
def test_the_index_cuts_what_is_prepared_into_the_words_that_are_asked_for(text: str) -> None:
    """The law that search rests on, for Tantivy's own tokeniser and any text there is."""
    cutter = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).build()
    wanted = {word for chunk in chunks(text) for word in (chunk.whole, *chunk.parts)}
    assert set(cutter.analyze(prepared(text))) == wanted


@given(st.text(alphabet="aZ9 -_é推.", max_size=30))
def test_a_name_is_the_same_however_it_is_written(text: str) -> None:
    assert squashed(text) == "".join(chunk.whole for chunk in chunks(text))
    assert squashed(text.upper()) == squashed(text) == squashed(text.replace("-", "_"))


def test_literal_keeps_accents_and_punctuation() -> None:
    assert literal("  Déjà-vu\t Détecteur ") == "déjà-vu détecteur"


def test_names_sort_as_people_count() -> None:
    names = ["ranker 10", "Ranker 9", "ranker 9b", "banner 100"]
    assert sorted(names, key=in_order) == ["banner 100", "Ranker 9", "ranker 9b", "ranker 10"]


def test_grams_cover_a_word() -> None:
    assert grams("ranker") == ["ran", "ank", "nke", "ker"]
    assert grams("ran") == ["ran"]
    assert grams("ra") == []
