"""Names live in one place: IRIs in ``kg.iris``, what they mean in ``ontology/``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg import iris
from kg.iris import PREFIXES, term
from kg.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for folder in ("kg", "server") for p in (ROOT / folder).rglob("*.py"))
ADDRESS = re.compile(r"https?://(?!localhost|127\.0\.0\.1|example\.org)[\w.]")
TERM = re.compile(r"\b(mlg|mlgc|mlgsh):([A-Za-z][\w-]*)")


def texts(source: str) -> Iterator[str]:
    """The string constants of a module that are not its documentation."""
    tree = ast.parse(source)
    said = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_iri_is_written_outside_iris(path: Path) -> None:
    if path != ROOT / "kg" / "iris.py":
        assert [text for text in texts(path.read_text("utf-8")) if ADDRESS.search(text)] == []


def test_the_check_sees_an_iri() -> None:
    sample = '"""See http://x.org."""\nA = "http://www.w3.org/ns/prov#Entity"\n'
    assert [text for text in texts(sample) if ADDRESS.search(text)]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary()


def test_every_term_that_code_names_is_in_the_ontology(vocabulary: Vocabulary) -> None:
    ours = (PREFIXES["mlg"], PREFIXES["mlgc"])
    named = {
        value
        for value in vars(iris).values()
        if isinstance(value, str) and value.startswith(ours) and value not in PREFIXES.values()
    }
    for path in SOURCES:
        for text in texts(path.read_text("utf-8")):
            named |= {term(f"{p}:{name}") for p, name in TERM.findall(text) if p != "mlgsh"}
    assert len(named) > 20
    assert {iri for iri in named if not vocabulary.is_term(iri)} == set()


def test_the_ontology_declares_our_prefixes(vocabulary: Vocabulary) -> None:
    declared = dict(vocabulary.prefixes)
    assert {name: iri for name, iri in PREFIXES.items() if declared.get(name) != iri} == {}
