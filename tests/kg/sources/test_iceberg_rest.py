"""Another kind of Iceberg catalogue, REST, in front of the same real tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.iceberg import IcebergSource
from kg.sources.iceberg.rest import BoundCatalog
from tests.kg.sources.case_iceberg import Lake, lake_source
from tests.kg.sources.iceberg_rest import Facade
from tests.kg.sources.raw_server import DRIPS, Server, serving


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path / "lake")
    made.fill()
    yield made
    made.close()


def dataset(key: str) -> EntityRef:
    return EntityRef("dataset", "lake", key)


def test_a_rest_catalogue_tells_the_same(lake: Lake) -> None:
    source = lake_source(lake.url)
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
        refs = set(source.list())
        assert set(rest.list()) == refs
        for ref in refs:
            assert rest.fetch(ref) == source.fetch(ref)
        assert rest.fetch(dataset("media.none")).gone
        assert rest.fetch(dataset("none.such")).gone
        rest.close()
    source.close()


@pytest.mark.parametrize("status", [404, 500, 503, 401, 403])
def test_a_refusal_of_everything_is_not_a_lake_without_tables(lake: Lake, status: int) -> None:
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
        rest.fetch(dataset("media.plays"))
        facade.refuse_with = status
        with pytest.raises(SourceUnavailable):
            rest.fetch(dataset("media.plays"))
        with pytest.raises(SourceUnavailable):
            list(rest.list())
        rest.close()


def test_a_rest_catalogue_that_does_not_answer(lake: Lake) -> None:
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
    with pytest.raises(SourceUnavailable):
        rest.fetch(dataset("media.plays"))


# --- whom it asks ---------------------------------------------------------------------------------

SIGNED = {
    "rest.sigv4-enabled": "true",
    "rest.signing-region": "eu-north-1",
    "client.region": "eu-north-1",
    "client.access-key-id": "key",
    "client.secret-access-key": "secret",
}


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def says(payload: dict[str, Any]) -> bytes:
    body = json.dumps(payload).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("where", ["http://{other}", "http://{other}\\@{own}/", "//{other}"])
def test_a_catalogue_cannot_move_itself(lake: Lake, where: str) -> None:
    with Facade(lake.catalog) as facade, serving() as elsewhere:
        own, other = facade.url.removeprefix("http://"), f"127.0.0.1:{elsewhere.port}"
        rest = IcebergSource("lake", url=facade.url, catalog="lake", token="s3cret")
        facade.told = {"defaults": {}, "overrides": {"uri": where.format(own=own, other=other)}}
        with pytest.raises((SourceUnavailable, BadPayload), match="'lake'"):
            rest.fetch(dataset("media.plays"))
        assert elsewhere.connected == 0
        rest.close()


def test_what_a_catalogue_that_moves_itself_has_to_correct_is_told(lake: Lake) -> None:
    with Facade(lake.catalog) as facade, serving() as elsewhere:
        rest = IcebergSource("lake", url=facade.url, catalog="lake")
        facade.told = {"defaults": {}, "overrides": {"uri": address(elsewhere)}}
        with pytest.raises(SourceUnavailable, match=rf"'lake'.*:{elsewhere.port}.* url .*correct"):
            rest.fetch(dataset("media.plays"))
        facade.told = {"defaults": {"uri": address(elsewhere)}, "overrides": {"uri": facade.url}}
        assert not rest.fetch(dataset("media.plays")).gone, "it is looked at anew"
        assert elsewhere.connected == 0
        rest.close()


@pytest.mark.parametrize("properties", [{}, SIGNED], ids=["token", "signed"])
def test_a_redirect_is_not_followed(properties: dict[str, str]) -> None:
    with serving() as catalogue, serving() as elsewhere:
        there = address(elsewhere).encode()
        catalogue.answer = (
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + there + b"/v1/config\r\n\r\n"
        )
        rest = IcebergSource("lake", url=address(catalogue), token="s3cret", properties=properties)
        with pytest.raises(SourceUnavailable, match=r"'lake'.*redirects.*correct url"):
            rest.fetch(dataset("media.plays"))
        assert elsewhere.connected == 0
        assert (b"AWS4-HMAC" in catalogue.asked[0]) is bool(properties)
        rest.close()


@pytest.mark.filterwarnings("ignore:Deprecated in 0.8.0")
def test_a_credential_goes_to_the_host_in_the_settings_alone() -> None:
    token = says({"access_token": "a", "token_type": "bearer"})
    with serving() as catalogue, serving(token) as elsewhere:
        moved = says({"overrides": {"oauth2-server-uri": address(elsewhere)}, "defaults": {}})
        catalogue.first = [token, moved]
        rest = IcebergSource("lake", url=address(catalogue), credential="id:s3cret")
        with pytest.raises(SourceUnavailable, match=rf"sends us to .*:{elsewhere.port}"):
            rest.fetch(dataset("media.plays"))
        assert b"s3cret" in catalogue.asked[0]
        assert elsewhere.connected == 0
        rest.close()


def test_who_signs_in_may_be_another_host_by_the_settings(lake: Lake) -> None:
    token = says({"access_token": "a", "token_type": "bearer"})
    with Facade(lake.catalog) as facade, serving(token) as signing:
        properties = {"oauth2-server-uri": address(signing)}
        rest = IcebergSource("lake", url=facade.url, credential="id:x", properties=properties)
        assert not rest.fetch(dataset("media.plays")).gone
        assert signing.connected
        rest.close()


@pytest.mark.parametrize("kind", ["defaults", "overrides"])
def test_how_we_sign_in_is_not_for_the_catalogue_to_say(lake: Lake, kind: str) -> None:
    with Facade(lake.catalog) as facade, serving() as elsewhere:
        asking = {"client_id": "a", "client_secret": "b", "token_url": address(elsewhere)}
        facade.told = {
            "defaults": {},
            "overrides": {},
            kind: {"auth": {"type": "oauth2", "oauth2": asking}},
        }
        rest = lake_source(facade.url)
        with pytest.raises(SourceUnavailable, match="'auth'"):
            rest.fetch(dataset("media.plays"))
        assert elsewhere.connected == 0
        rest.close()


def test_where_files_are_does_not_matter_since_none_is_read(lake: Lake) -> None:
    source = lake_source(lake.url)
    with Facade(lake.catalog) as facade, serving() as elsewhere:
        told = {"s3.endpoint": address(elsewhere), "py-io-impl": "no.such.FileIO"}
        facade.told = {"defaults": {}, "overrides": told}
        facade.told_of_tables = told
        rest = lake_source(facade.url)
        ref = dataset("media.plays")
        assert rest.fetch(ref) == source.fetch(ref)
        assert elsewhere.connected == 0
        rest.close()
    source.close()


# --- how long it waits ----------------------------------------------------------------------------


def test_a_catalogue_that_takes_a_request_and_says_nothing_is_down() -> None:
    with serving() as silent:
        silent.may_answer.clear()
        rest = IcebergSource("lake", url=address(silent), timeout_seconds=0.2)
        with pytest.raises(SourceUnavailable, match="timed out"):
            rest.fetch(dataset("media.plays"))
        with pytest.raises(SourceUnavailable, match="timed out"):
            list(rest.list())
        rest.close()


def test_who_waits_for_a_silent_catalogue_does_not_ask_after_the_end() -> None:
    with serving() as silent, ThreadPoolExecutor(4) as threads:
        silent.may_answer.clear()
        rest = IcebergSource("lake", url=address(silent), timeout_seconds=1)
        running = [threads.submit(rest.fetch, dataset("media.plays")) for _ in range(4)]
        assert silent.at_work.acquire(timeout=5)
        rest.close()
        errors = [one.exception() for one in running]
        assert sorted(type(error).__name__ for error in errors) == [
            *["SourceClosed"] * 3,
            "SourceUnavailable",
        ]
        assert len(silent.asked) == 1


def test_an_answer_that_drips_for_ever_ends() -> None:
    with serving(DRIPS) as server:
        server.drips = True
        settings = {"uri": address(server)}
        with pytest.raises(TimeoutError, match=r"not whole after 0\.5 s"):
            BoundCatalog("lake", properties=settings, timeout_seconds=5, whole_seconds=0.5)
