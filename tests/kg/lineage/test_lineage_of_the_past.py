"""The lineage of an earlier version, with what came since undone, is that of the past state itself."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kg.lineage import Lineage, LineageIndex, LineageReader, read_kinds, walk
from kg.model import Layer
from kg.past.states import make, undoing
from kg.store import Checkpoint
from kg.vocabulary import Vocabulary
from tests.kg.graphs import MINTER
from tests.kg.test_layers import Entity, World, tellings

KINDS = read_kinds(Vocabulary().statements)


def reached(lineage: Lineage) -> set[tuple[str, str]]:
    """Every pair of a thing and one that depends on it, however far below."""
    names = [lineage.names.iri(number) for number in range(len(lineage))]
    return {
        (names[start], names[int(end)])
        for start in range(len(lineage))
        for end in walk(lineage, start, direction="down").nodes
    }


@settings(max_examples=25, deadline=None)
@given(st.lists(tellings(), min_size=2, max_size=6))
def test_it_is_that_of_the_past_state(steps: list[tuple[Layer, list[Entity]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data, past, index = (Path(folder) / name for name in ("data", "past", "lineage"))
        with closing(World(data)) as world:
            for layer, entities in steps:
                world.tell(layer, *entities)
            with Checkpoint(world.store.publish()) as newest:
                LineageIndex(index, kinds=KINDS, minter=MINTER).rebuild(
                    newest, version=newest.version
                )
                reader = LineageReader(index, kinds=KINDS, minter=MINTER)
                for version in range(1, newest.version):
                    found = reader.before(
                        version,
                        newest=newest.version,
                        undoing=lambda version=version: undoing(newest, version, part="facts"),  # type: ignore[misc]
                    )
                    with Checkpoint(make(newest, past, version=version, part="facts")) as then:
                        built = Lineage.build(then, version=version, kinds=KINDS, minter=MINTER)
                        assert reached(found) == reached(built)
