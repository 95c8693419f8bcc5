"""Whole past states: stores on disk that queries run on like on a checkpoint of now.

A past state is a copy of the newest checkpoint in which all later revisions are undone. Making one is
work that grows with what changed since, not with the graph. It is done in a query process, once: two
moments between which nothing happened have the same state. The last few that were used are kept in
``data_dir/past``, each as a checkpoint is, so that none is removed under its readers.

There are three parts of a state to choose from, each more than the one before. ``facts`` has the
default graph as it was, which is all that most queries read. ``layers`` has what else was stated, with
the reasons of derived facts, the ontology and the shapes, in half the time of ``whole``, which has
graph ``history`` too. What is worked out anew with each change (findings, the review list) is not kept
of the past, and cannot be seen in it.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from kg.iris import graph
from kg.model import Change
from kg.past.reasons import Reasons
from kg.past.revisions import between
from kg.past.undo import Undone
from kg.query.process import Task
from kg.revision import HISTORY, packed_of
from kg.store import Checkpoint, changed_copy, prune
from kg.terms import ByGraph, Quad

KEPT: Final = 4
"""Past states of each part that stay when nobody reads them."""

Part = Literal["facts", "layers", "whole"]

_LAYERS: Final = tuple(
    graph(name) for name in ("steward", "derived", "ontology", "shapes", "queries")
)
GRAPHS: Final[Mapping[Part, tuple[str, ...]]] = {
    "facts": (),
    "layers": _LAYERS,
    "whole": (*_LAYERS, HISTORY),
}
"""The named graphs that each part has as they were; what its store has of others is of now."""


def part_with(graphs: Collection[str] | None) -> Part:
    """The least part that has these graphs as they were, of those that any has; all, if None."""
    if graphs is None or HISTORY in graphs:
        return "whole"
    return "layers" if graphs else "facts"


@lru_cache(maxsize=64)  # joining paths takes a tenth of a lookup's time
def state_path(folder: Path, version: int, part: Part) -> Path:
    """Where the state of a version is, once it is made."""
    return folder / part / f"{version:012d}"


def make_job(task: Task) -> None:
    """`make` as a job of a query process: paths and numbers are its arguments."""
    given: dict[str, Any] = dict(task.arguments)
    with Checkpoint(Path(given["checkpoint"])) as checkpoint:
        make(checkpoint, Path(given["folder"]), version=given["version"], part=given["part"])


def make(checkpoint: Checkpoint, folder: Path, *, version: int, part: Part) -> Path:
    """Makes the state of an earlier version; readers see all of it or nothing."""
    target = state_path(folder, version, part)
    if target.exists():
        return target
    change = undoing(checkpoint, version, part=part)
    building = target.parent / f"building-{uuid4()}"
    try:
        changed_copy(
            checkpoint.path if version else None,
            building,
            version=version,
            change=change if version else Change(),
            statements=len(checkpoint) + _view(change.added) - _view(change.removed),
        )
        building.replace(target)
    except OSError:
        if not target.exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    prune(target.parent, kept=KEPT, order=_last_used)
    return target


def use(path: Path) -> bool:
    """Whether a state is there; it then counts as used now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def undoing(checkpoint: Checkpoint, version: int, *, part: Part = "whole") -> Change:
    """The change that leads from a checkpoint back to an earlier version, or to a part of it."""
    undone: dict[str, Undone] = defaultdict(Undone)
    reasons = Reasons(checkpoint)
    added, removed = set[Quad](), set[Quad]()
    for revision in between(checkpoint, version, checkpoint.version):
        undone[revision.of].undo(revision)
        if part != "facts":
            reasons.undo(revision)
        if part == "whole":
            removed.update(revision.quads())
    if part == "whole":
        removed.update(_packs(checkpoint, version))
    changes = [one.change(checkpoint, iri) for iri, one in undone.items()]
    for more, less in [*changes, reasons.change()]:
        added |= more
        removed |= less
    if part == "facts":
        added, removed = ({quad for quad in moved if not quad[3]} for moved in (added, removed))
    return Change.of(added=added, removed=removed)


def _packs(checkpoint: Checkpoint, version: int) -> Iterator[Quad]:
    """What packs the revisions of all versions after one."""
    for later in range(version + 1, checkpoint.version + 1):
        if pack := packed_of(checkpoint, later):
            yield pack


def _view(graphs: ByGraph) -> int:
    return len(graphs.get("", ()))
