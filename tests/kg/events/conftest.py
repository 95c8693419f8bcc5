"""One Kafka broker and one moto for all tests of this folder that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.events import Inbox
from kg.events.letters import Letters
from tests.kg.events import brokers
from tests.kg.events.brokers import Kafka, quiet_port


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    broker = Kafka(port=quiet_port())
    with broker.broker():
        yield broker


@pytest.fixture(scope="session")
def amazon() -> Iterator[str]:
    with brokers.moto() as address:
        yield address


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox.sqlite") as opened:
        yield opened


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path / "inbox.sqlite")
