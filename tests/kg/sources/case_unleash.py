"""Unleash as it was recorded, and its place in the contract."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.unleash import UnleashSource
from tests.kg.sources.source_contract import Case
from tests.kg.sources.unleash_replay import TOKEN, Replay, recorded


def unleash(stack: ExitStack, folder: Path) -> Case:
    replay = stack.enter_context(Replay())
    source = UnleashSource("unleash", url=replay.url, token=TOKEN, page_size=2)
    stack.callback(source.close)
    strategies = recorded("built", "strategies")

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "unleash", key)

    def spoil(spoilt: EntityRef) -> None:
        """A flag that is an object as expected, and lacks what it is known by."""
        project, name = spoilt.key.split("/")[:2]
        path = f"projects/{project}/features/{name}"
        replay.answer(path, {n: v for n, v in replay.answer_of(path).items() if n != "name"})

    return Case(
        source=source,
        known=(
            ref("experiment-cell", "default/home-rows/control"),
            ref("experiment-cell", "default/by-release/c.3"),
            ref("allocation", f"default/home-rows/production/{strategies['swedes']}/control"),
            ref("experiment", "default/home-rows"),
            ref("experiment", "default/by-release"),
            ref("experiment", "default/draft"),
            ref("experiment", "default/by-token"),
        ),
        missing=(
            ref("experiment", "default/no-such-flag"),
            ref("experiment", "default/given-up"),
            ref("experiment", "default/switch"),
            ref("experiment", "nowhere/home-rows"),
            ref("experiment-cell", "default/home-rows/nobody"),
            ref("experiment-cell", "default/no-such-flag/control"),
            ref("allocation", "default/home-rows/production/0/control"),
        ),
        changed=ref("experiment", "default/home-rows"),
        removed=ref("experiment", "default/by-release"),
        change=lambda: replay.load("changed"),
        take_down=replay.close,
        spoil=spoil,
        cut_listing=lambda: replay.answer(
            "search/features?offset=2", {"name": "InternalError", "message": "oops"}, status=500
        ),
    )
