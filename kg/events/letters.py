"""Messages of a broker that cannot be used: kept to be looked at, since the broker will not wait.

They stand in the inbox's file beside the dead letters of entities, which have a name to stand
under; these have none.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kg.errors import SystemFailure
from kg.model import utc_now

MOST_KEPT: Final = 10_000
"""Older ones make way, so that a sender of nothing but rubbish does not fill the disk."""
MOST_BYTES: Final = 64 * 1024
"""What is kept of one body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that cannot be used, where it stood at its broker, and why."""

    place: str
    error: str
    body: bytes
    received_at: datetime | None = None
    """When it was kept."""
    source: str = ""
    """Whose messages these are; empty for thin events, which are anybody's."""
    is_whole: bool = True
    """Whether all of the body was kept, so that it can be tried again."""


class Letters:
    """The dead letters of one installation. Safe to use from several threads and processes."""

    def __init__(self, file: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._file = file
        self._now = now
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.execute(_TABLE)
            if "source" not in (name for _, name, *_ in db.execute("PRAGMA table_info(letter)")):
                db.execute(_ADD_SOURCE)

    def keep(self, letters: Iterable[Letter]) -> None:
        """Keeps letters; they survive a power cut when this returns. The same again is one."""
        now = self._now().timestamp()
        rows = [
            (
                letter.place,
                hashlib.sha256(letter.body).hexdigest(),
                letter.error.encode("utf-8", "replace").decode(),
                letter.body[:MOST_BYTES],
                now,
                letter.source,
            )
            for letter in letters
        ]
        if rows:
            with self._open() as db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(_KEEP, rows)
                db.execute(_MAKE_WAY, (MOST_KEPT,))
                db.execute("COMMIT")

    def newest(self, limit: int = 100, *, source: str | None = None) -> list[Letter]:
        """The last letters, the newest first; of one source, or of all."""
        with self._open() as db:
            rows = db.execute(_NEWEST, {"limit": limit, "source": source})
            return [
                Letter(
                    place=place,
                    error=error,
                    body=body,
                    received_at=datetime.fromtimestamp(received_at, UTC),
                    source=whose,
                    is_whole=hashlib.sha256(body).hexdigest() == sha256,
                )
                for place, sha256, error, body, received_at, whose in rows
            ]

    def drop(self, letters: Iterable[Letter]) -> None:
        """Forgets letters that could be used after all. They must be whole."""
        rows = [(letter.place, hashlib.sha256(letter.body).hexdigest()) for letter in letters]
        with self._open() as db:
            db.executemany("DELETE FROM letter WHERE place = ? AND sha256 = ?", rows)

    def count(self) -> int:
        with self._open() as db:
            (count,) = db.execute("SELECT count(*) FROM letter").fetchone()
            return int(count)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for once: letters are rare. What was begun and not committed is undone."""
        try:
            with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                yield db
        except sqlite3.Error as error:
            raise SystemFailure(f"Dead letters cannot be kept in {self._file}: {error}.") from error


_TABLE = """
CREATE TABLE IF NOT EXISTS letter (
    place       TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    error       TEXT NOT NULL,
    body        BLOB NOT NULL,
    received_at REAL NOT NULL,
    source      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (place, sha256)
)
"""
_ADD_SOURCE = "ALTER TABLE letter ADD COLUMN source TEXT NOT NULL DEFAULT ''"
_KEEP = """
INSERT INTO letter (place, sha256, error, body, received_at, source) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_MAKE_WAY = "DELETE FROM letter WHERE rowid <= (SELECT max(rowid) FROM letter) - ?"
_NEWEST = """
SELECT place, sha256, error, body, received_at, source FROM letter
WHERE :source IS NULL OR source = :source ORDER BY rowid DESC LIMIT :limit
"""
