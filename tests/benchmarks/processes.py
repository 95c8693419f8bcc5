"""Servers as their users start them: a process group of its own, told to end when a block ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.01


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Starts a command in a process group of its own, whose number it answers."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        number: int = trial.getsockname()[1]
        return number


def wait_until(what: str, holds: Callable[[], bool], *, seconds: float = 60.0) -> float:
    """Asks until it holds, and answers how long that took. Refused connections are a no."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        try:
            if holds():
                return time.perf_counter() - start
        except OSError:
            pass
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"After {seconds:g} seconds there is still no {what}.")


def memory(group: int) -> dict[str, float]:
    """Proportional memory (PSS) of each process of a group in megabytes, by what it is.

    Shared pages are divided among those that share them, so the sum is what the group takes.
    """
    found: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[2]) != group:
                continue
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            told = (folder / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        pss = next(line.split()[1] for line in told.splitlines() if line.startswith("Pss:"))
        name = f"{folder.name} {b' '.join(arguments[1:4]).decode(errors='replace')}"
        found[name] = int(pss) / 1024
    return found


def cpu_seconds(group: int) -> float:
    """Processor time that the group's processes have used so far."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(after_name[2]) == group:
            ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load() -> str:
    """How busy the machine is, for reading the numbers later."""
    one, five, _ = os.getloadavg()
    return f"{os.cpu_count()} cores, load {one:.1f} (1 min) {five:.1f} (5 min)"
