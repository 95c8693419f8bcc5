"""Edges on rings: found when one closes, gone when one opens, and explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.draft import Draft
from kg.errors import BadSetting
from kg.facts import Overlay
from kg.infer import derivations, derive_again, read_rules
from kg.infer.reasons import Reasons
from kg.infer.rings import Ring, components, settle_rings
from kg.iris import term
from kg.terms import Statement, moment
from kg.vocabulary import Vocabulary
from tests.kg.graphs import entity, said
from tests.kg.test_layers import START, World

DEPENDS, IN_RING = term("mlg:dependsOn"), term("mlg:dependsInRingOn")
RING = Ring(derives=IN_RING, of=DEPENDS)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as made:
        yield made


def rings(world: World) -> set[Statement]:
    return {s for s in world.store.statements() if s[1] == IN_RING}


def along(*names: str) -> set[Statement]:
    return {said(one, "dependsInRingOn", other) for one, other in pairwise(names)}


FEATURE = entity("feature/f", ("computedFrom", "dataset/d"))
TABLE = entity("dataset/d", ("computedFrom", "dataset/e"))
CLOSING = entity("dataset/e", ("computedFrom", "feature/f"), ("computedFrom", "dataset/other"))


def test_a_ring_is_there_from_its_last_edge_to_its_first_that_goes(world: World) -> None:
    world.tell("source", FEATURE, TABLE)
    assert rings(world) == set()
    world.tell("source", CLOSING)
    assert rings(world) == along("feature/f", "dataset/d", "dataset/e", "feature/f")
    world.tell("source", entity("dataset/d"))
    assert rings(world) == set()
    assert derivations(world.store, said("feature/f", "dependsInRingOn", "dataset/d")) == ([], 0)


def test_two_rings_through_one_thing_go_one_by_one(world: World) -> None:
    world.tell(
        "source", FEATURE, TABLE, CLOSING, entity("dataset/g", ("computedFrom", "dataset/d"))
    )
    world.tell("source", entity("dataset/e", ("computedFrom", "feature/f"), ("computedFrom", "dataset/g")))  # fmt: skip
    both = along("feature/f", "dataset/d", "dataset/e", "feature/f") | along("dataset/e", "dataset/g", "dataset/d")  # fmt: skip
    assert rings(world) == both
    world.tell("source", entity("dataset/g"))
    assert rings(world) == along("feature/f", "dataset/d", "dataset/e", "feature/f")


def test_what_depends_on_itself_is_a_ring_of_one(world: World) -> None:
    world.tell("source", entity("dataset/d", ("computedFrom", "dataset/d")))
    assert rings(world) == along("dataset/d", "dataset/d")


def test_the_reason_is_a_shortest_ring(world: World) -> None:
    world.tell("source", FEATURE, TABLE, CLOSING)
    (reason,), count = derivations(world.store, said("dataset/d", "dependsInRingOn", "dataset/e"))
    assert (count, reason.rule) == (1, IN_RING)
    names = ["dataset/d", "dataset/e", "feature/f", "dataset/d"]
    assert reason.supports == {said(a, "dependsOn", b) for a, b in pairwise(names)}


def test_rings_of_before_the_axiom_are_found_when_all_is_derived_again(tmp_path: Path) -> None:
    old = [s for s in Vocabulary().statements if s[1] != term("mlg:ringOf")]
    with closing(World(tmp_path, read_rules(old))) as world:
        world.tell("source", FEATURE, TABLE, CLOSING)
        assert rings(world) == set()
        for draft in derive_again(
            world.store, read_rules(Vocabulary().statements), now=lambda: START
        ):
            world.store.apply(draft.change())
        assert rings(world) == along("feature/f", "dataset/d", "dataset/e", "feature/f")
        for draft in derive_again(world.store, read_rules(old), now=lambda: START):
            world.store.apply(draft.change())
        assert rings(world) == set()


class Counting(Overlay):
    """Facts that count what is read of them."""

    reads = 0

    def objects(self, subject: str, predicate: str) -> list[str]:
        self.reads += 1
        return super().objects(subject, predicate)

    def subjects(self, predicate: str | None, value: str) -> list[str]:
        self.reads += 1
        return super().subjects(predicate, value)


def settled(world: World, facts: Iterable[Statement], edge: Statement) -> tuple[int, int]:
    """How many statements a new edge brings, and how much is read for it."""
    draft = Draft(world.store)
    draft.facts = counting = Counting.of([*facts, edge])
    moved = settle_rings(draft, Reasons(draft, at=moment(START)), RING, [edge])
    return len(moved), counting.reads


def test_only_the_smaller_side_of_a_new_edge_is_walked(world: World) -> None:
    """A thousand things under something, or over it: each is left alone when the other side is short."""
    under = [said(f"dataset/{n}", "dependsOn", f"dataset/{n + 1}") for n in range(1_000)]
    new = said("model/m", "dependsOn", "dataset/0")
    assert settled(world, under, new) == (0, 1), "nothing depends on what is new"
    used = said("service/s", "dependsOn", "model/m")
    moved, reads = settled(world, [*under, used], new)
    assert moved == 0
    assert reads < 10
    moved, _ = settled(world, under, said("dataset/1000", "dependsOn", "dataset/990"))
    assert moved == 11


def test_a_chain_that_comes_at_once_is_gone_over_once(world: World) -> None:
    names = [f"dataset/{number}" for number in range(1_000)]
    chain = [said(one, "dependsOn", other) for one, other in pairwise(names)]
    draft = Draft(world.store)
    draft.facts = counting = Counting.of([*chain, said(names[-1], "dependsOn", "dataset/end")])
    assert settle_rings(draft, Reasons(draft, at=moment(START)), RING, chain) == set()
    assert counting.reads <= 2 * len(chain)


EDGES = st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=20)


@given(EDGES)
def test_components_are_what_reaches_each_other(edges: set[tuple[str, str]]) -> None:
    reached = {(a, a) for a in "abcdefg"} | edges
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    expected = {frozenset(b for b in "abcdefg" if {(a, b), (b, a)} <= reached) for a in "abcdefg"}
    parts = list(components("abcdefg", lambda one: [b for a, b in edges if a == one]))
    assert sorted(map(sorted, parts)) == sorted(map(sorted, expected))


@pytest.mark.parametrize(
    "axioms",
    [
        [(term("mlg:ringed"), term("mlg:ringOf"), f"<{term('mlg:unknown')}>")],
        [
            (term("mlg:ringed"), term("mlg:ringOf"), f"<{term('mlg:trainedOn')}>"),
            (term("mlg:trainedOn"), term("rdfs:subPropertyOf"), f"<{term('mlg:ringed')}>"),
            (term("mlg:ringed"), term("rdfs:subPropertyOf"), f"<{term('mlg:trainedOn')}>"),
        ],
    ],
)
def test_a_ring_of_the_unknown_or_of_itself_is_refused(axioms: list[Statement]) -> None:
    with pytest.raises(BadSetting, match=r"mlg:ringed along each ring of|derive each other"):
        read_rules([*Vocabulary().statements, *axioms])
