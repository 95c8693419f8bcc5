"""A new tool joins by its settings alone, and all the ways in which tools answer."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kg import config, iris
from kg.config import Settings
from kg.errors import BadPayload, NotAuthentic, NotFound, SourceUnavailable
from kg.iris import EntityRef, term
from kg.model import Event, Snapshot
from kg.service import Service
from kg.sources import Source, connect
from kg.sources.rest import RestSource
from kg.terms import text_of
from kg.worker import Worker
from tests.kg.graphs import BASE, MINTER
from tests.kg.sources.case_rest import rest
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.rest_tool import CONTEXT, SERVICES, TOKEN, Desk
from tests.kg.sources.source_contract import CHECKS, Case
from tests.kg.sweeps import swept

ENVIRON = {"DESK_TOKEN": TOKEN, "DESK_HOOK": "s3cret"}
SLUGS = [record["slug"] for record in SERVICES]
Make = Callable[..., RestSource]


@pytest.fixture
def settings(desk: Desk, tmp_path: Path) -> Settings:
    return config.load(desk.settings(tmp_path), environ=ENVIRON, data_dir=str(tmp_path / "data"))


@pytest.fixture
def source(settings: Settings) -> Iterator[Source]:
    connected = connect(settings.sources["desk"])
    yield connected
    connected.close()


@pytest.fixture
def make(desk: Desk, tmp_path: Path) -> Iterator[Make]:
    """A source of services with the given settings of the type, and of the source in ``over``."""
    made = []
    desk.settings(tmp_path)

    def build(over: dict[str, Any] | None = None, **kind: Any) -> RestSource:
        table = {"all": "services", "one": "services/{key}", "record": "data", "key": "slug"}
        given = {
            "url": desk.url,
            "contexts": str(tmp_path / "contexts"),
            "token": TOKEN,
            "types": {"service": {k: v for k, v in {**table, **kind}.items() if v is not None}},
        }
        made.append(RestSource("desk", **{**given, **(over or {})}))
        return made[-1]

    yield build
    for one in made:
        one.close()


def service(key: str) -> EntityRef:
    return EntityRef("service", "desk", key)


def keys(source: Source | RestSource) -> list[str]:
    return [ref.key for ref in source.list()]


# --- from the settings file to facts --------------------------------------------------------------


def test_a_tool_joins_by_its_settings_alone(desk: Desk, settings: Settings) -> None:
    about = dict[str, set[tuple[str, str]]]()
    source = connect(settings.sources["desk"])
    with Worker(settings, sources={"desk": source}) as worker:
        listed = swept(worker, source).listed
        counts = worker.drain()
        assert (listed, counts.hydrated, counts.dead, counts.waiting) == (6, 6, 0, 0)
        for key in ("service/desk/home-ranking", "deployment/desk/home-ranking/7"):
            stated = worker.store.about(f"{BASE}/id/{key}")
            about[key] = {(predicate, text_of(value)) for _, predicate, value in stated}
        del desk.deployments["home-ranking", 7]
        swept(worker, source)
        assert worker.drain().gone == 1
        gone = worker.store.about(f"{BASE}/id/deployment/desk/home-ranking/7")
        assert iris.TOMBSTONE in {text_of(value) for _, _, value in gone}
    assert about["service/desk/home-ranking"] >= {
        (iris.TYPE, term("mlg:Service")),
        (iris.TITLE, "Home ranking API"),
        (iris.IDENTIFIER, "home-ranking"),
        (iris.RECORDED_BY, f"{BASE}/id/source-system/desk/desk"),
        (iris.OWNED_BY, f"{BASE}/id/person/ldap/ada@example.com"),
        (iris.OWNED_BY, f"{BASE}/id/person/ldap/lin@example.com"),
        (iris.KEYWORD, "tier::1"),
        (iris.KEYWORD, "member-facing"),
        (term("dct:created"), "2026-11-01T10:00:00.5Z"),
    }
    assert about["deployment/desk/home-ranking/7"] >= {
        (iris.TYPE, term("mlg:Deployment")),
        (term("mlg:hostedBy"), f"{BASE}/id/service/desk/home-ranking"),
        (term("mlg:environment"), term("mlgc:environment-production")),
        (term("mlg:trafficShare"), "0.5"),
        (term("dct:created"), "2026-11-01T10:00:00Z"),
    }


def test_a_reference_leads_to_what_was_never_told_of(settings: Settings) -> None:
    source = connect(settings.sources["desk"])
    with Worker(settings, sources={"desk": source}) as worker:
        ref = EntityRef("deployment", "desk", "a/b %c ü/1")
        event = Event(ref=ref, event_type="deployment.noticed", event_id="1")
        worker.inbox.publish([event])
        worker.drain()
        hosts = worker.store.about(MINTER.mint(service("a/b %c ü")))
        assert "Oddly named" in {text_of(value) for _, _, value in hosts}


def test_the_tool_s_own_notices_are_heard(settings: Settings) -> None:
    body = b'{"entity": {"kind": "Release", "id": "home-ranking/7"}}'
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    with Service(settings) as service:
        assert service.notices("desk", {"X-Signature-256": signature}, body) == 1
        with pytest.raises(NotAuthentic):
            service.notices("desk", {"X-Signature-256": signature}, body + b" ")
    with Worker(settings) as worker:
        worker.drain()
        told = worker.store.about(f"{BASE}/id/deployment/desk/home-ranking/7")
        assert "Home ranker EU" in {text_of(value) for _, _, value in told}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Case], None], tmp_path: Path) -> None:
    with ExitStack() as stack:
        check(rest(stack, tmp_path))


def test_what_the_tool_leaves_empty_is_left_out(source: Source) -> None:
    assert facts(source, source.fetch(service("search"))) == {
        ("rdf:type", "mlg:Service"),
        ("dct:identifier", "search"),
        ("dct:title", "Search API"),
        ("mlg:recordedBy", "source-system/desk/desk"),
    }


def test_a_record_cannot_say_what_it_is_in_the_graph(desk: Desk, source: Source) -> None:
    forged = {"slug": "search", "@id": "#x", "@type": "mlg:Model", "title": {"@value": "x"}}
    desk.answer("services/", {"data": forged})
    assert ("rdf:type", "mlg:Model") not in facts(source, source.fetch(service("search")))
    assert source.fetch(service("search")).documents[0].payload == {"slug": "search"}


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        ({"all": "plain"}, ["plain"]),
        ({"all": "/plain?x=1"}, ["plain?x=1"]),
        (
            {"all": "offset", "paging": "offset", "size_parameter": "size", "page_size": 2},
            ["offset?size=2&offset=0", "offset?size=2&offset=2", "offset?size=2&offset=3"],
        ),
        (
            {"all": "address", "items": "results", "paging": "url", "next": "next"},
            ["address", "address?p=1", "address?p=2"],
        ),
        (
            {"all": "more", "items": "results", "paging": "page", "first_page": 0, "next": "more"},
            ["more?page=0", "more?page=1", "more?page=2"],
        ),
        (
            {"all": "services", "items": "data.items", "paging": "page"},
            ["services?page=1", "services?page=2", "services?page=3"],
        ),
    ],
)
def test_every_way_of_paging(
    desk: Desk, make: Make, kind: dict[str, Any], calls: list[str]
) -> None:
    assert keys(make(**kind)) == SLUGS
    assert desk.asked == calls


@pytest.mark.parametrize(
    ("paging", "answer", "wanted"),
    [
        ({"paging": "page"}, {"results": [{"slug": "x"}]}, "repeats a page"),
        ({"paging": "offset"}, {"results": [{"slug": "x"}]}, "repeats a page"),
        (
            {"paging": "cursor", "next": "c"},
            {"results": [{"slug": "x"}], "c": "1"},
            "repeats a page",
        ),
        ({"paging": "cursor", "next": "c"}, {"results": [], "c": "1"}, "repeats a page"),
        ({"paging": "url", "next": "c"}, {"results": [], "c": "?p=1"}, "repeats a page"),
        ({"paging": "url", "next": "c"}, {"results": [], "c": "x"}, "no parameters"),
        ({"paging": "url", "next": "c"}, {"results": [], "c": 1}, "no address"),
        ({"paging": "cursor", "next": "c"}, {"results": [], "c": True}, "neither text"),
        ({"paging": "page", "next": "c"}, {"results": [], "c": True}, "there are more"),
        ({}, {"result": []}, "no list at"),
        ({}, {"results": {"slug": "x"}}, "no list at"),
        ({}, {"results": ["x"]}, "no object"),
        ({}, {"results": [{"name": "x"}]}, "lacks 'slug'"),
        ({}, {"results": [{"slug": True}]}, "not text"),
        ({}, ["x"], "no object"),
    ],
)
def test_a_list_that_cannot_be_right_raises(
    desk: Desk, make: Make, paging: dict[str, str], answer: Any, wanted: str
) -> None:
    desk.answer("services", answer)
    with pytest.raises(BadPayload, match=wanted):
        keys(make(items="results", **paging))


def test_an_empty_page_of_a_cursor_is_not_the_end(desk: Desk, make: Make) -> None:
    desk.answer("services", {"results": [], "c": "more"})
    desk.answer("services?cursor=more", {"results": [{"slug": "x"}], "c": None})
    assert keys(make(items="results", paging="cursor", next="c")) == ["x"]


def test_null_is_a_list_without_records(desk: Desk, make: Make) -> None:
    desk.answer("services", {"results": None})
    assert keys(make(items="results")) == []


def test_nothing_is_listed_twice_and_the_nameless_not_at_all(
    desk: Desk, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    named = ["x", "x", "line\nbreak", "..", "y" * 2001, "z"]
    desk.answer("services", [{"slug": slug} for slug in named])
    with caplog.at_level(logging.WARNING):
        assert keys(make()) == ["x", "z"]
    assert caplog.text.count("is left out for its key") == 3


def test_only_the_first_field_of_a_key_holds_slashes(
    desk: Desk, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    desk.answer("plain", [{"a": "x/y", "b": {"c": 1}}, {"a": "x", "b": {"c": "y/1"}}])
    source = make(all="plain", one="it/{a}?v={b.c}&k={key}", key="a, b.c")
    assert keys(source) == ["x/y/1"]
    desk.answer("it/", {"data": {"a": "x/y", "b": {"c": 1}}})
    assert not source.fetch(service("x/y/1")).gone
    assert desk.wire[-1] == "it/x%2Fy?v=1&k=x%2Fy%2F1"
    assert source.fetch(service("x")).gone, "no key of two fields"


# --- one record -----------------------------------------------------------------------------------


def test_without_one_the_list_is_searched(desk: Desk, make: Make) -> None:
    source = make(all="services", items="data.items", paging="page", one=None)
    assert source.fetch(service("a/b %c ü")).documents[0].payload["title"] == "Oddly named"
    assert source.fetch(service("nobody")).gone
    desk.answer("services?page=2", "oops", status=502)
    assert not source.fetch(service("search")).gone, "on the first page"
    with pytest.raises(SourceUnavailable):
        source.fetch(service("nobody"))


def test_a_bare_404_is_believed_only_beside_a_list(desk: Desk, make: Make) -> None:
    source = make(all="plain")
    assert source.fetch(service("nobody")) == Snapshot(ref=service("nobody"), documents=())
    assert desk.asked[-2:] == ["services/nobody", "plain"]
    desk.answer("services", "not here", status=404)
    with pytest.raises(SourceUnavailable, match="correct 'one'"):
        source.fetch(service("search"))
    desk.answer("plain", "not here", status=404)
    with pytest.raises(SourceUnavailable, match="does not exist"):
        source.fetch(service("nobody"))


def test_a_404_without_the_code_is_a_wrong_address(desk: Desk, make: Make) -> None:
    source = make({"absent_code": {"error.code": ["NOT_FOUND", "NO_SERVICE"]}})
    assert source.fetch(service("nobody")).gone
    for body in ("not here", {"error": "NOT_FOUND"}, {"error": {"code": "NO_ROUTE"}}, []):
        desk.answer("services/", body, status=404)
        with pytest.raises(SourceUnavailable, match="url must be"):
            source.fetch(service("nobody"))
    desk.answer("services/", {"error": {"code": "NO_SERVICE"}}, status=404)
    assert source.fetch(service("search")).gone
    desk.answer("services/", {"error": {"code": "NO_SERVICE"}}, status=400)
    with pytest.raises(BadPayload):
        source.fetch(service("search"))


def test_another_status_can_say_that_it_is_gone(desk: Desk, make: Make) -> None:
    source = make({"absent": [422], "absent_code": {"code": 17}})
    desk.answer("services/", {"code": 17}, status=422)
    assert source.fetch(service("search")).gone


def test_an_answer_of_another_record(desk: Desk, make: Make) -> None:
    desk.answer("services/", {"data": {"slug": "Search"}})
    assert make().fetch(service("search")).gone, "a database that ignores case"
    with pytest.raises(BadPayload, match="asked for 'other'"):
        make().fetch(service("other"))


@pytest.mark.parametrize("body", [[], {"data": None}, {"data": []}, {}, {"data": {}}, "{"])
def test_an_answer_without_the_record(desk: Desk, make: Make, body: Any) -> None:
    desk.answer("services/", body)
    with pytest.raises(BadPayload, match="'desk' on service/desk/search"):
        make().fetch(service("search"))


@pytest.mark.parametrize("status", [301, 401, 403, 429, 500, 503])
def test_what_may_be_better_soon(desk: Desk, make: Make, status: int) -> None:
    desk.answer("services", {"error": {"code": "NOT_FOUND"}}, status=status)
    with pytest.raises(SourceUnavailable):
        make().fetch(service("search"))
    with pytest.raises(SourceUnavailable):
        keys(make())


def test_a_type_that_is_not_in_the_settings_is_not_asked_for(desk: Desk, source: Source) -> None:
    for ref in (EntityRef("model", "desk", "x"), EntityRef("service", "other", "x")):
        with pytest.raises(NotFound):
            source.fetch(ref)
    assert desk.asked == []


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"token": "t"}, "Authorization", "Bearer t"),
        ({"token": "", "username": "u", "password": "p"}, "Authorization", "Basic dTpw"),
        ({"token": "", "header": "X-Api-Key", "header_value": "k"}, "X-Api-Key", "k"),
    ],
)
def test_credentials(
    desk: Desk, make: Make, given: dict[str, str], header: str, value: str
) -> None:
    desk.answer("plain", [])
    assert keys(make(given, all="plain")) == []
    assert desk.headers[-1][header] == value


def test_calls_keep_to_the_pace_that_is_set(make: Make) -> None:
    source = make({"per_second": 20}, all="address", items="results", paging="url", next="next")
    began = time.monotonic()
    assert keys(source) == SLUGS
    assert time.monotonic() - began >= 2 / 20


def test_a_key_cannot_lead_out_of_its_path(desk: Desk, make: Make) -> None:
    source = make(all="plain")
    for key in ("..", "."):
        assert source.fetch(service(key)).gone
    assert desk.asked == []
    assert source.fetch(service("../plain?x=1#y")).gone
    assert desk.wire[0] == "services/..%2Fplain%3Fx%3D1%23y", "one segment"


def test_a_type_may_have_a_context_of_its_own(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "service.jsonld").write_text(CONTEXT, "utf-8")
    source = make({"contexts": str(folder)}, all="plain")
    assert ("dct:title", "Search API") in facts(source, source.fetch(service("search")))
