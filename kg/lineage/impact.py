"""What a change hits: everything downstream of a node, counted and grouped.

`impact` is a plain function over one state of the lineage, for whoever asks: the API, a command,
a simulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from kg import iris
from kg.lineage.edges import Marks, Nodes, Places
from kg.lineage.lineage import Lineage
from kg.lineage.names import Names
from kg.lineage.walk import Walk, walk


class Counts(Mapping[str, int]):
    """How many of what is hit belong to a thing, by its IRI; names are read when they are asked for."""

    def __init__(self, names: Names, numbers: Nodes | Places, counts: Places) -> None:
        self._names = names
        self._numbers = numbers
        self._counts = counts

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return (self._names.iri(int(number)) for number in self._numbers)

    def __getitem__(self, iri: str) -> int:
        places = np.flatnonzero(self._numbers == (self._names.number(iri) if iri else None))
        if not len(places):
            raise KeyError(iri)
        return int(self._counts[places[0]])

    def first(self, most: int) -> Iterator[tuple[str, int]]:
        """The first few things with their counts."""
        return zip(islice(self, most), self._counts[:most].tolist(), strict=True)


_TEAM: Final = iris.type_of_class(iris.term("mlg:Team"))
_EXPERIMENT: Final = iris.type_of_class(iris.term("mlg:Experiment"))
_DEPLOYMENT: Final = iris.type_of_class(iris.term("mlg:Deployment"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Everything downstream of some entities. ``walk`` has all of it, with a shortest path to each.

    ``by_type`` counts by entity type. ``by_team`` and ``by_domain`` count what belongs to each, and
    ``tests`` what takes part in each A/B test that is running. ``deployments`` are the deployments
    that are hit, with the steps to each, the nearest first.
    """

    walk: Walk
    by_type: Mapping[str, int]
    by_team: Counts
    by_domain: Counts
    tests: Counts
    deployments: Counts


def impact(lineage: Lineage, *starts: int) -> Impact:
    """What is hit if the entities with these numbers (`Names.number`) change, fail or go together."""
    found = walk(lineage, *starts, direction="down")
    belonging = _Belonging(lineage, found.in_order())
    by_team = belonging.counts((iris.ACCOUNTABLE_TEAM, iris.OWNED_BY), of=_is(lineage, _TEAM))
    tests = belonging.counts(
        (iris.ASSOCIATED_WITH_TEST, iris.CELL_OF), of=_running(lineage), themselves=True
    )
    return Impact(
        walk=found,
        by_type=by_type(found),
        by_team=by_team,
        by_domain=belonging.counts((iris.IN_DOMAIN,)),
        tests=tests,
        deployments=_of_type(found, _DEPLOYMENT),
    )


def by_type(found: Walk) -> dict[str, int]:
    """How many of what was reached are of each entity type, the most first."""
    lineage = found.lineage
    counts = np.bincount(lineage.types[found.nodes], minlength=len(lineage.type_names))
    return {lineage.type_names[n]: int(counts[n]) for n in _largest_first(counts).tolist()}


class _Belonging:
    """What some nodes belong to: pairs of a node and a thing, by property."""

    def __init__(self, lineage: Lineage, nodes: Nodes) -> None:
        self._lineage = lineage
        self._nodes = nodes
        self._origins, self._things, self._kinds = lineage.belongs.out.neighbours(nodes)

    def counts(
        self, properties: tuple[str, ...], *, of: Marks | None = None, themselves: bool = False
    ) -> Counts:
        """How many of the nodes belong to each thing by any of the properties.

        ``of`` marks the things that count, all if it is None; with ``themselves`` a thing that is
        one of the nodes counts, too.
        """
        lineage = self._lineage
        chosen = np.isin(self._kinds, [lineage.kinds.numbers[name] for name in properties])
        if of is not None:
            chosen &= of[self._things]
        members, things = self._nodes[self._origins[chosen]], self._things[chosen]
        if themselves and of is not None:
            own = self._nodes[of[self._nodes]]
            members, things = np.concatenate([members, own]), np.concatenate([things, own])
        if len(properties) > 1 or themselves:  # a node may belong to a thing twice
            things = _once(members, things)
        per_thing = np.bincount(things, minlength=len(lineage))
        largest = _largest_first(per_thing)
        return Counts(lineage.names, largest, per_thing[largest])


def _once(members: Nodes, things: Nodes) -> Nodes:
    """The things of these pairs, without those of pairs that are there again."""
    pairs = members.astype(np.uint64) << np.uint64(32) | things
    if (pairs[1:] >= pairs[:-1]).all():  # as rows are kept: in order
        fresh = np.ones(len(pairs), dtype=np.bool_)
        fresh[1:] = pairs[1:] != pairs[:-1]
        return things[fresh]
    return (np.unique(pairs) & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def _largest_first(counts: Places) -> Places:
    """The places of the counts that are not 0, the largest first."""
    places = np.flatnonzero(counts)
    return places[np.argsort(-counts[places], kind="stable")]


def _is(lineage: Lineage, type_name: str) -> Marks:
    """Which nodes are of a type."""
    number = lineage.type_number(type_name)
    if number is None:
        return np.zeros(len(lineage), dtype=np.bool_)
    marks: Marks = lineage.types == number
    return marks


def _running(lineage: Lineage) -> Marks:
    """Which nodes are experiments that run now."""
    marks = np.zeros(len(lineage), dtype=np.bool_)
    state = lineage.names.number(iris.EXPERIMENT_RUNNING)
    if state is not None:
        running, _ = lineage.belongs.back.of_row(state)
        marks[running] = True
    return marks & _is(lineage, _EXPERIMENT)


def _of_type(found: Walk, type_name: str) -> Counts:
    """The nodes of a type that were reached, with the steps to each, the nearest first."""
    lineage, number = found.lineage, found.lineage.type_number(type_name)
    steps = [nodes[lineage.types[nodes] == number] for nodes in found.steps]
    counts = np.repeat(np.arange(1, len(steps) + 1), [len(nodes) for nodes in steps])
    return Counts(lineage.names, np.concatenate(steps) if steps else counts, counts)
