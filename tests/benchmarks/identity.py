"""How well the identity rules tell who is who: ``python -m tests.benchmarks.identity``.

Every pair of ``tests/data/identity/pairs.jsonl`` in one store. A link that is wrong is silent, so
what counts first is the precision of links; what is uncertain goes to the review list, and a pair
that neither has is missed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.model import Entity
from kg.resolve import read_identity
from kg.vocabulary import Vocabulary
from tests.kg.resolve.world import MINTER, World, entity, short

FILE = Path(__file__).parents[1] / "data" / "identity" / "pairs.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two entities, and whether they are the same thing."""

    case: str
    same: bool
    one: Entity
    other: Entity

    @property
    def names(self) -> tuple[str, str]:
        one, other = sorted((self.one.iri, self.other.iri))
        return short(one), short(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What became of the pairs. ``strays`` are links and doubts between entities of two pairs."""

    linked: frozenset[Pair]
    doubted: frozenset[Pair]
    missed: frozenset[Pair]
    strays: int

    @property
    def precision(self) -> float:
        """Of the links: how many are true."""
        return share(self.linked, self.linked)

    @property
    def recall(self) -> float:
        """Of what is the same: how much is linked."""
        return sum(p.same for p in self.linked) / self.same

    @property
    def review_precision(self) -> float:
        return share(self.doubted, self.doubted)

    @property
    def found(self) -> float:
        """Of what is the same: how much is linked or on the review list."""
        return sum(p.same for p in self.linked | self.doubted) / self.same

    @property
    def same(self) -> int:
        return sum(p.same for p in self.linked | self.doubted | self.missed)


def share(pairs: Iterable[Pair], of: Iterable[Pair]) -> float:
    return sum(p.same for p in pairs) / len(list(of))


def pairs() -> list[Pair]:
    found = []
    for line in FILE.read_text("utf-8").splitlines():
        said = json.loads(line)
        one, other = (_entity(*said[name]) for name in ("one", "other"))
        found.append(Pair(case=said["case"], same=said["same"], one=one, other=other))
    return found


def _entity(kind: str, source: str, key: str, facts: dict[str, Any]) -> Entity:
    return entity(f"{kind}/{source}/{key}", *facts.items())


def measure(cases: list[Pair]) -> Figures:
    rules = read_identity(Vocabulary().statements, minter=MINTER)
    with tempfile.TemporaryDirectory() as folder, closing(World(Path(folder), rules)) as world:
        for pair in cases:
            world.tell(pair.one)
        for pair in cases:
            world.tell(pair.other)
        links, doubts = {p for p in world.links() if p[0] < p[1]}, world.doubts()
    linked = frozenset(p for p in cases if p.names in links or p.names[::-1] in links)
    doubted = frozenset(p for p in cases if p.names in doubts or p.names[::-1] in doubts)
    return Figures(
        linked=linked,
        doubted=doubted,
        missed=frozenset(cases) - linked - doubted,
        strays=len(links) + len(doubts) - len(linked) - len(doubted),
    )


def main() -> None:
    cases = pairs()
    found = measure(cases)
    width = max(len(pair.case) for pair in cases)
    print(f"{'case'.ljust(width)}  same  linked  review  neither")
    for case in dict.fromkeys(pair.case for pair in cases):
        of = [pair for pair in cases if pair.case == case]
        counts = [
            sum(p in group for p in of) for group in (found.linked, found.doubted, found.missed)
        ]
        same = "yes" if of[0].same else "no"
        print(f"{case.ljust(width)}  {same:>4}  {counts[0]:>6}  {counts[1]:>6}  {counts[2]:>7}")
    print(f"{len(cases)} pairs, {found.same} of them the same thing")
    print(f"links: precision {found.precision:.3f}, recall {found.recall:.3f}")
    print(f"review list: precision {found.review_precision:.3f}")
    print(f"linked or listed: recall {found.found:.3f}; strays between pairs: {found.strays}")


if __name__ == "__main__":
    main()
