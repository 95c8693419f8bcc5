"""The table of names: each IRI's number, each number's IRI. Memory-mapped, but for what came since.

Numbers are given once and stay. A name is looked up by its hash among sorted ones, so that the
table grows without being numbered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from kg.lineage.edges import Nodes, Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """``text`` holds the names end to end in UTF-8, ``ends`` where each ends.

    ``hashes`` are sorted, and ``holders`` are the numbers that they stand for. ``more`` has the
    names that came since that was written.
    """

    text: NDArray[np.uint8]
    ends: Places
    hashes: NDArray[np.uint64]
    holders: Nodes
    more: dict[str, int] = field(default_factory=dict)
    latest: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, iris: Sequence[str]) -> Names:
        """The table of these names, numbered in their order."""
        encoded = [iri.encode() for iri in iris]
        hashes = np.frombuffer(b"".join(map(_hash, encoded)), dtype=np.uint64)
        order = np.argsort(hashes)
        return cls(
            text=np.frombuffer(b"".join(encoded), dtype=np.uint8),
            ends=np.fromiter(accumulate(map(len, encoded)), dtype=np.int64, count=len(encoded)),
            hashes=hashes[order],
            holders=order.astype(np.uint32),
        )

    def __len__(self) -> int:
        return len(self.ends) + len(self.latest)

    def iri(self, number: int) -> str:
        if number >= len(self.ends):
            return self.latest[number - len(self.ends)]
        start = self.ends[number - 1] if number else 0
        return bytes(self.text[start : self.ends[number]]).decode()

    def number(self, iri: str) -> int | None:
        """The number of a name, or None if there is no such name."""
        found = self.more.get(iri)
        return found if found is not None else next(self._written([iri]))

    def numbered(self, iris: Iterable[str]) -> tuple[Names, Mapping[str, int]]:
        """The table with those names that it does not have yet, and the numbers of all of them."""
        found = {iri: self.more.get(iri, -1) for iri in iris}
        asked = [iri for iri, number in found.items() if number < 0]
        found |= {
            iri: n for iri, n in zip(asked, self._written(asked), strict=True) if n is not None
        }
        new = [iri for iri, number in found.items() if number < 0]
        if not new:
            return self, found
        added = {iri: number for number, iri in enumerate(new, start=len(self))}
        more, latest = self.more | added, [*self.latest, *new]
        return replace(self, more=more, latest=latest), found | added

    def _written(self, iris: Sequence[str]) -> Iterator[int | None]:
        """The numbers of many names among those that were written, all looked up at once."""
        hashes = np.frombuffer(b"".join(_hash(iri.encode()) for iri in iris), dtype=np.uint64)
        low = np.searchsorted(self.hashes, hashes, "left")
        high = np.searchsorted(self.hashes, hashes, "right")
        for iri, first, end in zip(iris, low.tolist(), high.tolist(), strict=True):
            holders = (int(self.holders[place]) for place in range(first, end))
            yield next((number for number in holders if self.iri(number) == iri), None)

    def merged(self) -> Names:
        """The same table as one that can be written."""
        if not self.latest:
            return self
        new = Names.of(self.latest)
        before = len(self.ends)
        hashes = np.concatenate([self.hashes, new.hashes])
        holders = np.concatenate([self.holders, new.holders + np.uint32(before)])
        order = np.argsort(hashes, kind="stable")
        return Names(
            text=np.concatenate([self.text, new.text]),
            ends=np.concatenate([self.ends, new.ends + len(self.text)]),
            hashes=hashes[order],
            holders=holders[order],
        )


def _hash(encoded: bytes) -> bytes:
    return blake2b(encoded, digest_size=8).digest()
