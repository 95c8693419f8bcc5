"""The table of names: each IRI's number, each number's IRI. Memory-mapped, but for what came since.

Numbers are given once and stay. A name is looked up by its hash among sorted ones, so that the
table grows without being numbered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
        if (found := self.more.get(iri)) is not None:
            return found
        hashed = np.frombuffer(_hash(iri.encode()), dtype=np.uint64)[0]
        place = int(np.searchsorted(self.hashes, hashed))
        while place < len(self.hashes) and self.hashes[place] == hashed:
            if self.iri(number := int(self.holders[place])) == iri:
                return number
            place += 1
        return None

    def with_names(self, iris: Iterable[str]) -> Names:
        """The table with those names that it does not have yet."""
        more, latest = dict(self.more), list(self.latest)
        for iri in iris:
            if iri not in more and self.number(iri) is None:
                more[iri] = len(self.ends) + len(latest)
                latest.append(iri)
        return Names(
            text=self.text,
            ends=self.ends,
            hashes=self.hashes,
            holders=self.holders,
            more=more,
            latest=latest,
        )

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
