"""Processes that run what strangers send, and are killed when it takes too long or too much.

Our engine has no time limit and cannot be cancelled, a deep query overflows its stack and one that
takes all memory aborts its process. So each job runs in a process of its own time: at the deadline
it is killed and another takes its place. The pool knows nothing of SPARQL: a job is a named
function with JSON arguments (see `kg.query.process`).

Short jobs must not wait behind long ones. There is one process more than ``workers``: every job
starts as a short one, and a job that is not done after `SHORT_SECONDS` needs one of ``workers``
places for long ones. While none is free it goes on as long as nobody waits for its process; then
it makes room, and starts again when there is a place. Nobody waits longer than `WAIT_SECONDS` for
a process or a place; then the pool is `Busy`.

Open the pool after any fork. It is used from many threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self

from kg.errors import Busy, LimitExceeded, SystemFailure
from kg.query.child import Child, Job, Result
from kg.query.frames import Overdue
from kg.query.turns import Turns

__all__ = ["Job", "Pool", "Result"]

SHORT_SECONDS: Final = 0.25
WAIT_SECONDS: Final = 1.5
START_SECONDS: Final = 20.0
RETRY_AFTER: Final = 2
"""Seconds after which `Busy` is worth another try; in its details as ``retry_after``."""
_STEP_SECONDS: Final = 0.02

_log = logging.getLogger(__name__)


class Pool:
    """``workers`` processes for long jobs and one for short ones. They start with the first job.

    ``modules`` are imported by each process before it takes jobs, and do not count as its memory.
    """

    def __init__(
        self,
        *,
        workers: int,
        memory_mb: int,
        modules: Sequence[str] = (),
        short_seconds: float = SHORT_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._memory_mb = memory_mb
        self._modules = tuple(modules)
        self._short = short_seconds
        self._wait = wait_seconds
        self._size = max(1, workers) + 1
        self._long = threading.BoundedSemaphore(max(1, workers))
        self._idle: Turns[Child] = Turns()
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._starters: set[threading.Thread] = set()
        self._started = False
        self._tried = threading.Event()
        self._trouble: SystemFailure | None = None
        self._closed = threading.Event()

    def run(self, job: Job, *, timeout: float) -> Result:
        """Runs a job and answers its result.

        Raises the job's own error; `LimitExceeded` (``time`` after ``timeout`` seconds since it
        began, ``memory``) when it was killed or died of it; `Busy` when there was no room.
        """
        self._start()
        patience = time.monotonic() + self._wait
        with self._child(patience) as child, _limited(timeout):
            deadline = time.monotonic() + timeout
            child.begin(job, deadline=deadline)
            if child.done_within(min(self._short, timeout)) or timeout <= self._short:
                return child.finish(deadline=deadline)
            with self._place(child, until=min(patience, deadline)) as may_go_on:
                if may_go_on or time.monotonic() >= deadline:
                    return child.finish(deadline=deadline)
        if not self._long.acquire(timeout=max(0.0, patience - time.monotonic())):
            raise _busy()
        try:
            # Who holds a place finds a process soon: all others that run are short.
            soon = time.monotonic() + self._wait
            with self._child(soon) as child, _limited(timeout):
                child.begin(job, deadline=deadline)  # the first one: waiting counts
                return child.finish(deadline=deadline)
        finally:
            self._long.release()

    @contextmanager
    def _place(self, child: Child, *, until: float) -> Iterator[bool]:
        """Whether a job that turned out long may go on: it has a place, or is done meanwhile."""
        held = self._long.acquire(blocking=False)
        while not (held or child.done_within(0) or self._idle.waiting or time.monotonic() > until):
            held = self._long.acquire(timeout=_STEP_SECONDS)
        try:
            yield held or child.done_within(0)
        finally:
            if held:
                self._long.release()

    @contextmanager
    def _child(self, patience: float) -> Iterator[Child]:
        """An idle process. One that is still busy when the block ends is killed and replaced."""
        child = self._take(patience)
        try:
            yield child
        except Exception as error:
            if self._closed.is_set():
                raise Busy("The server is shutting down.", retry_after=RETRY_AFTER) from error
            raise
        finally:
            if child.busy or child.spent or self._closed.is_set():
                self._replace(child)
            else:
                self._idle.give(child)

    def _take(self, patience: float) -> Child:
        while True:
            if self._closed.is_set():
                raise SystemFailure("The query pool is closed.")
            child = self._idle.take(seconds=patience - time.monotonic())
            if child is None:
                raise _busy()
            if child.alive():
                return child
            self._replace(child)

    # --- processes come and go -----------------------------------------------------------------

    def _start(self) -> None:
        """Starts all processes with the first job; that one waits until one is there."""
        with self._lock:
            first, self._started = not self._started, True
        if first:
            for _ in range(self._size):
                self._add()
        self._tried.wait()  # `close` sets it too
        if self._trouble is not None:
            raise SystemFailure(str(self._trouble)) from self._trouble

    def _add(self) -> None:
        starter = threading.Thread(target=self._bring_up, name="query-pool", daemon=True)
        with self._lock:
            self._starters.add(starter)
        starter.start()

    def _bring_up(self) -> None:
        """Starts one process and makes it idle once it is ready. Tries until it works."""
        pause = 0.1
        while not self._closed.is_set():
            try:
                child = self._spawn()
            except (OSError, SystemFailure) as error:
                if self._closed.is_set():
                    break
                _log.error("a query process cannot start: %s", error)
                if not self._tried.is_set():
                    self._trouble = SystemFailure(f"No query process can start: {error}")
                    self._tried.set()
                self._closed.wait(pause)
                pause = min(2 * pause, 5.0)
            else:
                self._idle.give(child)
                self._trouble = None
                self._tried.set()
                break
        with self._lock:
            self._starters.discard(threading.current_thread())

    def _spawn(self) -> Child:
        child = Child(memory_mb=self._memory_mb, modules=self._modules)
        with self._lock:
            self._children.add(child)
        try:
            child.await_ready(seconds=START_SECONDS)
        except SystemFailure:
            self._drop(child)
            raise
        return child

    def _replace(self, child: Child) -> None:
        self._drop(child)
        if not self._closed.is_set():
            self._add()

    def _drop(self, child: Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.close()

    def close(self) -> None:
        """Ends all processes; jobs that run end with `Busy`."""
        self._closed.set()
        self._tried.set()
        with self._lock:
            children, starters = list(self._children), list(self._starters)
        for one in children:
            one.kill()
        for starter in starters:
            starter.join()
        while (child := self._idle.take(seconds=0)) is not None:
            self._drop(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    try:
        yield
    except Overdue:
        raise LimitExceeded(
            f"This took longer than its limit of {seconds:g} seconds and was stopped.",
            limit="time",
            seconds=seconds,
        ) from None


def _busy() -> Busy:
    return Busy("All query processes are busy; try again in a moment.", retry_after=RETRY_AFTER)
