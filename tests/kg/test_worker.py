"""The whole pipeline on a real store, inbox and index, with the shipped memory source."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kg import config, iris
from kg.config import Settings, SourceSettings
from kg.errors import BadEvent, BadIri, BadPayload, SourceUnavailable, StoreUnavailable
from kg.events import GOES_ON, Inbox, Letter
from kg.events.bus import Message
from kg.events.letters import MOST_BYTES
from kg.iris import EntityRef, graph, term
from kg.model import Document, Event, Snapshot
from kg.search.searcher import Searcher
from kg.service import Service
from kg.sources.memory import MemorySource
from kg.store import newest, open_checkpoint
from kg.sweep import Swept
from kg.terms import iri_of, literal, moment, node, quoted, text_of
from kg.validate import read_findings
from kg.views import SourceStatus, Status
from kg.worker import Worker
from tests.benchmarks import universe
from tests.kg.events.brokers import eventually
from tests.kg.graphs import BASE, MINTER, said
from tests.kg.sweeps import swept

RANKER = {
    "type": "model",
    "key": "ranker",
    "name": "Home ranker",
    "description": "Orders the rows of the home page for each member.",
    "owner_emails": ["ada@example.com"],
}
ADA = {"type": "person", "key": "ada@example.com", "display_name": "Ada Okafor", "active": True}


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def settings(folder: Path, **given: Any) -> Settings:
    found = config.load(environ={}, data_dir=str(folder), **given)
    table = SourceSettings(name="test", kind="memory", options={}, links={})
    return Settings(values=found.values, sources={"test": table})


def event(kind: str, key: str, id: str = "event-1") -> Event:
    ref = EntityRef(kind, "test", key)
    return Event(ref=ref, event_type=f"{kind}.changed", event_id=id)


@pytest.fixture
def source() -> MemorySource:
    return MemorySource("test")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(tmp_path: Path, source: MemorySource, clock: Clock) -> Iterator[Worker]:
    with Worker(settings(tmp_path), sources={"test": source}, now=clock) as opened:
        yield opened


def facts(worker: Worker, name: str) -> dict[str, str]:
    iri = MINTER.mint(EntityRef(*name.split("/", 2)))
    return {predicate: text_of(value) for _, predicate, value in worker.store.about(iri)}


def test_an_event_becomes_facts_findings_and_a_hit(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    source.put({**RANKER, "description": "Short."})
    source.put(ADA)
    worker.inbox.publish([event("model", "ranker"), event("person", "ada@example.com")])
    counts = worker.drain()
    assert (counts.hydrated, counts.changed, counts.dead) == (2, 2, 0)
    assert facts(worker, "model/test/ranker")[iris.TITLE] == "Home ranker"
    iri = f"{BASE}/id/model/test/ranker"
    with open_checkpoint(tmp_path / "checkpoints") as checkpoint:
        assert {f.rule for f in read_findings(checkpoint, iri)} >= {term("mlgsh:Asset-description")}
    searcher = Searcher(tmp_path / "search", minter=MINTER, labels={})
    assert [hit.iri for hit in searcher.search("home ranker").hits][:1] == [iri]
    assert searcher.search("ada").hits[0].iri.endswith("ada@example.com")


def test_the_same_event_again_writes_nothing(worker: Worker, source: MemorySource) -> None:
    source.put(ADA)
    for number in range(3):
        worker.inbox.publish([event("person", "ada@example.com", str(number))])
        worker.drain()
    assert source.fetches == 3
    assert worker.store.version == 2, "one for the source itself, one for the person"


def test_events_in_any_order_give_the_same_graph(tmp_path: Path) -> None:
    payloads = [RANKER, ADA, {"type": "model-version", "key": "ranker/1", "model_id": "ranker"}]
    graphs = []
    for number, order in enumerate((payloads, payloads[::-1])):
        source = MemorySource("test")
        refs = [source.put(payload) for payload in order]
        folder = tmp_path / str(number)
        with Worker(settings(folder), sources={"test": source}, now=Clock()) as worker:
            for ref in refs:
                worker.inbox.publish([event(ref.type, ref.key)])
                worker.drain()
            found = set(worker.store.statements()), set(worker.store.quads(graph=graph("findings")))
            graphs.append(found)
    assert graphs[0] == graphs[1]


def test_a_reference_to_the_unknown_is_hydrated_unasked(
    worker: Worker, source: MemorySource
) -> None:
    source.put(RANKER)
    source.put(ADA)
    worker.inbox.publish([event("model", "ranker")])
    worker.drain()
    assert facts(worker, "person/test/ada@example.com")[iris.PERSON_NAME] == "Ada Okafor"


class Asked(MemorySource):
    """Remembers in which order it was asked."""

    in_flight = 1

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.order: list[str] = []

    def fetch(self, ref: EntityRef) -> Snapshot:
        self.order.append(ref.key)
        return super().fetch(ref)


def test_references_come_after_events_those_first_on_which_most_hangs(tmp_path: Path) -> None:
    source = Asked("test")
    owned = {
        "a": "few",
        "b": "few",
        "c": "most",
        "d": "most",
        "e": "most",
        "f": "few",
        "g": "nobody",
    }
    for key, owner in owned.items():
        source.put({**RANKER, "key": key, "owner_emails": [owner]})
    for person in ("few", "most"):
        source.put({**ADA, "key": person})
    with Worker(settings(tmp_path), sources={"test": source}) as worker:
        worker.inbox.publish([event("model", key) for key in "abcdefg"])
        worker.pipeline.run_once(4)
        worker.inbox.publish([event("model", "a", "again")])
        worker.drain()
        assert source.order.index("a") == 0
        first, second, third = (source.order.index(key) for key in ("most", "few", "nobody"))
        assert max(source.order.index(key) for key in owned) < first < second < third
        assert source.order.count("most") == source.order.count("nobody") == 1

        source.put({**RANKER, "key": "h", "owner_emails": ["nobody", "few"]})
        worker.inbox.publish([event("model", "h")])
        worker.drain()
        assert source.order[-1] == "h", "what the source did not know a moment ago is not asked for"


def test_a_ring_of_dependencies_is_a_finding_as_long_as_it_is_one(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    """By events, one after the other: the last one closes the ring for all that are part of it."""
    plays = {"type": "feature", "key": "plays", "source_dataset_ids": ["play_events"]}
    events = {"type": "dataset", "key": "play_events", "source_dataset_ids": ["sessions"]}
    sessions = {"type": "dataset", "key": "sessions", "source_dataset_ids": ["play_events"]}

    def tell(payload: dict[str, Any]) -> set[str]:
        ref = source.put(payload)
        worker.inbox.publish([event(ref.type, ref.key)])
        worker.drain()
        iris = [MINTER.mint(other) for other in source.list()]
        with open_checkpoint(tmp_path / "checkpoints") as checkpoint:
            found = [finding for iri in iris for finding in read_findings(checkpoint, iri)]
        ringed = {f.focus for f in found if f.rule == term("mlgsh:Dependency-ring")}
        return {iri.rpartition("/")[2] for iri in ringed}

    assert tell(plays) == tell(events) == set()
    assert tell(sessions) == {"play_events", "sessions"}
    assert tell({**sessions, "source_dataset_ids": []}) == set()


def test_gone_at_the_source_is_a_tombstone(worker: Worker, source: MemorySource) -> None:
    ref = source.put(ADA)
    worker.inbox.publish([event("person", "ada@example.com")])
    worker.drain()
    source.remove(ref)
    worker.inbox.publish([event("person", "ada@example.com", "event-2")])
    assert worker.drain().gone == 1
    assert facts(worker, "person/test/ada@example.com")[iris.TYPE] == iris.TOMBSTONE


def test_a_source_that_is_down_is_tried_again(
    worker: Worker, source: MemorySource, clock: Clock
) -> None:
    source.put(ADA)
    source.down = True
    worker.inbox.publish([event("person", "ada@example.com")])
    assert worker.drain().waiting == 1
    row = worker.inbox.source("test")
    assert row.failing and "down" in (row.last_error or "")
    assert worker.inbox.pending() == 1
    source.down = False
    assert worker.drain().hydrated == 0, "it waits"
    clock.time += timedelta(minutes=1)
    assert worker.drain().hydrated == 1
    assert not worker.inbox.source("test").failing


def test_a_replay_does_not_wait_for_a_source_that_was_down(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    source.put(ADA)
    source.down = True
    worker.inbox.publish([event("person", "ada@example.com")])
    assert worker.drain().waiting == 1
    source.down = False
    with Service(settings(tmp_path)) as service:
        assert service.replay("test") == 1
    assert worker.drain().hydrated == 1


def test_an_object_without_a_name_is_a_dead_letter(worker: Worker, source: MemorySource) -> None:
    """A blank node could not be told from another when it changes: it could never be taken out."""
    source.put({**ADA, "description": {"en": "Leads the home page."}})
    worker.inbox.publish([event("person", "ada@example.com")])
    assert worker.drain().dead == 1
    ((_, why),) = worker.inbox.dead()
    assert "person/test/ada@example.com" in why and "an @id" in why
    source.put({**ADA, "description": "Leads the home page."})
    worker.inbox.publish([event("person", "ada@example.com", "event-2")])
    assert worker.drain().hydrated == 1


def test_what_cannot_be_mapped_is_a_dead_letter(worker: Worker, source: MemorySource) -> None:
    source.put(ADA)
    source.put({"type": "model", "key": "bad", "name": {"@value": ["not", "one"]}})
    worker.inbox.publish([event("person", "ada@example.com"), event("model", "bad")])
    worker.inbox.publish(
        [Event(ref=EntityRef("model", "nobody", "x"), event_type="m.c", event_id="x")]
    )
    counts = worker.drain()
    assert (counts.hydrated, counts.dead) == (1, 2)
    why = {str(ref): error for ref, error in worker.inbox.dead()}
    assert "model/test/bad" in why["model/test/bad"]
    assert "nobody" in why["model/nobody/x"]


def test_a_sweep_finds_what_no_event_told(worker: Worker, source: MemorySource) -> None:
    gone = source.put({**ADA, "key": "gone@example.com"})
    changed = source.put(ADA)
    worker.inbox.publish([event(r.type, r.key) for r in (gone, changed)])
    worker.drain()
    source.remove(gone)
    source.put({**ADA, "display_name": "Ada Lovelace"})
    source.put({**ADA, "key": "new@example.com"})
    assert swept(worker, source) == Swept(listed=2, told=3), "two differ, one is gone"
    counts = worker.drain()
    assert (counts.changed, counts.gone) == (3, 1)
    assert facts(worker, "person/test/ada@example.com")[iris.PERSON_NAME] == "Ada Lovelace"
    assert facts(worker, "person/test/gone@example.com")[iris.TYPE] == iris.TOMBSTONE
    assert worker.inbox.source("test").last_sweep is not None


class HalfList(MemorySource):
    def list(self) -> Iterator[EntityRef]:
        yield from list(super().list())[:1]
        self.down = True
        self._answer()


def test_half_a_listing_buries_nobody(tmp_path: Path) -> None:
    source = HalfList("test")
    for key in "ab":
        source.put({**ADA, "key": key})
    with Worker(settings(tmp_path), sources={"test": source}) as worker:
        worker.inbox.publish([event("person", "a"), event("person", "b")])
        worker.drain()
        with pytest.raises(Exception, match="down"):
            swept(worker, source)
        assert worker.inbox.pending() == 0


def test_a_sweep_asks_only_for_what_differs(worker: Worker, source: MemorySource) -> None:
    ada = source.put(ADA)
    source.put(RANKER)
    assert swept(worker, source) == Swept(listed=2, told=2)
    assert worker.drain().hydrated == 2
    assert swept(worker, source) == Swept(listed=2, told=0)
    ask(worker, "<model/test/ranker> dct:license <https://spdx.org/licenses/MIT> .")
    assert swept(worker, source).told == 0, "what a steward says is no difference"
    source.put({**ADA, "display_name": "Ada Lovelace"})
    worker.inbox.publish([event(ada.type, ada.key)])
    worker.drain()
    source.put(ADA)  # as it was at the last sweep, and no event tells of it
    assert swept(worker, source).told == 1
    assert (worker.drain().changed, source.fetches) == (1, 4)
    assert swept(worker, source, everything=True) == Swept(listed=2, told=2)
    assert (worker.drain().unchanged, source.fetches) == (2, 6)


def test_a_sweep_tries_again_what_is_unusable(worker: Worker, source: MemorySource) -> None:
    source.put({"type": "model", "key": "bad", "name": {"@value": ["not", "one"]}})
    for _ in range(2):
        assert swept(worker, source).told == 1
        assert worker.drain().dead == 1


class Names(MemorySource):
    """Lists no more than names, and no more of them than ``reach`` before it is down."""

    list_whole = None
    reach = 1_000_000

    def list(self) -> Iterator[EntityRef]:
        for number, ref in enumerate(super().list()):
            if number == self.reach:
                raise SourceUnavailable("It went down.", source=self.name)
            yield ref


@pytest.mark.parametrize("fault", [BadIri("A key of nobody's."), KeyError("name")])
def test_a_fault_in_a_listing_is_told_of_its_source(
    worker: Worker, source: MemorySource, fault: Exception
) -> None:
    source.put(ADA)
    swept(worker, source)
    worker.drain()

    def listed() -> Iterator[EntityRef]:
        yield EntityRef("model", "test", "new")
        raise fault

    source.list = listed  # type: ignore[method-assign]
    with pytest.raises(BadPayload, match="'test' failed while it was listed"):
        swept(worker, source)
    row = worker.inbox.source("test")
    assert row.failing and str(fault) in (row.last_error or "")
    assert row.pending == 1, "what was found before is told"
    worker.drain()
    assert facts(worker, "person/test/ada@example.com"), "and nothing is gone"


def test_a_sweep_goes_on_where_it_was_interrupted(tmp_path: Path, clock: Clock) -> None:
    source = Names("test")
    for number in range(1200):
        source.put({**ADA, "key": f"{number:04}"})
    with Worker(settings(tmp_path), sources={"test": source}, now=clock) as worker:
        source.reach = 1100
        with pytest.raises(SourceUnavailable):
            swept(worker, source)
        clock.time += timedelta(seconds=1)
        assert worker.drain().hydrated == 1100, "what was listed by then is on the bus"
        assert worker.inbox.source("test").last_sweep is None
        source.reach = 1200
        assert swept(worker, source) == Swept(listed=1200, told=100)
        assert worker.drain().hydrated == 100
        assert worker.inbox.source("test").healed == 0, "all of it was the first sweep"
        clock.time += timedelta(seconds=1)
        assert swept(worker, source).told == 1200, "a new sweep asks for all that has only a name"
        worker.drain()
        source.reach = 1100
        with pytest.raises(SourceUnavailable):
            swept(worker, source)
        clock.time += timedelta(seconds=1)
        worker.drain()
        source.reach = 1200
        clock.time += GOES_ON
        assert swept(worker, source).told == 1200, "what was interrupted long ago begins anew"


def ask(worker: Worker, turtle: str, id: str = "r1") -> dict[str, Any]:
    head = (
        "@prefix mlg: <https://w3id.org/mlgraph/ns/> . @prefix dct: <http://purl.org/dc/terms/> ."
    )
    body = f"{head} {turtle}".encode()
    worker.inbox.ask(id=id, kind="submission", body=body, format="turtle", by="ada")
    worker.drain()
    request = worker.inbox.request(id)
    return {"state": request.state, **(request.outcome or {})}


GOOD = """
<model/test/ranker> a mlg:Model ; dct:title "Ranker" ; dct:identifier "ranker" ;
    dct:description "Orders the rows of the home page." ; mlg:ownedBy <person/test/ada> .
