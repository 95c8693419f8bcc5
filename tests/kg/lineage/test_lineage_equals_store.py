"""The law of the index: whatever was committed, merged or cut off, it says what SPARQL says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kg import iris
from kg.commit import commit, propose, replay
from kg.draft import Draft
from kg.infer import enrich, read_rules
from kg.iris import PREFIXES, term
from kg.lineage import Kinds, Lineage, LineageIndex, LineageReader, impact, read_kinds, walk
from kg.lineage.walk import Direction
from kg.model import Entity, Proposal
from kg.store import EmbeddedStore
from kg.vocabulary import Vocabulary
from tests.kg.graphs import BASE, MINTER, entity, gone, iri

START = datetime(2026, 1, 1, tzinfo=UTC)
ONTOLOGY = Vocabulary().statements
RULES, KINDS = read_rules(ONTOLOGY), read_kinds(ONTOLOGY)
_PREFIXES = "".join(f"PREFIX {name}: <{text}>\n" for name, text in PREFIXES.items())

NAMES = ("dataset/a", "dataset/b", "feature/f", "pipeline-run/r", "model-instance/i",
         "deployment/d", "experiment-cell/c", "experiment/x", "person/p", "team/t")  # fmt: skip
LINKS = {
    "computedFrom": ("dataset/a", "dataset/b"),
    "dependsOn": ("feature/f", "dataset/a", "deployment/d", "model-instance/i"),
    "producedBy": ("pipeline-run/r",),
    "usedDataset": ("dataset/a", "dataset/b"),
    "deploys": ("model-instance/i",),
    "testsInstance": ("model-instance/i",),
    "cellOf": ("experiment/x",),
    "executedFor": ("experiment-cell/c",),
    "ownedBy": ("person/p", "team/t"),
    "memberOfTeam": ("team/t",),
    "inDomain": ("business-domain/z",),
}
_facts = st.sampled_from([(link, end) for link, ends in LINKS.items() for end in ends])
_entities = st.builds(lambda name, facts: entity(name, *facts), st.sampled_from(NAMES),
                      st.lists(_facts, max_size=4))  # fmt: skip
_steps = st.lists(
    st.one_of(
        st.lists(_entities, min_size=1, max_size=3),
        st.sampled_from(NAMES).map(lambda name: [gone(name)]),
        st.sampled_from(["publish", "merge", "crash", "rebuild"]),
    ),
    max_size=12,
)


class Installation:
    """A store and its lineage index, as the worker keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lineage"
        self.store = EmbeddedStore(folder, base=BASE)
        self.reader = LineageReader(self.folder, kinds=KINDS, minter=MINTER)
        self.open()
        self.index.rebuild(self.store, version=self.store.version)

    def open(self) -> None:
        """As a worker does that begins: takes up what is there, and catches up."""
        self.index = LineageIndex(self.folder, kinds=KINDS, minter=MINTER)
        for version in range(self.index.version + 1, self.store.version + 1):
            for came, statement in replay(self.store, version):
                self.index.note_statements([statement], came=came)

    def tell(self, entities: list[Entity]) -> None:
        draft = Draft(self.store)
        at = START + timedelta(minutes=self.store.version)
        for one in entities:
            propose(draft, Proposal(entity=one, layer="source", cause="test"), at=at)
        enrich(draft, RULES, at=START)
        if change := commit(draft, version=self.store.version + 1, at=at):
            self.store.apply(change)
            self.index.note(change)

    def do(self, what: str) -> None:
        if what == "crash":
            self.open()
            return
        if what == "rebuild":
            self.index.rebuild(self.store, version=self.store.version)
            return
        self.index.commit(self.store.version)
        if what == "merge":
            self.index.merge()

    def lineage(self) -> Lineage:
        self.index.commit(self.store.version)
        return self.reader.at(self.store.version)

    def ask(self, query: str) -> list[tuple[str, ...]]:
        """The rows of a query on the store, as texts."""
        dump = ox.Store()
        dump.extend(
            ox.Quad(ox.NamedNode(s), ox.NamedNode(p), ox.NamedNode(o[1:-1]))
            for s, p, o in self.store.statements()
            if o.startswith("<")
        )
        found = dump.query(_PREFIXES + query)
        assert isinstance(found, ox.QuerySolutions)
        return [tuple(term.value for term in row) for row in found]  # type: ignore[union-attr]


@contextmanager
def installation() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as folder:
        made = Installation(Path(folder))
        try:
            yield made
        finally:
            made.store.close()


