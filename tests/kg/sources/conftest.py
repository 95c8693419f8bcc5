"""MLflow as it was recorded, the source that asks it, and a tool that nobody wrote a source for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kg.sources.mlflow import MlflowSource
from tests.kg.sources.mlflow_replay import Replay
from tests.kg.sources.rest_tool import Desk


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


@pytest.fixture
def source(replay: Replay) -> Iterator[MlflowSource]:
    made = MlflowSource("mlflow", url=replay.url, page_size=2)
    yield made
    made.close()
