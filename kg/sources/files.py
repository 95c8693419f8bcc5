"""Files that describe things, for every source that reads some: found in a folder, read when changed.

A file that cannot be read keeps its own entities from being told of, and no others: what the rest
says is answered, what nobody says is not taken for gone while a file is broken. Where nothing is
found at all, the folder is rather not there (a disk that is not mounted) than emptied.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Generic, TypeVar

from kg.errors import BadPayload, BadSetting, MlgError, SourceUnavailable

Told = TypeVar("Told")
Parse = Callable[[str, bytes], Told]
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Reading(Generic[Told]):
    """The files of one moment: what those say that can be used, and why the others cannot."""

    told: dict[str, Told]
    broken: dict[str, MlgError]

    def refuse_broken(self) -> None:
        """Raises the error of the first file that is broken, with how many others there are."""
        for error in self.broken.values():
            others = f" ({len(self.broken) - 1} more files are broken.)" * (len(self.broken) > 1)
            raise type(error)(f"{error}{others}", **error.details) from error


class Files(Generic[Told]):
    """A file, or those in and under a folder whose path in it matches one of ``patterns``, by name.

    Patterns have commas between them; in one, ``*`` is anything, ``/`` too. ``parse`` gets a file's
    name and bytes, and raises `SourceUnavailable` for what may be half written, `BadPayload` for
    what is something else. ``read`` answers the same object until a file changes.
    """

    def __init__(
        self,
        source: str,
        *,
        path: str,
        patterns: str,
        parse: Callable[[str, bytes], Told],
        max_bytes: int,
    ) -> None:
        if not (isinstance(path, str) and path and isinstance(patterns, str) and patterns):
            raise BadSetting(f"[sources.{source}] needs a file or folder as path, as text.")
        self._source = source
        self._path = Path(path)
        self._patterns = [pattern.strip() for pattern in patterns.split(",")]
        self._parse = parse
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._files: dict[str, tuple[_Stamp, Told | MlgError]] = {}
        self._last: Reading[Told] | None = None

    def read(self) -> Reading[Told]:
        """Raises `SourceUnavailable` if there is no file."""
        with self._lock:
            before = self._files
            self._files = {name: self._file(name, before.get(name)) for name in self._names()}
            same = before.keys() == self._files.keys() and all(
                before[name] is found for name, found in self._files.items()
            )
            if self._last is None or not same:
                outcomes = {name: outcome for name, (_, outcome) in self._files.items()}
                self._last = Reading(
                    told={n: o for n, o in outcomes.items() if not isinstance(o, MlgError)},
                    broken={n: o for n, o in outcomes.items() if isinstance(o, MlgError)},
                )
            return self._last

    def is_as_read(self, name: str) -> bool:
        """Whether one file is what it was at the last ``read``; much cheaper than to read all."""
        with self._lock:
            known = self._files.get(name)
        try:
            return known is not None and known[0] == _stamp(name)
        except OSError:
            return False

    def _names(self) -> list[str]:
        if self._path.is_file():
            return [str(self._path)]
        found = [
            str(Path(folder, name))
            for folder, _, names in os.walk(self._path, onerror=self._unreadable)
            for name in names
            if not name.startswith(".") and self._is_wanted(Path(folder, name))
        ]
        if not found:
            patterns = ", ".join(self._patterns)
            raise self._down(f"{self._path} has no file {patterns}; correct its path or files.")
        return sorted(found)

    def _is_wanted(self, file: Path) -> bool:
        within = file.relative_to(self._path).as_posix()
        return any(fnmatchcase(within, pattern) for pattern in self._patterns)

    def _file(
        self, name: str, known: tuple[_Stamp, Told | MlgError] | None
    ) -> tuple[_Stamp, Told | MlgError]:
        stamp: _Stamp = (0, 0, 0)
        try:
            stamp = _stamp(name)
            if known is not None and known[0] == stamp:
                return known
            if stamp[2] > self._max_bytes:
                raise BadPayload(f"{name} has over {self._max_bytes:,} bytes; raise max_file_mb.")
            with Path(name).open("rb") as file:
                data = file.read(self._max_bytes + 1)
            return stamp, self._parse(name, data)
        except OSError as error:
            return stamp, self._down(f"{name}: {error.strerror}.")
        except SourceUnavailable as error:
            return stamp, self._down(str(error))
        except BadPayload as error:
            return stamp, BadPayload(f"Source {self._source!r}: {error}", **error.details)

    def _unreadable(self, error: OSError) -> None:
        """A folder that cannot be listed must not look like an empty one."""
        raise self._down(f"{error.filename}: {error.strerror}.") from error

    def _down(self, what: str) -> SourceUnavailable:
        return SourceUnavailable(f"Source {self._source!r}: {what}", source=self._source)


def _stamp(name: str) -> _Stamp:
    stat = Path(name).stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def half_written(name: str, error: Exception, **where: Any) -> SourceUnavailable:
    """The error for a file that does not parse; it may be that it is being written just now."""
    place = "".join(f", {word} {number}" for word, number in where.items())
    return SourceUnavailable(f"{name}{place}: half written or damaged: {error}.")
