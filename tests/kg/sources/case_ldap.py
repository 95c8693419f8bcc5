"""LDAP's case for the contract of sources: a real slapd behind a wire that can fail."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.ldap import LdapSource
from tests.kg.sources.slapd_server import BASES, GROUPS, LOGIN, Wire, slapd
from tests.kg.sources.source_contract import Case


def ldap(stack: ExitStack, folder: Path) -> Case:
    server = stack.enter_context(slapd(folder))
    wire = stack.enter_context(Wire(server.port))
    source = LdapSource("directory", url=wire.url, page_size=2, **LOGIN, **BASES)
    stack.callback(source.close)
    mia = server.person("mia", cn="Mia Lindqvist", mail="Mia.Lindqvist@example.org")
    ada = server.person("ada", manager=mia, mail="ada@example.org")
    tom = server.person("tom")
    server.person("o*(b)\\\\r ü")
    home = server.group("Home personalisation", ada, mia, description="Makes the home page fit.")
    server.group("Personalisation", home)
    server.group("a/b %c")

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "directory", key)

    def change() -> None:
        server.change(home, description=["Other."])
        server.root.delete(tom)

    spoilable = {
        ref("person", "mia.lindqvist@example.org"): "Mia.Lindqvist@example.org",
        ref("person", "ada@example.org"): "ada@example.org",
        ref("team", "Home personalisation"): "Home personalisation",
        ref("team", "Personalisation"): "Personalisation",
        ref("team", "a/b %c"): "a/b %c",
    }
    return Case(
        source=source,
        known=tuple(spoilable),
        missing=(
            ref("person", "nobody@example.org"),
            ref("person", "Mia.Lindqvist@example.org"),
            ref("person", "ada"),
            ref("person", "*"),
            ref("person", ada),
            ref("team", "home personalisation"),
            ref("team", f"cn=Personalisation,{GROUPS}"),
        ),
        changed=ref("team", "Home personalisation"),
        removed=ref("person", "tom"),
        change=change,
        take_down=wire.close,
        spoil=lambda spoilt: wire.spoil(spoilable[spoilt]),
        cut_listing=lambda: wire.cut_at("a/b %c"),
    )
