"""The rules of any day: how ontology and shapes are kept, and validation as of a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg import editions
from kg.config import Settings, load
from kg.editions import ONTOLOGY, SHAPES
from kg.errors import NotFound
from kg.model import Entity, Proposal
from kg.revision import HISTORY
from kg.service import Service
from kg.store import Checkpoint, open_checkpoint
from kg.terms import Quad, Statement, ntriples, statement
from kg.validate import core_statements, load_shapes, shapes_of
from kg.vocabulary import Vocabulary
from kg.worker import Worker
from tests.kg.graphs import entity


def read(turtle: str) -> list[Statement]:
    text = "@prefix : <urn:x:> . " + turtle
    quads = ox.parse(text, format=ox.RdfFormat.TURTLE, rename_blank_nodes=True)
    return [statement(quad.triple) for quad in quads]


def canonical(statements: list[Statement]) -> str:
    """A graph whose blank nodes have the names that they have in each graph like it."""
    dataset = ox.Dataset(ox.parse(ntriples(statements), format=ox.RdfFormat.N_TRIPLES))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return "\n".join(sorted(map(str, dataset)))


def test_blank_nodes_have_names_that_depend_on_what_they_say() -> None:
    turtle = ":a :list ( 1 [ :p 2 ] ) ; :q [ :r [ :s 3 ] ] . :b :q [ :r [ :s 3 ] ] . [] :of :a ."
    once, again = editions.named(read(turtle)), editions.named(read(turtle))
    assert once == again
    assert canonical(editions.unnamed(once)) == canonical(read(turtle))
    edited = editions.named(read(turtle.replace("2", "4")))
    assert 0 < len(once - edited) < len(once) / 2, "what was not edited keeps its names"


def test_a_ring_of_blank_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="part of itself"):
        editions.named(read("_:a :p _:b . _:b :p _:a ."))


def test_the_shapes_and_the_ontology_are_kept_whole() -> None:
    ontology = Vocabulary().statements
    kept = editions.unnamed(editions.named(core_statements()))
    assert canonical(kept) == canonical(core_statements())
    shapes = shapes_of(kept, ontology=editions.unnamed(editions.named(ontology)))
    assert shapes.rules == load_shapes().rules


# --- a worker that starts with other rules ------------------------------------------------------

NEVER = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
@prefix mlgsh: <https://w3id.org/mlgraph/shapes/> .
mlgsh:NoRanker a sh:NodeShape ; sh:targetClass mlg:Model ; mlg:ruleId "core-99" ;
    sh:message "No model may be called Ranker." ; mlg:remedy "Rename it." ;
    sh:property [ sh:path <http://purl.org/dc/terms/title> ;
        sh:not [ sh:hasValue "Ranker" ] ; sh:message "It is called Ranker." ] .
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(environ={}, data_dir=str(tmp_path / "data"))


def start(settings: Settings, *told: Entity, shapes: str = "") -> datetime:
    """Starts a worker, which goes by the package's rules, then by more; answers a moment after."""
    with Worker(settings, sources={}) as worker:
        proposals = [Proposal(entity=one, layer="source") for one in told]
        rules = {SHAPES: [*core_statements(), *read(shapes)]} if shapes else {}
        worker.writer.record(proposals, editions=rules, at=datetime.now(UTC))
    return datetime.now(UTC)


def test_rules_have_revisions(settings: Settings) -> None:
    def kept() -> tuple[int, dict[str, set[Quad]]]:
        with open_checkpoint(settings.data_dir / "checkpoints") as checkpoint:
            graphs = (SHAPES, ONTOLOGY, HISTORY)
            return checkpoint.version, {n: set(checkpoint.quads(graph=n)) for n in graphs}

    first = start(settings)
    version, before = kept()
    assert before[SHAPES] and before[ONTOLOGY]
    start(settings)
    assert kept()[0] == version, "the same rules are no news"
    second = start(settings, shapes=NEVER)
    _, more = kept()
    assert 0 < len(more[SHAPES] ^ before[SHAPES]) < 20, "only what was edited is written"
    start(settings)
    assert kept()[1][SHAPES] == before[SHAPES], "a worker that starts goes by its own rules"
    with Service(settings) as service:
        for at, copy in ((first, before), (second, more)):
            with Checkpoint(service.past.state(at, "whole")) as then:
                assert {name: set(then.quads(graph=name)) for name in copy} == copy


def test_validation_goes_by_the_rules_of_the_day(settings: Settings) -> None:
    strict = start(settings, entity("model/m", title="Ranker"), shapes=NEVER)
    mild = start(settings)
    with Service(settings) as service:

        def rules(at: datetime, *, todays: bool = False) -> set[str | None]:
            report, known = service.past.validate(at, engine="shacl", todays_rules=todays)
            assert {finding.rule for finding in report.findings} <= known.keys()
            return {finding.rule_id for finding in report.findings}

        assert rules(mild) and "core-99" not in rules(mild)
        assert rules(strict) == rules(mild) | {"core-99"}
        assert rules(strict, todays=True) == rules(mild)
        long_ago = strict - timedelta(days=1)
        with pytest.raises(NotFound, match="--rules now"):
            rules(long_ago)
        assert not rules(long_ago, todays=True), "nothing was there"
