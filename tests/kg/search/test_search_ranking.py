"""What is found for what is typed, and in which order: the table is ``ranking.toml``."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kg.search.ranking import SCORES
from kg.search.searcher import Searcher

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "ranking.toml").read_text("utf-8")
)["case"]


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_ranking(searcher: Searcher, case: dict[str, Any]) -> None:
    page = searcher.search(case["text"], limit=100)
    refs = [str(hit.ref) for hit in page.hits]
    first = case.get("first", [])
    assert refs[: len(first)] == first
    assert set(case.get("found", [])) <= set(refs)
    assert not set(case.get("absent", [])) & set(refs)
    assert page.total == case.get("total", page.total)
    for above, below in case.get("before", []):
        assert refs.index(above) < refs.index(below)


def test_the_table_checks_something() -> None:
    """A misspelt key in the table would make its case pass for nothing."""
    known = {"why", "text", "first", "found", "before", "absent", "total"}
    assert len(CASES) > 40
    for case in CASES:
        assert case.keys() <= known
        assert case.keys() > {"why", "text"}


def test_no_kind_of_match_is_worth_as_much_as_a_better_one() -> None:
    """The scores stand in order, further apart than what a short name adds (4 %)."""
    scores = list(SCORES.values())
    assert all(better > 1.04 * worse for better, worse in pairwise(scores))
