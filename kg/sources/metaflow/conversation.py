"""Questions to the process that reads a Metaflow datastore, and what its answers mean.

`kg.sources.metaflow.reader` tells why it is a process. It is started at the first question, again
after it broke off, and gets no environment but what is set here: neither the configuration of the
person who runs us nor that of another source can reach it.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Final

from kg.errors import BadPayload, SourceUnavailable
from kg.model import Payload

_PROGRAM: Final = Path(__file__).with_name("reader.py")
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


class Conversation:
    """One reader, asked one question at a time. Safe to use from several threads."""

    def __init__(
        self,
        source: str,
        *,
        folder: Path,
        wanted: list[str],
        parameters: list[str],
        timeout_seconds: float,
    ) -> None:
        self._source = source
        self._folder = folder
        self._told = json.dumps([str(folder / ".metaflow"), wanted, parameters])
        self._timeout = timeout_seconds
        self._lock = threading.Lock()
        self._reader: subprocess.Popen[bytes] | None = None

    def names(self, ask: str, of: str = "") -> list[str]:
        """The keys of all flows, or of the runs or tasks of one that is there."""
        found = self._ask(ask, of)
        if found is None:
            raise self._down(f"no longer has {of}, which it has just listed")
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise BadPayload(f"the {ask} of {of or 'the datastore'} are not a list of names.")
        return found

    def listed(self, ask: str, of: str) -> Payload:
        """A record that was listed a moment ago."""
        found = self.record(ask, of)
        if found is None:
            raise self._down(f"no longer has {of}, which it has just listed")
        return found

    def record(self, ask: str, of: str) -> Payload | None:
        """A flow, run or task; None if Metaflow says that there is none."""
        found = self._ask(ask, of)
        if found is not None and not isinstance(found, dict):
            raise BadPayload(f"the {ask} {of} is not an object.")
        return found

    def insist(self) -> None:
        """Raises `SourceUnavailable` if the datastore cannot be read, whatever was asked of it."""
        self._ask("nothing", "")

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _ask(self, ask: str, of: str) -> Any | None:
        with self._lock:
            try:
                answer = json.loads(self._exchange(json.dumps({"ask": ask, "of": of}) + "\n"))
            except (OSError, ValueError) as error:
                self._stop()
                raise self._down(f"cannot be read: {error}") from error
            except (SourceUnavailable, BadPayload):
                self._stop()
                raise
        if "unavailable" in answer:
            raise self._down(f"cannot be read: {answer['unavailable']}")
        if "unusable" in answer:
            raise BadPayload(f"the {ask} {of} cannot be read: {str(answer['unusable'])[:300]}")
        return answer.get("found")

    def _exchange(self, question: str) -> bytes:
        if self._reader is None or self._reader.poll() is not None:
            self._stop()
            self._reader = self._start()
        if self._reader.stdin is None or self._reader.stdout is None:
            raise OSError("its reader has no pipes")
        self._reader.stdin.write(question.encode())
        self._reader.stdin.flush()
        return self._line(self._reader.stdout)

    def _line(self, pipe: IO[bytes]) -> bytes:
        line, deadline = bytearray(), time.monotonic() + self._timeout
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not waiting.select(max(0.0, deadline - time.monotonic())):
                    raise self._down(f"gave no answer in {self._timeout:g} s")
                part = os.read(pipe.fileno(), 64 * 1024)
                if not part:
                    raise self._down("cannot be read: its reader broke off")
                line += part
                if len(line) > _MAX_ANSWER_BYTES:
                    raise BadPayload(f"an answer has more than {_MAX_ANSWER_BYTES:,} bytes.")
        return bytes(line)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", str(_PROGRAM), self._told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self._folder),
                "METAFLOW_DEFAULT_DATASTORE": "local",
                "METAFLOW_DEFAULT_METADATA": "local",
                "METAFLOW_HOME": os.devnull,  # nobody's ~/.metaflowconfig
                "METAFLOW_USER": "mlgraph",
                "TZ": "UTC",
            },
        )

    def _stop(self) -> None:
        if self._reader is None:
            return
        self._reader.kill()
        with self._reader:  # closes its pipes and waits for its end
            self._reader = None

    def _down(self, what: str) -> SourceUnavailable:
        return SourceUnavailable(
            f"Source {self._source!r}: the Metaflow datastore {self._folder} {what}.",
            source=self._source,
        )
