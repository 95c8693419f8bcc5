"""The shipped fake source: JSON in memory or in a file, put into words that its context can map."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, IncompleteList, SourceUnavailable
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources.memory import MemorySource, understood

RANKER = {"type": "model", "key": "home-ranker", "name": "Home ranker"}
REF = EntityRef("model", "registry", "home-ranker")


def write(file: Path, payloads: Any, *, at: int) -> None:
    """Writes the file with a time of its own: two writes within a tick look the same otherwise."""
    file.write_text(json.dumps(payloads), "utf-8")
    os.utime(file, ns=(at, at))


def test_labels_become_tags() -> None:
    labels = [{"key": "team", "value": "home"}, {"key": "tier", "value": 1}]
    assert understood({"labels": labels, "tags": ["new"]}) == {
        "tags": ["new", "team::home", "tier::1"]
    }


def test_parameters_become_parts() -> None:
    assert understood({"parameters": {"depth": 6, "a/b c": "x"}})["parameters"] == [
        {
            "@id": "#parameter-depth",
            "@type": "mlg:Parameter",
            "parameter_name": "depth",
            "parameter_value": "6",
        },
        {
            "@id": "#parameter-a%2Fb%20c",
            "@type": "mlg:Parameter",
            "parameter_name": "a/b c",
            "parameter_value": "x",
        },
    ]


@pytest.mark.parametrize(
    ("number", "digits"),
    [(0.5, "0.5"), (0.0, "0.0"), (1e-7, "0.0000001"), (6.02e23, "6020" + "0" * 20)],
)
def test_a_fraction_is_written_in_digits(number: float, digits: str) -> None:
    assert understood({"share": number}) == {"share": digits}


def test_what_was_put_is_not_changed() -> None:
    payload = {**RANKER, "labels": [{"key": "team", "value": "home"}], "share": 0.5}
    before = json.dumps(payload)
    understood(payload)
    assert json.dumps(payload) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("labels", "team"), ("labels", [{"key": "team"}]), ("labels", 3), ("parameters", ["depth"])],
)
def test_a_payload_of_another_form_is_refused_by_name(key: str, value: Any) -> None:
    source = MemorySource("registry")
    source.put({**RANKER, key: value})
    with pytest.raises(BadPayload, match=key):
        source.fetch(REF)


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    write(file, [RANKER], at=1)
    source = MemorySource("registry", path=str(file))
    assert source.fetch(REF).documents[0].payload["name"] == "Home ranker"
    write(file, [{**RANKER, "name": "Row ranker"}], at=2)
    assert source.fetch(REF).documents[0].payload["name"] == "Row ranker"
    write(file, [], at=3)
    assert source.fetch(REF).gone
    assert list(source.list()) == []


def test_a_file_that_is_not_there_is_a_source_that_is_down(tmp_path: Path) -> None:
    source = MemorySource("registry", path=str(tmp_path / "none.json"))
    with pytest.raises(SourceUnavailable, match="registry"):
        source.fetch(REF)


@pytest.mark.parametrize("text", ["{", "3", '[{"type": "model"}]', "[1]"])
def test_a_file_that_is_no_list_of_payloads_is_unusable(tmp_path: Path, text: str) -> None:
    file = tmp_path / "registry.json"
    file.write_text(text, "utf-8")
    with pytest.raises(BadPayload, match="registry"):
        MemorySource("registry", path=str(file)).fetch(REF)


BAD = [{"type": "model"}, {"type": "No Type", "key": "x"}, {"type": "model", "key": None}, 3]


@pytest.mark.parametrize("bad", BAD)
def test_a_payload_that_cannot_be_named_holds_up_no_other(tmp_path: Path, bad: Any) -> None:
    file = tmp_path / "registry.json"
    write(file, [bad, RANKER], at=1)
    source = MemorySource("registry", path=str(file))
    assert source.fetch(REF).documents[0].ref == REF
    listed = []
    with pytest.raises(IncompleteList, match=r"'registry'.*1 of 2 .*number 1: "):
        listed.extend(source.list_whole())  # keeps what came before
    assert [found.ref for found in listed if isinstance(found, Snapshot)] == [REF]
    with pytest.raises(BadPayload, match="number 1"):
        source.fetch(EntityRef("model", "registry", "it-may-be-that"))
    write(file, [RANKER], at=2)
    assert len(list(source.list())) == 1
    assert source.fetch(EntityRef("model", "registry", "it-may-be-that")).gone


@pytest.mark.parametrize(
    "fault",
    [{"labels": 5}, {"labels": [], "tags": 5}, {"parameters": 5}, {"parameters": {"\ud800": 1}}],
)
def test_an_unusable_payload_holds_up_no_other(fault: dict[str, Any]) -> None:
    source = MemorySource("registry")
    bad = source.put({"type": "model", "key": "bad", **fault})
    source.put(RANKER)
    assert list(source.list_whole()) == [bad, source.fetch(REF)]
    with pytest.raises(BadPayload, match="'registry' on model/registry/bad: "):
        source.fetch(bad)
