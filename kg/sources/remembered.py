"""What a system has answered, so that it need not be asked the same twice, or tell it twice.

An answer serves anybody who wants one that was asked for no earlier than some moment
(`new_enough_since`). Hydration wants what was asked for after it took an event from the inbox. So what
is told along with many entities that changed together (their run, their page of a list) is asked for
once, and nothing known before an event ever answers it. Whoever says nothing of the kind asks
again; an answer with an ETag then on condition that it has changed (RFC 9110, 13.1.2).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_NEVER: Final = float("inf")
_since: Final = ContextVar("_since", default=_NEVER)


@contextmanager
def new_enough_since(moment: float) -> Iterator[None]:
    """Inside, this thread is served by answers asked for at ``moment`` of `time.monotonic` or later."""
    before = _since.set(moment)
    try:
        yield
    finally:
        _since.reset(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An answer, its ETag (empty if it has none), and when it was asked for."""

    body: bytes
    tag: str
    asked: float

    @property
    def is_new_enough(self) -> bool:
        return self.asked >= _since.get()


class Memory:
    """The answers of one system by what was asked; the oldest go first. Safe to use from threads."""

    def __init__(self, *, most: int = 2_000, most_bytes: int = 32 * 1024 * 1024) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, target: str) -> Remembered | None:
        with self._lock:
            found = self._answers.get(target)
            if found is not None:
                self._answers.move_to_end(target)
            return found

    def keep(self, target: str, answer: Remembered) -> None:
        """Only what can be of use: it has a tag, or this thread takes what others have asked for."""
        if not answer.tag and _since.get() == _NEVER:
            return
        with self._lock:
            self._forget(self._answers.pop(target, None))
            self._answers[target] = answer
            self._bytes += len(answer.body)
            while self._bytes > self._most_bytes or len(self._answers) > self._most:
                self._forget(self._answers.popitem(last=False)[1])

    def _forget(self, answer: Remembered | None) -> None:
        self._bytes -= len(answer.body) if answer else 0