def reached(lineage: Lineage, name: str, direction: Direction, *kinds: str) -> dict[str, int]:
    """What a walk reaches from an entity, with the steps to each."""
    number = lineage.names.number(iri(name))
    if number is None:
        return {}
    found = walk(lineage, number, direction=direction, kinds=KINDS.named(kinds))
    for node in found.nodes:
        check_path(lineage, found.path(int(node)), direction)
    return {
        lineage.names.iri(int(node)): steps
        for steps, nodes in enumerate(found.steps, start=1)
        for node in nodes
    }


def check_path(lineage: Lineage, path: list[int], direction: Direction) -> None:
    """Each step of a path is an edge, by a property that is said to lead there."""
    for before, after in pairwise(path):
        subject, end = (before, after) if direction == "up" else (after, before)
        assert lineage.property_of(subject, end) in (KINDS.depends, *KINDS.narrower)
        _, nodes, kinds = lineage.depends.out.neighbours(np.array([subject], dtype=np.uint32))
        alone = lineage.depends.out.of_row(subject)
        assert [list(part) for part in alone] == [list(nodes), list(kinds)]
        assert end in nodes


def closure(pairs: set[tuple[str, str]], start: str) -> dict[str, int]:
    """Everything within reach over pairs, with the least number of steps: a peer in plain sets."""
    steps: dict[str, int] = {}
    frontier, distance = {start}, 0
    while frontier:
        distance += 1
        frontier = {b for a, b in pairs if a in frontier} - steps.keys() - {start}
        steps |= dict.fromkeys(frontier, distance)
    return steps


def check(made: Installation) -> None:
    """The index against the store: closures both ways, of all kinds and of one, and groups."""
    lineage = made.lineage()
    for properties, kinds in (("mlg:dependsOn", ()), ("mlg:computedFrom", ("computedFrom",))):
        edges = made.ask(f"SELECT ?a ?b {{ ?a {properties} ?b }}")
        pairs = {(a, b) for a, b in edges}
        turned = {(b, a) for a, b in pairs}
        for name in NAMES:
            by_path = {x for (x,) in made.ask(f"SELECT ?x {{ <{iri(name)}> {properties}+ ?x }}")}
            found = reached(lineage, name, "up", *kinds)
            assert found.keys() == by_path - {iri(name)}
            assert found == closure(pairs, iri(name))
            assert reached(lineage, name, "down", *kinds) == closure(turned, iri(name))
    for name in NAMES:
        check_impact(made, lineage, name)
        check_cycle(made, lineage, name)


def check_impact(made: Installation, lineage: Lineage, name: str) -> None:
    number = lineage.names.number(iri(name))
    if number is None:
        return
    found = impact(lineage, number)
    hit = f"<{iri(name)}> ^mlg:dependsOn+ ?x . FILTER(?x != <{iri(name)}>)"
    all_hit = [x for (x,) in made.ask(f"SELECT DISTINCT ?x {{ {hit} }}")]
    types = [MINTER.parse(x).type for x in all_hit]
    assert found.by_type == {name: types.count(name) for name in types}
    team = "?x mlg:accountableTeam|mlg:ownedBy ?g . FILTER(CONTAINS(STR(?g), '/id/team/'))"
    assert found.by_team == grouped(made, f"{hit} {team}")
    assert found.by_domain == grouped(made, f"{hit} ?x mlg:inDomain ?g .")
    running = "?g mlg:experimentStatus mlgc:experiment-running"
    test = f"?x mlg:associatedWithTest|mlg:cellOf ?g . {running}"
    own = f"{running} BIND(?g AS ?x)"
    tests = grouped(made, f"{hit} {{ {test} }} UNION {{ {own} FILTER(?x = ?g) }}")
    assert found.tests == tests
    assert set(found.deployments) == {x for x in all_hit if MINTER.parse(x).type == "deployment"}


def grouped(made: Installation, where: str) -> dict[str, int]:
    rows = made.ask(f"SELECT ?g (COUNT(DISTINCT ?x) AS ?n) {{ {where} }} GROUP BY ?g")
    return {thing: int(count) for thing, count in rows}


def check_cycle(made: Installation, lineage: Lineage, name: str) -> None:
    number = lineage.names.number(iri(name))
    if number is None:
        return
    row = made.ask(f"SELECT ?x {{ <{iri(name)}> mlg:dependsOn+ ?x FILTER(?x = <{iri(name)}>) }}")
    for direction in ("up", "down"):
        ring = walk(lineage, number, direction=direction).cycle()  # type: ignore[arg-type]
        assert bool(ring) == bool(row)
        if ring:
            assert ring[0] == ring[-1] == number
            check_path(lineage, ring, direction)  # type: ignore[arg-type]


