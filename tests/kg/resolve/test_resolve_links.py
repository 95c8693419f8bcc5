"""Links and the review list: what comes, why, what keeps it away, and that it goes again.

The law: after any sequence of edits, all that the stage keeps is what it would make of the final
facts at once, and that is what comparing each pair of entities by hand gives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.draft import DERIVED, DOUBLED, STEWARD
from kg.model import Entity, Layer
from kg.resolve import NAMES, REVIEW, IdentityRules, decided, read_identity
from kg.terms import node, quoted, unquoted
from kg.vocabulary import Vocabulary
from tests.kg.resolve.test_resolve_rules import written
from tests.kg.resolve.world import MINTER, Pair, World, entity, fact, gone, iri, said

VOCABULARY = Vocabulary()
RULES = read_identity(VOCABULARY.statements, minter=MINTER)
BY_CODE = written("""
mlgc:identity-by-code skos:inScheme mlgc:identity-rules ; mlg:identifies mlg:Dataset ;
  mlg:namedBy ( mlg:computedBy mlg:codeLocation ) ; mlg:readAs mlgc:reading-exact ;
  mlg:evidence mlgc:evidence-suggestive .
""")
FEW = read_identity([*VOCABULARY.statements, *BY_CODE], minter=MINTER, most=3)
"""Rules with a path of two steps, and names that more than three bear saying nothing."""

ADA = entity("person/ldap/uid-1", ("foaf:mbox", "<mailto:Ada.Okafor@aurora.example>"))
ADA_TOO = entity("person/mlflow/ada.okafor@aurora.example")
ONE = ("person/ldap/uid-1", "person/mlflow/ada.okafor@aurora.example")
PLAYS = entity("dataset/iceberg/media.plays", ("mlg:location", "s3://lake/media/plays"))
PLAYS_TOO = entity("dataset/lineage/x", ("mlg:location", "s3a://lake/media/plays/"))
PLAYS_MAYBE = entity("dataset/dbt/media.plays")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path, RULES)) as made:
        yield made


def both(*pairs: Pair) -> set[Pair]:
    return {*pairs, *((b, a) for a, b in pairs)}


def test_what_agrees_conclusively_is_linked_both_ways_with_its_evidence(world: World) -> None:
    world.tell(ADA)
    world.tell(ADA_TOO)
    assert world.links() == world.explained() == both(ONE)
    assert world.doubts() == set()
    link = fact(ONE[0], "mlg:sameThingAs", f"[{ONE[1]}]")
    assert world.store.holds(link)
    (derivation,) = [q[0] for q in world.store.quads(value=quoted(link), graph=DERIVED)]
    about = {q[1:3] for q in world.store.quads(subject=derivation, graph=DERIVED)}
    rule = "https://w3id.org/mlgraph/concept/identity-person-address"
    assert (iris.DERIVED_BY, node(rule)) in about
    supports = {unquoted(v) for p, v in about if p == iris.SUPPORTED_BY}
    mailbox = fact(ONE[0], "foaf:mbox", "<mailto:Ada.Okafor@aurora.example>")
    assert supports == {mailbox, *ADA_TOO.statements}
    assert all(map(world.store.holds, supports)), "evidence is what is true"


def test_a_link_goes_with_its_support(world: World) -> None:
    world.tell(ADA, ADA_TOO)
    world.tell(entity("person/ldap/uid-1", ("foaf:mbox", "<mailto:a.okafor@aurora.example>")))
    assert world.links() == world.explained() == set()
    world.tell(ADA)
    assert world.links() == both(ONE)
    world.tell(gone("person/ldap/uid-1"))
    assert world.links() == world.explained() == set()
    assert {q[0] for q in world.graph(NAMES)} == {iri(ONE[1])}


def test_what_only_suggests_is_put_before_a_person(world: World) -> None:
    world.tell(PLAYS, PLAYS_MAYBE)
    assert world.links() == set()
    assert world.doubts() == {("dataset/dbt/media.plays", "dataset/iceberg/media.plays")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (entity("dataset/a/dev.media.plays"), entity("dataset/b/prod.media.plays")),
        (
            entity("dataset/a/media.plays", ("mlg:location", "s3://dev/media/plays")),
            entity("dataset/b/media.plays", ("mlg:location", "s3://prod/media/plays")),
        ),
        (entity("person/a/john.smith@one.example"), entity("person/b/john.smith@two.example")),
        (entity("dataset/a/media.plays"), entity("model/b/media.plays")),
        (entity("dataset/a/media.plays"), entity("dataset/a/Media.plays")),
    ],
)
def test_what_is_told_apart_is_neither_linked_nor_doubted(
    one: Entity, other: Entity, world: World
) -> None:
    world.tell(one, other)
    assert world.links() == world.doubts() == set()


def test_a_contradiction_is_for_people_and_says_what_speaks_against(world: World) -> None:
    one = entity("dataset/a/dev.media.plays", ("mlg:location", "s3://lake/media/plays"))
    other = entity("dataset/b/prod.media.plays", ("mlg:location", "s3://lake/media/plays"))
    world.tell(one, other)
    assert world.links() == set()
    assert world.doubts() == {("dataset/a/dev.media.plays", "dataset/b/prod.media.plays")}
    against = {unquoted(q[2])[0] for q in world.graph(REVIEW) if q[1] == iris.OPPOSED_BY}
    assert against == {one.iri, other.iri}


def test_a_source_that_has_two_of_them_is_not_overruled(world: World) -> None:
    world.tell(
        entity("person/ldap/1", ("foaf:mbox", "<mailto:ops@aurora.example>")),
        entity("person/ldap/2", ("foaf:mbox", "<mailto:ops@aurora.example>")),
    )
    assert world.links() == set()
    assert world.doubts() == {("person/ldap/1", "person/ldap/2")}


def test_a_rejection_beats_the_rules_either_way_round(world: World) -> None:
    world.tell(ADA, ADA_TOO)
    world.tell(said(ONE[1], ("mlg:differentThingFrom", f"[{ONE[0]}]")), layer="steward")
    assert world.links() == world.explained() == world.doubts() == set()
    assert world.proposed() == {ONE}, "what is conclusive is evidence, and no more"
    world.tell(said(ONE[1]), layer="steward")
    assert world.links() == both(ONE)
    assert world.proposed() == set()


def test_an_acceptance_leaves_nothing_to_review_until_it_is_withdrawn(world: World) -> None:
    world.tell(PLAYS, PLAYS_MAYBE)
    accepted = said("dataset/dbt/media.plays", ("mlg:sameThingAs", "[dataset/iceberg/media.plays]"))
    world.tell(accepted, layer="steward")
    assert world.doubts() == world.links() == set()
    assert world.store.holds(next(iter(accepted.statements)))
    world.tell(said("dataset/dbt/media.plays"), layer="steward")
    assert world.doubts() == {("dataset/dbt/media.plays", "dataset/iceberg/media.plays")}


@pytest.mark.parametrize("layer", ["source", "steward"])
@pytest.mark.parametrize("word", ["mlg:sameThingAs", "mlg:differentThingFrom"])
def test_the_evidence_of_what_is_decided_follows_the_facts(
    word: str, layer: Layer, world: World
) -> None:
    world.tell(PLAYS, PLAYS_MAYBE)
    one, other = "dataset/dbt/media.plays", "dataset/iceberg/media.plays"
    before = world.graph(REVIEW)
    spoken = (word, f"[{other}]")
    stated = [spoken] if layer == "source" else []
    world.tell(entity(one, *stated) if stated else said(one, spoken), layer=layer)
    assert world.doubts() == set()
    assert world.graph(REVIEW) == before != set(), "all that raised the doubt is kept"
    world.tell(entity(one, ("mlg:location", "s3://dev/media/plays"), *stated))
    against = {unquoted(q[2])[0] for q in world.graph(REVIEW) if q[1] == iris.OPPOSED_BY}
    assert against == {iri(one), iri(other)}, "what came to speak against it is told"
    world.tell(entity(other, ("dct:title", "skips")), gone(one))
    assert world.graph(REVIEW) == set()


def test_a_text_in_place_of_another_thing_decides_nothing(world: World) -> None:
    world.tell(PLAYS, PLAYS_MAYBE)
    doubts = world.doubts()
    word = said("dataset/dbt/media.plays", ("mlg:sameThingAs", "media.plays"))
    world.tell(word, layer="steward")
    assert world.doubts() == doubts != set()
    assert decided(world.store) == []


def test_a_link_that_a_steward_states_too_stays_when_the_rule_falls_away(world: World) -> None:
    world.tell(ADA, ADA_TOO)
    world.tell(said(ONE[0], ("mlg:sameThingAs", f"[{ONE[1]}]")), layer="steward")
    world.tell(entity("person/ldap/uid-1"))
    assert world.links() == set()
    assert world.store.holds(fact(ONE[0], "mlg:sameThingAs", f"[{ONE[1]}]"))


def test_a_name_that_many_bear_tells_nothing(tmp_path: Path) -> None:
    with closing(World(tmp_path, FEW)) as world:
        few = [entity(f"model/{source}/data") for source in "abc"]
        world.tell(*few)
        assert len(world.doubts()) == 3
        world.tell(entity("model/d/data"))
        assert world.doubts() == set()
        world.tell(gone("model/b/data"))
        assert len(world.doubts()) == 3


def test_a_name_at_the_end_of_a_path(tmp_path: Path) -> None:
    with closing(World(tmp_path, FEW)) as world:
        world.tell(
            *(entity(f"dataset/{s}/1", ("mlg:computedBy", f"[pipeline/{s}/p]")) for s in "ab")
        )
        for source in "ab":
            code = ("mlg:codeLocation", "https://git.example.org/plays")
            world.tell(entity(f"pipeline/{source}/p", code))
        assert world.doubts() == {("dataset/a/1", "dataset/b/1")}
        world.tell(entity("pipeline/a/p"))
        assert world.doubts() == set()


def test_rules_that_have_changed_are_brought_to_all_that_is_there(tmp_path: Path) -> None:
    none = IdentityRules([], minter=MINTER)
    with closing(World(tmp_path, none)) as world:
        world.tell(ADA, ADA_TOO, PLAYS, PLAYS_MAYBE)
        assert world.kept() == set()
        world.again(RULES)
        assert world.links() == both(ONE)
        assert len(world.doubts()) == 1
        kept = world.kept()
        world.again(RULES)
        assert world.kept() == kept
        world.again(none)
        assert world.kept() == set()


# --- the law ----------------------------------------------------------------------------------

FACTS = {
    "dataset": [
        ("mlg:location", "s3://lake/media/plays"),
        ("mlg:location", "s3a://lake/media/plays/"),
        ("mlg:location", "s3://dev/media/plays"),
        ("dct:title", "dev.media.plays"),
        ("dct:title", "prod.media.plays"),
        ("mlg:computedBy", "[pipeline/a/p]"),
        ("mlg:computedBy", "[pipeline/b/p]"),
        ("mlg:sameThingAs", "[dataset/b/media.plays]"),
        ("mlg:differentThingFrom", "[dataset/c/x]"),
    ],
    "person": [
        ("foaf:mbox", "<mailto:ada@aurora.example>"),
        ("foaf:mbox", "<mailto:Ada@aurora.example>"),
        ("foaf:mbox", "<mailto:ada@studio.example>"),
        ("foaf:name", "Ada Okafor"),
    ],
    "pipeline": [("mlg:codeLocation", "https://git.example.org/plays")],
}
NAMES_OF = [
    *(f"dataset/{s}/{k}" for s in "abc" for k in ("media.plays", "x")),
    *(f"person/{s}/{k}" for s in "abc" for k in ("ada@aurora.example", "1")),
    "pipeline/a/p",
    "pipeline/b/p",
]


@st.composite
def telling(draw: st.DrawFn) -> tuple[Layer, list[Entity]]:
    if draw(st.integers(0, 4)) == 0:
        kind = draw(st.sampled_from(["dataset", "person"]))
        one, other = draw(
            st.lists(
                st.sampled_from([n for n in NAMES_OF if n.startswith(kind)]),
                min_size=2,
                max_size=2,
                unique=True,
            )
        )
        word = draw(st.sampled_from(["mlg:sameThingAs", "mlg:differentThingFrom", None]))
        return "steward", [said(one, *([(word, f"[{other}]")] if word else []))]
    names = draw(st.lists(st.sampled_from(NAMES_OF), min_size=1, max_size=6, unique=True))
    return "source", [draw(state(name)) for name in names]


@st.composite
def state(draw: st.DrawFn, name: str) -> Entity:
    if draw(st.integers(0, 5)) == 0:
        return gone(name)
    kind = name.partition("/")[0]
    return entity(name, *draw(st.lists(st.sampled_from(FACTS[kind]), max_size=3, unique=True)))


@settings(max_examples=80, deadline=None)
@given(st.lists(telling(), min_size=1, max_size=12))
def test_incremental_equals_full(tellings: list[tuple[Layer, list[Entity]]]) -> None:
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        closing(World(Path(one), FEW)) as world,
        closing(World(Path(other), FEW)) as whole,
    ):
        final: dict[tuple[str, Layer], Entity] = {}
        for layer, entities in tellings:
            world.tell(*entities, layer=layer)
            final |= {(e.iri, layer): e for e in entities}
        wanted_links, wanted_doubts, wanted_evidence = by_hand(world, FEW)
        assert world.links() == world.explained() == both(*wanted_links)
        assert world.doubts() == wanted_doubts
        assert world.proposed() == wanted_doubts | wanted_evidence
        layers: tuple[Layer, ...] = ("source", "steward")
        for layer in layers:
            told = [e for (_, kind), e in final.items() if kind == layer and not e.gone]
            whole.tell(*told, layer=layer)
        assert world.kept() == whole.kept()
        world.again(FEW)
        assert world.kept() == whole.kept(), "there is nothing to do again"


def by_hand(world: World, rules: IdentityRules) -> tuple[set[Pair], set[Pair], set[Pair]]:
    """The links, the doubts, and the decided pairs of which some names agree.

    Each pair of entities is compared in turn: the slow, plain way.
    """
    known = {name: rules.names(world.store, iri(name)) for name in NAMES_OF}
    bearers: dict[tuple[str, str], int] = {}
    for _, names in known.values():
        for rule in names:
            for name in names[rule]:
                bearers[rule, name] = bearers.get((rule, name), 0) + 1
    spoken = {q[:3] for name in (STEWARD, DOUBLED) for q in world.graph(name)}
    spoken |= {q[:3] for q in world.graph("") - {(*q[:3], "") for q in world.graph(DERIVED)}}
    links, doubts, settled = set(), set(), set()
    for one, other in combinations(sorted(NAMES_OF), 2):
        (of_one, mine), (of_other, others) = known[one], known[other]
        told = {
            word: bool({fact(one, word, f"[{other}]"), fact(other, word, f"[{one}]")} & spoken)
            for word in ("mlg:sameThingAs", "mlg:differentThingFrom")
        }
        if of_one != of_other or not of_one:
            continue
        shared = {r: [n for n in mine.get(r.iri, {}) if n in others.get(r.iri, {})] for r in of_one}
        tells = {r for r in of_one if any(bearers[r.iri, n] <= rules.most for n in shared[r])}
        sure = any(r.conclusive for r in tells)
        maybe = any(r.suggestive for r in tells)
        apart = any(
            r.distinguishing and mine.get(r.iri) and others.get(r.iri) and not shared[r]
            for r in of_one
        )
        same_source = one.split("/")[1] == other.split("/")[1]
        rejected = told["mlg:differentThingFrom"]
        if sure and not apart and not same_source and not rejected:
            links.add((one, other))
        elif rejected or told["mlg:sameThingAs"]:
            if sure or maybe:
                settled.add((one, other))
        elif apart and same_source:
            continue
        elif sure or (maybe and not apart and not same_source):
            doubts.add((one, other))
    return links, doubts, settled
