"""From an entity's name to what people read: walks with names and paths, impacts with groups.

Reads one state of the lineage, and the names in the graph of the same version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from kg import iris
from kg.errors import BadInput, BadIri, NotFound
from kg.facts import Facts
from kg.iris import EntityRef
from kg.lineage.impact import Counts, impact
from kg.lineage.lineage import Lineage
from kg.lineage.walk import Direction, Walk, walk
from kg.terms import is_literal, node, text_of
from kg.views import FacetCount, Group, Groups, ImpactView, Named, PathStep, Reached, Trace
from kg.vocabulary import Vocabulary

SHOWN: Final = 100
"""Groups of an impact that are named; the rest is counted, and in the list."""
_REMEMBERED: Final = 100_000

Nearest = Callable[[str], Sequence[EntityRef]]
"""The entities whose names are nearest to a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracer:
    """``facts`` are the graph of the lineage's version; ``nearest`` helps who mistyped a name."""

    lineage: Lineage
    facts: Facts
    vocabulary: Vocabulary
    nearest: Nearest = lambda _: ()

    def trace(
        self,
        *refs: EntityRef,
        direction: Direction,
        depth: int | None = None,
        types: Collection[str] = (),
        kinds: Collection[str] = (),
        stop_at: Collection[str] = (),
    ) -> Trace:
        """Everything up or down from entities together, or up to ``depth`` steps from them.

        The trace is named after the first. ``types`` are the entity types to list, whatever is passed on the way; ``kinds`` the
        properties to follow, by IRI or local name; ``stop_at`` the types beyond which nothing is
        followed. Raises `NotFound`, and `BadInput` for a type or kind that the ontology lacks.
        """
        for name in {*types, *stop_at} - set(self.vocabulary.types):
            raise BadInput(
                f"{name!r} is no entity type; known: {', '.join(self.vocabulary.types)}."
            )
        numbers = self.lineage.kinds.named(kinds)
        starts = self._starts(refs)
        if not starts:
            return self._nothing(refs[0], direction)
        found = walk(
            self.lineage, *starts, direction=direction, depth=depth, kinds=numbers, stop_at=stop_at
        )
        return self._told(found, types=types, kinds=numbers)

    def impact(self, *refs: EntityRef, listing: bool = True) -> ImpactView:
        """What is hit if entities change, fail or go together, listed or only counted.

        The trace is named after the first. Raises `NotFound`.
        """
        starts = self._starts(refs)
        if not starts:
            none = Groups(total=0, first=())
            return ImpactView(
                by_type=(),
                by_team=none,
                by_domain=none,
                tests=none,
                deployments=none,
                trace=self._nothing(refs[0], "down"),
            )
        found = impact(self.lineage, *starts)
        trace = self._told(found.walk)
        return ImpactView(
            by_type=tuple(
                FacetCount(value=name, label=self._plural(name), count=count)
                for name, count in found.by_type.items()
            ),
            by_team=self._groups(found.by_team),
            by_domain=self._groups(found.by_domain),
            tests=self._groups(found.tests),
            deployments=self._groups(found.deployments),
            trace=trace if listing else replace(trace, items=iter(())),
        )

    def named(self, iri: str) -> Named:
        """An IRI with its name in the graph, and its place here if it is an entity."""
        try:
            minter = self.lineage.minter
            ref = minter.parse(iri) if minter.is_entity(iri) else None
        except BadIri:
            ref = None
        name = self._name(iri)
        if ref is None:
            return Named(iri=iri, name=name or iri)
        return Named(iri=iri, name=name or ref.key, ref=ref, type=ref.type)

    def _name(self, iri: str) -> str | None:
        for predicate in iris.NAMES:  # most have the first: one look-up, not all that is said
            for value in self.facts.objects(iri, predicate):
                if is_literal(value):
                    return text_of(value)
        return None

    def _plural(self, name: str) -> str:
        return self.vocabulary.plural(iris.class_of_type(name)) if name else "other things"

    def _starts(self, refs: Iterable[EntityRef]) -> list[int]:
        """The numbers of entities, of those of which an edge was ever told."""
        numbers = [self.lineage.names.number(self.known(ref)) for ref in refs]
        return [number for number in numbers if number is not None]

    def known(self, ref: EntityRef) -> str:
        """An entity's IRI. Raises `NotFound` with the nearest names."""
        iri = self.lineage.minter.mint(ref)
        known = next(iter(self.facts.about(iri)), None) or next(
            iter(self.facts.subjects(None, node(iri))), None
        )
        if known is None:
            near = [str(other) for other in self.nearest(ref.key)]
            hint = f"the nearest: {', '.join(near)}" if near else "search for its name instead"
            raise NotFound(f"<{iri}> is not in the graph; {hint}.", iri=iri, nearest=near or None)
        return iri

    def _nothing(self, ref: EntityRef, direction: Direction) -> Trace:
        return Trace(
            entity=self.named(self.lineage.minter.mint(ref)),
            version=self.lineage.version,
            direction=direction,
            total=0,
            items=iter(()),
        )

    def _told(
        self, found: Walk, *, types: Collection[str] = (), kinds: Collection[int] = ()
    ) -> Trace:
        lineage = self.lineage
        steps = found.steps
        if types:
            wanted = [n for name in types if (n := lineage.type_number(name)) is not None]
            steps = tuple(nodes[np.isin(lineage.types[nodes], wanted)] for nodes in steps)
        teller = _Teller(self, found, kinds)
        return Trace(
            entity=self.named(lineage.names.iri(found.starts[0])),
            version=lineage.version,
            direction=found.direction,
            total=sum(map(len, steps)),
            items=(
                teller.reached(int(node), distance)
                for distance, nodes in enumerate(steps, start=1)
                for node in nodes
            ),
            cycle=teller.path(found.cycle()),
        )

    def _groups(self, counts: Counts) -> Groups:
        first = (Group(thing=self.named(iri), count=count) for iri, count in counts.first(SHOWN))
        return Groups(total=len(counts), first=tuple(first))


class _Teller:
    """Puts the paths of one walk into words, and remembers what many of them share."""

    def __init__(self, tracer: Tracer, found: Walk, kinds: Collection[int]) -> None:
        self._tracer = tracer
        self._walk = found
        self._kinds = list(kinds) if kinds and 0 not in kinds else None
        self._step = lru_cache(_REMEMBERED)(self._told_step)

    def reached(self, node: int, steps: int) -> Reached:
        path = self.path(self._walk.path(node))
        return Reached(entity=path[-1].to, steps=steps, path=path)

    def path(self, nodes: Sequence[int]) -> tuple[PathStep, ...]:
        return tuple(self._step(before, after) for before, after in pairwise(nodes))

    def _told_step(self, before: int, after: int) -> PathStep:
        lineage, down = self._walk.lineage, self._walk.direction == "down"
        subject, end = (after, before) if down else (before, after)
        property = lineage.property_of(subject, end, among=self._kinds)
        label = self._tracer.vocabulary.label(property, inverse=down)
        return PathStep(
            property=Named(iri=property, name=label),
            to=self._tracer.named(lineage.names.iri(after)),
        )
