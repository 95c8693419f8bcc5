"""The case of tools joined by settings for the contract of sources: a small real tool."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg import config
from kg.iris import EntityRef
from kg.sources import connect
from tests.kg.sources.rest_tool import TOKEN, Desk
from tests.kg.sources.source_contract import Case


def rest(stack: ExitStack, folder: Path) -> Case:
    desk = stack.enter_context(Desk())
    environ = {"DESK_TOKEN": TOKEN, "DESK_HOOK": "s3cret"}
    settings = config.load(desk.settings(folder), environ=environ)
    source = connect(settings.sources["desk"])
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "desk", key)

    def spoil(spoilt: EntityRef) -> None:
        desk.answer("services/", {"data": {"title": "no slug"}})
        desk.answer("deployments/", {"number": 7, "title": "of no service"})

    return Case(
        source=source,
        known=(
            ref("service", "home-ranking"),
            ref("service", "search"),
            ref("service", "a/b %c ü"),
            ref("deployment", "home-ranking/7"),
            ref("deployment", "a/b %c ü/1"),
        ),
        missing=(
            ref("service", "home-rankin"),
            ref("deployment", "home-ranking/9"),
            ref("deployment", "search/1"),
        ),
        changed=ref("service", "home-ranking"),
        removed=ref("service", "search"),
        change=desk.change,
        take_down=desk.close,
        spoil=spoil,
        cut_listing=lambda: desk.answer("deployments?archived=yes&after=", "oops", status=500),
    )
