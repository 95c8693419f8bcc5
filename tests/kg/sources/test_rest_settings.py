"""The settings of a tool that joins by them: each wrong one is named. And what they convert."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import config
from kg.config import SourceSettings
from kg.errors import BadPayload, BadSetting
from kg.sources import connect, rest
from kg.sources.rest import RestSource
from kg.sources.rest.conversions import CONVERSIONS, flat
from kg.sources.rest.places import Key
from tests.kg.sources.rest_tool import SETTINGS

URL = "http://127.0.0.1:1"


@pytest.fixture
def contexts(tmp_path: Path) -> Path:
    (tmp_path / "context.jsonld").write_text('{"@context": {}}', "utf-8")
    return tmp_path


def build(folder: Path, kind: dict[str, Any], **over: Any) -> RestSource:
    """A source that would fail if it called anybody."""
    options = {"url": URL, "contexts": str(folder), "types": {"service": kind}, **over}
    table = SourceSettings(name="desk", kind="rest", options=options, links={})
    connected = connect(table)
    assert isinstance(connected, RestSource)
    connected.close()
    return connected


def test_the_least_settings(contexts: Path) -> None:
    source = build(contexts, {"all": "services"})
    assert (source.types, source.contexts) == ({"service"}, contexts)
    assert source.in_flight == 4
    assert build(contexts, {"all": "services"}, in_flight=1).in_flight == 1


def test_the_settings_that_are_explained_are_those_that_there_are(contexts: Path) -> None:
    indented = re.findall(r"^    (.*)$", rest.__doc__ or "", re.MULTILINE)
    table = tomllib.loads("\n".join(indented))["sources"]["tracker"]
    [kind] = table["types"].values()
    assert table.pop("kind") == "rest"
    known = set(inspect.signature(RestSource).parameters) - {"name"}
    assert table.keys() == known - {"password", "header_value"}, (
        "those two are told of beside others"
    )
    for unset in ("username", "header"):
        table.pop(unset)
    build(contexts, kind, **{**table, "contexts": str(contexts)})


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ({}, "needs all"),
        ({"all": 1}, "all = 1"),
        ({"all": ""}, "all = ''"),
        ({"all": "../x"}, "all = '../x'"),
        ({"all": "http://elsewhere/x"}, "all = "),
        ({"all": "a b"}, "all = "),
        ({"all": "a#b"}, "all = "),
        ({"all": "é"}, "all = "),
        ({"all": "x/{key}"}, "all = "),
        ({"all": "x", "one": "x"}, "one = 'x'"),
        ({"all": "x", "one": "x/{id}/{name}"}, "one = .*{name}"),
        ({"all": "x", "one": "x/{b}", "key": "a,b"}, "one = .*all fields"),
        ({"all": "x", "key": ""}, "key = ''"),
        ({"all": "x", "key": "a,,b"}, "key = 'a,,b'"),
        ({"all": "x", "key": "a..b"}, "key = 'a..b'"),
        ({"all": "x", "key": "a,a"}, "key = 'a,a'"),
        ({"all": "x", "items": "a..b"}, "items = 'a..b'"),
        ({"all": "x", "record": ["a"]}, "record = "),
        ({"all": "x", "paging": "link"}, "paging = 'link'"),
        ({"all": "x", "paging": "cursor"}, "needs next"),
        ({"all": "x", "paging": "url", "next": ""}, "next = ''"),
        ({"all": "x", "paging": "page", "page_parameter": ""}, "page_parameter = ''"),
        ({"all": "x", "paging": "page", "first_page": -1}, "first_page = -1"),
        ({"all": "x", "paging": "page", "first_page": True}, "first_page = True"),
        ({"all": "x", "paging": "page", "size_parameter": "n", "page_size": 0}, "page_size = 0"),
        ({"all": "x", "paging": "page", "page_size": 10}, "page_size: .* no use"),
        ({"all": "x", "next": "a"}, "next: .* no use"),
        ({"all": "x", "items_at": "a"}, "items_at: there is no such setting"),
        ({"all": "x", "convert": {"a": {"b": "rot13"}}}, "convert.a.b = 'rot13'"),
        ({"all": "x", "convert": {"a": 1}}, "convert.a = 1"),
        ({"all": "x", "convert": "tags"}, "convert = 'tags'"),
    ],
)
def test_a_wrong_setting_of_a_type_is_named(
    contexts: Path, kind: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadSetting, match=rf"\[sources.desk.types.service\] {named}"):
        build(contexts, kind)


@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"types": {}}, "types.TYPE"),
        ({"types": "service"}, "types.TYPE"),
        ({"types": {"Service": {"all": "x"}}}, "types.Service"),
        ({"types": {"service": "x"}}, "is a table"),
        ({"contexts": "no-such-folder"}, "contexts = 'no-such-folder'"),
        ({"contexts": 1}, "contexts = 1"),
        ({"absent": 404}, "absent = 404"),
        ({"absent": [200]}, "absent = "),
        ({"absent": [403]}, "absent = "),
        ({"absent": ["404"]}, "absent = "),
        ({"absent_code": "X"}, "absent_code = 'X'"),
        ({"absent_code": {"error": {"code": None}}}, "absent_code.error.code"),
        ({"absent_code": {"error.code": []}}, "absent_code.error.code"),
        ({"timeout_seconds": 0}, "timeout_seconds = 0"),
        ({"max_answer_mb": "1"}, "max_answer_mb = '1'"),
        ({"per_second": -1}, "per_second = -1"),
        ({"in_flight": 0}, "in_flight = 0"),
        ({"token": 1}, "token = 1"),
        ({"token": "t", "username": "u"}, "several of"),
        ({"token": "t", "header": "X", "header_value": "v"}, "several of"),
        ({"password": "p"}, "password needs"),
        ({"header": "X"}, "header_value"),
        ({"header_value": "x"}, "header needs"),
        ({"header": "X: y", "header_value": "v"}, "header = 'X: y'"),
        ({"header": "X", "header_value": "v\r\nY: z"}, "header_value holds a sign"),
        ({"token": "t\n"}, "token holds a sign"),
        ({"webhook_secret": 1}, "webhook_secret = 1"),
        ({"webhook_secret": "s", "notice_type": ""}, "webhook_secret needs"),
        ({"notice_key": "a,,b"}, "notice_key = 'a,,b'"),
        ({"notice_types": {"Service": "model"}}, "notice_types.Service = 'model'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_of_the_source_is_named(
    contexts: Path, over: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadSetting, match=rf"\[sources.desk.*{named}"):
        build(contexts, {"all": "services"}, **over)


def test_every_type_has_a_context(contexts: Path) -> None:
    (contexts / "context.jsonld").rename(contexts / "deployment.jsonld")
    with pytest.raises(BadSetting, match=r"contexts: .* has no service.jsonld"):
        build(contexts, {"all": "services"})


def test_a_secret_is_never_shown(contexts: Path) -> None:
    for secret in ({"token": "s3cret\n"}, {"username": "u", "token": "s3cret"}):
        with pytest.raises(BadSetting) as caught:
            build(contexts, {"all": "services"}, **secret)
        assert "s3cret" not in str(caught.value)


def test_names_with_dots_need_no_quotes_in_the_file(contexts: Path) -> None:
    file = contexts / "mlg.toml"
    file.write_text(SETTINGS.format(url=URL, contexts=contexts), "utf-8")
    loaded = config.load(file, environ={"DESK_TOKEN": "t", "DESK_HOOK": "h"})
    convert = loaded.sources["desk"].options["types"]["service"]["convert"]
    assert convert["owners"] == {"email": "lowercase"}
    connect(loaded.sources["desk"]).close()


# --- conversions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "value", "wanted"),
    [
        ("milliseconds", 1_793_527_200_500, "2026-11-01T10:00:00.5Z"),
        ("milliseconds", "1793527200000", "2026-11-01T10:00:00Z"),
        ("milliseconds", 0, None),
        ("seconds", 1_793_527_200, "2026-11-01T10:00:00Z"),
        ("seconds", 1_793_527_200.25, "2026-11-01T10:00:00.25Z"),
        ("date-time", "2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
        ("date-time", "2026-11-01T10:00:00.120Z", "2026-11-01T10:00:00.12Z"),
        ("date-time", "2026-11-01", "2026-11-01T00:00:00Z"),
        ("lowercase", "Ada@Example.com", "ada@example.com"),
        ("lowercase", ["A", "B"], ["a", "b"]),
        ("split", "a, b,,c ", ["a", "b", "c"]),
        ("tags", {"team": "x", "hot": None, "n": 1}, ["team::x", "hot", "n::1"]),
        (
            "tags",
            [{"key": "team", "value": "x"}, {"key": "hot"}, "plain"],
            ["team::x", "hot", "plain"],
        ),
        ("tags", [], None),
        (
            "parameters",
            {"a/b": 0.5},
            {
                "@id": "#parameter-a%2Fb",
                "@type": "mlg:Parameter",
                "parameter_name": "a/b",
                "parameter_value": "0.5",
            },
        ),
        ("json", {"b": [1], "a": "ü"}, '{"a": "ü", "b": [1]}'),
    ],
)
def test_a_conversion(word: str, value: Any, wanted: Any) -> None:
    found = flat({"x": {"y": value}}, {"x.y": CONVERSIONS[word]})
    assert found == ({} if wanted is None else {"x.y": wanted})


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("milliseconds", "yesterday"),
        ("milliseconds", True),
        ("milliseconds", 10**30),
        ("seconds", {}),
        ("seconds", float("nan")),
        ("date-time", "yesterday"),
        ("date-time", 5),
        ("date-time", "0001-01-01T00:00:00+14:00"),
        ("lowercase", 5),
        ("split", ["a"]),
        ("tags", [{"name": "x"}]),
        ("tags", [{"key": 1}]),
        ("tags", 5),
        ("parameters", [5]),
    ],
)
def test_what_cannot_be_converted(word: str, value: Any) -> None:
    with pytest.raises(BadPayload, match=rf"^x = .* converted by '{word}'"):
        flat({"x": value}, {"x": CONVERSIONS[word]})


def test_every_conversion_is_explained() -> None:
    assert rest.__doc__
    assert all(f"``{word}``" in rest.__doc__ for word in CONVERSIONS)


def test_nested_values_have_names_with_dots() -> None:
    record = {
        "a": {"b": {"c": 1}, "d": None, "e": ""},
        "list": [{"x": "1"}, {"x": ["2", "3"]}, {"y": False}, "plain"],
        "half": 0.5,
        "tiny": 1e-7,
        "huge": float("inf"),
        "@type": "mlg:Model",
    }
    assert flat(record, {}) == {
        "a.b.c": 1,
        "list.x": ["1", "2", "3"],
        "list.y": False,
        "list": "plain",
        "half": "0.5",
        "tiny": "0.0000001",
        "huge": "INF",
    }


part = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(
    lambda text: "/" not in text and text not in (".", "..")
)


@given(first=part, second=part, third=part)
def test_a_key_comes_apart_as_it_was_joined(first: str, second: str, third: str) -> None:
    key = Key(("a", "b.c", "d"))
    parts = key.parts_of({"a": f"{first}/{second}", "b": {"c": second}, "d": third})
    assert key.split("/".join(parts)) == parts
