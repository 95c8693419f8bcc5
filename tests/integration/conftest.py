"""Real source systems, and real installations beside them. Nothing here is faked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.installation import Installation
from tests.integration.installed import installed
from tests.integration.mlflow_server import MlflowServer, running_mlflow


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    python = installed("MLG_TEST_MLFLOW_PYTHON")
    with running_mlflow(python, tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Installation]]:
    """Makes installations from settings, and stops what they started."""
    made: list[Installation] = []

    def make(settings: str) -> Installation:
        made.append(Installation(folder=tmp_path_factory.mktemp("mlg"), settings=settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()