_RUNNING = entity("experiment/x", ("experimentStatus", "x/y"))
_RUNNING = Entity(
    ref=_RUNNING.ref,
    iri=_RUNNING.iri,
    statements=frozenset(
        {
            *_RUNNING.statements,
            (_RUNNING.iri, iris.EXPERIMENT_STATUS, f"<{iris.EXPERIMENT_RUNNING}>"),
        }
    ),
)
_STORY = [
    [
        _RUNNING,
        entity("dataset/b", ("computedFrom", "dataset/a")),
        entity(
            "pipeline-run/r", ("usedDataset", "dataset/b"), ("executedFor", "experiment-cell/c")
        ),
        entity("model-instance/i", ("producedBy", "pipeline-run/r"), ("ownedBy", "person/p")),
        entity(
            "experiment-cell/c", ("testsInstance", "model-instance/i"), ("cellOf", "experiment/x")
        ),
        entity("person/p", ("memberOfTeam", "team/t")),
        entity("deployment/d", ("deploys", "model-instance/i"), ("inDomain", "business-domain/z")),
    ],
    "merge",
    [entity("dataset/a", ("computedFrom", "dataset/b"))],
    "crash",
    [gone("pipeline-run/r")],
]


@settings(max_examples=60, deadline=None)
@example(steps=_STORY)
@example(steps=_STORY[:-1])
@given(steps=_steps)
def test_the_index_says_what_the_store_says(steps: list[list[Entity] | str]) -> None:
    with installation() as made:
        for step in steps:
            if isinstance(step, str):
                made.do(step)
            else:
                made.tell(step)
        check(made)
        check_same(made.lineage(), built(made))


def built(made: Installation) -> Lineage:
    store = made.store
    return Lineage.build(store, version=store.version, kinds=KINDS, minter=MINTER)


def check_same(one: Lineage, other: Lineage) -> None:
    """Two states hold the same statements."""
    assert one.version == other.version
    assert statements(one) == statements(other)


def statements(lineage: Lineage) -> list[tuple[str, str, str]]:
    found = []
    for sort in (lineage.depends, lineage.narrower, lineage.belongs):
        for rows, turned in ((sort.out, False), (sort.back, True)):
            edges = rows.listed()
            for row, node, kind in zip(edges.rows, edges.nodes, edges.kinds, strict=True):
                a, b = lineage.names.iri(int(row)), lineage.names.iri(int(node))
                ends = (b, a) if turned else (a, b)
                found.append((ends[0], lineage.kinds.properties[kind], ends[1]))
    return sorted(found)


def test_the_kinds_are_those_of_the_ontology() -> None:
    assert term("mlg:usedDataset") in KINDS.narrower
    assert term("mlg:dependsOn") not in KINDS.narrower
    assert (
        term("mlg:impacts") not in KINDS.narrower
    )  # the name of an inverse, which is never stored


def test_a_new_kind_of_dependency_is_a_statement_of_the_ontology() -> None:
    new = ("https://example.org/tunedFrom", iris.SUBPROPERTY_OF, f"<{term('mlg:computedFrom')}>")
    kinds = read_kinds([*ONTOLOGY, new])
    assert kinds.narrower[0] == new[0]  # the narrowest first
    assert set(kinds.narrower) == {*KINDS.narrower, new[0]}


def test_another_ontology_makes_the_index_unusable(tmp_path: Path) -> None:
    with installation() as made:
        made.tell([entity("dataset/b", ("computedFrom", "dataset/a"))])
        made.lineage()
        other = Kinds(narrower=KINDS.narrower[1:])
        assert LineageIndex(made.folder, kinds=other, minter=MINTER).version == -1
        assert LineageIndex(made.folder, kinds=KINDS, minter=MINTER).version == 1


@pytest.mark.parametrize("tail", [b'{"version": 9, "mo', b"\0\0\0\0\n"], ids=["torn", "zeros"])
def test_what_a_power_cut_leaves_of_the_log(tail: bytes) -> None:
    with installation() as made:
        made.tell([entity("dataset/b", ("computedFrom", "dataset/a"))])
        made.lineage()
        (log,) = made.folder.glob("*/changes.jsonl")
        log.write_bytes(log.read_bytes() + tail)
        made.open()
        if made.index.version < 0:
            made.do("rebuild")
        made.tell([entity("feature/f", ("computedFrom", "dataset/b"))])
        check(made)
