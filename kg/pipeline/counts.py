"""What the pipeline did."""

from __future__ import annotations

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
