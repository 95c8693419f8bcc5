"""dbt's files: read when they have changed, and checked to be what they are called.

What cannot be parsed is half written, since dbt writes in place: the source is down for a moment.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.errors import BadPayload, SourceUnavailable
from kg.model import Payload
from kg.sources.answers import record, records

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artefacts:
    """The files of one moment; ``catalog`` is empty if there is none."""

    manifest: Payload
    catalog: Payload
    results: tuple[Payload, ...]


class Folder:
    """A target folder. ``read`` answers the same object until a file changes."""

    def __init__(self, source: str, *, path: Path, results: str) -> None:
        self._source = source
        self._path = path
        self._results = results
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[_Stamp, Payload]] = {}
        self._last: Artefacts | None = None

    def read(self) -> Artefacts:
        """Raises `SourceUnavailable` if a file cannot be read, `BadPayload` if it is another."""
        with self._lock:
            before = self._files
            manifest, catalog = self._path / "manifest.json", self._path / "catalog.json"
            try:
                there = [manifest, *([catalog] if catalog.exists() else [])]
                there += sorted(self._path.glob(self._results))
                self._files = {file: self._file(file, before.get(file)) for file in there}
            except OSError as error:
                raise SourceUnavailable(
                    f"Source {self._source!r}: {error.filename}: {error.strerror}.",
                    source=self._source,
                ) from error
            same = before.keys() == self._files.keys() and all(
                before[file] is told for file, told in self._files.items()
            )
            if self._last is None or not same:
                self._last = self._checked(
                    {file: payload for file, (_, payload) in self._files.items()},
                    manifest=manifest,
                    catalog=catalog,
                )
            return self._last

    def _file(self, file: Path, known: tuple[_Stamp, Payload] | None) -> tuple[_Stamp, Payload]:
        stat = file.stat()
        stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if known is not None and known[0] == stamp:
            return known
        try:
            told: Any = json.loads(file.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise SourceUnavailable(
                f"Source {self._source!r}: {file} is half written or damaged: {error}.",
                source=self._source,
            ) from error
        if not isinstance(told, dict):
            raise BadPayload(f"Source {self._source!r}: {file} holds no object.")
        return stamp, told

    def _checked(self, told: dict[Path, Payload], *, manifest: Path, catalog: Path) -> Artefacts:
        self._last = None
        for file, payload in told.items():
            try:
                record(payload, "metadata")
                if file in (manifest, catalog):
                    record(payload, "nodes")
                else:
                    records(payload, "results")
            except BadPayload as error:
                raise BadPayload(f"Source {self._source!r}: {file}: {error}") from error
        return Artefacts(
            manifest=told[manifest],
            catalog=told.get(catalog, {}),
            results=tuple(told[file] for file in told if file not in (manifest, catalog)),
        )
