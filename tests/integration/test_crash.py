"""`kill -9` of the whole process group during ingestion, twenty times: nothing acknowledged is lost.

Edits, events and submissions go on while the group runs, dies and starts again. A client remembers
what was acknowledged; at the end the graph, its history, its findings and the search index have to
agree with that, with the source, and with each other.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kg import iris
from kg.config import Settings
from kg.draft import DERIVED, DOUBLED
from kg.events import Inbox
from kg.iris import EntityRef, Minter, graph, term
from kg.model import utc_now
from kg.past.revisions import KEPT_GRAPHS
from kg.revision import of_version, place_of, read
from kg.service import Service
from kg.store import Checkpoint
from kg.terms import Quad, Statement, literal, node, text_of
from kg.validate import findings
from kg.views import SearchPage
from kg.worker import Worker
from tests.integration.catalogue import NAME, Catalogue, Seen, tags
from tests.integration.group import Group
from tests.integration.installation import PATIENCE_SECONDS

KILLS = 20
SEED = 20261123
LONGEST_ROUND_SECONDS = 0.8
HISTORY, STEWARD = graph("history"), graph("steward")
DESCRIPTION, KEYWORD = term("dct:description"), term("dcat:keyword")
SUBMITTED = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> . @prefix dct: <http://purl.org/dc/terms/> .
<person/desk/n{n}> a mlg:Person ; <http://xmlns.com/foaf/0.1/name> "Newcomer {n}" ;
    dct:identifier "n{n}" ; mlg:active true .
<model/{source}/m{model}> dct:relation <person/desk/n{n}> .
"""


@dataclass(kw_only=True)
class Desk:
    """Where people submit metadata; ``acknowledged`` are the numbers that got a 201."""

    asked: int = 0
    acknowledged: list[int] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    def submit(self, group: Group) -> bool:
        """Submits a newcomer, and says of a model that they are related."""
        self.asked += 1
        number = self.asked
        text = SUBMITTED.format(n=number, source=NAME, model=number % 100)
        answer = group.ask("/submit", body=text.encode(), kind="text/turtle")
        if answer.status == 201:
            self.acknowledged.append(number)
        elif answer.status != 202:
            self.refused.append(answer.body)
        return answer.status == 201


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """All that is left after the last kill, once it was worked off."""

    settings: Settings
    catalogue: Catalogue
    desk: Desk
    kills: int
    interrupted: int
    """Kills that left acknowledged work undone."""

    @property
    def minter(self) -> Minter:
        return self.settings.minter


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("crash")
    catalogue = Catalogue(file=folder / "catalogue.json", chance=random.Random(SEED))
    group = Group(folder=folder)
    (folder / "mlg.toml").write_text(
        f'base = "{group.base}"\ndata_dir = "{folder / "data"}"\n[server]\nport = {group.port}\n'
        f'[sources.{NAME}]\nkind = "memory"\npath = "{catalogue.file}"\n',
        "utf-8",
    )
    desk = Desk()
    left = [_round(group, catalogue, desk, number) for number in range(KILLS)]
    group.start()
    group.wait(lambda: (ready := group.ask("/readyz").json())["ready"] and not ready["pending"])
    group.stop()
    yield Aftermath(
        settings=group.settings(),
        catalogue=catalogue,
        desk=desk,
        kills=len(left),
        interrupted=sum(map(bool, left)),
    )


def _round(group: Group, catalogue: Catalogue, desk: Desk, number: int) -> int:
    """Starts the group, works with it, kills it somewhere in the middle; answers what it left."""
    killed, told, submitted = threading.Event(), threading.Event(), threading.Event()
    clients = [
        threading.Thread(target=_edit, args=(group, catalogue, killed, told)),
        threading.Thread(target=_submit, args=(group, desk, killed, submitted)),
    ]
    # Half of the rounds end in the first events, half go on until submissions are taken as well;
    # half end at once with the first acknowledgement, which must be kept all the same.
    begun = submitted if number % 2 else told
    seconds = LONGEST_ROUND_SECONDS * catalogue.chance.random() if number % 4 > 1 else 0.0
    group.start()
    try:
        for client in clients:
            client.start()
        assert begun.wait(PATIENCE_SECONDS), group.log
        time.sleep(seconds)
        group.kill()
    finally:
        killed.set()
        for client in clients:
            client.join()
    with Inbox(group.folder / "data" / "inbox.sqlite") as inbox:
        return inbox.pending()


