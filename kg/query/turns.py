"""Things given out in the order of asking, so that nobody is passed by who asked later.

The queues of the standard library let a newcomer take what was just put there for who waits: under
load, a few callers that come back quickly starve the others.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class _Waiter(Generic[T]):
    def __init__(self) -> None:
        self.thing: T | None = None
        self.given = threading.Lock()
        self.given.acquire()


class Turns(Generic[T]):
    """Things that are free. The one that was given back last goes out first: it is the warmest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[T] = []
        self._waiters: deque[_Waiter[T]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def take(self, *, seconds: float) -> T | None:
        """One of the things, or None when none came free in time."""
        with self._lock:
            if self._free:
                return self._free.pop()
            waiter = _Waiter[T]()
            self._waiters.append(waiter)
        if not waiter.given.acquire(timeout=max(0.0, seconds)):
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return waiter.thing

    def give(self, thing: T) -> None:
        """Gives a thing to who has waited longest, or keeps it for who comes next."""
        with self._lock:
            if self._waiters:
                waiter = self._waiters.popleft()
                waiter.thing = thing
                waiter.given.release()
            else:
                self._free.append(thing)
