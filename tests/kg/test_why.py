"""Why a fact holds: each kind of reason, down to who states it; and why one does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kg import iris
from kg.draft import DERIVED
from kg.entity import Portrayer
from kg.errors import BadInput, NotFound
from kg.infer import MAX_SUPPORTS
from kg.iris import term
from kg.model import Entity
from kg.service import Service
from kg.sources.memory import MemorySource
from kg.store import open_checkpoint
from kg.terms import quoted
from kg.views import Explanation, as_json
from kg.vocabulary import Vocabulary
from kg.why import DEEPEST, MOST, why
from kg.worker import Worker
from tests.kg.graphs import MINTER, entity, iri, ref, said
from tests.kg.test_layers import CELL, INSTANCE, OTHER_WAY, RULES, RUN, World
from tests.kg.test_worker import event, settings

VOCABULARY = Vocabulary()
ASKED = ("model-instance/test/i", "associatedWithTest", "experiment/test/t")


class Asked(World):
    """A world that is asked why, of a checkpoint, as the server asks."""

    def why(self, subject: str, predicate: str, value: str) -> Explanation:
        with ExitStack() as stack:
            checkpoint = stack.enter_context(open_checkpoint(self.store.publish().parent))
            portrayer = Portrayer(checkpoint=checkpoint, vocabulary=VOCABULARY, minter=MINTER)
            return why(portrayer, RULES, subject=subject, predicate=predicate, value=value)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Asked]:
    with closing(Asked(tmp_path)) as made:
        yield made


def steward(name: str, *facts: tuple[str, str]) -> Entity:
    told = frozenset(said(name, p, o) for p, o in facts)
    return Entity(ref=ref(name), iri=iri(name), statements=told)


def steps(explained: Explanation) -> list[list[str]]:
    """The predicates along each way."""
    return [[step.fact.property.name for step in way.steps] for way in explained.ways]


def test_the_worked_example_answers_both_ways_with_every_path(world: Asked) -> None:
    world.tell("source", INSTANCE, RUN, CELL, OTHER_WAY)
    found = world.why(*ASKED)
    assert found.derived and not found.stated and found.paths == 2
    assert sorted(steps(found)) == [
        ["produced by", "executed for", "cell of"],
        ["tests instance", "cell of"],
    ]
    assert {way.axiom for way in found.ways} == {
        "mlg:associatedWithTest ⊒ mlg:producedBy ∘ mlg:executedFor ∘ mlg:cellOf",
        "mlg:associatedWithTest ⊒ ^mlg:testsInstance ∘ mlg:cellOf",
    }
    for way in found.ways:
        assert way.first == way.confirmed is not None
        for step in way.steps:
            (stated,) = step.stated
            assert (stated.layer, stated.caused_by) == ("source", "test")
            assert stated.revision and stated.revision.startswith("urn:mlgraph:revision:1:")
    back = world.why("experiment/test/t", "testsModel", "aip://model-instance/test/i")
    assert back == found
    assert json.dumps(as_json(found))


def test_a_ring_is_told_step_by_step(world: Asked) -> None:
    names = ["dataset/a", "dataset/b", "dataset/c"]
    edges = zip(names, names[1:] + names[:1], strict=True)
    world.tell("source", *(entity(one, ("computedFrom", other)) for one, other in edges))
    found = world.why("dataset/test/b", "dependsInRingOn", "dataset/test/c")
    (way,) = found.ways
    assert way.axiom == "mlg:dependsInRingOn along each ring of mlg:dependsOn"
    met = [step.fact.subject.iri for step in way.steps]
    assert met == [iri("dataset/b"), iri("dataset/c"), iri("dataset/a")]
    assert all(step.ways[0].steps[0].stated for step in way.steps), "down to who says so"


@pytest.mark.parametrize(
    "named",
    [
        ("model-instance/test/i", "mlg:associatedWithTest", "experiment/test/t"),
        (iri("model-instance/i"), term("mlg:associatedWithTest"), iri("experiment/t")),
        (f"<{iri('model-instance/i')}>", f"<{term('mlg:associatedWithTest')}>", ASKED[2]),
    ],
)
def test_a_fact_is_named_as_people_name_things(named: tuple[str, str, str], world: Asked) -> None:
    world.tell("source", INSTANCE, RUN, CELL)
    assert world.why(*named) == world.why(*ASKED)


def test_a_path_that_came_later_is_told_apart_from_the_first(world: Asked) -> None:
    world.tell("source", INSTANCE, RUN, CELL)
    world.tell("source", entity("model/m"))
    (first,) = world.why(*ASKED).ways
    world.tell("source", OTHER_WAY)
    ways = {len(way.steps): way for way in world.why(*ASKED).ways}
    assert ways[3].first == first.first == first.confirmed
    assert ways[3].confirmed == ways[2].first == ways[2].confirmed
    assert ways[2].first and first.first and ways[2].first > first.first
    version = world.store.version
    world.tell("source", INSTANCE, RUN, CELL, OTHER_WAY)
    assert world.store.version == version, "what is merely said again confirms nothing anew"


def test_what_is_under_it_is_explained_in_turn(world: Asked) -> None:
    world.tell("source", entity("model/m", ("inDomain", "business-domain/b")))
    world.tell("source", entity("model-version/v", ("versionOf", "model/m")))
    world.tell("source", entity("model-instance/i", ("instanceOf", "model-version/v")))
    found = world.why("model-instance/test/i", "inDomain", "business-domain/test/b")
    (way,) = found.ways
    below = way.steps[1]
    assert below.derived and steps(below) == [["version of", "in domain"]]
    assert below.ways[0].steps[1].stated[0].layer == "source"


def test_a_sub_property_is_explained_by_its_axiom(world: Asked) -> None:
    world.tell("source", INSTANCE)
    (way,) = world.why("model-instance/test/i", "dependsOn", "pipeline-run/test/r").ways
    assert way.first == way.confirmed is not None
    assert way.axiom == "mlg:dependsOn ⊒ mlg:producedBy"
    assert way.steps[0].stated


def test_a_far_dependency_is_explained_by_a_shortest_path(world: Asked) -> None:
    """The closure of a large transitive property is stored nowhere, and holds all the same."""
    world.tell("source", INSTANCE, RUN, CELL)
    data = entity("dataset-version/d", ("versionOf", "dataset/d"), ("dependsOn", "pipeline-run/r"))
    world.tell("source", data)
    found = world.why("model-instance/test/i", "dependsOn", "dataset/test/d")
    (way,) = found.ways
    assert [step.fact.value.iri for step in way.steps] == [
        iri("dataset-version/d"),
        iri("dataset/d"),
    ]
    assert all(step.derived for step in way.steps)
    back = world.why("dataset/test/d", "impacts", "model-instance/test/i")
    assert back == found
    ring = world.why("pipeline-run/test/r", "dependsOn", "pipeline-run/test/r")
    assert len(ring.ways[0].steps) == 2
    with pytest.raises(NotFound):
        world.why("dataset/test/d", "dependsOn", "model-instance/test/i")


def test_what_holds_both_ways_is_explained_either_way(world: Asked) -> None:
    world.tell("steward", steward("model/m", ("differentThingFrom", "model/n")))
    (stated,) = world.why("model/test/n", "differentThingFrom", "model/test/m").stated
    assert stated.layer == "steward"


def test_what_names_no_other_thing_has_no_evidence(world: Asked) -> None:
    world.tell("steward", steward("model/m", ("differentThingFrom", "the other one")))
    found = world.why("model/test/m", "differentThingFrom", "the other one")
    assert found.stated and found.agreed == found.against == ()


def test_a_property_of_another_vocabulary_may_be_one_that_the_ontology_lacks(world: Asked) -> None:
    world.tell("source", entity("model/m", ("dct:spatial", "dataset/earth")))
    assert not VOCABULARY.is_term(term("dct:spatial"))
    for name in ("dct:spatial", term("dct:spatial")):
        assert world.why("model/test/m", name, "dataset/test/earth").stated


def test_who_states_a_fact_in_which_layer(world: Asked) -> None:
    asked = ("model/test/m", "dcat:keyword", "gold")
    world.tell("source", entity("model/m", title="Ranker"))
    world.tell("steward", steward("model/m", ("dcat:keyword", "gold")))
    (stated,) = world.why(*asked).stated
    assert stated.layer == "steward" and stated.revision == "urn:mlgraph:revision:2:0"
    world.tell("source", entity("model/m", ("dcat:keyword", "gold"), title="Ranker"))
    assert [s.layer for s in world.why(*asked).stated] == ["source", "steward"]
    (title,) = world.why("model/test/m", "dct:title", "Ranker").stated
    assert title.revision == "urn:mlgraph:revision:1:0", "the revision that created it"
    world.tell("source", entity("model/m", title="Home ranker"))
    (title,) = world.why("model/test/m", "dct:title", "Home ranker").stated
    assert title.revision == "urn:mlgraph:revision:4:0", "and then the one that says so"


def test_a_ring_is_explained_once_around(world: Asked) -> None:
    ring = [entity(f"team/{n}", ("partOfTeam", f"team/{(n + 1) % 3}")) for n in range(3)]
    world.tell("source", *ring)
    found = world.why("team/test/0", "withinTeam", "team/test/0")
    assert found.ways and len(str(as_json(found))) < 100_000
    assert "'again': True" in str(as_json(found))


def test_an_explanation_has_an_end(world: Asked) -> None:
    teams = [entity(f"team/{n}", ("partOfTeam", f"team/{n + 1}")) for n in range(40)]
    world.tell("source", *teams)
    found = world.why("team/test/0", "withinTeam", "team/test/40")
    assert found.paths == 39
    text = str(as_json(found))
    assert MOST < text.count("'fact'") < MOST + 2 * DEEPEST and "'cut': True" in text


def test_of_many_paths_the_first_are_kept_and_all_are_counted(world: Asked) -> None:
    def asset(owners: int) -> Entity:
        return entity("model/m", *(("ownedBy", f"person/{n}") for n in range(owners)))

    def counted(owners: int) -> None:
        world.tell("source", asset(owners))
        found = world.why("model/test/m", "accountableTeam", "team/test/t")
        assert (len(found.ways), found.paths) == (min(owners, MAX_SUPPORTS), owners)

    people = [entity(f"person/{n}", ("memberOfTeam", "team/t")) for n in range(30)]
    world.tell("source", asset(1), *people)
    for owners in (25, 30, 21, 20, 3):
        counted(owners)
    kept = world.store.quads(
        predicate=iris.REIFIES,
        value=quoted(said("model/m", "accountableTeam", "team/t")),
        graph=DERIVED,
    )
    assert len(list(kept)) == 3


def test_what_does_not_hold_is_answered_with_what_is_missing(world: Asked) -> None:
    world.tell("source", INSTANCE, RUN, entity("experiment-cell/c"))
    with pytest.raises(NotFound, match="mlg:cellOf leads nowhere from experiment-cell/test/c"):
        world.why(*ASKED)
    world.tell("source", CELL)
    with pytest.raises(NotFound, match="it holds for experiment/test/t") as told:
        world.why(*ASKED[:2], "experiment/test/other")
    assert told.value.details["holds_for"] == [iri("experiment/t")]
    with pytest.raises(NotFound, match="states nothing"):
        world.why("model/test/unknown", "ownedBy", "person/test/p")


@pytest.mark.parametrize("text", ["a\udcffb", 'quoted "text"', "line\nbreak", "http://e/ x>"])
def test_any_text_may_be_asked_for(text: str, world: Asked) -> None:
    world.tell("source", entity("model/m"))
    with pytest.raises(NotFound):
        world.why("model/test/m", "dct:title", text)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("model/test/m", "asociatedWithTest", "experiment/test/t"), "associatedWithTest"),
        (("model/test/m", "nothing:like", "experiment/test/t"), "no property"),
        (("model", "ownedBy", "person/test/p"), "does not name an entity"),
        (("http://e/ x>", "ownedBy", "person/test/p"), "no IRI"),
        (("model/test/m#a b", "ownedBy", "person/test/p"), "no IRI"),
        (("mlgc:a<b", "ownedBy", "person/test/p"), "no IRI"),
        (("model/test/m", "owns", "nobody"), "does not name an entity"),
    ],
)
def test_names_that_mean_nothing(asked: tuple[str, str, str], message: str, world: Asked) -> None:
    world.tell("source", entity("model/m"))
    with pytest.raises(BadInput, match=message):
        world.why(*asked)


def test_the_worked_example_through_events(tmp_path: Path) -> None:
    """Told one by one, the instance last but one: each step names the event that told of it."""
    source = MemorySource("test")
    told = [
        {"type": "experiment", "key": "t", "name": "Home rows reordered"},
        {"type": "pipeline-run", "key": "r", "executed_for_cell_id": "c"},
        {"type": "model-instance", "key": "i", "pipeline_run_id": "r"},
        {"type": "experiment-cell", "key": "c", "test_id": "t"},
    ]
    installation = settings(tmp_path)
    with Worker(installation, sources={"test": source}) as worker:
        for payload in told:
            at = source.put(payload)
            worker.inbox.publish([event(at.type, at.key, id=f"told of {at.key}")])
            worker.drain()
    with Service(installation) as service:
        found = service.why(*ASKED)
        assert found == service.why("experiment/test/t", "testsModel", "model-instance/test/i")
    (way,) = found.ways
    causes = [(step.fact.property.name, step.stated[0].caused_by) for step in way.steps]
    assert causes == [
        ("produced by", "told of i"),
        ("executed for", "told of r"),
        ("cell of", "told of c"),
    ]
