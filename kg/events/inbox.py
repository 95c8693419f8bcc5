"""The built-in bus: an SQLite file beside the store, synced before anything is acknowledged.

Events and requests are taken from here, and leave only after their commit is synced; so a crash
anywhere loses nothing, and what is done twice writes nothing the second time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

from kg.errors import BadInput, NotFound, SystemFailure
from kg.iris import EntityRef
from kg.model import Event, utc_now

SWEEP = "sweep:"
"""With this begins the event's id when a sweep tells of an entity."""
FIRST_SWEEP = "sweep:first:"
"""With this, when it is the first sweep of the source, to which all is new."""

_SCHEMA = Path(__file__).parent / "schema.sql"
_REMEMBERED = 500
"""Latest waits from event to commit that are kept of each source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An entity to hydrate; ``told`` is how many events had told of it when it was taken."""

    ref: EntityRef
    event_id: str
    told: int
    attempts: int
    received_at: datetime

    @property
    def is_swept(self) -> bool:
        """Whether a sweep told of it, and no event has since."""
        return self.event_id.startswith(SWEEP)

    @property
    def heals(self) -> bool:
        """Whether a change of it is one that an event should have told of."""
        return self.is_swept and not self.event_id.startswith(FIRST_SWEEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something that a person asks to be written."""

    id: str
    kind: str
    body: bytes
    format: str
    sent_by: str
    state: Literal["pending", "done", "refused"]
    outcome: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """The counts and times of one source."""

    pending: int = 0
    retrying: int = 0
    dead: int = 0
    last_event: datetime | None = None
    last_success: datetime | None = None
    last_sweep: datetime | None = None
    last_error: str | None = None
    failing: bool = False
    listed: int | None = None
    healed: int = 0
    lags: tuple[float, ...] = ()


_TICK = 1e-6
"""Seconds between two events that came together, so that they are taken in the order in which they
were told: what is told of first is often what the others refer to."""


class Inbox:
    """One open inbox. Threads share it; each has its own connection."""

    def __init__(self, file: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._file = file
        self._now = now
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db.executescript(_SCHEMA.read_text("utf-8"))
        except sqlite3.Error as error:
            raise SystemFailure(f"The inbox {file} cannot be opened: {error}.") from error

    # --- events -------------------------------------------------------------------------------

    def publish(self, events: Iterable[Event]) -> int:
        """Keeps the events; they survive a power cut when this returns."""
        now = self._now().timestamp()
        rows = [
            (e.ref.source, e.ref.type, e.ref.key, e.event_type, e.event_id, now + number * _TICK)
            for number, e in enumerate(events)
        ]
        with self._write() as db:
            db.executemany(_TELL, rows)
            db.executemany(_HEARD, [(name, now) for name in {row[0] for row in rows}])
        return len(rows)

    def sources_told_of(self) -> list[str]:
        """The sources of which there is work, due or not."""
        return [name for (name,) in self._db.execute(_SOURCES)]

    def take(self, limit: int, *, source: str, besides: Collection[EntityRef] = ()) -> list[Work]:
        """A source's entities that are due, longest waiting first. They stay until `done`.

        ``besides`` are those that are under way already.
        """
        passed = {(ref.type, ref.key) for ref in besides}
        rows = self._db.execute(_DUE, (source, self._now().timestamp(), limit + len(passed)))
        free = (row for row in rows if row[1:3] not in passed)
        return [
            Work(
                ref=EntityRef(kind, source, key),
                event_id=event_id,
                told=told,
                attempts=attempts,
                received_at=_time(received_at),
            )
            for source, kind, key, event_id, told, attempts, received_at in islice(free, limit)
        ]

    def done(self, works: Collection[Work], *, healed: Iterable[EntityRef] = ()) -> None:
        """Forgets work whose commit is synced; what was told meanwhile stays to be done.

        ``healed`` are those of which a sweep found a change that no event had told of.
        """
        now = self._now().timestamp()
        lags: dict[str, list[float]] = {work.ref.source: [] for work in works}
        for work in works:
            if not work.is_swept:
                lags[work.ref.source].append(max(0.0, round(now - work.received_at.timestamp(), 3)))
        found = Counter(ref.source for ref in healed)
        with self._write() as db:
            db.executemany(_DONE, [(*_key(work.ref), work.told) for work in works])
            db.executemany(_SUCCEEDED, [(name, now) for name in lags])
            for name, new in lags.items():
                (known,) = db.execute(_LAGS, (name,)).fetchone() or ("[]",)
                latest = [*json.loads(known), *new][-_REMEMBERED:]
                db.execute(_TRUST, (name, found[name], json.dumps(latest)))

    def retry(self, work: Work, *, after: float, error: str) -> None:
        """Puts work off by ``after`` seconds, because its source does not answer."""
        due = self._now().timestamp() + after
        with self._write() as db:
            db.execute(_RETRY, (due, error, *_key(work.ref)))
            db.execute(_FAILED, (work.ref.source, error))

    def bury(self, work: Work, *, error: str) -> None:
        """Makes work a dead letter: it waits for a new event, or for `revive`."""
        with self._write() as db:
            db.execute(_BURY, (error, *_key(work.ref)))

    def revive(self, source: str) -> int:
        """Makes a source's dead letters and waiting work due now; answers how many."""
        with self._write() as db:
            return db.execute(_REVIVE, (source,)).rowcount

    def dead(self) -> list[tuple[EntityRef, str]]:
        """The dead letters and why."""
        return [(EntityRef(kind, s, key), error) for s, kind, key, error in self._db.execute(_DEAD)]

    def pending(self) -> int:
        """How much is left to do, now or later: entities and requests, without dead letters."""
        (count,) = self._db.execute(_PENDING).fetchone()
        return int(count)

    # --- requests -----------------------------------------------------------------------------

    def ask(self, *, id: str, kind: str, body: bytes, format: str, by: str) -> None:
        """Keeps a request; it survives a power cut when this returns."""
        sha256 = hashlib.sha256(body).hexdigest()
        row = (id, kind, body, format, sha256, by, self._now().timestamp())
        with self._write() as db:
            db.execute(_ASK, row)

    def requests(self, limit: int) -> list[Request]:
        """The undecided requests, in the order in which they came."""
        return [_request(row) for row in self._db.execute(_ASKED, (limit,))]

    def request(self, id: str) -> Request:
        row = self._db.execute(_REQUEST, (id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no request {id!r}.")
        return _request(row)

    def decide(self, id: str, state: Literal["done", "refused"], outcome: dict[str, Any]) -> None:
        with self._write() as db:
            row = (state, json.dumps(outcome), self._now().timestamp(), id)
            db.execute(_DECIDE, row)

    # --- sources ------------------------------------------------------------------------------

    def swept(self, source: str, *, listed: int) -> None:
        """Notes that a source has told all that it has, which was so many entities."""
        with self._write() as db:
            db.execute(_SWEPT, (source, self._now().timestamp()))
            db.execute(_LISTED, (source, listed))

    def failed(self, source: str, error: str) -> None:
        with self._write() as db:
            db.execute(_FAILED, (source, error))

    def source(self, name: str) -> SourceRow:
        counts = dict(self._db.execute(_COUNTS, (name,)).fetchall())
        row = self._db.execute(_SOURCE, (name,)).fetchone() or (None, None, None, None, 0)
        event, success, sweep, error, failing = row
        trust = self._db.execute(_TRUSTED, (name,)).fetchone() or (None, 0, "[]")
        listed, healed, lags = trust
        return SourceRow(
            pending=counts.get("pending", 0),
            retrying=counts.get("retrying", 0),
            dead=counts.get("dead", 0),
            last_event=_time(event) if event else None,
            last_success=_time(success) if success else None,
            last_sweep=_time(sweep) if sweep else None,
            last_error=error,
            failing=bool(failing),
            listed=listed,
            healed=healed,
            lags=tuple(json.loads(lags)),
        )

    def close(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._file, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One synced transaction, or none of it."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        except UnicodeEncodeError as error:
            raise BadInput(f"A text cannot be kept as UTF-8: {error.reason}.") from error
        except sqlite3.Error as error:
            raise SystemFailure(f"The inbox {self._file} cannot be written: {error}.") from error


def _key(ref: EntityRef) -> tuple[str, str, str]:
    return ref.source, ref.type, ref.key


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _request(row: tuple[Any, ...]) -> Request:
    id, kind, body, form, sent_by, state, outcome = row
    return Request(
        id=id,
        kind=kind,
        body=body,
        format=form,
        sent_by=sent_by,
        state=state,
        outcome=json.loads(outcome) if outcome else None,
    )


_TELL = """
INSERT INTO work (source, type, key, event_type, event_id, received_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET told = told + 1, event_type = excluded.event_type,
    event_id = excluded.event_id, state = 'pending', next_try = 0, attempts = 0, error = NULL
"""
_HEARD = """
INSERT INTO source (name, last_event) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_event = excluded.last_event
"""
_DUE = """
SELECT source, type, key, event_id, told, attempts, received_at FROM work
WHERE source = ? AND state = 'pending' AND next_try <= ? ORDER BY next_try, received_at LIMIT ?
"""
_SOURCES = """
WITH RECURSIVE told (source) AS (
    SELECT min(source) FROM work
    UNION ALL
    SELECT (SELECT min(source) FROM work WHERE source > told.source) FROM told
    WHERE told.source IS NOT NULL
) SELECT source FROM told WHERE source IS NOT NULL
"""
_DONE = "DELETE FROM work WHERE source = ? AND type = ? AND key = ? AND told = ?"
_SUCCEEDED = """
INSERT INTO source (name, last_success) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_success = excluded.last_success, failing = 0, last_error = NULL
"""
_RETRY = """
UPDATE work SET attempts = attempts + 1, next_try = ?, error = ?
WHERE source = ? AND type = ? AND key = ?
"""
_FAILED = """
INSERT INTO source (name, last_error, failing) VALUES (?, ?, 1)
ON CONFLICT DO UPDATE SET last_error = excluded.last_error, failing = 1
"""
_BURY = """
UPDATE work SET state = 'dead', attempts = attempts + 1, error = ?
WHERE source = ? AND type = ? AND key = ?
"""
_REVIVE = """
UPDATE work SET state = 'pending', next_try = 0, attempts = 0
WHERE source = ? AND (state = 'dead' OR next_try > 0)
"""
_DEAD = "SELECT source, type, key, error FROM work WHERE state = 'dead' ORDER BY received_at"
_PENDING = """
SELECT (SELECT count(*) FROM work WHERE state = 'pending')
     + (SELECT count(*) FROM request WHERE state = 'pending')
"""
_ASK = """
INSERT INTO request (id, kind, body, format, sha256, sent_by, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ASKED = """
SELECT id, kind, body, format, sent_by, state, outcome FROM request
WHERE state = 'pending' ORDER BY received_at LIMIT ?
"""
_REQUEST = "SELECT id, kind, body, format, sent_by, state, outcome FROM request WHERE id = ?"
_DECIDE = "UPDATE request SET state = ?, outcome = ?, decided_at = ? WHERE id = ?"
_SWEPT = """
INSERT INTO source (name, last_sweep) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_sweep = excluded.last_sweep, failing = 0, last_error = NULL
"""
_LAGS = "SELECT lags FROM trust WHERE name = ?"
_TRUST = """
INSERT INTO trust (name, healed, lags) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET healed = healed + excluded.healed, lags = excluded.lags
"""
_LISTED = """
INSERT INTO trust (name, listed) VALUES (?, ?)
ON CONFLICT DO UPDATE SET listed = excluded.listed
"""
_TRUSTED = "SELECT listed, healed, lags FROM trust WHERE name = ?"
_COUNTS = """
SELECT CASE WHEN state = 'dead' THEN 'dead' WHEN attempts > 0 THEN 'retrying' ELSE 'pending' END,
       count(*) FROM work WHERE source = ? GROUP BY 1
"""
_SOURCE = """
SELECT last_event, last_success, last_sweep, last_error, failing FROM source WHERE name = ?
"""
