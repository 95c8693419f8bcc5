"""When a source may be asked next: real threads, and the time that a real clock shows."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kg.config import SourceSettings
from kg.errors import BadSetting, SourceClosed
from kg.sources import KINDS, connect
from kg.sources.pace import Pace

ADDRESS = {"url": "http://127.0.0.1:1"}
ASKED: dict[str, dict[str, Any]] = {
    "airflow": ADDRESS,
    "feast": ADDRESS | {"project": "p"},
    "growthbook": ADDRESS | {"token": "t"},
    "iceberg": {"url": "sqlite:////nowhere.db"},
    "ldap": {"url": "ldap://127.0.0.1", "people_base": "ou=people", "groups_base": "ou=groups"},
    "mlflow": ADDRESS,
    "scim": ADDRESS,
    "unleash": ADDRESS | {"token": "t"},
}
"""What is asked over a network, with the least that it must be told; `rest` has tests of its own."""


def test_requests_of_all_threads_together_keep_to_the_limit() -> None:
    pace = Pace("told", 100)
    began = time.monotonic()

    def ask(_: int) -> float:
        pace.wait()
        return time.monotonic() - began

    with ThreadPoolExecutor(8) as pool:
        moments = sorted(pool.map(ask, range(40)))
    assert all(moment >= number / 100 for number, moment in enumerate(moments))


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace("told")
    began = time.monotonic()
    for _ in range(1000):
        pace.wait()
    assert time.monotonic() - began < 1


def test_what_the_system_asks_for_holds_for_all_threads() -> None:
    pace = Pace("told")
    pace.hold(0.3)
    pace.hold(0.1)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        moments = list(pool.map(lambda _: pace.wait() or time.monotonic(), range(4)))
    assert min(moments) - began >= 0.29


def test_who_waits_when_it_is_closed_waits_no_longer() -> None:
    pace = Pace("told", 0.001)
    pace.wait()
    began = threading.Event()
    ended: list[BaseException] = []

    def ask() -> None:
        began.set()
        try:
            pace.wait()
        except SourceClosed as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    began.wait(10)
    pace.close()
    asking.join(10)
    assert not asking.is_alive() and "'told' is closed" in str(ended[0])
    with pytest.raises(SourceClosed):
        pace.wait()


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("wrong", [-1, "5", True, float("nan"), float("inf")])
def test_a_wrong_pace_is_named(kind: str, wrong: Any) -> None:
    options = {**ASKED[kind], "per_second": wrong}
    with pytest.raises(BadSetting, match=r"\[sources.desk\] per_second = "):
        connect(SourceSettings(name="desk", kind=kind, options=options, links={}))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - ASKED.keys() - {"rest"}))
def test_what_is_not_asked_over_a_network_has_no_pace(kind: str) -> None:
    with pytest.raises(BadSetting, match="per_second"):
        connect(SourceSettings(name="desk", kind=kind, options={"per_second": 1}, links={}))
