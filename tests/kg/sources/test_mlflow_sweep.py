"""Sweeps of MLflow: what no notice tells is found, by searches alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg import config, iris
from kg.iris import EntityRef
from kg.sources.mlflow import MlflowSource
from kg.terms import Statement, text_of
from kg.worker import Worker
from tests.kg.graphs import MINTER
from tests.kg.sources.mlflow_replay import Replay, recorded
from tests.kg.sweeps import swept

MADE = recorded("restored", "universe")
GONE = [EntityRef(kind, "mlflow", key) for kind, keys in MADE["gone"].items() for key in keys]
BACK = [EntityRef(kind, "mlflow", key) for kind, keys in MADE["restored"].items() for key in keys]


@pytest.fixture
def worker(source: MlflowSource, tmp_path: Path) -> Iterator[Worker]:
    settings = config.load(environ={}, data_dir=str(tmp_path))
    with Worker(settings, sources={source.name: source}) as made:
        swept(made, source)
        assert made.drain().changed
        yield made


def told(worker: Worker, ref: EntityRef) -> frozenset[Statement]:
    """What the source says of an entity: not when it was asked, nor MLflow's own time of change."""
    own = {iris.term("dct:modified"), iris.term("mlg:lastHydratedAt")}
    return frozenset(s for s in worker.store.about(MINTER.mint(ref)) if s[1] not in own)


def is_gone(worker: Worker, ref: EntityRef) -> bool:
    return iris.TOMBSTONE in {text_of(value) for _, _, value in told(worker, ref)}


def test_deleted_is_a_tombstone_and_restored_is_whole(
    worker: Worker, source: MlflowSource, replay: Replay
) -> None:
    before = {ref: told(worker, ref) for ref in BACK}
    assert not any(is_gone(worker, ref) for ref in GONE)

    replay.load("changed")
    swept(worker, source)
    worker.drain()
    assert all(is_gone(worker, ref) for ref in GONE)

    replay.load("restored")
    swept(worker, source)
    worker.drain()
    assert {ref: told(worker, ref) for ref in BACK} == before
    assert all(is_gone(worker, ref) for ref in set(GONE) - set(BACK))


def test_a_sweep_that_finds_nothing_new_asks_for_no_record(
    worker: Worker, source: MlflowSource, replay: Replay
) -> None:
    version = worker.store.version
    replay.asked.clear()
    assert swept(worker, source).told == 0
    assert worker.drain().changed == 0
    assert worker.store.version == version
    single = [path for path in replay.asked if "search" not in path]
    zeros = {f"runs/get?run_id={MADE['runs'][name]}" for name in ("october", "november", "clicks")}
    assert set(single) <= zeros  # of which MLflow shows a metric that is no number as 0.0
