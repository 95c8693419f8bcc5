"""Of a tool that contradicts itself, or lists what nobody can name, nothing is buried; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg import config
from kg.errors import BadPayload, IncompleteList, SourceUnavailable
from kg.iris import EntityRef
from kg.model import Event
from kg.sources import Source, connect
from kg.sweep import Swept
from kg.worker import Worker
from tests.kg.sources.rest_tool import TOKEN, Desk
from tests.kg.sweeps import swept

ABSENT = {"error": {"code": "NOT_FOUND"}}
CODE = "absent_code = { error.code = "
ON_A_LATER_PAGE = EntityRef("service", "desk", "a/b %c ü")


@dataclass
class Clock:
    time: datetime = field(default_factory=lambda: datetime(2026, 11, 23, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.time


@contextmanager
def joined(
    desk: Desk, folder: Path, *, without: str = "nothing", clock: Clock | None = None
) -> Iterator[tuple[Worker, Source]]:
    """A worker of the tool, whose settings lack the lines that begin so."""
    file = desk.settings(folder)
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith(without)]
    file.write_text("\n".join(lines), "utf-8")
    environ = {"DESK_TOKEN": TOKEN, "DESK_HOOK": "s3cret"}
    settings = config.load(file, environ=environ, data_dir=str(folder / "data"))
    source = connect(settings.sources["desk"])
    with Worker(settings, sources={"desk": source}, now=clock or Clock()) as worker:
        yield worker, source


def test_a_bare_404_is_believed_only_if_no_page_lists_it(desk: Desk, tmp_path: Path) -> None:
    with joined(desk, tmp_path, without=CODE) as (worker, source):
        swept(worker, source)
        assert worker.drain().hydrated == 6
        desk.answer("services/", "not here", status=404)
        with pytest.raises(SourceUnavailable, match="correct 'one'"):
            source.fetch(ON_A_LATER_PAGE)
        event = Event(ref=ON_A_LATER_PAGE, event_type="service.changed", event_id="1")
        worker.inbox.publish([event])
        counts = worker.drain()
        assert (counts.gone, counts.waiting) == (0, 1)
        assert source.fetch(EntityRef("service", "desk", "nobody")).gone


def test_what_a_sweep_has_just_listed_is_not_buried(desk: Desk, tmp_path: Path) -> None:
    clock = Clock()
    with joined(desk, tmp_path, clock=clock) as (worker, source):
        swept(worker, source)
        assert worker.drain().hydrated == 6
        desk.answer("services/", ABSENT, status=404)
        clock.time += timedelta(seconds=1)
        swept(worker, source)
        counts = worker.drain()
        assert counts.gone == 0
        row = worker.inbox.source("desk")
        assert row.failing and "lists service/desk/" in (row.last_error or "")
        assert row.pending + row.retrying >= 3, "the services are tried again"
        desk.mend()
        clock.time += timedelta(hours=1)
        assert worker.drain().gone == 0
        assert not worker.inbox.source("desk").failing
        assert worker.inbox.pending() == 0


def test_what_was_deleted_since_it_was_listed_is_gone(desk: Desk, tmp_path: Path) -> None:
    clock = Clock()
    with joined(desk, tmp_path, clock=clock) as (worker, source):
        swept(worker, source)
        worker.drain()
        clock.time += timedelta(seconds=1)
        swept(worker, source)
        del desk.services["search"]
        counts = worker.drain()
        assert (counts.gone, counts.waiting, counts.dead) == (1, 0, 0)


def test_a_record_without_its_key_holds_up_no_other(desk: Desk, tmp_path: Path) -> None:
    desk.services = {
        "unnamed": {"title": "no slug"},
        **desk.services,
        "wrong": {"slug": True},
        "null": None,  # type: ignore[dict-item]
    }
    clock = Clock()
    with joined(desk, tmp_path, clock=clock) as (worker, source):
        wanted = r"'desk'.*services: 3 of 6 .*number 1: .*lacks 'slug'.*number 5: .*number 6: "
        with pytest.raises(IncompleteList, match=wanted):
            swept(worker, source)
        row = worker.inbox.source("desk")
        assert row.failing and "number 1" in (row.last_error or "")
        assert worker.drain().hydrated == 6, "all that was listed, of each type"

        clock.time += timedelta(seconds=1)
        del desk.deployments["home-ranking", 7]
        with pytest.raises(IncompleteList):
            swept(worker, source)
        counts = worker.drain()
        assert (counts.unchanged, counts.gone) == (5, 0), "it begins anew, and buries nobody"

        for name in ("unnamed", "wrong", "null"):
            del desk.services[name]
        clock.time += timedelta(seconds=1)
        assert swept(worker, source) == Swept(listed=5, told=6)
        assert worker.drain().gone == 1


@pytest.mark.parametrize("without", [CODE, 'one = "services'])
def test_what_an_incomplete_list_lacks_may_be_there(
    desk: Desk, tmp_path: Path, without: str
) -> None:
    desk.services = {"unnamed": {"title": "no slug"}, **desk.services}
    with joined(desk, tmp_path, without=without) as (_, source):
        assert not source.fetch(ON_A_LATER_PAGE).gone
        with pytest.raises(BadPayload, match=r"service/desk/nobody: .*number 1: .*lacks 'slug'"):
            source.fetch(EntityRef("service", "desk", "nobody"))


def test_many_records_without_a_key_are_told_of_in_short(desk: Desk, tmp_path: Path) -> None:
    desk.services = {str(number): {"title": str(number)} for number in range(50)}
    with joined(desk, tmp_path) as (_, source), pytest.raises(IncompleteList) as caught:
        list(source.list())
    assert "50 of 50" in str(caught.value) and str(caught.value).count("number") == 3