<person/test/ada> a mlg:Person ; <http://xmlns.com/foaf/0.1/name> "Ada" ;
    dct:identifier "ada" ; mlg:active true .
"""


def test_a_submission_is_committed_as_the_stewards(worker: Worker) -> None:
    outcome = ask(worker, GOOD)
    assert outcome["state"] == "done", outcome
    assert outcome["iris"] == [f"{BASE}/id/model/test/ranker", f"{BASE}/id/person/test/ada"]
    told = {q[:3] for q in worker.store.quads(graph=graph("steward"))}
    assert told <= set(worker.store.statements()) and len(told) == 9


def test_a_hydration_keeps_what_a_steward_said(worker: Worker, source: MemorySource) -> None:
    ask(worker, "<model/test/ranker> dct:license <https://spdx.org/licenses/MIT> .")
    source.put(RANKER)
    worker.inbox.publish([event("model", "ranker")])
    worker.drain()
    assert facts(worker, "model/test/ranker")[term("dct:license")].endswith("MIT")
    ask(worker, "<model/test/ranker> dct:license <https://spdx.org/licenses/X11> .", "r2")
    licences = worker.store.objects(f"{BASE}/id/model/test/ranker", term("dct:license"))
    assert [iri_of(v) for v in licences] == ["https://spdx.org/licenses/X11"], (
        "said anew, not added"
    )


def test_a_steward_may_repeat_a_source(worker: Worker, source: MemorySource) -> None:
    source.put(RANKER)
    worker.inbox.publish([event("model", "ranker")])
    worker.drain()
    assert ask(worker, '<model/test/ranker> dct:title "Home ranker" .')["state"] == "done"
    source.put({key: value for key, value in RANKER.items() if key != "name"})
    worker.inbox.publish([event("model", "ranker", "event-2")])
    worker.drain()
    assert facts(worker, "model/test/ranker")[iris.TITLE] == "Home ranker", "the steward says so"


def test_an_invalid_submission_is_refused_with_its_report(worker: Worker) -> None:
    before = set(worker.store.statements())
    outcome = ask(worker, '<model/test/ranker> a mlg:Model ; dct:title "Ranker" .')
    assert outcome["state"] == "refused"
    assert {f["severity"] for f in outcome["findings"]} >= {"violation"}
    assert set(worker.store.statements()) == before
    kept = list(worker.store.quads(subject="urn:mlgraph:submission:r1", graph=graph("quarantine")))
    assert kept and worker.inbox.request("r1").body


def test_old_debt_does_not_refuse_new_work(worker: Worker, source: MemorySource) -> None:
    source.put({"type": "model", "key": "ranker", "name": "Nobody's"})
    worker.inbox.publish([event("model", "ranker")])
    worker.drain()
    outcome = ask(worker, '<model/test/ranker> dct:description "Now at least it is described." .')
    assert outcome["state"] == "done", outcome


def test_what_does_not_parse_is_refused_by_name(worker: Worker) -> None:
    outcome = ask(worker, "<a> <b> oops .")
    assert outcome["state"] == "refused"
    assert outcome["problem"]["code"] == "bad-rdf"
    assert ask(worker, "<http://elsewhere/x> a mlg:Model .", "r2")["problem"]["code"] == "bad-iri"


def test_every_revision_says_who_when_and_why(
    worker: Worker, source: MemorySource, clock: Clock
) -> None:
    source.put(ADA)
    worker.inbox.publish([event("person", "ada@example.com", "event-7")])
    worker.drain()
    clock.time += timedelta(days=1)
    source.put({**ADA, "display_name": "Ada Lovelace"})
    worker.inbox.publish([event("person", "ada@example.com", "event-8")])
    worker.drain()
    ada = node(f"{BASE}/id/person/test/ada@example.com")
    history = graph("history")
    (revision,) = worker.store.quads(predicate=iris.REVISES, value=ada, graph=history)
    about = {(q[1], q[2]) for q in worker.store.quads(subject=revision[0], graph=history)}
    name = said("person/ada@example.com", "foaf:name", "Ada Lovelace")
    assert (iris.CAUSED_BY, literal("event-8")) in about
    assert (iris.ASSERTS, quoted(name)) in about
    assert (iris.RECORDED_AT, moment(clock.time)) in about
    (first,) = worker.store.quads(predicate=iris.CREATES, value=ada, graph=history)
    causes = worker.store.quads(subject=first[0], predicate=iris.CAUSED_BY, graph=history)
    assert [q[2] for q in causes] == [literal("event-7")]


def test_a_store_that_cannot_write_loses_nothing(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    source.put(ADA)
    worker.inbox.publish([event("person", "ada@example.com")])
    worker.store.failure = "The store cannot write (No space left on device)."
    worker.reopen_seconds = 0.0
    worker.step()
    assert worker.inbox.pending() == 1 or facts(worker, "person/test/ada@example.com")
    worker.drain()
    assert facts(worker, "person/test/ada@example.com")[iris.PERSON_NAME] == "Ada Okafor"


def test_writing_stops_before_the_disk_is_full(
    tmp_path: Path, worker: Worker, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def condition() -> Status:
        with Service(settings(tmp_path)) as service:
            return service.status()

    source.put(ADA)
    worker.inbox.publish([event("person", "ada@example.com")])
    worker.reopen_seconds = 0.0
    monkeypatch.setattr("kg.worker.ROOM_BYTES", 1 << 60)
    monkeypatch.setattr(Path, "write_text", _no_room)  # `worker.json` is written over
    worker.step()
    assert condition().worker == "write-dead" and not condition().ready
    assert "free some space" in (condition().message or "")
    monkeypatch.undo()
    worker.step()
    worker.drain()
    assert condition().ready and condition().pending == 0
    assert facts(worker, "person/test/ada@example.com")[iris.PERSON_NAME] == "Ada Okafor"


def _no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class Faulty(MemorySource):
    """A source whose answers break what no rule of ours foresaw."""

    def fetch(self, ref: EntityRef) -> Snapshot:
        snapshot = super().fetch(ref)
        if ref.key == "poison":
            elsewhere = Document(ref=EntityRef("person", "elsewhere", "x"), payload=None)  # type: ignore[arg-type]
            return Snapshot(ref=ref, documents=(elsewhere,))
        return snapshot


def test_poison_stops_only_itself(tmp_path: Path) -> None:
    source = Faulty("test")
    for key in ("a", "poison", "b"):
        source.put({**ADA, "key": key})
    with Worker(settings(tmp_path), sources={"test": source}) as worker:
        worker.inbox.publish([event("person", key) for key in ("a", "poison", "b")])
        counts = worker.drain()
        assert (counts.hydrated, counts.dead) == (2, 1)
        (letter,) = worker.inbox.dead()
        assert letter[0].key == "poison" and "fault of ours" in letter[1]
        assert facts(worker, "person/test/b")[iris.PERSON_NAME] == "Ada Okafor"


def test_a_new_entity_type_needs_no_code(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    source.put({"type": "prompt-template", "key": "hello", "name": "Hello", "tags": ["chat"]})
    worker.inbox.publish([event("prompt-template", "hello")])
    worker.drain()
    with Service(settings(tmp_path)) as service:
        view = service.entity(EntityRef("prompt-template", "test", "hello"))
        assert (view.state, view.name, view.type.name) == ("hydrated", "Hello", "prompt template")
        found = service.search("hello", filters={"type": ["prompt-template"]})
        assert [hit.iri for hit in found.hits] == [view.iri]


def test_one_worker_at_a_time(tmp_path: Path, worker: Worker) -> None:
    with pytest.raises(StoreUnavailable, match="Another process"):
        Worker(settings(tmp_path), sources={})


def test_an_index_that_lags_catches_up(tmp_path: Path, source: MemorySource) -> None:
    source.put(ADA)
    worker = Worker(settings(tmp_path), sources={"test": source}, now=Clock())
    worker.inbox.publish([event("person", "ada@example.com")])
    worker.pipeline.run_once(10)
    worker.pipeline.land()  # committed and struck off; ended before the index is saved
    assert worker.inbox.pending() == 0
    worker.close()
    with Worker(settings(tmp_path), sources={"test": source}, now=Clock()):
        searcher = Searcher(tmp_path / "search", minter=MINTER, labels={})
        assert searcher.search("okafor").total == 1


def test_events_stay_when_nobody_works(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite") as inbox:
        inbox.publish([event("person", "ada@example.com")])
    source = MemorySource("test")
    source.put(ADA)
    with Worker(settings(tmp_path), sources={"test": source}) as worker:
        assert worker.drain().hydrated == 1


def test_readers_get_merged_files_after_a_burst(tmp_path: Path) -> None:
    """When nothing is left to do: in a version of its own, in which the graph says the same."""
    source = universe.source(4_000)
    with Worker(universe.settings(tmp_path), sources={"bench": source}) as worker:
        worker.inbox.publish(universe.events(source))
        worker.drain()
        assert worker.store.is_untidy
        before, facts = worker.store.version, set(worker.store.statements())
        stop = threading.Event()
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()
        deadline = time.monotonic() + 60
        while newest(tmp_path / "checkpoints").name == f"{before:012d}":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stop.set()
        running.join()
        assert not worker.store.is_untidy
        assert worker.store.version == worker.index.version == before + 1
        with open_checkpoint(tmp_path / "checkpoints") as checkpoint:
            assert set(checkpoint.statements()) == facts


def test_events_are_taken_in_the_order_in_which_they_were_told(worker: Worker) -> None:
    worker.inbox.publish([event("person", "zoe"), event("model", "a"), event("person", "ada")])
    assert [work.ref.key for work in worker.inbox.take(3, source="test")] == ["zoe", "a", "ada"]


def test_how_far_a_source_can_be_relied_on(
    tmp_path: Path, worker: Worker, source: MemorySource, clock: Clock
) -> None:
    def seen() -> SourceStatus:
        worker.publish()
        with Service(settings(tmp_path), now=clock) as service:
            (status,) = service.sources()
            return status

    def sweep() -> None:
        swept(worker, source)
        worker.drain()

    ada = source.put(ADA)
    source.put({**ADA, "key": "bob@example.com"})
    assert (seen().completeness, seen().lag_p50) == (None, None)
    sweep()
    assert (seen().completeness, seen().healed) == (1.0, 0), "all is new in the first sweep"
    assert seen().entities == 2, "the source is none of its own"
    sweep()
    assert (seen().healed, seen().lag_p50) == (0, None), "nobody told of a change"
    source.put({**ADA, "display_name": "Ada Lovelace"})
    sweep()
    assert seen().healed == 1, "an event was lost"
    worker.inbox.publish([event("person", ada.key)])
    clock.time += timedelta(seconds=7)
    worker.drain()
    assert (seen().lag_p50, seen().lag_p95) == (7.0, 7.0)
    slow = replace(event("person", ada.key), time=clock.time - timedelta(seconds=60))
    hasty = replace(event("person", ada.key), time=clock.time + timedelta(seconds=60))
    for told in ([slow, hasty], [hasty]):
        worker.inbox.publish(told)
        worker.drain()
    assert (seen().lag_p50, seen().lag_p95) == (7.0, 60.0), "as the first event says, if it can be"


def test_an_event_of_what_a_source_does_not_have_is_refused(tmp_path: Path) -> None:
    people = SourceSettings(
        name="people", kind="scim", options={"url": "http://127.0.0.1:9/v2"}, links={}
    )
    values = settings(tmp_path).values
    with Service(Settings(values=values, sources={"people": people})) as service:
        (status,) = service.sources()
        assert status.event_types == ("person.*", "team.*")
        told = [
            Event(ref=EntityRef(kind, "people", "x"), event_type=f"{kind}.changed", event_id="e")
            for kind in ("person", "model")
        ]
        with pytest.raises(BadEvent, match=r"Event 1: .*'model\.changed'.* person\.\*, team\.\*"):
            service.publish(told)
        assert service.inbox.pending() == 0
        assert service.publish(told[:1]) == 1


def test_dead_letters_can_be_tried_again(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    source.put({**ADA, "display_name": {"@value": ["not", "one"]}})
    worker.inbox.publish([event("person", ADA["key"])])
    assert worker.drain().dead == 1
    with Service(settings(tmp_path)) as service:
        (letter,) = service.dead_letters()
        assert letter.ref.key == ADA["key"] and "cannot be mapped" in letter.error
        assert service.dead_letters("another") == []
        source.put(ADA)
        assert service.replay("test") == 1
    assert worker.drain().hydrated == 1


def test_a_broker_s_dead_messages_can_be_tried_again(
    tmp_path: Path, worker: Worker, source: MemorySource
) -> None:
    """One may be good for a later version of ours; what is rubbish, or was cut off, stays."""
    source.put(ADA)
    body = json.dumps({"event_type": "person.changed", "source": "test", "id": ADA["key"]}).encode()
    good = Letter(place="kafka:t/0@1", error="an older version", body=body)
    cut = Letter(place="kafka:t/0@2", error="an older version", body=body + b" " * MOST_BYTES)
    rubbish = Letter(place="kafka:t/0@3", error="no JSON", body=b"no event")
    half = json.dumps({**json.loads(body), "event_id": "\ud800"}).encode()
    unkept = Letter(place="kafka:t/0@4", error="no Unicode", body=half)
    with Service(settings(tmp_path)) as service:
        service.letters.keep([rubbish, good, cut, unkept])
        assert service.replay("test") == 0
        assert service.replay_events() == 1
        left = {letter.place for letter in service.dead_letters()}
        assert left == {cut.place, rubbish.place, unkept.place}
    assert worker.drain().hydrated == 1


def test_several_consumers_are_told_to_end_together(
    tmp_path: Path, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may wait for its broker for seconds; one after the other they would outlast the end."""
    told_at_close: list[bool] = []

    class Slow:
        def poll(self) -> list[Message]:
            time.sleep(0.05)
            return []

        def acknowledge(self) -> None: ...

        def close(self) -> None:
            told_at_close.append(all(bridge._stop.is_set() for bridge in worker.bridges))

    built: list[Slow] = []
    monkeypatch.setattr("kg.worker.open_bus", lambda *_, **__: built.append(Slow()) or built[-1])
    stop = threading.Event()
    several = settings(tmp_path, events_url="kafka://a:9092/b?consumers=4")
    with Worker(several, sources={"test": source}) as worker:
        assert len(built) == 1, (
            "which tells of a wrong setting; a command may never need the others"
        )
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()
        eventually("all wait for the broker", lambda: len(built) == 4)
        stop.set()
        running.join()
        assert told_at_close == [True] * 4


