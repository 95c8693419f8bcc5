"""LDAP as a source, over OpenLDAP's real slapd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kg import config
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources import Source
from kg.sources.ldap import LdapSource
from kg.sources.ldap.names import is_under
from kg.worker import Worker
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.slapd_server import (
    BASES,
    GROUPS,
    LOGIN,
    PEOPLE,
    SUFFIX,
    Slapd,
    slapd,
)
from tests.kg.sweeps import swept

MIA, ADA, HOME = "mia@example.org", "ada@example.org", "Home personalisation"
IN_HOME = ("mlg:memberOfTeam", "team/directory/Home%20personalisation")


def person(key: str) -> EntityRef:
    return EntityRef("person", "directory", key)


def team(key: str) -> EntityRef:
    return EntityRef("team", "directory", key)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with slapd(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture
def server(running: Slapd) -> Iterator[Slapd]:
    yield running
    running.clear()


@pytest.fixture
def source(server: Slapd) -> Iterator[LdapSource]:
    made = connected(server)
    yield made
    made.close()


def connected(server: Slapd, **options: Any) -> LdapSource:
    return LdapSource(
        "directory", **{"url": server.url, "page_size": 2, **LOGIN, **BASES, **options}
    )


# --- what becomes of what -------------------------------------------------------------------------


def test_it_is_a_source() -> None:
    source = LdapSource("directory", url="ldap://127.0.0.1", **BASES)
    assert isinstance(source, Source)
    source.close()


def test_a_person(source: LdapSource, server: Slapd) -> None:
    mia = server.person("mia", mail=MIA)
    ada = server.person(
        "ada", displayName="Ada Okafor", mail="Ada@Example.org", manager=mia, userPassword="secret"
    )
    server.group(HOME, ada, mia)
    server.group("On call", ada, kind="groupOfUniqueNames")
    server.group("unix", kind="posixGroup", gidNumber=7, memberUid=["ada"])
    server.group("Others", mia)
    found = facts(source, source.fetch(person(ADA)))
    [unique_id] = {v for n, v in found if n == "dct:identifier"} - {ADA}
    assert str(UUID(unique_id)) == unique_id
    assert found == {
        ("rdf:type", "mlg:Person"),
        ("dct:identifier", ADA),
        ("dct:identifier", unique_id),
        ("foaf:name", "Ada Okafor"),
        ("foaf:mbox", f"mailto:{ADA}"),
        ("mlg:reportsTo", f"person/directory/{MIA}"),
        IN_HOME,
        ("mlg:memberOfTeam", "team/directory/On%20call"),
        ("mlg:memberOfTeam", "team/directory/unix"),
        ("mlg:recordedBy", "source-system/directory/directory"),
    }


def test_a_team_in_a_team(source: LdapSource, server: Slapd) -> None:
    ada = server.person("ada", mail=ADA)
    home = server.group(HOME, ada, description="Makes the home page fit.")
    server.group("Engineering", home)
    found = facts(source, source.fetch(team(HOME)))
    assert {(n, v) for n, v in found if n != "dct:identifier"} == {
        ("rdf:type", "mlg:Team"),
        ("foaf:name", HOME),
        ("dct:description", "Makes the home page fit."),
        ("mlg:partOfTeam", "team/directory/Engineering"),
        ("mlg:recordedBy", "source-system/directory/directory"),
    }
    teams = {v for n, v in facts(source, source.fetch(person(ADA))) if n == "mlg:memberOfTeam"}
    assert teams == {IN_HOME[1]}


def test_membership_by_member_of(source: LdapSource, server: Slapd) -> None:
    """The overlay of slapd keeps memberOf up, for groupOfNames."""
    ada = server.person("ada", mail=ADA)
    home = server.group(HOME, ada)
    server.group("Engineering", home)
    other = connected(server, membership="memberOf")
    assert IN_HOME in facts(other, other.fetch(person(ADA)))
    assert other.fetch(person(ADA)) == source.fetch(person(ADA))
    assert other.fetch(team(HOME)) == source.fetch(team(HOME))
    server.root.delete(home)
    assert IN_HOME not in facts(other, other.fetch(person(ADA)))
    assert IN_HOME not in facts(source, source.fetch(person(ADA)))
    other.close()


def test_names_with_everything_that_ldap_gives_a_meaning_to(
    source: LdapSource, server: Slapd
) -> None:
    odd = 'a, b+c "d" <e>;f=g\\h*(i)#ü'
    escaped = "".join(f"\\{byte:02x}" for byte in odd.encode())
    ada = server.person("ada", under=PEOPLE, mail=ADA)
    boss = f"uid={escaped},{PEOPLE}"
    server.add(boss, "inetOrgPerson", {"cn": "Boss", "sn": "Boss"})
    group = f"cn={escaped},{GROUPS}"
    server.add(group, "groupOfNames", {"member": [ada, boss]})
    server.change(ada, manager=[boss])
    assert set(source.list()) == {person(ADA), person(odd), team(odd)}
    assert not source.fetch(team(odd)).gone
    payload = source.fetch(person(ADA)).documents[0].payload
    assert payload["manager"] == odd
    assert payload["teams"] == [odd]
    assert source.fetch(person(odd)).documents[0].payload["teams"] == [odd]
    trusting = connected(server, membership="memberOf")
    assert trusting.fetch(person(odd)) == source.fetch(person(odd))
    trusting.close()


@pytest.mark.parametrize("key", ["*", "a*", "ad)(uid=*", "\\2a", "x" * 1500, "ü"])
def test_a_key_is_no_filter(source: LdapSource, server: Slapd, key: str) -> None:
    server.person("ada")
    assert source.fetch(person(key)).gone
    assert source.fetch(team(key)).gone
    assert not source.fetch(person("ada")).gone


def test_of_several_addresses_the_first_in_the_alphabet_counts(
    source: LdapSource, server: Slapd
) -> None:
    server.person("ada", mail=["okafor@example.org", "Ada@example.org"])
    assert set(source.list()) == {person(ADA)}
    assert ("foaf:mbox", f"mailto:{ADA}") in facts(source, source.fetch(person(ADA)))
    assert source.fetch(person("okafor@example.org")).gone


def test_a_group_is_known_by_the_name_in_its_dn(source: LdapSource, server: Slapd) -> None:
    ada = server.person("ada", mail=ADA)
    server.add(f"cn=Home,{GROUPS}", "groupOfNames", {"cn": ["Home", "A1"], "member": [ada]})
    assert set(source.list()) == {person(ADA), team("Home")}
    assert source.fetch(team("A1")).gone
    assert ("mlg:memberOfTeam", "team/directory/Home") in facts(source, source.fetch(person(ADA)))


def test_entries_with_one_key_are_one_person(source: LdapSource, server: Slapd) -> None:
    then = server.person("ada-old", mail=ADA)
    now = server.person("ada", mail=ADA.upper(), cn="Ada")
    server.group("Then", then)
    server.group("Now", now)
    found = facts(source, source.fetch(person(ADA)))
    assert {value for name, value in found if name == "foaf:name"} == {"Ada"}
    assert {value for name, value in found if name == "mlg:memberOfTeam"} == {
        "team/directory/Then",
        "team/directory/Now",
    }
    assert list(source.list()) == [person(ADA), team("Then"), team("Now")]


@pytest.mark.parametrize("membership", ["member", "memberOf"])
def test_a_listing_shows_what_fetching_would_find(server: Slapd, membership: str) -> None:
    """Every way to be a member, a manager in another spelling, shared keys and odd names."""
    mia = server.person("mia", mail=MIA)
    ada = server.person("ada", mail=["okafor@example.org", "Ada@Example.org"], manager=mia.upper())
    old = server.person("ada-old", mail=ADA.upper(), manager=ada)
    server.person("tom", manager="cn=somebody,dc=elsewhere")
    server.person(MIA)  # whose login is the address of another
    odd = "".join(f"\\{byte:02x}" for byte in 'a, b+c "d" <e>;f=g*(i)#ü'.encode())
    server.add(f"uid={odd},{PEOPLE}", "inetOrgPerson", {"cn": "Odd", "sn": "Odd"})
    home = server.group(HOME, ada.upper(), f"uid={odd},{PEOPLE}")
    server.group("On call", old, kind="groupOfUniqueNames")
    server.group("unix", kind="posixGroup", gidNumber=7, memberUid=["ada", "tom", "nobody"])
    server.group("Engineering", home, mia)
    server.group("Round", f"cn=Trip,{GROUPS}")
    server.group("Trip", f"cn=Round,{GROUPS}")
    source = connected(server, membership=membership)
    whole = list(source.list_whole())
    assert [found.ref for found in whole if isinstance(found, Snapshot)] == list(source.list())
    assert whole == [source.fetch(ref) for ref in source.list()]
    source.close()


def test_a_sweep_asks_for_whom_a_change_of_a_group_concerns(
    server: Slapd, source: LdapSource, tmp_path: Path
) -> None:
    ada, mia = server.person("ada", mail=ADA), server.person("mia", mail=MIA)
    home = server.group(HOME, ada, mia)
    settings = config.load(environ={}, data_dir=str(tmp_path))
    with Worker(settings, sources={source.name: source}) as worker:
        assert swept(worker, source).told == 3
        worker.drain()
        assert swept(worker, source).told == 0
        server.change(home, member=[ada])
        assert swept(worker, source).told == 1
        assert worker.drain().changed == 1
        assert IN_HOME not in facts(source, source.fetch(person(MIA)))


def test_the_active_entry_describes_the_person(source: LdapSource, server: Slapd) -> None:
    for uid, control in (("a", 514), ("b", 512), ("c", 514)):
        account = {"cn": uid, "sn": uid, "mail": ADA, "userAccountControl": control}
        server.add(f"uid={uid},{PEOPLE}", "inetOrgPerson extensibleObject", account)
    found = facts(source, source.fetch(person(ADA)))
    assert {("foaf:name", "b"), ("mlg:active", "true")} <= found


def test_a_manager_elsewhere_is_nobodys(source: LdapSource, server: Slapd) -> None:
    server.person("ada", mail=ADA, manager=f"uid=nobody,{PEOPLE}")
    server.person("tom", manager=LOGIN["bind_dn"])
    server.person("eva", manager=f"uid=eva,{PEOPLE}")
    outside = server.person("boss", under=SUFFIX)
    server.person("kim", manager=outside)
    try:
        for key in (ADA, "tom", "eva", "kim"):
            assert source.fetch(person(key)).documents[0].payload["manager"] == "", key
    finally:
        server.root.delete(outside)


@pytest.mark.parametrize(("control", "active"), [(512, "true"), (514, "false")])
def test_active_directory_says_who_left(
    source: LdapSource, server: Slapd, control: int, active: str
) -> None:
    """Its attribute, in slapd."""
    account = {"cn": "Ada", "sn": "O", "uid": "ada", "mail": ADA, "userAccountControl": control}
    server.add(f"uid=ada,{PEOPLE}", "inetOrgPerson extensibleObject", account)
    assert ("mlg:active", active) in facts(source, source.fetch(person(ADA)))


def test_who_is_deleted_is_gone(source: LdapSource, server: Slapd) -> None:
    ada = server.person("ada", mail=ADA)
    home = server.group(HOME, ada)
    assert not source.fetch(person(ADA)).gone
    server.root.delete(home)
    server.root.delete(ada)
    assert source.fetch(person(ADA)).gone
    assert source.fetch(team(HOME)).gone
    assert list(source.list()) == []


def test_only_what_is_filtered(server: Slapd) -> None:
    server.person("ada", mail=ADA, employeeType="staff")
    server.person("bot", mail="bot@example.org", employeeType="robot")
    source = connected(server, people_filter="(employeeType=staff)")
    assert list(source.list()) == [person(ADA)]
    assert source.fetch(person("bot@example.org")).gone
    source.close()


def test_other_attributes_as_keys(server: Slapd) -> None:
    ada = server.person("ada", mail=ADA, employeeNumber="0042")
    server.add(f"cn=x,{GROUPS}", "groupOfNames", {"member": [ada], "ou": "HR-7"})
    source = connected(server, key="employeeNumber", team_key="ou")
    assert set(source.list()) == {person("0042"), team("HR-7")}
    assert ("mlg:memberOfTeam", "team/directory/HR-7") in facts(
        source, source.fetch(person("0042"))
    )
    assert not source.fetch(team("HR-7")).gone
    source.close()


# --- listing --------------------------------------------------------------------------------------


def test_pages_are_read_to_the_end(source: LdapSource, server: Slapd) -> None:
    """Over the limit of answers that hold for a search without pages."""
    for number in range(7):
        server.person(f"user{number}")
    server.group(HOME)
    assert list(source.list()) == [*(person(f"user{number}") for number in range(7)), team(HOME)]


def test_who_has_no_name_is_left_out(
    source: LdapSource, server: Slapd, caplog: pytest.LogCaptureFixture
) -> None:
    server.add(f"cn=printer,{PEOPLE}", "person", {"sn": "printer"})
    server.person("ada")
    assert list(source.list()) == [person("ada")]
    assert "cn=printer" in caplog.text


def test_a_listing_that_is_not_read_on_takes_nothing_with_it(
    source: LdapSource, server: Slapd
) -> None:
    for number in range(5):
        server.person(f"user{number}")
    for _ in range(6):
        assert next(source.list()) == person("user0")
    assert len(list(source.list())) == 5


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dn", "under"),
    [
        ("uid=ada,ou=people,dc=example,dc=org", True),
        ("UID=ada, OU=People , dc=EXAMPLE,dc=org", True),
        ("uid=ada,ou=p\\65ople,dc=example,dc=org", True),
        ("uid=a#b=c\\ ,ou=people,dc=example,dc=org", True),
        ("uid=a+cn=b;ou=people,dc=example,dc=org", True),
        ("ou=people,dc=example,dc=org", True),
        ("ou=people ,dc=example,dc=org\\ ", False),
        ("", False),
        ("uid=a,,dc=org", False),
        ("uid=a\\", False),
        ("uid=a\\,b,ou=people,dc=example,dc=org", True),
        ("uid=ada,ou=others,dc=example,dc=org", False),
        ("uid=ada\\,ou=people,dc=example,dc=org", False),
        ("dc=org", False),
        ("nonsense", False),
    ],
)
def test_where_a_name_is(dn: str, under: bool) -> None:
    assert is_under(dn, PEOPLE) is under
