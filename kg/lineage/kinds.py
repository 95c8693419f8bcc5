"""Which statements the index holds, read from the ontology.

Three sorts: that one thing depends on another (`mlg:dependsOn`), by which narrower property it
does, and what a thing belongs to (a team, a domain, a test). The inference writes the wide
statement beside each narrower one, so the wide ones alone are all edges, each once; the narrower
ones tell how, and are walked when only some kinds are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from kg import iris
from kg.errors import BadInput
from kg.iris import PREFIXES
from kg.terms import Statement, iri_of

BELONGS = (
    iris.ACCOUNTABLE_TEAM,
    iris.OWNED_BY,
    iris.IN_DOMAIN,
    iris.ASSOCIATED_WITH_TEST,
    iris.CELL_OF,
    iris.EXPERIMENT_STATUS,
)


@dataclass(frozen=True)
class Kinds:
    """The properties of the index. ``narrower`` has the narrowest first."""

    narrower: tuple[str, ...]
    depends: str = iris.DEPENDS_ON
    belongs: tuple[str, ...] = BELONGS

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """All of them; a property's place here is its number."""
        return (self.depends, *self.narrower, *self.belongs)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        return {iri: number for number, iri in enumerate(self.properties)}

    def named(self, names: Iterable[str]) -> frozenset[int]:
        """The numbers of dependency properties, by IRI or local name. Raises `BadInput`."""
        known = {iri: number for number, iri in enumerate((self.depends, *self.narrower))}
        known |= {iri.removeprefix(PREFIXES["mlg"]): number for iri, number in known.items()}
        found = set()
        for name in names:
            if name not in known:
                shown = ", ".join(sorted(name for name in known if "://" not in name))
                raise BadInput(f"{name!r} is no kind of dependency; known: {shown}.")
            found.add(known[name])
        return frozenset(found)


def read_kinds(ontology: Iterable[Statement]) -> Kinds:
    """The properties below `mlg:dependsOn`, at any depth, of an ontology."""
    below: dict[str, set[str]] = defaultdict(set)
    for subject, predicate, value in ontology:
        if predicate == iris.SUBPROPERTY_OF:
            below[iri_of(value)].add(subject)
    depth = {iris.DEPENDS_ON: 0}
    queue = [iris.DEPENDS_ON]
    for wide in queue:
        for narrow in below[wide]:
            if narrow not in depth:
                queue.append(narrow)
                depth[narrow] = depth[wide] + 1
    del depth[iris.DEPENDS_ON]
    return Kinds(narrower=tuple(sorted(depth, key=lambda iri: (-depth[iri], iri))))
