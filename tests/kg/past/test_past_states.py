"""The law of the past: the state as of a moment equals a copy of the store that was taken then."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.draft import DERIVATIONS, DERIVED, DOUBLED, STEWARD
from kg.facts import described
from kg.model import Change, Entity, Layer
from kg.past.revisions import version_at
from kg.past.rewound import Rewound
from kg.past.states import KEPT, make, state_path, undoing
from kg.revision import HISTORY, Revision, of_version
from kg.store import Checkpoint, changed_copy
from kg.terms import Quad, unquoted
from tests.kg.graphs import entity, gone, iri
from tests.kg.test_layers import CELL, INSTANCE, NAMES, RUN, START, World, tellings

GRAPHS = ("", STEWARD, DERIVED, DOUBLED, HISTORY)
Copy = dict[str, frozenset[Quad]]


def copy_of(checkpoint: Checkpoint) -> Copy:
    """All that a checkpoint holds of what the past keeps."""
    held = {name: frozenset(checkpoint.quads(graph=name)) for name in GRAPHS if name}
    return held | {"": frozenset((*s, "") for s in checkpoint.statements())}


def facts_of(copy: Copy) -> Copy:
    """The same without the reasons of derived facts."""
    facts = frozenset(quad for quad in copy[DERIVED] if not quad[0].startswith(DERIVATIONS))
    return {**copy, DERIVED: facts}


def without_history(copy: Copy) -> Copy:
    return {name: quads for name, quads in copy.items() if name != HISTORY}


def published(world: World) -> Checkpoint:
    return Checkpoint(world.store.publish())


def moment(version: int) -> datetime:
    """When `World` records a version, which is the next after that many."""
    return START + timedelta(minutes=version - 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tellings(), st.booleans()), min_size=1, max_size=8))
def test_a_past_state_is_a_copy_taken_then(
    steps: list[tuple[tuple[Layer, list[Entity]], bool]],
) -> None:
    """After any changes by sources and stewards, tombstones and restarts among them."""
    with tempfile.TemporaryDirectory() as folder:
        data, past = Path(folder) / "data", Path(folder) / "past"
        world, copies = World(data), dict[int, Copy]()
        for (layer, entities), restarts in steps:
            world.tell(layer, *entities)
            if restarts:
                world.close()
                world = World(data)
            with published(world) as checkpoint:
                copies[world.store.version] = copy_of(checkpoint)
        with closing(world), published(world) as newest:
            for version, copy in copies.items():
                assert version_at(newest, moment(version), newest=newest.version) == version
                if version == newest.version:
                    continue
                with Checkpoint(make(newest, past, version=version, part="facts")) as then:
                    assert copy_of(then)[""] == copy[""], f"as of version {version}"
                    assert len(then) == len(copy[""])
                with Checkpoint(make(newest, past, version=version, part="whole")) as then:
                    state = copy_of(then)
                    assert facts_of(state) == facts_of(copy), f"as of version {version}"
                    assert state[DERIVED] == copy[DERIVED], "with the same reasons"
                    assert len(then) == len(copy[""])
                with Checkpoint(make(newest, past, version=version, part="layers")) as then:
                    assert without_history(copy_of(then)) == without_history(state)
                _compare_rewound(Rewound(newest, version=version), copy)


def _compare_rewound(rewound: Rewound, copy: Copy) -> None:
    """What is read of the past entity by entity is the same."""
    for name in [*NAMES, "business-domain/b", "person/p", "dataset-version/d", "experiment/t"]:
        at = iri(name)
        facts = {quad[:3] for quad in copy[""]}
        assert described(rewound, at) == {s for s in facts if s[0].partition("#")[0] == at}
        assert set(rewound.pointing(at)) == {s for s in facts if s[2] == f"<{at}>"}
        for graph in (STEWARD, DERIVED, DOUBLED, HISTORY):
            stated = {quad for quad in copy[graph] if quad[0] == at}
            assert set(rewound.quads(subject=at, graph=graph)) == stated
    assert set(rewound.quads(graph=HISTORY)) == copy[HISTORY]


def test_revisions_are_read_one_by_one_where_they_are_not_packed(tmp_path: Path) -> None:
    """As in a store from before they were."""
    with closing(World(tmp_path / "data")) as world:
        world.tell("source", INSTANCE, RUN, CELL)
        world.tell("steward", entity("model/m", title="Once"))
        world.tell("steward", entity("model/m", title="Again"))
        world.tell("source", gone("pipeline-run/r"))
        with published(world) as newest:
            packs = set(newest.quads(predicate=iris.PACKED_REVISIONS, graph=HISTORY))
            assert len(packs) == newest.version
            changed_copy(
                newest.path,
                tmp_path / f"{newest.version:012d}",
                version=newest.version,
                change=Change.of(added=set(), removed=packs),
                statements=len(newest),
            )
            with Checkpoint(tmp_path / f"{newest.version:012d}") as older:
                for version in range(1, newest.version + 1):
                    told = list(of_version(newest, version))
                    assert told == [_sorted(one) for one in of_version(older, version)]
                    undone = undoing(newest, version - 1, part="facts")
                    assert undoing(older, version - 1, part="facts") == undone


def _sorted(revision: Revision) -> Revision:
    moved = ("asserted", "retracted", "reasons_gained", "reasons_lost")
    return replace(revision, **{name: tuple(sorted(getattr(revision, name))) for name in moved})


def test_a_moment_before_the_first_is_an_empty_graph(tmp_path: Path) -> None:
    with closing(World(tmp_path / "data")) as world:
        world.tell("source", entity("model/m"))
        with published(world) as newest:
            before = START - timedelta(days=1)
            assert version_at(newest, before, newest=newest.version) == 0
            with Checkpoint(make(newest, tmp_path / "past", version=0, part="whole")) as then:
                assert not any(copy_of(then).values())


def test_making_a_past_state_leaves_the_original_as_it_was(tmp_path: Path) -> None:
    with closing(World(tmp_path / "data")) as world:
        world.tell("source", INSTANCE, RUN, CELL)
        world.tell("source", gone("pipeline-run/r"))
        with published(world) as newest:
            before = copy_of(newest)
            files = {file: file.stat().st_size for file in newest.path.iterdir()}
            make(newest, tmp_path / "past", version=1, part="whole")
            assert {file: file.stat().st_size for file in newest.path.iterdir()} == files
        with Checkpoint(newest.path) as again:
            assert copy_of(again) == before


def test_few_past_states_are_kept_and_none_is_removed_while_it_is_read(tmp_path: Path) -> None:
    past = tmp_path / "data" / "past"
    with closing(World(tmp_path / "data")) as world:
        for number in range(KEPT + 4):
            world.tell("source", entity("model/m", title=str(number)))
        with (
            published(world) as newest,
            Checkpoint(make(newest, past, version=1, part="facts")) as held,
        ):
            for version in range(2, newest.version):
                make(newest, past, version=version, part="facts")
            kept = _states(past)
            assert len(kept) == KEPT + 1
            assert held.path in kept
            assert set(held.objects(iri("model/m"), iris.TITLE)) == {'"0"'}
    with closing(World(tmp_path / "data")):
        pass
    assert not _states(past), "a new writer starts without"


def _states(past: Path) -> list[Path]:
    return [path for path in past.glob("*/*") if path.is_dir()]


@pytest.mark.parametrize("versions", [1, 2, 3, 10, 33])
def test_the_version_of_a_moment(tmp_path: Path, versions: int) -> None:
    with closing(World(tmp_path / "data")) as world:
        for number in range(versions):
            world.tell("source", entity("model/m", title=str(number)))
        with published(world) as newest:
            for version in range(versions + 1):
                just = moment(version)
                late = just + timedelta(seconds=59)
                assert version_at(newest, just, newest=newest.version) == version
                assert version_at(newest, late, newest=newest.version) == version


def test_a_reason_of_the_past_rests_on_facts_of_then(tmp_path: Path) -> None:
    with closing(World(tmp_path / "data")) as world:
        world.tell("source", INSTANCE, RUN)
        world.tell("source", CELL)
        with published(world) as newest:
            path = make(newest, tmp_path / "past", version=1, part="whole")
        with Checkpoint(path) as then:
            facts = set(then.statements())
            named = [
                q for q in then.quads(graph=DERIVED) if q[1] in (iris.REIFIES, iris.SUPPORTED_BY)
            ]
            assert named
            assert {unquoted(quad[2]) for quad in named} <= facts


def test_a_state_has_one_place(tmp_path: Path) -> None:
    assert state_path(tmp_path, 42, "facts").relative_to(tmp_path) == Path("facts/000000000042")
