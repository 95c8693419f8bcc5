"""SCIM's case for the contract of sources: a real server behind a front that can fail."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.scim import ScimSource
from tests.kg.sources.scim_server import TOKEN, Front, scim_server
from tests.kg.sources.source_contract import Case


def scim(stack: ExitStack, folder: Path) -> Case:
    server = stack.enter_context(scim_server())
    front = stack.enter_context(Front(server.port))
    source = ScimSource("people", url=front.url, token=TOKEN, page_size=2)
    stack.callback(source.close)
    mia = server.user(
        "mia",
        displayName="Mia Lindqvist",
        emails=[{"value": "Mia.Lindqvist@example.org", "primary": True}],
    )
    ada = server.user("ada", manager=mia, emails=[{"value": "ada@example.org", "primary": True}])
    tom = server.user("tom", active=False)
    server.user('o"brien & ü')
    home = server.group("Home personalisation", ada, mia)
    server.group("Personalisation", home, kind="Group")
    server.group("a/b %c")

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "people", key)

    def change() -> None:
        server.change(f"/Users/{mia}", displayName="Mia Berg")
        server.delete(f"/Users/{tom}")

    def spoil(spoilt: EntityRef) -> None:
        nameless = {"totalResults": 1, "Resources": [{"id": "x"}]}
        front.answer("/Users" if spoilt.type == "person" else "/Groups", nameless)

    return Case(
        source=source,
        known=(
            ref("person", "mia.lindqvist@example.org"),
            ref("person", "ada@example.org"),
            ref("person", "tom"),
            ref("person", 'o"brien & ü'),
            ref("team", "Home personalisation"),
            ref("team", "Personalisation"),
            ref("team", "a/b %c"),
        ),
        missing=(
            ref("person", "nobody@example.org"),
            ref("person", "Mia.Lindqvist@example.org"),
            ref("person", mia),
            ref("team", "home personalisation"),
            ref("team", home),
        ),
        changed=ref("person", "mia.lindqvist@example.org"),
        removed=ref("person", "tom"),
        change=change,
        take_down=front.close,
        spoil=spoil,
        cut_listing=lambda: front.answer("/Groups", {"totalResults": 3, "Resources": []}),
    )
