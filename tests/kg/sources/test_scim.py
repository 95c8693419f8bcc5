"""SCIM as a source, over a real scim2-server and over servers that can do less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.errors import SourceUnavailable
from kg.iris import EntityRef
from kg.normalise import Contexts, normalise
from kg.sources import Source
from kg.sources.scim import ScimSource
from kg.terms import text_of
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.scim_server import TOKEN, Front, ScimServer, scim_server
from tests.kg.sources.source_contract import MINTER

MIA, ADA, HOME = "mia@example.org", "ada@example.org", "Home personalisation"
NO_FILTERS = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
    "filter": {"supported": False},
    "etag": {"supported": False},
}


def person(key: str) -> EntityRef:
    return EntityRef("person", "people", key)


def team(key: str) -> EntityRef:
    return EntityRef("team", "people", key)


def mailbox(address: str) -> dict[str, Any]:
    return {"emails": [{"value": address, "primary": True}]}


@pytest.fixture(scope="module")
def running() -> Iterator[ScimServer]:
    with scim_server() as server:
        yield server


@pytest.fixture
def server(running: ScimServer) -> Iterator[ScimServer]:
    yield running
    for path in ("/Groups", "/Users"):
        for record in running.call("GET", path).get("Resources", []):
            running.delete(f"{path}/{record['id']}")


@pytest.fixture
def front(server: ScimServer) -> Iterator[Front]:
    with Front(server.port) as running:
        yield running


@pytest.fixture
def source(front: Front) -> Iterator[ScimSource]:
    made = ScimSource("people", url=front.url, token=TOKEN, page_size=2)
    yield made
    made.close()


@pytest.fixture
def listing_source(front: Front) -> Iterator[ScimSource]:
    """Of a server that offers no filters and fails on paging."""
    front.answer("/ServiceProviderConfig", NO_FILTERS)
    front.refuses_paging = True
    made = ScimSource("people", url=front.url, token=TOKEN, page_size=2)
    yield made
    made.close()


# --- what becomes of what -------------------------------------------------------------------------


def test_it_is_a_source() -> None:
    source = ScimSource("people", url="http://127.0.0.1:1")
    assert isinstance(source, Source)
    source.close()


def test_a_person(source: ScimSource, server: ScimServer) -> None:
    mia = server.user("mia", **mailbox("Mia@Example.org"))
    ada = server.user(
        "ada",
        manager=mia,
        displayName="Ada Okafor",
        active=True,
        emails=[
            {"value": "ada@home.example", "type": "home"},
            {"value": "Ada@example.org", "type": "work", "primary": True},
        ],
    )
    server.group(HOME, ada, mia)
    server.group("On call", ada)
    server.group("Others", mia)
    assert facts(source, source.fetch(person(ADA))) == {
        ("rdf:type", "mlg:Person"),
        ("dct:identifier", ADA),
        ("dct:identifier", ada),
        ("foaf:name", "Ada Okafor"),
        ("foaf:mbox", f"mailto:{ADA}"),
        ("mlg:active", "true"),
        ("mlg:reportsTo", f"person/people/{MIA}"),
        ("mlg:memberOfTeam", "team/people/Home%20personalisation"),
        ("mlg:memberOfTeam", "team/people/On%20call"),
        ("mlg:recordedBy", "source-system/people/people"),
    }


def test_a_team_in_a_team(source: ScimSource, server: ScimServer) -> None:
    ada = server.user("ada", **mailbox(ADA))
    home = server.group(HOME, ada)
    server.group("Engineering", home, kind="Group")
    assert facts(source, source.fetch(team(HOME))) == {
        ("rdf:type", "mlg:Team"),
        ("dct:identifier", HOME),
        ("dct:identifier", home),
        ("foaf:name", HOME),
        ("mlg:partOfTeam", "team/people/Engineering"),
        ("mlg:recordedBy", "source-system/people/people"),
    }
    members = {v for n, v in facts(source, source.fetch(person(ADA))) if n == "mlg:memberOfTeam"}
    assert members == {"team/people/Home%20personalisation"}


def test_a_person_who_left_is_not_gone(source: ScimSource, server: ScimServer) -> None:
    user = server.user("tom", active=True, name={"givenName": "Tom", "familyName": "Reyes"})
    assert ("mlg:active", "true") in facts(source, source.fetch(person("tom")))
    server.change(f"/Users/{user}", active=False)
    found = facts(source, source.fetch(person("tom")))
    assert ("mlg:active", "false") in found
    assert ("foaf:name", "Tom Reyes") in found
    assert not any(name == "foaf:mbox" for name, _ in found)
    server.delete(f"/Users/{user}")
    assert source.fetch(person("tom")).gone


def test_a_manager_who_is_gone_is_nobodys(source: ScimSource, server: ScimServer) -> None:
    mia = server.user("mia", **mailbox(MIA))
    server.user("ada", manager=mia, **mailbox(ADA))
    assert "mlg:reportsTo" in {name for name, _ in facts(source, source.fetch(person(ADA)))}
    server.delete(f"/Users/{mia}")
    assert "mlg:reportsTo" not in {name for name, _ in facts(source, source.fetch(person(ADA)))}


def test_accounts_with_one_key_are_one_person(source: ScimSource, server: ScimServer) -> None:
    old = server.user("ada-old", active=False, displayName="Old", **mailbox(ADA))
    new = server.user("ada", active=True, displayName="Ada", **mailbox("ADA@example.org"))
    server.group("Then", old)
    server.group("Now", new)
    found = facts(source, source.fetch(person(ADA)))
    assert {value for name, value in found if name == "foaf:name"} == {"Ada"}
    assert {value for name, value in found if name == "mlg:memberOfTeam"} == {
        "team/people/Then",
        "team/people/Now",
    }
    assert list(source.list()).count(person(ADA)) == 1


@pytest.mark.parametrize("active", ["1", "2"])
def test_the_active_account_describes_the_person(
    source: ScimSource, front: Front, active: str
) -> None:
    users = [
        {"id": number, "userName": number, "displayName": number, "active": number == active}
        | mailbox(ADA)
        for number in ("1", "2")
    ]
    front.answer("/Users", {"totalResults": 2, "Resources": users})
    found = facts(source, source.fetch(person(ADA)))
    assert {("foaf:name", active), ("mlg:active", "true")} <= found


def test_a_second_address_is_no_key(source: ScimSource, server: ScimServer) -> None:
    second = {"value": "mia@example.com", "type": "home"}
    server.user("mia", emails=[second, {"value": MIA, "type": "work"}])
    assert not source.fetch(person(MIA)).gone
    assert source.fetch(person("mia@example.com")).gone


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("email", ADA),
        ("userName", "ada"),
        ("externalId", "HR-7"),
        ("employeeNumber", "0042"),
    ],
)
def test_a_person_is_known_by_what_is_set(
    server: ScimServer, front: Front, setting: str, key: str
) -> None:
    extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    server.user("ada", externalId="HR-7", **{extension: {"employeeNumber": "0042"}}, **mailbox(ADA))
    server.user("bot")
    source = ScimSource("people", url=front.url, token=TOKEN, key=setting)
    assert set(source.list()) == {person(key), person("bot")}
    assert not source.fetch(person(key)).gone
    assert not source.fetch(person("bot")).gone
    source.close()


def test_ids_as_keys(server: ScimServer, front: Front) -> None:
    ada = server.user("ada", **mailbox(ADA))
    home = server.group(HOME, ada)
    source = ScimSource("people", url=front.url, token=TOKEN, key="id", team_key="id")
    assert set(source.list()) == {person(ada), team(home)}
    assert ("mlg:memberOfTeam", f"team/people/{home}") in facts(source, source.fetch(person(ada)))
    server.delete(f"/Groups/{home}")
    assert source.fetch(team(home)).gone
    source.close()


def test_other_systems_owners_are_these_people(source: ScimSource, server: ScimServer) -> None:
    """The settings ``links`` of others lead here, and ours may lead elsewhere."""
    mia = server.user("mia", **mailbox(MIA))
    server.user("ada", manager=mia, **mailbox(ADA))
    contexts = Contexts(source.contexts, source="people", links={"person": "hr"}, minter=MINTER)
    [entity] = normalise([source.fetch(person(ADA))], contexts=contexts).entities
    manager = [text_of(v) for _, p, v in entity.statements if p.endswith("/reportsTo")]
    assert manager == [f"{MINTER.base}/id/person/hr/{MIA}"]


# --- listing --------------------------------------------------------------------------------------


def test_pages_are_read_to_the_end(source: ScimSource, server: ScimServer, front: Front) -> None:
    made = {server.user(f"user{number}") for number in range(5)}
    server.group(HOME)
    assert len(made) == 5
    listed = list(source.list())
    assert sorted(listed) == [*(person(f"user{number}") for number in range(5)), team(HOME)]
    assert sum(path.startswith("/Users") for path in front.asked) == 3


def test_a_page_that_comes_again_is_no_listing(source: ScimSource, front: Front) -> None:
    same = {"totalResults": 4, "Resources": [{"id": "1", "userName": "a"}] * 2}
    front.answer("/Users", same)
    with pytest.raises(SourceUnavailable, match="1 of 4 in /Users"):
        list(source.list())


def test_what_cannot_be_named_is_left_out(
    source: ScimSource, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    users = [{"id": "1", "userName": "a\nb"}, {"id": "2", "userName": "ada"}]
    front.answer("/Users", {"totalResults": 2, "Resources": users})
    assert list(source.list()) == [person("ada")]
    assert "a\\nb" in caplog.text


# --- servers that can do less ---------------------------------------------------------------------


def test_a_real_server_that_offers_no_filters(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(NO_FILTERS), "utf-8")
    with scim_server(config=config) as server, Front(server.port) as front:
        mia = server.user("mia", **mailbox(MIA))
        ada = server.user("ada", manager=mia, **mailbox("Ada@Example.org"))
        home = server.group(HOME, ada)
        server.group("Engineering", home, kind="Group")
        source = ScimSource("people", url=front.url, token=TOKEN, page_size=2)
        assert {
            ("mlg:memberOfTeam", "team/people/Home%20personalisation"),
            ("mlg:reportsTo", f"person/people/{MIA}"),
        } <= facts(source, source.fetch(person(ADA)))
        inside = ("mlg:partOfTeam", "team/people/Engineering")
        assert inside in facts(source, source.fetch(team(HOME)))
        assert not any("filter=" in path for path in front.asked)
        assert len(list(source.list())) == 4
        server.delete(f"/Users/{ada}")
        assert source.fetch(person(ADA)).gone
        source.close()


def test_no_paging_is_sent_to_a_server_that_fails_on_it(
    listing_source: ScimSource, server: ScimServer, front: Front
) -> None:
    users = [server.user(f"user{number}") for number in range(5)]
    server.group(HOME, users[0])
    assert len(list(listing_source.list())) == 6
    found = facts(listing_source, listing_source.fetch(person("user0")))
    assert ("mlg:memberOfTeam", "team/people/Home%20personalisation") in found
    assert not any("startIndex" in path or "count" in path for path in front.asked)


def test_a_server_that_pages_without_a_word(listing_source: ScimSource, front: Front) -> None:
    """It is asked for the rest, since it says that there is more."""
    first, second = ({"id": name, "userName": name} for name in ("ada", "mia"))
    front.refuses_paging = False
    front.answer("/Users?startIndex=2", {"totalResults": 2, "Resources": [second]})
    front.answer("/Users", {"totalResults": 2, "Resources": [first]})
    assert list(listing_source.list()) == [person("ada"), person("mia")]


def test_members_by_user_name(listing_source: ScimSource, server: ScimServer, front: Front) -> None:
    server.user("ada", **mailbox(ADA))
    groups = [{"id": "g", "displayName": HOME, "members": [{"value": "ada"}]}]
    front.answer("/Groups", {"totalResults": 1, "Resources": groups})
    found = facts(listing_source, listing_source.fetch(person(ADA)))
    assert ("mlg:memberOfTeam", "team/people/Home%20personalisation") in found


def test_who_came_after_the_listing_is_found(
    listing_source: ScimSource, server: ScimServer
) -> None:
    assert listing_source.fetch(person(ADA)).gone
    user = server.user("ada", **mailbox(ADA))
    assert not listing_source.fetch(person(ADA)).gone
    server.change(f"/Users/{user}", emails=[{"value": MIA, "primary": True}])
    assert listing_source.fetch(person(ADA)).gone
    assert not listing_source.fetch(person(MIA)).gone


def test_a_listing_is_remembered_for_a_while(
    listing_source: ScimSource, server: ScimServer, front: Front
) -> None:
    for number in range(3):
        server.user(f"user{number}")
    for number in range(3):
        assert not listing_source.fetch(person(f"user{number}")).gone
    assert front.asked.count("/Users") == 1
    assert sum(path.startswith("/Users/") for path in front.asked) == 3


def test_a_filter_that_is_refused_is_not_needed(
    source: ScimSource, server: ScimServer, front: Front
) -> None:
    ada = server.user("ada", **mailbox(ADA))
    server.group(HOME, ada)
    front.refuses_filters_by = "members"
    for _ in range(2):
        found = facts(source, source.fetch(person(ADA)))
        assert ("mlg:memberOfTeam", "team/people/Home%20personalisation") in found
    assert sum("filter=members" in path for path in front.asked) == 1
    front.refuses_filters_by = "emails"
    assert not source.fetch(person(ADA)).gone


def test_a_filter_that_does_not_filter_misleads_nobody(
    source: ScimSource, server: ScimServer, front: Front
) -> None:
    server.user("ada", **mailbox(ADA))
    groups = [{"id": "g", "displayName": HOME, "members": [{"value": "another"}]}]
    front.answer("/Groups", {"totalResults": 1, "Resources": groups})
    assert "mlg:memberOfTeam" not in {name for name, _ in facts(source, source.fetch(person(ADA)))}
    assert source.fetch(team("Others")).gone


def test_filters_can_be_forbidden(server: ScimServer, front: Front) -> None:
    server.user("ada", **mailbox(ADA))
    source = ScimSource("people", url=front.url, token=TOKEN, filters=False)
    assert not source.fetch(person(ADA)).gone
    assert not any("filter=" in path for path in front.asked)
    source.close()
