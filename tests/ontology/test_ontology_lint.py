"""The ontology keeps to OWL 2 RL and to its own rules; each rule is a query, each query has a sample it catches."""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox
import pytest

RULES = sorted((Path(__file__).parent / "lint").glob("*.rq"))


def offenders(store: ox.Store, rule: Path, prefixes: dict[str, str]) -> set[str]:
    """What a rule finds."""
    rows = store.query(rule.read_text(encoding="utf-8"), prefixes=prefixes)
    assert isinstance(rows, ox.QuerySolutions)
    return {str(row["bad"]) for row in rows}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_ontology_is_clean(rule: Path, ontology: ox.Store, prefixes: dict[str, str]) -> None:
    assert offenders(ontology, rule, prefixes) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_rule_catches_what_is_bad_and_only_that(rule: Path, prefixes: dict[str, str]) -> None:
    sample = rule.with_suffix(".ttl").read_text(encoding="utf-8")
    store = ox.Store()
    store.load(sample.encode(), format=ox.RdfFormat.TURTLE)
    found = {re.split(r"[/#:>]", name)[-2] for name in offenders(store, rule, prefixes)}
    assert found == set(re.findall(r"\bbad-?\d\b", sample))