def _edit(
    group: Group, catalogue: Catalogue, killed: threading.Event, told: threading.Event
) -> None:
    """Edits and tells of it, on and on. What was not acknowledged is told by nobody again."""
    while not killed.is_set():
        with suppress(OSError, http.client.HTTPException):
            group.ask("/healthz")
            edited = catalogue.edit(catalogue.some())
            events = [
                {"event_type": f"{r.type.replace('-', '_')}.changed", "source": NAME, "id": r.key}
                for r in edited
            ]
            body = json.dumps(events).encode()
            if group.ask("/events", body=body, kind="application/json").status == 202:
                catalogue.heard(edited)
                told.set()
        killed.wait(0.1)


def _submit(group: Group, desk: Desk, killed: threading.Event, submitted: threading.Event) -> None:
    while not killed.is_set():
        with suppress(OSError, http.client.HTTPException):
            group.ask("/healthz")
            if desk.submit(group):
                submitted.set()
        killed.wait(0.02)


@pytest.fixture(scope="module")
def service(aftermath: Aftermath) -> Iterator[Service]:
    with Service(aftermath.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def checkpoint(service: Service) -> Checkpoint:
    return service.checkpoint()


def test_it_was_killed_in_the_middle_of_work(aftermath: Aftermath) -> None:
    assert aftermath.kills == KILLS
    assert aftermath.interrupted
    assert len(aftermath.catalogue.acknowledged) == aftermath.catalogue.entities
    assert len(aftermath.desk.acknowledged) >= KILLS // 2
    assert not aftermath.desk.refused


def test_every_acknowledged_event_is_in_the_graph(
    aftermath: Aftermath, checkpoint: Checkpoint
) -> None:
    wrong = {}
    for ref in aftermath.catalogue.acknowledged:
        found = _seen(checkpoint, aftermath.minter.mint(ref))
        if found not in (allowed := aftermath.catalogue.allowed(ref)):
            wrong[str(ref)] = found, allowed
    assert not wrong


def _seen(checkpoint: Checkpoint, iri: str) -> Seen:
    facts = list(checkpoint.about(iri))
    types = {value for _, predicate, value in facts if predicate == iris.TYPE}
    if not types or node(iris.TOMBSTONE) in types:
        return None
    return tuple(sorted(text_of(o) for _, p, o in facts if p in (DESCRIPTION, KEYWORD)))


def test_every_acknowledged_submission_is_in_the_graph(
    aftermath: Aftermath, checkpoint: Checkpoint
) -> None:
    stewards = {quad[:3] for quad in checkpoint.quads(graph=STEWARD)}
    merged = set(checkpoint.statements())
    for number in aftermath.desk.acknowledged:
        newcomer = aftermath.minter.mint(EntityRef("person", "desk", f"n{number}"))
        model = aftermath.minter.mint(EntityRef("model", NAME, f"m{number % 100}"))
        said = {
            (newcomer, iris.TYPE, node(term("mlg:Person"))),
            (newcomer, iris.PERSON_NAME, literal(f"Newcomer {number}")),
            (newcomer, iris.IDENTIFIER, literal(f"n{number}")),
        }
        assert said <= stewards
        assert said <= merged
        related = {o for _, p, o in checkpoint.about(model) if p == term("dct:relation")}
        assert related <= {node(_newcomer(aftermath, n)) for n in _later(aftermath, number)}
        assert related


def test_what_is_packed_of_a_version_is_what_is_said_of_it(checkpoint: Checkpoint) -> None:
    packed: set[Quad] = set()
    for version in range(1, checkpoint.version + 1):
        packed.update(q for one in of_version(checkpoint, version) for q in one.quads())
    said = set(checkpoint.quads(graph=HISTORY))
    assert packed == {quad for quad in said if quad[1] != iris.PACKED_REVISIONS}


def _newcomer(aftermath: Aftermath, number: int) -> str:
    return aftermath.minter.mint(EntityRef("person", "desk", f"n{number}"))


def _later(aftermath: Aftermath, number: int) -> range:
    """The submissions about the same model from this one on: each replaces the one before."""
    return range(number, aftermath.desk.asked + 1, 100)


def test_no_revision_is_doubled(aftermath: Aftermath, checkpoint: Checkpoint) -> None:
    """Undone from the last to the first, each revision undoes what is there, down to nothing."""
    state = _stated(aftermath, checkpoint)
    by_revision: dict[str, list[Quad]] = {}
    for quad in checkpoint.quads(graph=HISTORY):
        if quad[1] != iris.PACKED_REVISIONS:
            by_revision.setdefault(quad[0], []).append(quad)
    created: set[str] = set()
    for name in sorted(by_revision, key=place_of, reverse=True):
        kinds = Counter(predicate for _, predicate, _, _ in by_revision[name])
        assert kinds[iris.CREATES] + kinds[iris.REVISES] == 1, name
        assert kinds[iris.RECORDED_AT] == kinds[iris.CAUSED_BY] == kinds[iris.IN_LAYER] == 1, name
        revision = read(by_revision[name])
        assert revision.of not in created, f"{revision.of} is changed before it is created"
        if revision.creates:
            created.add(revision.of)
            gone = {said for said in state if said[0] == revision.of}
            assert gone, f"{name} creates {revision.of} out of nothing"
            state -= gone
        else:
            asserted = {(revision.of, revision.layer, s) for s in revision.asserted}
            retracted = {(revision.of, revision.layer, s) for s in revision.retracted}
            reasons = revision.reasons_gained or revision.reasons_lost
            assert asserted or retracted or reasons, f"{name} says nothing"
            assert asserted <= state, f"{name} asserts what is not there"
            assert not retracted & state, f"{name} retracts what is there"
            state = (state - asserted) | retracted
    assert not state, "some facts came from nowhere"


def _stated(aftermath: Aftermath, checkpoint: Checkpoint) -> set[tuple[str, str, Statement]]:
    """What each layer states of what, and the ontology and shapes that the worker went by."""
    merged = set(checkpoint.statements())
    graphs = {
        name: {quad[:3] for quad in checkpoint.quads(graph=name)}
        for name in (STEWARD, DERIVED, DOUBLED, *KEPT_GRAPHS)
    }
    layers = {
        "steward": graphs[STEWARD],
        "derived": graphs[DERIVED],
        "source": (merged - graphs[STEWARD] - graphs[DERIVED]) | graphs[DOUBLED],
    }
    stated = {
        (iri, layer, said)
        for layer, statements in layers.items()
        for said in statements
        if aftermath.minter.is_entity(iri := said[0].partition("#")[0])
    }
    return stated | {(name, "source", said) for name in KEPT_GRAPHS for said in graphs[name]}


def test_findings_equal_a_full_validation(service: Service, checkpoint: Checkpoint) -> None:
    kept = {quad[0] for quad in checkpoint.quads(graph=findings.FINDINGS)}
    fresh = {findings.name(finding) for finding in service.validate_graph().findings}
    assert fresh
    assert kept == fresh


def test_search_agrees_with_the_graph(
    aftermath: Aftermath, service: Service, checkpoint: Checkpoint
) -> None:
    found = {hit.iri for page in _everything(service) for hit in page.hits}
    types = [s for s in checkpoint.statements() if s[1] == iris.TYPE]
    gone = {s for s, _, value in types if value == node(iris.TOMBSTONE)}
    assert found == {s for s, _, _ in types if aftermath.minter.is_entity(s)} - gone
    assert gone
    lived = [*_everything(service), *_asked(service)]
    with Worker(aftermath.settings, now=utc_now) as worker:
        worker.writer.rebuild_index()
    assert [*_everything(service), *_asked(service)] == lived


def _everything(service: Service) -> list[SearchPage]:
    first = service.search("", filters={}, limit=200)
    offsets = range(200, first.total, 200)
    return [first, *(service.search("", filters={}, offset=o, limit=200) for o in offsets)]


def _asked(service: Service) -> list[SearchPage]:
    """Words of edits that are over, and of some that are not."""
    pages = [service.search(tags(n)[0], filters={}, limit=200) for n in range(60)]
    assert all(page.total <= 200 for page in pages)
    # The order of equals depends on the order of documents, which a new index may change.
    return [_sorted(page) for page in pages]


def _sorted(page: SearchPage) -> SearchPage:
    return SearchPage(
        query=page.query,
        total=page.total,
        offset=page.offset,
        hits=tuple(sorted(page.hits, key=lambda hit: hit.iri)),
        facets=page.facets,
    )


def test_nothing_is_left_lying_about(aftermath: Aftermath) -> None:
    data = aftermath.settings.data_dir
    assert not list(data.rglob("bulk-*.sst"))
    assert not list(data.rglob("building-*"))
    assert not list(data.rglob("*.new"))
    assert list(data.rglob("checkpoints/*/CURRENT"))


def test_every_checkpoint_but_the_last_two_was_pruned(aftermath: Aftermath) -> None:
    folder: Path = aftermath.settings.data_dir / "checkpoints"
    assert len([one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()]) <= 2
