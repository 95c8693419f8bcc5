"""What the pipeline did, and how long it waits before it tries again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the pipeline did, for people and for `mlg drain`."""

    hydrated: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    waiting: int = 0
    dead: int = 0
    accepted: int = 0
    refused: int = 0
    statements: int = 0

    def __iadd__(self, other: Counts) -> Self:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How long an entity waits for a source that is down: doubling, with jitter, up to a limit."""

    first_seconds: float
    longest_seconds: float
    jitter: Callable[[], float] = random.random

    def after(self, attempts: int) -> float:
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts, 30))
        return wait * (0.5 + self.jitter() / 2)
