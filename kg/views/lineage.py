"""What depends on what, what a change hits, and what a supposed change would make different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kg.model import Finding
from kg.views.search import FacetCount
from kg.views.things import Named, Said


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One step of a path through the graph: the property, as it is read on the way, and its end."""

    property: Named
    to: Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An entity that a walk reached, with one of the shortest paths to it."""

    entity: Named
    steps: int
    path: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What an entity depends on (``up``), or what depends on it (``down``), the nearest first.

    ``items`` are made while they are read, once; ``total`` of them. ``cycle`` is a way from the
    entity back to itself, if there is one.
    """

    entity: Named
    version: int
    direction: Literal["up", "down"]
    total: int
    items: Iterator[Reached]
    cycle: tuple[PathStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A thing, and how much of what is counted belongs to it."""

    thing: Named
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """``total`` groups, and the first of them."""

    total: int
    first: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactView:
    """What is hit if an entity changes: all of it in ``trace``, counted and grouped.

    ``tests`` are the A/B tests that are running, with how much of it takes part in each;
    ``deployments`` are those that are hit, with the steps to each.
    """

    by_type: tuple[FacetCount, ...]
    by_team: Groups
    by_domain: Groups
    tests: Groups
    deployments: Groups
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SupposedChange:
    """One thing that a simulation supposes; ``what`` is the column that a dataset loses."""

    kind: Literal["delete", "leave", "drop", "state"]
    entity: Named
    what: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A rule that fails, and the entity that it fails for."""

    entity: Named
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What supposed changes would make different.

    ``breaks`` when a deployment in production or a running test is hit, or a rule newly violated.
    ``counts`` has the whole numbers of ``changes``, ``fails``, ``mends``, ``lost``, ``gained``, and
    of the ``violations`` and ``warnings`` among ``fails``; the lists hold the first of each. ``impact`` is what depends on
    what changes, None if nothing that changes has anything depend on it; of it, ``models`` and
    ``production`` are the first models in any form and deployments in production, with paths.
    """

    breaks: bool
    counts: dict[str, int]
    changes: tuple[SupposedChange, ...]
    fails: tuple[Failing, ...]
    mends: tuple[Failing, ...]
    lost: tuple[Said, ...]
    gained: tuple[Said, ...]
    impact: ImpactView | None = None
    models: tuple[Reached, ...] = ()
    models_total: int = 0
    production: tuple[Reached, ...] = ()
    production_total: int = 0
