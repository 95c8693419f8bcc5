"""Shapes that would not do what they say are refused, with the place and the cure."""

from __future__ import annotations

from keyword import iskeyword
from pathlib import Path

import pytest
from rdflib import SH

from kg.errors import BadRdf, BadSetting
from kg.iris import PREFIXES
from kg.validate import Reach, engine, load_shapes, parse_shapes
from kg.validate.lint import CORE, ELSEWHERE, QUERIES
from kg.vocabulary import Vocabulary

HEAD = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
TARGET = "a sh:NodeShape ; sh:targetClass mlg:Model"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("sh:property [ sh:path mlg:a ; sh:minCounts 1 ]", r"Did you mean sh:minCount\?"),
        ("sh:properti [ sh:path mlg:a ]", r"Did you mean sh:property\?"),
        ("sh:zzz 1", r"sh:zzz on .* is not a term of SHACL"),
        ("sh:severity sh:Warn", r"Did you mean sh:Warning\?"),
        ("sh:rule [ a sh:TripleRule ]", r"extensions of SHACL are not read"),
        ("sh:target [ a sh:SPARQLTarget ]", r"extensions of SHACL are not read"),
        ("sh:sparql [ sh:select 'x' ; sh:severity sh:Info ]", r"ignore sh:severity on a query"),
        ("sh:sparql [ sh:message 'x' ]", r"no sh:select"),
        ("sh:nodeKind sh:IRI , sh:Literal", r"has 2 values of sh:nodeKind; it takes one"),
    ],
)
def test_refused_by_the_lint(
    shape: str, message: str, tmp_path: Path, vocabulary: Vocabulary
) -> None:
    file = tmp_path / "mine.ttl"
    file.write_text(f"{HEAD} mlgsh:X {TARGET} ; {shape} .", "utf-8")
    with pytest.raises(BadRdf, match=r"^mine\.ttl: .*" + message):
        load_shapes(file, vocabulary=vocabulary)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("sh:sparql [ sh:select 'SELECT $this {}' ]", "does not say what it reads"),
        ("sh:sparql [ sh:select 'SELECT $this {}' ] ; mlg:reads mlg:a", "has no sh:path"),
        ("sh:property [ sh:path mlg:a ; sh:property [ sh:path mlg:b ] ]", "use sh:node"),
        ("sh:node mlgsh:X", "contains itself"),
    ],
)
def test_refused_when_changes_have_to_be_followed(
    shape: str, message: str, tmp_path: Path, vocabulary: Vocabulary
) -> None:
    file = tmp_path / "mine.ttl"
    file.write_text(f"{HEAD} mlgsh:X {TARGET} ; {shape} .", "utf-8")
    with pytest.raises(BadRdf, match=message):
        Reach(load_shapes(file, vocabulary=vocabulary))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"mlgsh:X {TARGET} ; sh:sparql [ sh:select 'SELECT $this {{}}' ] .", "no rules with a q"),
        ("mlgsh:X a sh:NodeShape ; sh:nodeKind sh:IRI .", "target nothing"),
        ("mlgsh:X a sh:NodeShape", "is not text/turtle"),
        (f"mlgsh:X {TARGET} ; sh:pattern '(a)\\\\1' .", "cannot be used"),
    ],
)
def test_refused_from_strangers(text: str, message: str, vocabulary: Vocabulary) -> None:
    with pytest.raises(BadRdf, match=message):
        engine("shacl", parse_shapes((HEAD + text).encode(), vocabulary=vocabulary))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadSetting, match="no shapes at"):
        load_shapes(Path("no-such-shapes.ttl"))


def test_every_term_of_shacl_is_known() -> None:
    """rdflib carries the whole vocabulary; what we call core is in it, and nothing is left out."""
    theirs = {str(iri).removeprefix(PREFIXES["sh"]) for iri in dir(SH)}
    assert not {name for name in CORE if not iskeyword(name)} - theirs
    assert not QUERIES - theirs
    assert not {name for name in theirs if "-" not in name} - CORE - QUERIES - ELSEWHERE
    assert not (CORE & ELSEWHERE) and not (QUERIES & ELSEWHERE)
