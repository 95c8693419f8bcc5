"""After a change of axioms the graph is as if it had been made by the new ones from the beginning."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.commit import commit
from kg.draft import Draft
from kg.infer import Rules, derive_again, held_fingerprints, hold_fingerprints
from kg.model import Entity, Layer
from kg.resources import data_dir
from kg.terms import literal
from tests.kg.graphs import entity, said
from tests.kg.infer.test_infer_derive import RULES, derived, tellings
from tests.kg.test_layers import START, World

ALL = [rule for name in RULES.properties for rule in RULES.of(name)]
SOME = st.lists(st.sampled_from(ALL), unique=True).map(Rules)


def rebuild(
    world: World, rules: Rules, *, everything: bool, size: int, most: int | None = None
) -> int:
    """How many drafts it took that changed something; ``most`` cuts it off."""
    world.rules = rules
    written = 0
    drafts = derive_again(world.store, rules, now=lambda: START, everything=everything, size=size)
    for draft in islice(drafts, most):
        change = commit(draft, version=world.store.version + 1, at=START)
        if change:
            world.store.apply(change)
            written += 1
    return written


@settings(max_examples=120, deadline=None)
@given(
    st.lists(tellings(), min_size=1, max_size=5),
    SOME,
    SOME,
    st.booleans(),
    st.integers(0, 9),
    st.integers(1, 50),
)
def test_other_axioms_give_what_they_would_have_given(
    changes: list[tuple[Layer, list[Entity]]],
    before: Rules,
    after: Rules,
    everything: bool,
    cut: int,
    size: int,
) -> None:
    """Whether all is derived again or only what has other rules, and however often one begins."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "1", Path(folder) / "2"
        with closing(World(first, before)) as world, closing(World(second, after)) as anew:
            for made, rules in ((world, before), (anew, after)):
                noted = Draft(made.store)
                hold_fingerprints(noted, rules)
                noted.add(("urn:test", iris.LABEL, literal("first"), "urn:test"))
                made.store.apply(noted.change())
            for layer, entities in changes:
                world.tell(layer, *entities)
                anew.tell(layer, *entities)
            rebuild(world, after, everything=False, size=size, most=cut)
            rebuild(world, after, everything=everything, size=size)
            assert derived(world) == derived(anew)
            assert set(world.store.statements()) == set(anew.store.statements())
            assert held_fingerprints(world.store) == after.fingerprints
            for whole in (False, True):
                assert rebuild(world, after, everything=whole, size=size) == 0, "and no more"


@pytest.mark.parametrize("drafts", [1, 2, 3, 5, 8])
def test_a_run_that_was_cut_off_is_made_up_for(drafts: int, tmp_path: Path) -> None:
    ring = [entity(f"thing/{n}", ("partOf", f"thing/{(n + 1) % 4}")) for n in range(4)]
    with closing(World(tmp_path, Rules([]))) as world:
        world.tell("source", *ring)
        rebuild(world, RULES, everything=False, size=3, most=drafts)
        assert held_fingerprints(world.store) != RULES.fingerprints
        rebuild(world, RULES, everything=False, size=3)
        assert world.store.holds(said("thing/0", "within", "thing/0"))
        assert held_fingerprints(world.store) == RULES.fingerprints
        assert rebuild(world, RULES, everything=True, size=3) == 0


NEW = """
mlg:askedOf
    a owl:ObjectProperty ;
    rdfs:label "asked of"@en ;
    owl:propertyChainAxiom ( mlg:accountableTeam mlg:partOfTeam ) .
"""


def test_a_new_relation_is_turtle_alone_and_there_at_the_next_start(tmp_path: Path) -> None:
    """In a copy of the whole system, of which one line of one ontology file is another."""
    root = tmp_path / "system"
    shutil.copytree(data_dir("ontology").parent / "kg", root / "kg")
    for name in ("ontology", "shapes"):
        shutil.copytree(data_dir(name), root / name)
    source = tmp_path / "source.json"
    source.write_text(
        """[
        {"type": "model", "key": "m", "name": "M", "owner_emails": ["ada@example.com"]},
        {"type": "person", "key": "ada@example.com", "display_name": "Ada", "team_ids": ["t"]},
        {"type": "team", "key": "t", "display_name": "T", "parent_team_id": "all"},
        {"type": "team", "key": "all", "display_name": "All"}]"""
    )
    (tmp_path / "mlg.toml").write_text(
        f'data_dir = "{tmp_path / "data"}"\n[sources.test]\nkind = "memory"\npath = "{source}"\n'
    )

    def mlg(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kg.cli", "--config", str(tmp_path / "mlg.toml"), *arguments],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )

    asked = ("why", "model/test/m", "askedOf", "team/test/all")
    assert mlg("sync", "test").returncode == 0
    assert "no property" in mlg(*asked).stderr
    core = root / "ontology" / "core.ttl"
    plain = core.read_text("utf-8")
    core.write_text(plain + NEW, "utf-8")
    assert mlg("drain").returncode == 0, "a worker that starts, and has nothing else to do"
    found = mlg(*asked)
    assert found.returncode == 0, found.stderr
    assert "mlg:askedOf ⊒ mlg:accountableTeam ∘ mlg:partOfTeam" in found.stdout
    core.write_text(plain, "utf-8")
    gone = mlg("rebuild", "derived")
    assert "1 statements came or went" in gone.stderr
    core.write_text(plain + NEW.replace("partOfTeam", "nowhere"), "utf-8")
    refused = mlg("drain")
    assert refused.returncode == 2
    assert "mlg:askedOf ⊒ mlg:accountableTeam ∘ mlg:nowhere" in refused.stderr
