"""Checkpoints: read-only copies of the store, made of hard links, named by the graph's version.

``checkpoints/000000000042/`` holds a checkpoint and ``000000000042.lock`` is held, shared, by each
process that reads it, so that the writer removes only what nobody holds. ``newest`` is a link to
the newest, replaced in one step: every query reads it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import pyoxigraph as ox

from kg import iris
from kg.errors import StoreUnavailable
from kg.facts import Properties, grouped
from kg.store.literals import all_as_stored
from kg.terms import Quad, Statement, str_of, term, text_of, value_of

KEPT = 2
"""Checkpoints that stay even when nobody reads them: the newest, and one for who is just opening."""


PAST = "past"
"""The folder of past states, which are checkpoints too (`kg.past`)."""

_NEWEST = "newest"
META = iris.graph("meta")
STATEMENT_COUNT = iris.term("mlg:statementCount")
VERSION = "urn:mlgraph:version:"


def markers(store: ox.Store) -> Iterator[tuple[int, int]]:
    """The versions that an open store knows of, each with its number of statements."""
    for subject, _, count in statements(store, None, STATEMENT_COUNT, None, META):
        yield int(subject.removeprefix(VERSION)), int(text_of(count))


def newest(folder: Path) -> Path | None:
    """The newest checkpoint in the folder, or None before the first."""
    try:
        return folder / (folder / _NEWEST).readlink()
    except FileNotFoundError:
        return None


def publish(folder: Path, version: int, backup: Callable[[str], None]) -> Path:
    """Makes a checkpoint of this version by ``backup``; readers see it whole or not at all."""
    target = folder / f"{version:012d}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        building = folder / f"building-{version:012d}"
        shutil.rmtree(building, ignore_errors=True)
        backup(str(building))
        building.rename(target)
    link = folder / f"building-{_NEWEST}"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.replace(folder / _NEWEST)
    return target


def prune(
    folder: Path, *, kept: int = KEPT, order: Callable[[Path], Any] = lambda path: path.name
) -> None:
    """Removes checkpoints that no process holds, but for the last ``kept`` in their order."""
    names = [name for name in _names(folder) if name.isdigit()]
    names.sort(key=lambda name: order(folder / name))
    for name in names[: max(0, len(names) - kept)]:
        lock = folder / f"{name}.lock"
        with lock.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(folder / name, ignore_errors=True)
            lock.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Removes what a killed writer left unfinished."""
    for name in _names(folder):
        if name == f"building-{_NEWEST}":
            (folder / name).unlink()
        elif name.startswith("building-"):
            shutil.rmtree(folder / name, ignore_errors=True)


def forget_past(folder: Path) -> None:
    """Removes the past states that nobody reads: the store may have been replaced meanwhile."""
    for part in _names(folder):
        clear(folder / part)
        prune(folder / part, kept=0)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class Checkpoint:
    """One open checkpoint. As `Facts` it reads the default graph. Closing lets the writer prune it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = int(path.name)
        self._newest = str(path.with_name(_NEWEST))
        self._used: dict[tuple[str, str], bool] = {}
        try:
            self._lock = (path.parent / f"{path.name}.lock").open("w")
            # Readers in other threads may use it after a newer one took its place: the last closes it.
            weakref.finalize(self, self._lock.close)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            self.store = ox.Store.read_only(str(path))
        except (OSError, RuntimeError) as error:  # the latter of damaged files
            raise StoreUnavailable(f"Checkpoint {path} cannot be opened: {error}") from error

    @property
    def is_newest(self) -> bool:
        """Whether no newer one of its folder has taken its place. Every query asks."""
        try:
            return os.readlink(self._newest) == self.path.name  # noqa: PTH115 - 1 µs, not 7
        except FileNotFoundError:
            return False

    def __len__(self) -> int:
        """Statements in the default graph."""
        return max(markers(self.store), default=(0, 0))[1]

    def statements(self) -> Iterator[Statement]:
        """The whole default graph."""
        return statements(self.store, None, None, None)

    def about(self, subject: str) -> Iterator[Statement]:
        return statements(self.store, subject, None, None)

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> Iterator[str]:
        return (value for _, _, value in statements(self.store, subject, predicate, None))

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        return (subject for subject, _, _ in statements(self.store, None, predicate, value))

    def pointing(self, iri: str) -> Iterator[Statement]:
        """The statements whose value is this IRI."""
        return statements(self.store, None, None, f"<{iri}>")

    def holds(self, statement: Statement) -> bool:
        return has(self.store, (*statement, ""))

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterator[Quad]:
        for found in statements(self.store, subject, predicate, value, graph):
            yield (*found, graph)

    def has(self, quad: Quad) -> bool:
        """Most properties have no statement at all in most graphs, which is remembered."""
        place = quad[1], quad[3]
        used = self._used.get(place)
        if used is None:
            found = self.quads(predicate=quad[1], graph=quad[3])
            used = self._used[place] = next(iter(found), None) is not None
        return used and has(self.store, quad)

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        return all_as_stored(statements)

    def close(self) -> None:
        del self.store
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Opened:
    """Checkpoints that stay open: of each folder the last that was asked for.

    Safe to use from several threads: who still reads another one keeps it open.
    """

    def __init__(self) -> None:
        self._last: dict[str, Checkpoint] = {}

    def at(self, path: Path) -> Checkpoint:
        """The checkpoint there. Raises `StoreUnavailable`."""
        folder, name = os.path.split(path)
        found = self._last.get(folder)
        if found is None or found.path.name != name:
            self._last.pop(folder, None)
            del found  # two need not be open at a time
            found = self._last[folder] = Checkpoint(path)
        return found


def statements(
    store: ox.Store,
    subject: str | None,
    predicate: str | None,
    value: str | None,
    graph: str = "",
) -> Iterator[Statement]:
    """The statements of one graph of an open store that match a pattern."""
    found = store.quads_for_pattern(
        ox.NamedNode(subject) if subject else None,
        ox.NamedNode(predicate) if predicate else None,
        term(value) if value else None,
        ox.NamedNode(graph) if graph else _DEFAULT,
    )
    for quad in found:  # what was asked for need not be asked back: each crossing takes its time
        yield (
            subject or str_of(quad.subject),
            predicate or quad.predicate.value,
            value or value_of(quad.object),
        )


def has(store: ox.Store, quad: Quad) -> bool:
    subject, predicate, value, graph = quad
    name = ox.NamedNode(graph) if graph else _DEFAULT
    return ox.Quad(ox.NamedNode(subject), ox.NamedNode(predicate), term(value), name) in store


_DEFAULT = ox.DefaultGraph()


def open_checkpoint(folder: Path) -> Checkpoint:
    """The newest checkpoint, open. Raises `StoreUnavailable` before the first is published."""
    for _ in range(10):  # the one we picked may be pruned before we hold it
        path = newest(folder)
        if path is None:
            raise StoreUnavailable(
                f"No graph has been published in {folder.parent} yet; start one with `mlg serve`."
            )
        try:
            return Checkpoint(path)
        except StoreUnavailable:
            if newest(folder) == path:
                raise
    raise StoreUnavailable(f"The checkpoints in {folder} change faster than they can be opened.")
