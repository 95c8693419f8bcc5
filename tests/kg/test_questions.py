"""What one may choose in a question, and what becomes of what was chosen."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadInput
from kg.questions import Question
from kg.vocabulary import Vocabulary

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
QUESTIONS = {question.name: question for question in Vocabulary().questions}
TEXT = """PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT ?name ?most ?since WHERE {
  VALUES ?name { "Home ranker" }  # the model's name
  VALUES ?most { 10 }  # how many at most
  VALUES ?since { "2026-08-25T00:00:00Z"^^xsd:dateTime }  # since when
  VALUES ?kind { "no choice, since nothing says what it is" }
  VALUES (?a ?b) { (1 2) }  # nor is a table
}
"""
QUESTION = Question(name="q", label="Q?", comment="C.", text=TEXT, keywords=())


def answer(**given: str) -> tuple[str, str, str]:
    found = ox.Store().query(QUESTION.asked(given, now=NOW))
    assert isinstance(found, ox.QuerySolutions)
    (row,) = found
    return row["name"].value, row["most"].value, row["since"].value


def test_choices_are_the_values_that_say_what_they_are() -> None:
    assert [(c.name, c.value, c.datatype) for c in QUESTION.choices] == [
        ("name", "Home ranker", "string"),
        ("most", "10", "integer"),
        ("since", "2026-08-25T00:00:00Z", "dateTime"),
    ]
    assert QUESTION.asked({}, now=NOW) == QUESTION.asked({"name": ""}, now=NOW) == TEXT


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(bool))
def test_whatever_is_chosen_stays_a_value(text: str) -> None:
    assert answer(name=text) == (text, "10", "2026-08-25T00:00:00Z")


@pytest.mark.parametrize(
    ("chosen", "moment"),
    [
        ("P90D", "2026-08-25T09:00:00Z"),
        ("2026-08-25", "2026-08-25T00:00:00Z"),
        ("2026-08-25T02:00:00+02:00", "2026-08-25T00:00:00Z"),
    ],
)
def test_a_moment_is_a_day_a_moment_or_so_many_days_ago(chosen: str, moment: str) -> None:
    assert answer(since=chosen, most="3") == ("Home ranker", "3", moment)


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "yesterday"},
        {"since": "2026-08-25T00:00:00"},
        {"since": "P99999999D"},
        {"since": "0001-01-01T00:00:00+10:00"},
        {"since": "P9999" + "9D"},
        {"most": "many"},
        {"nobody": "x"},
    ],
)
def test_what_is_no_value_is_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        QUESTION.asked(wrong, now=datetime(200, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=lambda q: q.name)
def test_every_value_of_one_variable_can_be_chosen(question: Question) -> None:
    single = re.findall(r"VALUES \?(\w+) \{ [^ ]+(?: [^}:]*)? \}", question.text)
    named = [choice.name for choice in question.choices]
    assert named == [n for n in single if n != "sensitivity"], "say behind each what it is"


def test_a_question_is_about_the_type_that_its_choice_names() -> None:
    choice = QUESTIONS["incident-walk"].about("model")
    assert choice is not None and choice.name == "modelName"
    assert QUESTIONS["incident-walk"].about("model-version") is None
