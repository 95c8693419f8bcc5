"""SCIM as a source when servers, answers, credentials and settings are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.scim import ScimSource
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.scim_server import BASE, ERROR, TOKEN, Front, ScimServer, scim_server

ADA, HOME = "ada@example.org", "Home personalisation"


def person(key: str) -> EntityRef:
    return EntityRef("person", "people", key)


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


# --- trouble --------------------------------------------------------------------------------------


def test_a_wrong_token_is_no_deletion(server: ScimServer) -> None:
    server.user("ada", **mailbox(ADA))
    source = ScimSource("people", url=server.url, token="wrong")
    with pytest.raises(SourceUnavailable, match="refuses us"):
        source.fetch(person(ADA))
    with pytest.raises(SourceUnavailable, match="refuses us"):
        list(source.list())
    source.close()


def test_a_wrong_path_is_no_deletion(server: ScimServer) -> None:
    """The server answers 404 in SCIM's form to any path."""
    server.user("ada", **mailbox(ADA))
    source = ScimSource("people", url=server.url.removesuffix(BASE) + "/elsewhere", token=TOKEN)
    with pytest.raises(SourceUnavailable, match="has no /Users"):
        source.fetch(person(ADA))
    with pytest.raises(SourceUnavailable, match="has no /Users"):
        list(source.list())
    source.close()


@pytest.mark.parametrize("path", ["/ServiceProviderConfig", "/Users", "/Groups"])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_unavailable(
    source: ScimSource, server: ScimServer, front: Front, path: str, status: int
) -> None:
    server.user("ada", **mailbox(ADA))
    front.answer(path, {"schemas": [ERROR], "status": str(status)}, status=status)
    with pytest.raises(SourceUnavailable, match=f"answers {status}"):
        source.fetch(person(ADA))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>hello</html>",
        [],
        {},
        {"Resources": [{"id": "1", "userName": "ada"}]},
        {"totalResults": "many", "Resources": []},
        {"totalResults": 1, "Resources": {"id": "1"}},
        {"totalResults": 1, "Resources": [{"userName": ADA}]},
        {"totalResults": 1, "Resources": [{"id": "1"}]},
        {"totalResults": 1, "Resources": [{"id": "1", "userName": ADA, "active": "perhaps"}]},
        {"totalResults": 1, "Resources": [{"id": "1", "userName": ADA, "emails": ADA}]},
        {"totalResults": 1, "Resources": [{"id": "1", "userName": ADA, "name": "Ada"}]},
    ],
)
def test_an_unusable_answer(source: ScimSource, front: Front, answer: Any) -> None:
    front.answer("/Users", answer)
    with pytest.raises(BadPayload, match=r"Source 'people' on person/people/ada@example\.org: "):
        source.fetch(person(ADA))


def test_texts_of_truth(source: ScimSource, front: Front) -> None:
    user = {"id": "1", "userName": ADA, "active": "False", "emails": None, "extra": {"x": 1}}
    front.answer("/Users", {"totalResults": 1, "Resources": [user]})
    assert ("mlg:active", "false") in facts(source, source.fetch(person(ADA)))


def test_what_is_not_its_own(source: ScimSource) -> None:
    for wrong in (EntityRef("model", "people", "x"), EntityRef("person", "other", ADA)):
        with pytest.raises(NotFound, match="people"):
            source.fetch(wrong)


def test_many_threads(source: ScimSource, server: ScimServer) -> None:
    users = [server.user(f"user{number}") for number in range(6)]
    server.group(HOME, *users)
    listed = list(source.list())
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(source.fetch, listed))
    assert together == [source.fetch(known) for known in listed]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "nickname"}, "known are email, userName"),
        ({"team_key": "cn"}, "known are displayName"),
        ({"filters": "yes"}, "true or false"),
        ({"page_size": 0}, "above zero"),
        ({"remember_seconds": -1}, "above zero"),
        ({"token": "t", "username": "u"}, "one of them"),
        ({"url": "ftp://host"}, "is not like"),
    ],
)
def test_a_wrong_setting_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSetting, match=says) as refusal:
        ScimSource("people", **{"url": "http://127.0.0.1:1", **options})
    assert "[sources.people]" in str(refusal.value)
