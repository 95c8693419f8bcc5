"""The way in of OpenLineage events: durable in this order, whoever brings them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from kg import config
from kg.cli import run
from kg.errors import BadSetting, SystemFailure, UnknownSource
from kg.events import Inbox, Letter, Letters
from kg.events.bridge import Bridge
from kg.model import Event
from kg.openlineage import Intake, read_events
from kg.service import Service
from kg.sources.openlineage import OpenLineageSource
from kg.worker import Worker
from tests.kg.events.brokers import eventually
from tests.kg.events.carrying import QUICK
from tests.kg.events.test_bridge import Broker
from tests.kg.sources.case_openlineage import recorded

EVENTS = [json.dumps(event).encode() for event in recorded("client.jsonl")]
BAD_EVENT = b'{"eventTime": "2026-11-01T04:00:00Z", "job": {}}'


@pytest.fixture
def record(tmp_path: Path) -> OpenLineageSource:
    return OpenLineageSource("lineage", data_dir=tmp_path)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox.sqlite") as opened:
        yield opened


def intake(record: OpenLineageSource, publish: Callable[[Iterable[Event]], int]) -> Intake:
    return Intake(record=record, publish=publish, source=lambda _: record)


def carrying(
    broker: Broker, record: OpenLineageSource, inbox: Inbox, letters: Letters
) -> Bridge[list[object]]:
    return Bridge(
        broker.open,
        parse=read_events,
        keep=intake(record, inbox.publish).keep_messages,
        letters=letters,
        source="lineage",
        patience=QUICK,
    )


def waiting(inbox: Inbox) -> set[str]:
    return {str(work.ref) for work in inbox.take(1_000, source="lineage")}


def test_one_bad_event_spoils_only_its_message(
    tmp_path: Path, record: OpenLineageSource, inbox: Inbox
) -> None:
    letters = Letters(tmp_path / "inbox.sqlite")
    broker = Broker([*EVENTS[:3], BAD_EVENT, b"[1]", *EVENTS[3:]], at_once=100)
    with carrying(broker, record, inbox, letters) as bridge:
        eventually("all acknowledged", lambda: not broker.waiting)
    assert bridge.carried == len(EVENTS)
    assert letters.count() == 2
    direct = OpenLineageSource("lineage", data_dir=tmp_path / "direct")
    direct.keep(recorded("client.jsonl"))
    assert set(record.list()) == set(direct.list())
    assert {str(ref) for ref in direct.list()} <= waiting(inbox)


def test_a_record_that_cannot_be_written_keeps_them_in_hand(
    tmp_path: Path, record: OpenLineageSource, inbox: Inbox
) -> None:
    file, away = tmp_path / "openlineage.sqlite", tmp_path / "away.sqlite"
    file.rename(away)
    letters = Letters(tmp_path / "inbox.sqlite")
    broker = Broker(EVENTS, at_once=100)
    with carrying(broker, record, inbox, letters) as bridge:
        eventually("trouble", lambda: "cannot be written" in (bridge.trouble or ""))
        assert len(broker.waiting) == len(EVENTS)
        away.rename(file)
        eventually("all acknowledged", lambda: not broker.waiting)
    assert letters.count() == 0
    assert any(record.list())


def test_what_the_graph_did_not_hear_is_told_again(record: OpenLineageSource, inbox: Inbox) -> None:
    def fails(_: Iterable[Event]) -> int:
        raise SystemFailure("The inbox cannot be written.")

    first, *rest = recorded("client.jsonl")
    with pytest.raises(SystemFailure):
        intake(record, fails).keep([first])
    intake(record, inbox.publish).keep([])
    assert waiting(inbox) == set(), "there is no event to tell it with"
    intake(record, inbox.publish).keep(rest[-1:])
    assert {str(ref) for ref in record.list()} <= waiting(inbox)


def settings_of(tmp_path: Path, text: str) -> config.Settings:
    file = tmp_path / "mlg.toml"
    file.write_text(f'data_dir = "{tmp_path / "data"}"\n{text}', "utf-8")
    return config.load(file, environ={})


def test_a_message_that_has_become_good_is_replayed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[sources.lineage]\nkind = "openlineage"\n')
    with Service(settings) as service:
        whole = Letter(place="kafka:t/0@1", error="?", body=EVENTS[0], source="lineage")
        cut = Letter(
            place="kafka:t/0@2", error="?", body=EVENTS[0] + b" " * 70_000, source="lineage"
        )
        thin = Letter(place="kafka:t/0@3", error="?", body=b"no event")
        service.letters.keep([whole, cut, thin])
        assert len(service.dead_letters("lineage")) == 2
        assert service.replay("lineage") == 1
        assert [x.place for x in service.dead_letters("lineage")] == [cut.place]
        assert len(service.dead_letters()) == 2
        assert waiting(service.inbox)


def test_a_dump_says_what_is_not_in_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = settings_of(tmp_path, '[sources.lineage]\nkind = "openlineage"\n')
    with Worker(settings):
        pass
    command = ["--config", str(tmp_path / "mlg.toml"), "dump", str(tmp_path / "all.nq")]
    assert run(command) == 0
    assert f"copy {tmp_path / 'data' / 'openlineage.sqlite'}, too" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('url = "http://x"', BadSetting, r"\[sources.lineage\] url begins with one of kafka://"),
        ('url = "kafka://x:9092/t?oops=1"', BadSetting, r"\[sources.lineage\] url has an option"),
        ('url = "kafka://x:9092/t"\n[sources.lineage.jobs]\nx = "y"', UnknownSource, "'y'"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start(
    tmp_path: Path, text: str, error: type[Exception], says: str
) -> None:
    settings = settings_of(tmp_path, f'[sources.lineage]\nkind = "openlineage"\n{text}\n')
    with pytest.raises(error, match=says):
        Worker(settings)
