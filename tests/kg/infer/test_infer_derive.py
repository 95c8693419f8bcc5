"""After any edits the graph is the closure as owlrl has it, and derived as if from nothing."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import owlrl
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import RdfFormat, parse

from kg import iris
from kg.draft import DERIVED
from kg.infer import read_rules
from kg.infer.rings import Ring
from kg.iris import term
from kg.model import Entity, Layer
from kg.terms import Quad, Statement, iri_of, node, ntriples, statement
from tests.kg.graphs import entity, gone, iri, ref, said
from tests.kg.test_layers import World

FILE = Path(__file__).with_name("ontology.ttl")
ONTOLOGY = [statement(quad.triple) for quad in parse(path=str(FILE), format=RdfFormat.TURTLE)]
RULES = read_rules(ONTOLOGY)
STORED = ("partOf", "within", "ledBy", "under", "shares", "reports", "near")
"""All but inverse names and what is symmetric, which are asked both ways and stored as stated."""
RELATIONS = ("partOf", "ledBy", "peerOf", "shares", "within", "under")
NAMES = [f"thing/{name}" for name in "abcd"]
NOT_REASONS = {iris.RECORDED_AT, term("mlg:confirmedAt"), term("mlg:ruleFingerprint")}


def closure(stated: set[Statement]) -> set[Statement]:
    """What follows from these relations, by an engine that is not ours."""
    graph = rdflib.Graph()
    graph.parse(FILE)
    graph.parse(data=ntriples(stated), format="nt")
    owlrl.DeductiveClosure(
        owlrl.OWLRL_Semantics, axiomatic_triples=False, datatype_axioms=False
    ).expand(graph)
    return {
        (str(s), term(f"mlg:{name}"), node(str(o)))
        for name in STORED
        for s, o in graph.subject_objects(rdflib.URIRef(term(f"mlg:{name}")))
    }


def relations(statements: set[Statement]) -> set[Statement]:
    names = {term(f"mlg:{name}") for name in (*STORED, *RELATIONS)}
    return {s for s in statements if s[1] in names}


def derived(world: World) -> set[Quad]:
    """The derived layer with all reasons, whenever they were found."""
    return {q for q in world.store.quads(graph=DERIVED) if q[1] not in NOT_REASONS}


EDGES = st.lists(
    st.tuples(st.sampled_from(RELATIONS), st.sampled_from(NAMES)), max_size=4, unique=True
)


@st.composite
def tellings(draw: st.DrawFn) -> tuple[Layer, list[Entity]]:
    layer: Layer = draw(st.sampled_from(["source", "source", "steward"]))
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)):
        edges = draw(EDGES)
        if layer == "steward":
            told = frozenset(said(name, p, o) for p, o in edges)
            found.append(Entity(ref=ref(name), iri=iri(name), statements=told))
        else:
            found.append(gone(name) if draw(st.integers(0, 7)) == 0 else entity(name, *edges))
    return layer, found


@settings(max_examples=60, deadline=None)
@given(st.lists(tellings(), min_size=1, max_size=7))
def test_after_any_edits_the_graph_is_the_closure(
    changes: list[tuple[Layer, list[Entity]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(World(Path(folder), RULES)) as world:
        for layer, entities in changes:
            world.tell(layer, *entities)
        stated = relations({s for said in world.told.values() for s in said})
        symmetric = {s for s in stated if s[1] == term("mlg:peerOf")}
        facts = set(world.store.statements())
        assert relations(facts) == closure(stated) | symmetric
        for name, ring in RULES.rings.items():
            assert {s for s in facts if s[1] == name} == on_rings(facts, ring)


def on_rings(facts: set[Statement], ring: Ring) -> set[Statement]:
    """The edges from whose end their start is reached, worked out from nothing."""
    edges = {(s, iri_of(o)) for s, p, o in facts if p == ring.of}
    reached = set(edges)
    while more := {(a, d) for a, b in reached for c, d in edges if b == c} - reached:
        reached |= more
    return {(a, ring.derives, node(b)) for a, b in edges if a == b or (b, a) in reached}


@settings(max_examples=80, deadline=None)
@given(st.lists(tellings(), min_size=1, max_size=7))
def test_after_any_edits_it_is_as_if_derived_from_nothing(
    changes: list[tuple[Layer, list[Entity]]],
) -> None:
    """With every reason, too: the paths that hold and no others."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "1", Path(folder) / "2"
        with closing(World(first, RULES)) as world, closing(World(second, RULES)) as anew:
            for layer, entities in changes:
                world.tell(layer, *entities)
            told: dict[Layer, list[Entity]] = {"source": [], "steward": []}
            for (name, layer), statements in world.told.items():
                entity_ref = ref("thing/" + name.rpartition("/")[2])
                told[layer].append(Entity(ref=entity_ref, iri=name, statements=statements))
            for layer, entities in told.items():
                anew.tell(layer, *entities)
            assert derived(world) == derived(anew)


def test_what_holds_itself_in_a_ring_goes_with_what_held_it(tmp_path: Path) -> None:
    ring = [entity("thing/a", ("partOf", "thing/b")), entity("thing/b", ("partOf", "thing/a"))]
    with closing(World(tmp_path, RULES)) as world:
        world.tell("source", *ring, entity("thing/c", ("shares", "thing/x")))
        world.tell("source", entity("thing/a", ("partOf", "thing/b"), ("partOf", "thing/c")))
        assert world.store.holds(said("thing/b", "shares", "thing/x"))
        world.tell("source", entity("thing/c"))
        left = {s for s in world.store.statements() if s[1] == term("mlg:shares")}
        assert left == set()
        world.tell("source", entity("thing/a"))
        within = {s for s in world.store.statements() if s[1] == term("mlg:within")}
        assert within == {said("thing/b", "within", "thing/a")}


def test_what_a_steward_takes_back_does_not_stand_on_itself(tmp_path: Path) -> None:
    """It was stated and derived; the derivation rests on the statement."""
    ring = [entity("thing/a", ("partOf", "thing/b")), entity("thing/b", ("partOf", "thing/a"))]
    shared = said("thing/a", "shares", "thing/x")
    told = Entity(ref=ref("thing/a"), iri=iri("thing/a"), statements=frozenset({shared}))
    untold = Entity(ref=told.ref, iri=told.iri, statements=frozenset())
    with closing(World(tmp_path, RULES)) as world:
        world.tell("source", *ring)
        world.tell("steward", told)
        assert world.layer(DERIVED) >= {shared}
        world.tell("steward", untold)
        assert not [s for s in world.store.statements() if s[1] == term("mlg:shares")]
        assert not [q for q in world.store.quads(graph=DERIVED) if iri_of(q[2]) == iri("thing/x")]
