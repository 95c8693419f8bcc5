"""GrowthBook by its public API description, and its place in the contract."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.growthbook import GrowthbookSource
from tests.kg.sources.growthbook_replay import DRAFT, HOURS, OLD, ROWS, SKIPS, TOKEN, Replay
from tests.kg.sources.source_contract import Case


def growthbook(stack: ExitStack, folder: Path) -> Case:
    replay = stack.enter_context(Replay())
    source = GrowthbookSource("growthbook", url=replay.url, token=TOKEN, page_size=1)
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "growthbook", key)

    def change() -> None:
        replay.held["metrics"][HOURS].update(name="Hours watched")
        del replay.held["experiments"][DRAFT]

    def spoil(spoilt: EntityRef) -> None:
        """A record that is an object as expected, and lacks its name."""
        id = spoilt.key.partition("/")[0]
        for held in replay.held.values():
            if id in held:
                held[id].pop("name", None)

    return Case(
        source=source,
        known=(
            ref("metric", HOURS),
            ref("metric", SKIPS),
            ref("experiment-cell", f"{ROWS}/var_1"),
            ref("allocation", f"{ROWS}/2/var_0"),
            ref("experiment", ROWS),
            ref("experiment", DRAFT),
            ref("experiment", OLD),
        ),
        missing=(
            ref("experiment", "exp_nothing"),
            ref("experiment-cell", f"{ROWS}/var_9"),
            ref("experiment-cell", "exp_nothing/var_0"),
            ref("allocation", f"{ROWS}/3/var_0"),
            ref("metric", "met_nothing"),
            ref("metric", "fact__nothing"),
        ),
        changed=ref("metric", HOURS),
        removed=ref("experiment", DRAFT),
        change=change,
        take_down=replay.close,
        spoil=spoil,
        cut_listing=lambda: replay.answer(
            "experiments?limit=1&offset=1", {"message": "oops"}, status=500
        ),
    )
