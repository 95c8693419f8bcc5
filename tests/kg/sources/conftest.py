"""MLflow as it was recorded, and the source that asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kg.sources.mlflow import MlflowSource
from tests.kg.sources.mlflow_replay import Replay


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[MlflowSource]:
    made = MlflowSource("mlflow", url=replay.url, page_size=2)
    yield made
    made.close()