def test_sweeps_come_by_themselves(tmp_path: Path, source: MemorySource, clock: Clock) -> None:
    table = SourceSettings(name="test", kind="memory", options={}, links={}, sweep_minutes=60)
    swept = Settings(values=settings(tmp_path).values, sources={"test": table})
    ada = source.put(ADA)
    with Worker(swept, sources={"test": source}, now=clock) as worker:
        stop = threading.Event()
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()

        def name() -> str | None:
            return facts(worker, "person/test/ada@example.com").get(iris.PERSON_NAME)

        def becomes(wanted: str | None) -> bool:
            deadline = time.monotonic() + 10
            while name() != wanted and time.monotonic() < deadline:
                time.sleep(0.02)
            return name() == wanted

        try:
            assert becomes("Ada Okafor"), "at once, since there was none yet"
            source.put({**ADA, "display_name": "Ada Lovelace"})
            clock.time += timedelta(minutes=59)
            time.sleep(0.2)
            assert name() == "Ada Okafor"
            source.down = True
            clock.time += timedelta(minutes=1)
            deadline = time.monotonic() + 10
            while not worker.inbox.source("test").failing:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            source.down = False
            while name() != "Ada Lovelace":  # it waits a little longer than it takes to say so
                assert time.monotonic() < deadline
                clock.time += timedelta(seconds=10)
                time.sleep(0.1)
            assert ada in source.list()
        finally:
            stop.set()
            running.join()
