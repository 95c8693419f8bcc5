"""One worker process, as its parent sees it: start, give a job, wait, kill, say how it died."""

from __future__ import annotations

import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import kg
from kg.errors import LimitExceeded, MlgError, SystemFailure
from kg.query.frames import Disconnected, Frame, Overdue, receive, send

_ROOT: Final = Path(kg.__file__).resolve().parent.parent
_WORDS_BYTES: Final = 16_384
_DYING_SECONDS: Final = 5.0
_OUT_OF_MEMORY: Final = ("memory allocation of", "bad_alloc", "MemoryError", "new thread")
_PANIC: Final = re.compile(r"panicked at [^\n]*\n([^\n]*)")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A call of ``module:function`` in a worker process; arguments are JSON, the body is bytes."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a job returned and wrote: bytes when that is little, else an open file at its start."""

    value: Any
    body: bytes | IO[bytes]
    size: int


class Child:
    """A worker process. ``busy`` while it has a job, ``spent`` when it must not get another."""

    def __init__(self, *, memory_mb: int, modules: Sequence[str]) -> None:
        self.busy = False
        self.spent = False
        self._heard = 0
        self._said = tempfile.TemporaryFile(prefix="mlg-worker-")  # noqa: SIM115 - `close` does it
        self._connection, theirs = socket.socketpair()
        self._answers = select.poll()
        self._answers.register(self._connection, select.POLLIN)
        where = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
        command = ["-m", "kg.query.process", str(theirs.fileno()), str(memory_mb), where, *modules]
        try:
            # From the folder that holds this package, so that it is the one that is imported.
            self._process = subprocess.Popen(
                [sys.executable, *command],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
            )
        except BaseException:
            self._connection.close()
            self._said.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self, *, seconds: float) -> None:
        """Returns when the process takes jobs. Raises `SystemFailure` when it does not come up."""
        try:
            frame = receive(self._connection, deadline=time.monotonic() + seconds)
        except (Disconnected, Overdue) as error:
            self._process.kill()
            self._process.wait()
            last = self._last_words().rpartition("\n")[2]
            raise SystemFailure(last or "it does not come up") from error
        if not frame.message["isolated"]:
            _log.warning("query processes can open network connections on this system")

    def begin(self, job: Job, *, deadline: float) -> None:
        """Gives it a job. Raises `Overdue`, or what its death means."""
        self.busy = True
        self._heard = self._said.seek(0, os.SEEK_END)
        message = {"function": job.function, "arguments": job.arguments}
        try:
            send(self._connection, Frame(message=message, body=job.body), deadline=deadline)
        except Disconnected as error:
            raise self._death() from error

    def done_within(self, seconds: float) -> bool:
        """Waits for the job's end, or its death, at most so long."""
        return bool(self._answers.poll(max(0.0, seconds) * 1000))

    def finish(self, *, deadline: float) -> Result:
        """The job's result. Raises the job's error, `Overdue`, or what its death means."""
        try:
            frame = receive(self._connection, deadline=deadline)
        except Disconnected as error:
            raise self._death() from error
        self.busy = False
        self.spent = bool(frame.message["retire"])
        if "error" in frame.message:
            raise _again(frame.message["error"])
        if "fault" in frame.message:
            _log.error("a job failed in its query process:\n%s", frame.message["fault"])
            last = frame.message["fault"].strip().rpartition("\n")[2]
            raise SystemFailure(f"The query process failed: {last}")
        return _result(frame)

    def kill(self) -> None:
        """Kills the process; who waits for its job hears of its death."""
        self._process.kill()

    def close(self) -> None:
        """Kills the process, if it still runs, and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
        self._said.close()

    def _last_words(self) -> str:
        """What the process said, on standard error, since it began its last job.

        The beginning of it, since a backtrace may follow that is longer than anyone reads.
        """
        self._said.seek(self._heard)
        return self._said.read(_WORDS_BYTES).decode("utf-8", "replace").strip()

    def _death(self) -> MlgError:
        """Why the process died in the middle of a job, as far as can be told from outside."""
        try:
            status = self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        name = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        said = self._last_words()
        if name in ("SIGSEGV", "SIGBUS") or "overflowed its stack" in said:
            return LimitExceeded(
                "This is nested too deeply: its process ran out of stack. Simplify it.",
                limit="memory",
                signal=name,
            )
        if name == "SIGKILL" or any(words in said for words in _OUT_OF_MEMORY):
            return LimitExceeded(
                "This needs more memory than its limit. Ask for less, or in smaller parts.",
                limit="memory",
                signal=name,
            )
        _log.error("a query process died (%s): %s", name, said)
        panic = _PANIC.search(said)
        reason = panic[1] if panic else said.rpartition("\n")[2]
        return SystemFailure(
            f"The query process died ({name}): {reason or 'no word'}.", signal=name
        )


def _result(frame: Frame) -> Result:
    value = frame.message["value"]
    if frame.descriptor is None:
        return Result(value=value, body=frame.body, size=len(frame.body))
    size = os.fstat(frame.descriptor).st_size
    return Result(value=value, body=os.fdopen(frame.descriptor, "rb"), size=size)


def _again(told: Mapping[str, Any]) -> MlgError:
    """The error that a job raised, as the same class."""
    kind = next((k for k in _kinds(MlgError) if k.code == told["code"]), SystemFailure)
    return kind(told["message"], **told["details"])


def _kinds(root: type[MlgError]) -> Iterator[type[MlgError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)
