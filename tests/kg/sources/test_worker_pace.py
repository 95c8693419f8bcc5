"""A worker whose sources are asked slowly: nothing else has to wait for them, nor it to stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from kg import config
from kg.config import Settings
from kg.iris import EntityRef
from kg.model import Event
from kg.service import Service
from kg.worker import Worker
from tests.benchmarks.processes import wait_until
from tests.kg.sources.rest_tool import TOKEN, Desk

SLOW = [f"desk-{number}" for number in range(12)]
"""With four threads each, more than a pool of common size has."""
ENVIRON = {"DESK_TOKEN": TOKEN, "DESK_HOOK": "s3cret"}


@pytest.fixture
def settings(desk: Desk, tmp_path: Path) -> Settings:
    """One request in 1,000 s from each desk but the quick one; the first may begin at once."""
    table = desk.settings(tmp_path).read_text("utf-8")
    slow = 'kind = "rest"\nper_second = 0.001\nsweep_minutes = 10'
    tables = [
        table.replace("sources.desk", f"sources.{name}").replace('kind = "rest"', slow)
        for name in SLOW
    ]
    file = tmp_path / "mlg.toml"
    file.write_text("\n".join([table, *tables]), "utf-8")
    return config.load(file, environ=ENVIRON, data_dir=str(tmp_path / "data"))


def test_sources_that_are_asked_slowly_hold_up_nothing(desk: Desk, settings: Settings) -> None:
    slugs = list(desk.services)
    stop = threading.Event()
    with Service(settings) as service, Worker(settings) as worker:
        service.publish(changed(name, slug) for name in SLOW for slug in slugs)
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()
        wait_until("request to each", lambda: len(desk.asked) >= len(SLOW))
        service.publish(changed("desk", slug) for slug in slugs)
        wait_until("success", lambda: service.inbox.source("desk").last_success is not None)
        assert service.inbox.source("desk").pending == 0
        stop.set()
        running.join(10)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    with Service(settings) as service:
        slow = [service.inbox.source(name) for name in SLOW]
        assert all(row.pending >= len(slugs) - 1 for row in slow), "what was not asked for is there"
        assert not any(row.failing for row in slow)
    assert len(desk.asked) == len(SLOW) + len(slugs)


def changed(source: str, slug: str) -> Event:
    ref = EntityRef("service", source, slug)
    return Event(ref=ref, event_type="service.changed", event_id="event-1")
