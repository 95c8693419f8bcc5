"""Reading MLflow's JSON: laws of the small pure functions."""

from __future__ import annotations

from datetime import datetime

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.iris import term
from kg.sources.answers import double, inner, moment
from kg.sources.mlflow.keys import dataset_key, logged_model_of, original_of


def stored(literal: ox.Literal) -> str:
    """What the store makes of a literal: anything else than the same would look like a change."""
    node = ox.NamedNode("http://kg.example/x")
    store = ox.Store()
    store.add(ox.Quad(node, node, literal))
    [quad] = store
    assert isinstance(quad.object, ox.Literal)
    return quad.object.value


@given(st.integers(1, 253_402_300_799_999))
def test_a_moment_keeps_its_milliseconds(milliseconds: int) -> None:
    written = moment({"at": milliseconds}, "at")
    assert written is not None
    assert round(datetime.fromisoformat(written).timestamp() * 1000) == milliseconds
    assert stored(ox.Literal(written, datatype=ox.NamedNode(term("xsd:dateTime")))) == written


@pytest.mark.parametrize("value", [None, 0, -1, "0"])
def test_no_moment(value: object) -> None:
    assert moment({} if value is None else {"at": value}, "at") is None


@given(st.floats(allow_nan=False))
def test_a_number_keeps_its_value(value: float) -> None:
    written = double(value)
    assert float(written) == value
    kept = stored(ox.Literal(written, datatype=ox.NamedNode(term("xsd:double"))))
    assert float(kept) == value


_NAMES = st.text(st.sampled_from("ab/%2F"), min_size=1)


@given(st.tuples(_NAMES, _NAMES), st.tuples(_NAMES, _NAMES))
def test_two_datasets_never_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (dataset_key(*one) == dataset_key(*other)) == (one == other)


@given(st.tuples(_NAMES, _NAMES))
def test_a_key_begins_with_the_datasets_name(dataset: tuple[str, str]) -> None:
    assert dataset_key(*dataset).rpartition("/")[0] == dataset[0]


@pytest.mark.parametrize(
    ("uri", "logged", "original"),
    [
        ("models:/m-0f3a", "m-0f3a", None),
        ("models:/home-ranker/3", None, "home-ranker/3"),
        ("models:/m-0f3a/3", None, "m-0f3a/3"),
        ("models:/home-ranker@champion", None, None),
        ("runs:/0f3a/model", None, None),
        ("s3://models/m-0f3a", None, None),
        ("models:/m-0f3a?x", None, None),
        ("", None, None),
    ],
)
def test_what_a_version_was_made_from(uri: str, logged: str | None, original: str | None) -> None:
    assert (logged_model_of(uri), original_of(uri)) == (logged, original)


@pytest.mark.parametrize("value", ["", "[]", "not JSON", "[" * 100_000, '"text"'])
def test_json_in_json_that_is_none_is_empty(value: str) -> None:
    assert inner({"source": value}, "source") == {}
