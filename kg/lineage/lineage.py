"""One state of the lineage: built from a graph, changed by what a commit changed, saved, opened.

A `Lineage` never changes. `changed` lays all that came since its files were written over them; the
law that this equals building anew is property-tested (`tests/kg/lineage/`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kg.iris import Minter
from kg.lineage.edges import Edges, Listed, Marks, Rows, listed
from kg.lineage.kinds import Kinds
from kg.lineage.names import Names
from kg.model import Change
from kg.terms import Quad, iri_of

FORMAT: Final = 1
META: Final = "meta.json"
_SORTS: Final = ("depends", "narrower", "belongs")
_NAMES: Final = ("text", "ends", "hashes", "holders")
_ROWS: Final = ("starts", "nodes", "kinds")

Move = tuple[bool, str, int, str]
"""A statement that came (true) or went: its subject, its property's number, its object's IRI."""


def moves_of(change: Change, kinds: Kinds) -> list[Move]:
    """What a change moves of the view's statements by the kinds' properties."""
    numbers = kinds.numbers
    return [
        (came, subject, numbers[predicate], end)
        for graphs, came in ((change.removed, False), (change.added, True))
        for subject, predicate, value in graphs.get("", ())
        if predicate in numbers and (end := iri_of(value))
    ]


class Graph(Protocol):
    """What building reads: a store or a checkpoint, of now or of a past moment."""

    def quads(self, *, predicate: str | None = None, graph: str) -> Iterable[Quad]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The dependency edges of one version of the graph, and what its entities belong to.

    ``types`` has, for each node, the place of its entity type in ``type_names``; the first is the
    empty name, of what is no entity here. ``moved`` are all statements that came (``present``) or
    went since the files were written.
    """

    version: int
    kinds: Kinds
    minter: Minter
    names: Names
    types: NDArray[np.uint16]
    type_names: tuple[str, ...]
    depends: Edges
    narrower: Edges
    belongs: Edges
    moved: Listed = field(default_factory=lambda: listed([]))
    present: Marks = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    @classmethod
    def build(cls, graph: Graph, *, version: int, kinds: Kinds, minter: Minter) -> Lineage:
        """The lineage of a graph, from all statements of the kinds' properties."""
        numbers: dict[str, int] = {}
        found: list[Listed] = []
        for kind, predicate in enumerate(kinds.properties):
            ends = [
                (numbers.setdefault(s, len(numbers)), numbers.setdefault(o, len(numbers)))
                for s, _, value, _ in graph.quads(predicate=predicate, graph="")
                if (o := iri_of(value))
            ]
            table = np.array(ends, dtype=np.uint32).reshape(-1, 2)
            kind_of = np.full(len(table), kind, dtype=np.uint16)
            found.append(Listed(rows=table[:, 0], nodes=table[:, 1], kinds=kind_of))
        types, type_names = _types(numbers, ("",), minter)
        first, last = 1, 1 + len(kinds.narrower)
        size = len(numbers)
        return cls(
            version=version,
            kinds=kinds,
            minter=minter,
            names=Names.of(list(numbers)),
            types=types,
            type_names=type_names,
            depends=Edges.of(found[0], size=size),
            narrower=Edges.of(_joined(found[first:last]), size=size),
            belongs=Edges.of(_joined(found[last:]), size=size),
        )

    def __len__(self) -> int:
        """Nodes: all that an edge was ever told of since the last building."""
        return len(self.names)

    @property
    def edges(self) -> int:
        """Dependencies that were written; what came since is not counted."""
        return len(self.depends.out.nodes)

    def type_number(self, name: str) -> int | None:
        return self.type_names.index(name) if name in self.type_names else None

    def property_of(self, subject: int, end: int, *, among: Sequence[int] | None = None) -> str:
        """The narrowest property by which one node depends on another; of these, if some are given."""
        nodes, kinds = self.narrower.out.of_row(subject)
        found = kinds[nodes == end]
        if among is not None:
            found = found[np.isin(found, among)]
        return self.kinds.properties[int(found.min()) if len(found) else 0]

    def changed(self, moves: Sequence[Move], *, version: int) -> Lineage:
        """This state with what moved since, in order."""
        names, number = self.names.numbered(end for _, s, _, o in moves for end in (s, o))
        latest = names.latest[len(self.names.latest) :]
        types, type_names = _types(latest, self.type_names, self.minter)
        told = listed([(number[s], number[o], kind) for _, s, kind, o in moves])
        edges = self.moved.joined(told)
        here = np.array([here for here, *_ in moves], dtype=np.bool_)
        present = np.concatenate([self.present, here])

        def laid(over: Edges, chosen: Marks) -> Edges:
            return over.changed(edges.at(chosen), present[chosen])

        belongs = edges.kinds > len(self.kinds.narrower)
        depends = edges.kinds == 0
        return replace(
            self,
            version=version,
            names=names,
            types=np.concatenate([self.types, types]),
            type_names=type_names,
            depends=laid(self.depends, depends),
            narrower=laid(self.narrower, ~(depends | belongs)),
            belongs=laid(self.belongs, belongs),
            moved=edges,
            present=present,
        )

    def merged(self) -> Lineage:
        """The same state, as one that can be saved and changed again."""
        size = len(self.names)
        return replace(
            self,
            names=self.names.merged(),
            depends=Edges.of(self.depends.out.listed(), size=size),
            narrower=Edges.of(self.narrower.out.listed(), size=size),
            belongs=Edges.of(self.belongs.out.listed(), size=size),
            moved=listed([]),
            present=np.empty(0, dtype=np.bool_),
        )

    def save(self, folder: Path) -> None:
        """Writes a built or merged state into a new folder; it is on disk when this returns."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)
        meta = {
            "format": FORMAT,
            "version": self.version,
            "base": self.minter.base,
            "properties": self.kinds.properties,
            "types": self.type_names,
        }
        (folder / META).write_text(json.dumps(meta), "utf-8")
        for file in folder.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {name: getattr(self.names, name) for name in _NAMES}
        arrays["types"] = self.types
        for sort in _SORTS:
            edges = getattr(self, sort)
            for way, rows in (("out", edges.out), ("back", edges.back)):
                arrays |= {f"{sort}-{way}-{name}": getattr(rows, name) for name in _ROWS}
        return arrays

    @classmethod
    def open(cls, folder: Path, *, kinds: Kinds, minter: Minter) -> Lineage:
        """What was saved, memory-mapped. Raises `OSError`, or `ValueError` if it is unusable."""
        meta = json.loads((folder / META).read_text("utf-8"))
        known = (meta["format"], meta["base"], tuple(meta["properties"]))
        if known != (FORMAT, minter.base, kinds.properties):
            raise ValueError("it was made by another release or for another ontology")

        def read(name: str) -> NDArray[Any]:
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

        def rows(of: str) -> Rows:
            starts, nodes, kinds = (read(f"{of}-{name}") for name in _ROWS)
            return Rows(starts=starts, nodes=nodes, kinds=kinds)

        def edges(sort: str) -> Edges:
            return Edges(out=rows(f"{sort}-out"), back=rows(f"{sort}-back"))

        text, ends, hashes, holders = map(read, _NAMES)
        return cls(
            version=meta["version"],
            kinds=kinds,
            minter=minter,
            names=Names(text=text, ends=ends, hashes=hashes, holders=holders),
            types=read("types"),
            type_names=tuple(meta["types"]),
            depends=edges("depends"),
            narrower=edges("narrower"),
            belongs=edges("belongs"),
        )


def _joined(parts: Sequence[Listed]) -> Listed:
    found = listed([])
    for part in parts:
        found = found.joined(part)
    return found


def _types(
    found: Iterable[str], known: tuple[str, ...], minter: Minter
) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """The number of each IRI's entity type, by the IRI itself, and the names with the new ones."""
    numbers = {name: number for number, name in enumerate(known)}
    start = len(minter.prefix)
    types = [
        numbers.setdefault(iri[start:].partition("/")[0], len(numbers))
        if minter.is_entity(iri)
        else 0
        for iri in found
    ]
    return np.array(types, dtype=np.uint16), tuple(numbers)
