"""The laws of the graph's layers, of derivation and of history, for any sequence of changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.commit import commit, propose, revised
from kg.draft import DERIVED, DOUBLED, STEWARD, Draft
from kg.errors import BadSetting
from kg.infer import Rules, Step, enrich, read_rules
from kg.iris import term
from kg.model import Entity, Layer, Proposal
from kg.store import EmbeddedStore
from kg.terms import Statement, iri_of, literal, node, quoted, text_of, unquoted
from kg.vocabulary import Vocabulary
from tests.kg.graphs import BASE, entity, gone, iri, said

START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = read_rules(Vocabulary().statements)


class World:
    """A store, and what each layer was told, kept apart as a reference."""

    def __init__(self, folder: Path, rules: Rules = RULES) -> None:
        self.store = EmbeddedStore(folder, base=BASE)
        self.rules = rules
        self.told: dict[tuple[str, Layer], frozenset[Statement]] = {}
        self.copies = {self.store.version: frozenset(self.store.statements())}

    def tell(self, layer: Layer, *entities: Entity) -> None:
        draft = Draft(self.store)
        at = START + timedelta(minutes=self.store.version)
        for one in entities:
            propose(draft, Proposal(entity=one, layer=layer, cause="test"), at=at)
            if not one.gone:
                self.told[one.iri, layer] = one.statements
            elif self.told.get((one.iri, layer)):
                self.told[one.iri, layer] = frozenset(draft.held(one.iri).of(layer))
        enrich(draft, self.rules, at=at)
        change = commit(draft, version=self.store.version + 1, at=at)
        if change:
            self.store.apply(change)
        before, now = self.copies[max(self.copies)], frozenset(self.store.statements())
        self.copies[self.store.version] = now
        assert sorted(draft.changes()) == sorted(now ^ before), (
            "each move of the view is noted once"
        )
        assert draft.moved_entities() == {s.partition("#")[0] for s, _, _ in now ^ before}

    def close(self) -> None:
        self.store.close()

    def derived(self, *, chains: bool = False) -> set[Statement]:
        """All that follows, or follows by a chain, worked out from nothing to the end."""
        facts = {t for triples in self.told.values() for t in triples}
        while True:
            more = set()
            for name in self.rules.properties:
                for rule in self.rules.of(name):
                    for head, tail in _pairs(facts, rule.path):
                        more.add((head, name, node(tail)))
            if more <= facts:
                break
            facts |= more
        return {
            (h, name, node(t))
            for name in self.rules.properties
            for rule in self.rules.of(name)
            if not chains or len(rule.path) > 1
            for h, t in _pairs(facts, rule.path)
        }

    def layer(self, name: str) -> set[Statement]:
        found = {q[:3] for q in self.store.quads(graph=name)}
        return {s for s in found if s[0].startswith(BASE)}


def _pairs(facts: set[Statement], path: tuple[Step, ...]) -> set[tuple[str, str]]:
    pairs: set[tuple[str, str]] | None = None
    for step in path:
        edges = {(s, iri_of(o)) for s, p, o in facts if p == step.predicate and iri_of(o)}
        if step.inverse:
            edges = {(b, a) for a, b in edges}
        pairs = edges if pairs is None else {(a, d) for a, b in pairs for c, d in edges if b == c}
    return pairs or set()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as made:
        yield made


INSTANCE = entity("model-instance/i", ("producedBy", "pipeline-run/r"))
RUN = entity(
    "pipeline-run/r", ("executedFor", "experiment-cell/c"), ("usedDataset", "dataset-version/d")
)
CELL = entity("experiment-cell/c", ("cellOf", "experiment/t"))
OTHER_WAY = entity("experiment-cell/c2", ("cellOf", "experiment/t"), ("testsInstance", "model-instance/i"))  # fmt: skip
LINKED = said("model-instance/i", "associatedWithTest", "experiment/t")


def test_the_worked_chain_in_any_order(world: World) -> None:
    world.tell("source", CELL)
    world.tell("source", INSTANCE)
    assert LINKED not in set(world.store.statements())
    world.tell("source", RUN)
    assert LINKED in set(world.store.statements())


def test_a_derived_fact_goes_with_its_last_support(world: World) -> None:
    world.tell("source", INSTANCE, RUN, CELL, OTHER_WAY)
    reasons = list(world.store.quads(predicate=iris.REIFIES, value=quoted(LINKED), graph=DERIVED))
    assert len(reasons) == 2, "both chains explain it"
    world.tell("source", gone("experiment-cell/c2"))
    assert LINKED in set(world.store.statements())
    assert (
        len(list(world.store.quads(predicate=iris.REIFIES, value=quoted(LINKED), graph=DERIVED)))
        == 1
    )
    world.tell("source", entity("pipeline-run/r"))
    assert LINKED not in set(world.store.statements())
    assert not list(world.store.quads(predicate=iris.REIFIES, value=quoted(LINKED), graph=DERIVED))


def test_why_names_the_rule_and_the_path(world: World) -> None:
    world.tell("source", INSTANCE, RUN, CELL)
    (reason,) = world.store.quads(predicate=iris.REIFIES, value=quoted(LINKED), graph=DERIVED)
    about = {(q[1], q[2]) for q in world.store.quads(subject=reason[0], graph=DERIVED)}
    assert (iris.DERIVED_BY, node(iris.term("mlg:associatedWithTest"))) in about
    assert {unquoted(value) for predicate, value in about if predicate == iris.SUPPORTED_BY} == {
        said("model-instance/i", "producedBy", "pipeline-run/r"),
        said("pipeline-run/r", "executedFor", "experiment-cell/c"),
        said("experiment-cell/c", "cellOf", "experiment/t"),
    }


def test_the_same_again_writes_nothing(world: World) -> None:
    world.tell("source", INSTANCE, RUN, CELL)
    version = world.store.version
    world.tell("source", CELL, RUN, INSTANCE)
    assert world.store.version == version


def test_a_tombstone_keeps_name_and_type(world: World) -> None:
    world.tell("source", entity("model/m", title="Ranker"))
    world.tell("source", gone("model/m"))
    facts = {p: text_of(o) for _, p, o in world.store.about(iri("model/m"))}
    assert facts[iris.TYPE] == iris.TOMBSTONE
    assert facts[iris.FORMER_TYPE] == term("mlg:Model")
    assert facts[iris.TITLE] == "Ranker"
    assert facts[iris.INVALIDATED_AT].startswith("2026-01-01T00:01")
    version = world.store.version
    world.tell("source", gone("model/m"), gone("model/never-known"))
    assert world.store.version == version
    world.tell("source", entity("model/m", title="Ranker"))
    types = set(world.store.objects(iri("model/m"), iris.TYPE))
    assert types == {node(term("mlg:Model"))}


def test_no_layer_takes_the_others_statement_away(world: World) -> None:
    gold = said("model/m", "dcat:keyword", "gold")
    source = entity("model/m", ("dcat:keyword", "gold"))
    steward = Entity(ref=source.ref, iri=source.iri, statements=frozenset({gold}))
    nothing = Entity(ref=source.ref, iri=source.iri, statements=frozenset())
    world.tell("source", source)
    world.tell("steward", steward)
    world.tell("source", entity("model/m"))
    assert gold in set(world.store.statements())
    world.tell("source", source)
    world.tell("steward", nothing)
    assert gold in set(world.store.statements())
    assert not world.layer(STEWARD) and not world.layer(DOUBLED)
    world.tell("source", entity("model/m"))
    assert gold not in set(world.store.statements())


NAMES = ["model/m", "model-version/v", "model-instance/i", "pipeline-run/r", "experiment-cell/c"]
FACTS = {
    "model/m": [("inDomain", "business-domain/b"), ("ownedBy", "person/p"), ("dependsOn", "x/y")],
    "model-version/v": [("versionOf", "model/m"), ("inDomain", "business-domain/b")],
    "model-instance/i": [
        ("producedBy", "pipeline-run/r"),
        ("instanceOf", "model-version/v"),
        ("associatedWithTest", "experiment/t"),
    ],
    "pipeline-run/r": [("executedFor", "experiment-cell/c"), ("usedDataset", "dataset-version/d")],
    "experiment-cell/c": [("cellOf", "experiment/t"), ("testsInstance", "model-instance/i")],
}


@st.composite
def tellings(draw: st.DrawFn) -> tuple[Layer, list[Entity]]:
    layer: Layer = draw(st.sampled_from(["source", "source", "steward"]))
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        facts = draw(st.lists(st.sampled_from(FACTS[name]), unique=True))
        title = draw(st.sampled_from(["one", "two"]))
        if layer == "source" and draw(st.integers(0, 5)) == 0:
            found.append(gone(name))
        elif layer == "source":
            found.append(entity(name, *facts, title=title))
        else:
            told = frozenset(said(name, p, o) for p, o in facts)
            found.append(Entity(ref=gone(name).ref, iri=iri(name), statements=told))
    return layer, found


@settings(max_examples=60, deadline=None)
@given(st.lists(tellings(), min_size=1, max_size=8))
def test_the_laws_hold_after_any_changes(changes: list[tuple[Layer, list[Entity]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(World(Path(folder))) as world:
        for layer, entities in changes:
            world.tell(layer, *entities)
            merged = set(world.store.statements())
            derived = world.derived()
            told = {t for triples in world.told.values() for t in triples}
            assert merged == told | derived, "the merged view is the union of the layers"
            assert world.layer(DERIVED) == derived, "derived facts are what follows, no more"
            assert world.layer(STEWARD) == {
                t for (_, kind), triples in world.told.items() if kind == "steward" for t in triples
            }
            assert len(world.store) == len(merged)
            explained = {
                unquoted(q[2]) for q in world.store.quads(predicate=iris.REIFIES, graph=DERIVED)
            }
            assert explained == world.derived(chains=True), "what a chain gives has a reason"
        for version in range(1, world.store.version + 1):
            subjects = {s for s, _, _ in world.copies[version] ^ world.copies[version - 1]}
            assert revised(world.store, version) >= subjects, "and layers move where it does not"


def _axiom(head: str, *names: str) -> list[Statement]:
    items = [f"urn:list:{head}:{n}" for n in range(len(names))]
    found = [(term(head), term("owl:propertyChainAxiom"), node(items[0]))]
    for number, name in enumerate(names):
        rest = items[number + 1] if number + 1 < len(items) else term("rdf:nil")
        found.append((items[number], term("rdf:first"), node(term(name))))
        found.append((items[number], term("rdf:rest"), node(rest)))
    return found + [(term(n), iris.LABEL, literal(n)) for n in (head, *names)]


def test_a_new_relation_needs_only_turtle(tmp_path: Path) -> None:
    rules = read_rules(_axiom("mlg:madeFor", "mlg:producedBy", "mlg:executedFor"))
    with closing(World(tmp_path, rules)) as world:
        world.tell("source", INSTANCE, RUN)
        made = said("model-instance/i", "madeFor", "experiment-cell/c")
        assert made in set(world.store.statements())


def test_chains_in_a_ring_are_refused() -> None:
    ring = [*_axiom("mlg:a", "mlg:b", "mlg:c"), *_axiom("mlg:b", "mlg:a", "mlg:c")]
    with pytest.raises(BadSetting, match="mlg:a ⊒ mlg:b ∘ mlg:c; mlg:b ⊒ mlg:a"):
        read_rules(ring)


def test_a_chain_of_unknown_terms_is_refused() -> None:
    axiom = _axiom("mlg:a", "mlg:nowhere")
    known = [s for s in axiom if s[0] != term("mlg:nowhere")]
    with pytest.raises(BadSetting, match="nowhere"):
        read_rules(known)
