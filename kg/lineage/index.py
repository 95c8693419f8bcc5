"""The lineage index as its one writer sees it: the worker's.

After each commit it takes down what moved of the statements that it holds, and before each
checkpoint writes that to its log. It keeps no arrays in memory: those are opened for merging a long
log into new ones, and made by building anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kg.errors import StoreUnavailable
from kg.iris import Minter
from kg.lineage import files
from kg.lineage.files import Logged
from kg.lineage.kinds import Kinds
from kg.lineage.lineage import Graph, Lineage, Move, moves_of
from kg.model import Change
from kg.terms import Statement, iri_of

KEPT: Final = 2
"""Folders that stay: the newest, and one for who reads a checkpoint of before it."""
_LEAST: Final = 20_000
"""Lines and moves in a log from which it may pay to merge them while nothing else is to do."""
_MOST: Final = 200_000
"""And from which they are merged even so: a reader that begins takes half a second for as many."""


class LineageIndex:
    """The index in ``folder``. ``version`` is that of the graph it shows, or -1 if it is unusable.

    All that writes raises `StoreUnavailable` when the disk does not take it.
    """

    def __init__(self, folder: Path, *, kinds: Kinds, minter: Minter) -> None:
        self._folder = folder
        self._kinds = kinds
        self._minter = minter
        self._moves: list[Move] = []
        self._length = 0
        self._size = 0
        self.version = -1
        shutil.rmtree(files.building(folder), ignore_errors=True)
        if found := files.folders(folder):
            self._take_up(found[0])

    def _take_up(self, newest: Path) -> None:
        """Goes on with what is there, if it can be used: from its last whole line."""
        try:
            written = Lineage.open(newest, kinds=self._kinds, minter=self._minter)
            version = written.version
            log = newest / files.LOG
            log.touch()
            with log.open("r+b") as handle:
                for told in files.lines(handle):
                    version = told.version
                    self._length += 1 + len(told.moves)
                handle.truncate()
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.version, self._size, self._log = version, written.edges, log
        self._drop_old()

    def note(self, change: Change) -> None:
        """Takes down what a commit, which is written, moved."""
        self._moves += moves_of(change, self._kinds)

    def note_statements(self, statements: Iterable[Statement], *, came: bool) -> None:
        numbers = self._kinds.numbers
        self._moves += [
            (came, subject, numbers[predicate], end)
            for subject, predicate, value in statements
            if predicate in numbers and (end := iri_of(value))
        ]

    def forget(self) -> None:
        """Drops what was noted since the last commit of the index."""
        self._moves.clear()

    def commit(self, version: int) -> None:
        """Publishes what was noted, as the state of the graph's ``version``."""
        told = files.line(Logged(version=version, moves=self._moves))
        try:
            with self._log.open("ab") as log:
                log.write(told)
        except OSError as error:
            self._cut()
            raise _unavailable(self._folder, error) from error
        self._length += 1 + len(self._moves)
        self._moves.clear()
        self.version = version
        if self._length > max(_MOST, self._size // 2):
            self.merge()

    def _cut(self) -> None:
        """Takes back the part of a line that a full disk let through."""
        with self._log.open("r+b") as log:
            for _ in files.lines(log):
                pass
            log.truncate()

    @property
    def is_long(self) -> bool:
        """Whether the log is so long that it pays to merge it when nothing else is to do."""
        return self._length > max(_LEAST, self._size // 16)

    def merge(self) -> None:
        """Writes new arrays that hold what the log tells of, and begins a new log."""
        written = Lineage.open(self._log.parent, kinds=self._kinds, minter=self._minter)
        with self._log.open("rb") as log:
            moves = [move for told in files.lines(log) for move in told.moves]
        self._write(written.changed(moves, version=self.version).merged())

    def rebuild(self, graph: Graph, *, version: int) -> Lineage:
        """Builds the index again from the graph, in place of all that is there."""
        built = Lineage.build(graph, version=version, kinds=self._kinds, minter=self._minter)
        for old in files.folders(self._folder):
            shutil.rmtree(old, ignore_errors=True)
        self._write(built)
        self._moves.clear()
        self.version = version
        return built

    def _write(self, lineage: Lineage) -> None:
        try:
            lineage.save(files.building(self._folder))
            (files.building(self._folder) / files.LOG).touch()
            put = files.put(self._folder, version=lineage.version)
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        self._log, self._length, self._size = put / files.LOG, 0, lineage.edges
        self._drop_old()

    def _drop_old(self) -> None:
        """Removes what readers need no longer, and other writings of the newest version."""
        newest = self._log.parent
        others = [f for f in files.folders(self._folder) if f != newest]
        older = [f for f in others if files.version_of(f) < files.version_of(newest)]
        for folder in set(others) - set(older[: KEPT - 1]):
            shutil.rmtree(folder, ignore_errors=True)


def _unavailable(folder: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The lineage index in {folder} cannot be written ({error.strerror or error}); free some "
        "space. If this stays, build it again: mlg rebuild lineage",
        path=str(folder),
    )
