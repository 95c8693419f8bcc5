"""Jobs for the tests of the pool, run in its processes by name: ``tests.kg.query.jobs:echo``."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

import pyoxigraph as ox

from kg.errors import BadQuery
from kg.query.process import Task


def echo(task: Task) -> Any:
    task.output.write(task.body)
    return dict(task.arguments)


def pid(_task: Task) -> int:
    return os.getpid()


def count(task: Task) -> int:
    """How many jobs of this kind the process has done."""
    task.kept["count"] = task.kept.get("count", 0) + 1
    return int(task.kept["count"])


def sleep(task: Task) -> None:
    time.sleep(task.arguments["seconds"])


def refuse(_task: Task) -> None:
    raise BadQuery("Line 1, column 2: no.", line=1, column=2)


def fail(_task: Task) -> None:
    raise ZeroDivisionError("nobody foresaw this")


def die(task: Task) -> None:
    signal.raise_signal(signal.Signals[task.arguments["signal"]])
    time.sleep(60)


def answer_nonsense(_task: Task) -> object:
    return object()  # which JSON cannot hold


def stop(_task: Task) -> None:
    os._exit(3)


def take_memory(task: Task) -> int:
    """Takes so many megabytes and lets them go."""
    return len(bytearray(task.arguments["mb"] << 20))


def connect(task: Task) -> None:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", task.arguments["port"]))


def query(task: Task) -> int:
    """Runs a query on an empty store, without any guard."""
    result = ox.Store().query(task.body.decode())
    return bool(result) if isinstance(result, ox.QueryBoolean) else sum(1 for _ in result)
