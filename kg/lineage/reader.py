"""The lineage index as readers see it: any number of processes, each at the version that it reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kg.errors import StoreUnavailable
from kg.iris import Minter
from kg.lineage import files
from kg.lineage.kinds import Kinds
from kg.lineage.lineage import Lineage, Move, moves_of
from kg.model import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """One folder, and its lineage as far as its log was read, which is up to ``place``."""

    folder: Path
    place: int
    lineage: Lineage


class LineageReader:
    """Follows the writer's commits. Safe to use from several threads."""

    def __init__(self, folder: Path, *, kinds: Kinds, minter: Minter) -> None:
        self._folder = folder
        self._kinds = kinds
        self._minter = minter
        self._lock = threading.Lock()
        self._view: _View | None = None
        self._before: Lineage | None = None

    def before(self, version: int, *, newest: int, undoing: Callable[[], Change]) -> Lineage:
        """The lineage of an earlier version: that of the newest, with what came since undone.

        ``undoing`` gives the change that leads back to it. The last that was asked for is kept.
        """
        known = self._before
        if known is None or known.version != version:
            back = moves_of(undoing(), self._kinds)
            known = self._before = self.at(newest).changed(back, version=version)
        return known

    def at(self, version: int) -> Lineage:
        """The lineage of just this version of the graph, which a checkpoint that is open shows.

        Raises `StoreUnavailable` when there is no index of it, or a damaged one.
        """
        view = self._view
        if view is not None and view.lineage.version == version:
            return view.lineage
        with self._lock:
            for last in (False, True):  # a folder may be removed while we open it
                try:
                    self._view = view = self._follow(self._view, version)
                    break
                except (OSError, ValueError, KeyError, TypeError) as error:
                    if last or not isinstance(error, FileNotFoundError):
                        raise self._unavailable(str(error)) from error
        assert view is not None
        return view.lineage

    def _follow(self, view: _View | None, version: int) -> _View:
        if view is not None and view.lineage.version == version:
            return view  # another thread was faster
        folders = files.folders(self._folder)
        folder = next((f for f in folders if files.version_of(f) <= version), None)
        if folder is None:
            raise self._unavailable("there is none yet")
        if view is None or view.folder != folder or view.lineage.version > version:
            written = Lineage.open(folder, kinds=self._kinds, minter=self._minter)
            view = _View(folder=folder, place=0, lineage=written)
        return self._read_on(view, version)

    def _read_on(self, view: _View, version: int) -> _View:
        """The view after the lines of its log up to a version."""
        reached, place = view.lineage.version, view.place
        moves: list[Move] = []
        with (view.folder / files.LOG).open("rb") as log:
            log.seek(place)
            for told in files.lines(log):
                if told.version > version:
                    break
                reached = told.version
                moves += told.moves
                place = log.tell()
        if reached < version:
            raise self._unavailable(f"it shows version {reached} of the graph, not {version}")
        lineage = view.lineage.changed(moves, version=version)
        return _View(folder=view.folder, place=place, lineage=lineage)

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The lineage index in {self._folder} cannot be used: {reason}. The worker makes it: "
            "mlg worker, or mlg rebuild lineage",
            path=str(self._folder),
        )
