"""The order in which the files of tests begin."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
FIRST: Final = (
    "kg/events/test_kafka.py",
    "browser/test_browser_pages.py",
    "integration/test_lineage_topic.py",
    "integration/test_crash.py",
    "kg/events/test_sqs.py",
    "kg/past/test_past_states.py",
    "integration/test_bus.py",
)
"""By turns, files that mostly wait for a broker and files that keep several processors busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts these files first, so that workers wait and compute side by side, not one by one."""
    place = {HERE / name: number for number, name in enumerate(FIRST)}
    assert all(file.is_file() for file in place)
    items.sort(key=lambda item: place.get(item.path, len(place)))
