"""Lineage: what depends on what, to any depth, and what a change hits.

::

    commits ─ LineageIndex (the worker, one writer) ─► folders of arrays, each with its log
                                                              │ memory-mapped
    an entity ─ walk ─► Walk ─ impact ─► counts, groups       ▼
                          └── Tracer ─► names, paths     LineageReader ─► Lineage, of one version
                                                         (web processes and commands, any number)

`Lineage` is the state of one commit: the graph's dependency edges as compressed sparse rows in both
directions, and what the entities belong to. Which properties those are, `kinds` reads from the
ontology. It holds nothing that the graph does not: `Lineage.build` makes it from any state of the
graph, now or as of a moment.
"""

from kg.lineage.impact import Impact, by_type, impact
from kg.lineage.index import LineageIndex
from kg.lineage.kinds import Kinds, read_kinds
from kg.lineage.lineage import Lineage
from kg.lineage.reader import LineageReader
from kg.lineage.tracer import Tracer
from kg.lineage.walk import Walk, walk

__all__ = [
    "Impact",
    "Kinds",
    "Lineage",
    "LineageIndex",
    "LineageReader",
    "Tracer",
    "Walk",
    "by_type",
    "impact",
    "read_kinds",
    "walk",
]
