"""What a worker process runs: ``python -m kg.query.process DESCRIPTOR MEMORY_MB PATH MODULE…``.

It imports the modules (from where its parent would: ``PATH`` is that one's ``sys.path``), limits
itself, says that it is ready, and then does one job after another. A job is a function, named
``module:function``, that takes a `Task` and returns what JSON can hold.

Jobs run in a thread with a stack of 512 MB, since our engine recurses. The main thread only
watches the socket: when the parent is gone, it ends the process, in the middle of a query too.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any, Final

from kg.errors import LimitExceeded, MlgError
from kg.query import confine
from kg.query.frames import Disconnected, Frame, receive, send

STACK_BYTES: Final = 512 << 20
INLINE_BYTES: Final = 256 << 10
RETIRE_MB: Final = 256
"""A process that has once had more than this is replaced, so that its memory comes back."""


class Output:
    """A job's bytes: in memory while they are few, then in a file without a name."""

    def __init__(self) -> None:
        self._small = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        if self._file is None and self.size > INLINE_BYTES:
            from tempfile import TemporaryFile  # most processes never need it

            # Rows come in pieces of 8 KB: a larger buffer makes a third of the time of writing.
            self._file = TemporaryFile(  # noqa: SIM115 - `close` does it
                buffering=INLINE_BYTES, prefix="mlg-answer-"
            )
            self._file.write(self._small)
            self._small.clear()
        if self._file is None:
            self._small += data
        else:
            self._file.write(data)
        return len(data)

    def flush(self) -> None:
        """For those who take this for a file."""

    def frame(self, message: Mapping[str, Any]) -> Frame:
        """The message with what was written."""
        if self._file is None:
            return Frame(message=message, body=bytes(self._small))
        self._file.flush()
        self._file.seek(0)
        return Frame(message=message, descriptor=self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a job is given. ``kept`` lives as long as the process: what is open, what was read."""

    arguments: Mapping[str, Any]
    body: bytes
    output: Output
    kept: dict[str, Any]


JobFunction = Callable[[Task], Any]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then closes us
    connection = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:] = sys.argv[3].split(os.pathsep)
    for module in sys.argv[4:]:
        import_module(module)
    # What a job makes ends with it; the collector of cycles, as it is set by default, would go over
    # it again and again.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    isolated = confine.forbid_sockets()
    threading.stack_size(STACK_BYTES)
    start = threading.Event()
    threading.Thread(target=_work, args=(connection, isolated, start), daemon=True).start()
    confine.limit_memory(int(sys.argv[2]))  # the stack is not part of what it may take
    start.set()
    parent = select.poll()
    parent.register(connection, 0)  # only whether it hangs up
    parent.poll()
    os._exit(0)  # a job that is running cannot be stopped in another way


def _work(connection: socket.socket, isolated: bool, start: threading.Event) -> None:
    known: dict[str, JobFunction] = {}
    kept: dict[str, Any] = {}
    start.wait()
    try:
        send(connection, Frame(message={"ready": True, "isolated": isolated}))
        while True:
            job = receive(connection)
            output = Output()
            try:
                send(connection, _do(job, output, known, kept))
            finally:
                output.close()
    except Disconnected:
        pass
    except BaseException:  # noqa: BLE001 - the main thread would go on waiting for nothing
        traceback.print_exc()
    os._exit(1)


def _do(job: Frame, output: Output, known: dict[str, JobFunction], kept: dict[str, Any]) -> Frame:
    try:
        name = job.message["function"]
        if name not in known:
            module, _, function = name.partition(":")
            known[name] = getattr(import_module(module), function)
        arguments = job.message["arguments"]
        task = Task(arguments=arguments, body=job.body, output=output, kept=kept)
        value = known[name](task)
        retire = confine.had_more_than(RETIRE_MB)
        return output.frame({"value": value, "retire": retire})
    except MlgError as error:
        return _error(error)
    except MemoryError:
        return _error(LimitExceeded("This needs more memory than its limit.", limit="memory"))
    except Exception:  # noqa: BLE001 - a fault in a job is told to the parent, whatever it is
        return Frame(message={"fault": traceback.format_exc(), "retire": True})


def _error(error: MlgError) -> Frame:
    told = {"code": error.code, "message": str(error), "details": error.details}
    return Frame(message={"error": told, "retire": confine.had_more_than(RETIRE_MB)})


if __name__ == "__main__":
    main()
