"""A small supervisor: starts the roles of ``mlg serve``, restarts one that dies, ends them all.

On Linux they end with it even when it is killed, or they would keep the store and the port from who
starts it again.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import click

RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 30.0
HEALTHY_SECONDS = 10.0
STOP_SECONDS = 15.0
FAILED = 3
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True, kw_only=True)
class Role:
    """One process of the group, and how often it died young."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    deaths: int = field(default=0)

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=dict(self.environment),
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - the supervisor has no threads
        )
        self.started = time.monotonic()


def _end_with_parent() -> None:
    """In a role, before its program: has the kernel tell it to stop when its parent is gone."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def supervise(roles: Sequence[Role], *, poll_seconds: float = 0.2) -> int:
    """Runs the roles until SIGTERM or Ctrl+C, and answers the exit code.

    A role that dies is started again, later each time if it dies at once; one that cannot start
    at all (it refuses its settings: exit code 2) ends the group.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    code = 0
    try:
        for role in roles:
            role.start()
        while not stop.wait(poll_seconds):
            if (refused := _look_after(roles)) is not None:
                code = refused
                break
    finally:
        _end(roles)
    return code


def _look_after(roles: Sequence[Role]) -> int | None:
    now = time.monotonic()
    for role in roles:
        assert role.process is not None
        code = role.process.poll()
        if code is None:
            continue
        if role.restart_at == 0.0:
            if code == 2:
                return code
            role.deaths = 0 if now - role.started > HEALTHY_SECONDS else role.deaths + 1
            wait = min(LONGEST_RESTART_SECONDS, RESTART_SECONDS * 2 ** max(0, role.deaths - 1))
            role.restart_at = now + (wait if role.deaths else 0.0)
            click.echo(f"mlg: {role.name} ended with {code}; starting it again.", err=True)
        if now >= role.restart_at:
            role.restart_at = 0.0
            role.start()
    return None


def _end(roles: Sequence[Role]) -> None:
    """Asks all roles to stop, the web first so that no request meets a stopped worker."""
    for role in reversed(roles):
        if role.process is not None and role.process.poll() is None:
            role.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for role in roles:
        if role.process is not None:
            try:
                role.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                role.process.kill()
                role.process.wait()
