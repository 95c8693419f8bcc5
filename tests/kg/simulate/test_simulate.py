"""What a simulation foretells is what then happens, seen by making the change for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kg import demo
from kg.config import Settings, load
from kg.errors import BadInput, BadIri, BadRdf, NotFound
from kg.iris import Minter, graph
from kg.model import Event
from kg.service import Service
from kg.simulate import CHANGES
from kg.simulate.changes import _without, read_changes
from kg.validate import read_findings
from kg.worker import Worker

MINTER = Minter("http://localhost:8080")
ADA = "person/directory/ada.okafor@aurora.example"
PLAYS = "feature/features/member_activity:plays_7d"
EVENTS = "dataset/warehouse/media.play_events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The demo's company, whose source files can be changed."""

    settings: Settings
    worker: Worker
    service: Service
    universe: Path

    def foretold(self, *changes: dict[str, str]) -> dict[str, Any]:
        return self.asked(json.dumps({"changes": changes}).encode(), format=CHANGES)

    def asked(self, data: bytes, *, format: str) -> dict[str, Any]:
        return self.service.answers.simulate(data, format=format, base=self.settings.base)

    def edit(self, name: str, change: dict[str, Any] | None) -> None:
        """Changes an entity at its source, or removes it, and tells of that."""
        ref = MINTER.resolve(name)
        file = self.universe / f"{ref.source}.json"
        kept, edited = [], False
        for payload in json.loads(file.read_bytes()):
            if (payload["type"], payload["key"]) != (ref.type, ref.key):
                kept.append(payload)
            else:
                edited = True
                kept += [] if change is None else [payload | change]
        assert edited
        file.write_text(json.dumps(kept), "utf-8")
        event = Event(ref=ref, event_type="x.changed", event_id="edit")
        self.worker.inbox.publish([event])
        self.worker.drain()

    def state(self) -> tuple[set[tuple[str, str, str | None]], set[tuple[str, str, str]]]:
        """Where which rule fails, and what is derived."""
        checkpoint = self.service.checkpoint()
        focus = {q[2][1:-1] for q in checkpoint.quads(predicate=FOCUS, graph=graph("findings"))}
        found = {
            (f.focus, f.rule, f.value) for iri in focus for f in read_findings(checkpoint, iri)
        }
        derived = {q[:3] for q in checkpoint.quads(graph=graph("derived"))}
        return found, {s for s in derived if s[0].startswith(MINTER.prefix)}


FOCUS = "http://www.w3.org/ns/shacl#focusNode"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Only asked, never changed."""
    yield from _company(tmp_path_factory.mktemp("company"))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Company]:
    yield from _company(tmp_path)


def _company(folder: Path) -> Iterator[Company]:
    settings = load(demo.write_settings(folder), environ={})
    with Worker(settings) as worker, Service(settings) as service:
        worker.inbox.publish(demo.events())
        worker.drain()
        yield Company(
            settings=settings, worker=worker, service=service, universe=folder / "universe"
        )


@pytest.mark.parametrize(
    ("change", "name", "edit"),
    [
        ({"delete": PLAYS}, PLAYS, None),
        ({"delete": EVENTS}, EVENTS, None),
        ({"delete": "aip://" + ADA}, ADA, None),
        ({"delete": "experiment-cell/experiments/12345/2"}, None, None),
        ({"leave": ADA}, ADA, {"active": False, "left_on": "2026-11-23"}),
        ({"drop": "title_id", "from": EVENTS}, EVENTS, {"columns": "…"}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_foretold_is_what_happens(
    other: Company, change: dict[str, str], name: str | None, edit: dict[str, Any] | None
) -> None:
    version = other.worker.store.version
    told = other.foretold(change)
    assert other.worker.store.version == version, "nothing is written"
    failing, derived = other.state()
    name = name or change["delete"]
    other.edit(name, edit)
    now_failing, now_derived = other.state()
    gone = MINTER.mint(MINTER.resolve(name)) if "delete" in change else ""
    assert places(told["fails"]) == now_failing - failing
    assert places(told["mends"]) == {p for p in failing - now_failing if p[0] != gone}
    assert {tuple(s) for s in told["lost"]} == derived - now_derived
    assert {tuple(s) for s in told["gained"]} == now_derived - derived


def places(findings: list[dict[str, Any]]) -> set[tuple[str, str, str | None]]:
    return {(f["focus"], f["rule"], f.get("value")) for f in findings}


def test_changes_are_supposed_together(company: Company) -> None:
    """A member of the team leaves, and so does the one who could have taken over."""
    alone = company.foretold({"leave": ADA})
    both = company.foretold({"leave": ADA}, {"delete": PLAYS})
    assert [change["kind"] for change in both["changes"]] == ["leave", "delete"]
    assert both["counts"]["fails"] > alone["counts"]["fails"] > 0


def test_what_a_person_would_submit_is_simulated_too(company: Company) -> None:
    statement = (
        f"<{MINTER.mint(MINTER.resolve(EVENTS))}> <http://purl.org/dc/terms/license> <x:y> ."
    )
    told = company.asked(statement.encode(), format="turtle")
    (change,) = told["changes"]
    assert (change["kind"], change["entity"]) == ("state", EVENTS)
    assert {f["rule_id"] for f in told["fails"]} == {"core-14"}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("not json", BadInput, "not JSON"),
        ("[]", BadInput, "Write the changes as"),
        ('{"changes": {}}', BadInput, "Write the changes as"),
        ('[{"delete": 1}]', BadInput, "Change 0"),
        ('[{"delete": "model/a/b"}, {"deleted": "model/a/b"}]', BadInput, "Change 1"),
        ('[{"drop": "x"}]', BadInput, "Change 0"),
        ('["delete"]', BadInput, "Change 0"),
        ('[{"delete": "nothing"}]', BadIri, "nothing"),
        ('[{"delete": "http://elsewhere.example/id/model/a/b"}]', BadIri, "elsewhere"),
        ("[" * 100_000, BadInput, "not JSON"),
        (json.dumps([{"delete": "model/a/b"}] * 10_001), BadInput, "10001 changes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_changes_that_cannot_be_read(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_changes(text.encode(), minter=MINTER)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"delete": "model/registry/home-rankr"}, NotFound, "home-rankr"),
        ({"leave": PLAYS}, BadInput, "no person"),
        ({"drop": "nothing", "from": EVENTS}, BadInput, "its schema is: member_id"),
        ({"drop": "x", "from": PLAYS}, BadInput, "no schema of it is known"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_changes_that_cannot_be(
    company: Company, change: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        company.foretold(change)


def test_what_is_gone_cannot_go_again(other: Company) -> None:
    other.edit(PLAYS, None)
    with pytest.raises(NotFound):
        other.foretold({"delete": PLAYS})


def test_a_submission_that_does_not_parse_is_refused(company: Company) -> None:
    with pytest.raises(BadRdf):
        company.asked(b"<a> <b>", format="turtle")


@pytest.mark.parametrize(
    ("schema", "column", "left"),
    [
        ("a: long, b: decimal(10, 2), c: text", "b", "a: long, c: text"),
        ("a: struct<b: long, c: long>, d: text", "c", None),
        ("a: struct<b: long, c: long>, d: text", "a", "d: text"),
        ("a", "a", ""),
        ("", "a", None),
    ],
)
def test_a_column_is_taken_out_of_a_schema(schema: str, column: str, left: str | None) -> None:
    assert _without(schema, column) == left
