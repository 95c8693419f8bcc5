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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Literal, Self
from uuid import uuid4

from kg.errors import BadInput, NotFound, StoreUnavailable
from kg.events import sql
from kg.events.rows import FIRST_SWEEP, REFERENCE, SWEEP, Request, SourceRow, Sweep, Work
from kg.iris import EntityRef
from kg.model import Event, Notice, utc_now

GOES_ON: Final = timedelta(hours=1)
"""How long after a sweep was interrupted the next goes on with it, in place of beginning anew."""

KNOWN_AGAIN: Final = timedelta(hours=2)
"""How long a notice is known again: longer than any source lets one be old that has a date."""

ASKED_AGAIN: Final = timedelta(days=1)
"""How soon what its source knew nothing of is asked for again, because something refers to it."""

_SCHEMA = Path(__file__).parent / "schema.sql"
_REMEMBERED = 500
"""Latest waits from event to commit that are kept of each source."""


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
            raise StoreUnavailable(f"The inbox {file} cannot be opened: {error}.") from error
        if not self._has_times():
            with self._write() as db:  # alone: others may be opening it too
                if not self._has_times():
                    db.execute("ALTER TABLE work ADD COLUMN happened_at REAL")

    def _has_times(self) -> bool:
        """Whether events have a time of their own, which they had not at first."""
        return "happened_at" in {row[1] for row in self._db.execute("PRAGMA table_info(work)")}

    # --- events -------------------------------------------------------------------------------

    def publish(self, events: Iterable[Event]) -> int:
        """Keeps the events; they survive a power cut when this returns."""
        rows = self._rows(events)
        with self._write() as db:
            _tell(db, rows)
        return len(rows)

    def hear(self, source: str, notice: Notice) -> int:
        """`publish` for a notice of a source; nothing if it has come before, within `KNOWN_AGAIN`."""
        rows = self._rows(notice.events)
        now = self._now()
        with self._write() as db:
            if notice.delivery:
                db.execute(sql.DELIVERIES_FORGOTTEN, ((now - KNOWN_AGAIN).timestamp(),))
                delivery = source, notice.delivery, now.timestamp()
                if not db.execute(sql.DELIVERED, delivery).rowcount:
                    return 0
            _tell(db, rows)
        return len(rows)

    def refused(self, source: str) -> None:
        """Counts a notice of a source that could not be believed."""
        with self._write() as db:
            db.execute(sql.REFUSED, (source,))

    def publish_all(self, messages: Iterable[Iterable[Event]]) -> int:
        """The events of several messages, all or none."""
        return self.publish(chain.from_iterable(messages))

    def _rows(self, events: Iterable[Event]) -> list[tuple[Any, ...]]:
        now = self._now().timestamp()
        return [
            (
                *_key(e.ref),
                e.event_type,
                e.event_id,
                now + number * _TICK,
                min(now, e.time.timestamp()) if e.time else now,
            )
            for number, e in enumerate(events)
        ]

    def sources_told_of(self) -> list[str]:
        """The sources of which there is work, due or not, or something awaited."""
        return [name for (name,) in self._db.execute(sql.SOURCES)]

    def take(self, limit: int, *, source: str, besides: Collection[EntityRef] = ()) -> list[Work]:
        """A source's entities that are due, longest waiting first. They stay until `done`.

        ``besides`` are those that are under way already.
        """
        passed = {(ref.type, ref.key) for ref in besides}
        rows = self._db.execute(sql.DUE, (source, self._now().timestamp(), limit + len(passed)))
        free = (row for row in rows if row[:2] not in passed)
        return [
            Work(
                ref=EntityRef(kind, source, key),
                event_id=event_id,
                told=told,
                attempts=attempts,
                happened_at=_time(happened_at),
            )
            for kind, key, event_id, told, attempts, happened_at in islice(free, limit)
        ]

    def refer(self, hangs: Mapping[EntityRef, int]) -> None:
        """Notes entities that so many more statements refer to, and the graph does not know.

        Those that their source was asked for within `ASKED_AGAIN` are passed over.
        """
        asked_after = (self._now() - ASKED_AGAIN).timestamp()
        with self._write() as db:
            db.executemany(
                sql.AWAIT,
                [
                    {
                        "source": ref.source,
                        "type": ref.type,
                        "key": ref.key,
                        "hangs": count,
                        "asked_after": asked_after,
                    }
                    for ref, count in hangs.items()
                ],
            )

    def turn_to_awaited(self, limit: int, *, source: str) -> int:
        """Makes work of up to ``limit`` awaited entities, those first on which most hangs."""
        found = self._db.execute(sql.MOST_AWAITED, (source, limit)).fetchall()
        if not found:
            return 0
        now = self._now().timestamp()
        with self._write() as db:
            for number, (kind, key) in enumerate(found):
                ref = EntityRef(kind, source, key)
                event = kind.replace("-", "_") + ".referenced", f"{REFERENCE}{ref}"
                db.execute(sql.TURN_TO, (source, kind, key, *event, now + number * _TICK))
                db.execute(sql.AWAITED_NO_MORE, (source, kind, key))
        return len(found)

    def done(self, works: Collection[Work], *, healed: Iterable[EntityRef] = ()) -> None:
        """Forgets work whose commit is synced; what was told meanwhile stays to be done.

        ``healed`` are those of which a sweep found a change that no event had told of.
        """
        now = self._now().timestamp()
        lags: dict[str, list[float]] = {work.ref.source: [] for work in works}
        for work in works:
            if work.is_event:
                lags[work.ref.source].append(max(0.0, round(now - work.happened_at.timestamp(), 3)))
        found = Counter(ref.source for ref in healed)
        with self._write() as db:
            db.executemany(sql.DONE, [(*_key(work.ref), work.told) for work in works])
            db.executemany(sql.HYDRATED, [(*_key(work.ref), now) for work in works])
            db.executemany(sql.AWAITED_NO_MORE, [_key(work.ref) for work in works])
            db.executemany(sql.SUCCEEDED, [(name, now) for name in lags])
            for name, new in lags.items():
                (known,) = db.execute(sql.LAGS, (name,)).fetchone() or ("[]",)
                latest = [*json.loads(known), *new][-_REMEMBERED:]
                db.execute(sql.TRUST, (name, found[name], json.dumps(latest)))

    def retry(self, work: Work, *, after: float, error: str) -> None:
        """Puts work off by ``after`` seconds, because its source does not answer."""
        due = self._now().timestamp() + after
        with self._write() as db:
            db.execute(sql.RETRY, (due, error, *_key(work.ref)))
            db.execute(sql.FAILED, (work.ref.source, error))

    def bury(self, work: Work, *, error: str) -> None:
        """Makes work a dead letter: it waits for a new event, or for `revive`.

        If there was one since it was taken, it stays to be done.
        """
        with self._write() as db:
            db.execute(sql.BURY, (error, *_key(work.ref), work.told))

    def revive(self, source: str) -> int:
        """Makes a source's dead letters and waiting work due now; answers how many.

        The source is no longer left in peace, if it was.
        """
        with self._write() as db:
            db.execute(sql.TRIES_AGAIN, (source,))
            return db.execute(sql.REVIVE, (source,)).rowcount

    def dead(self) -> list[tuple[EntityRef, str]]:
        """The dead letters and why."""
        return [
            (EntityRef(kind, s, key), error) for s, kind, key, error in self._db.execute(sql.DEAD)
        ]

    def pending(self) -> int:
        """How much is left to do, now or later: entities and requests, without dead letters."""
        (count,) = self._db.execute(sql.PENDING).fetchone()
        return int(count)

    # --- requests -----------------------------------------------------------------------------

    def ask(self, *, id: str, kind: str, body: bytes, format: str, by: str) -> None:
        """Keeps a request; it survives a power cut when this returns."""
        sha256 = hashlib.sha256(body).hexdigest()
        row = (id, kind, body, format, sha256, by, self._now().timestamp())
        with self._write() as db:
            db.execute(sql.ASK, row)

    def requests(self, limit: int) -> list[Request]:
        """The undecided requests, in the order in which they came."""
        return [_request(row) for row in self._db.execute(sql.ASKED, (limit,))]

    def request(self, id: str) -> Request:
        row = self._db.execute(sql.REQUEST, (id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no request {id!r}.")
        return _request(row)

    def decide(self, id: str, state: Literal["done", "refused"], outcome: dict[str, Any]) -> None:
        with self._write() as db:
            row = (state, json.dumps(outcome), self._now().timestamp(), id)
            db.execute(sql.DECIDE, row)

    # --- sweeps -------------------------------------------------------------------------------

    def sweep(self, source: str, *, anew: bool = False) -> Sweep:
        """Begins a sweep, or goes on with one that was interrupted less than `GOES_ON` ago."""
        now = self._now().timestamp()
        with self._write() as db:
            row = db.execute(sql.SWEEP, (source, now - GOES_ON.total_seconds())).fetchone()
            if row is None or anew:
                known = db.execute(sql.SOURCE, (source,)).fetchone()
                is_first = known is None or known[2] is None
                row = f"{FIRST_SWEEP if is_first else SWEEP}{uuid4()}", now
                db.execute(sql.SWEEP_BEGINS, (source, *row, now))
        return Sweep(id=row[0], began=_time(row[1]))

    def sweep_tells(self, source: str, events: Iterable[Event]) -> None:
        """`publish` for a part of what a sweep found, and notes that it came so far."""
        rows = self._rows(events)
        with self._write() as db:
            _tell(db, rows)
            db.execute(sql.SWEEP_GOES_ON, (self._now().timestamp(), source))

    def hydrated_at(self, ref: EntityRef) -> datetime | None:
        """When an entity was last asked for at its source, and the answer committed."""
        row = self._db.execute(sql.HYDRATED_AT, _key(ref)).fetchone()
        return _time(row[0]) if row else None

    def hydrated_since(self, since: datetime, refs: Iterable[EntityRef]) -> set[EntityRef]:
        """Those of the entities that were hydrated, and committed, after a moment."""
        asked = {ref: (*_key(ref), since.timestamp()) for ref in refs}
        return {ref for ref, row in asked.items() if self._db.execute(sql.SINCE, row).fetchone()}

    def swept(self, source: str, *, listed: int) -> None:
        """Notes that a source has told all that it has, which was so many entities."""
        with self._write() as db:
            db.execute(sql.SWEPT, (source, self._now().timestamp()))
            db.execute(sql.LISTED, (source, listed))
            db.execute(sql.SWEEP_ENDS, (source,))

    # --- sources ------------------------------------------------------------------------------

    def failed(self, source: str, error: str) -> None:
        with self._write() as db:
            db.execute(sql.FAILED, (source, error))

    def is_failing(self, source: str) -> bool:
        """Whether it did not answer when it was last asked, and nobody has it tried again."""
        row = self._db.execute(sql.FAILING, (source,)).fetchone()
        return bool(row and row[0])

    def source(self, name: str) -> SourceRow:
        counts = dict(self._db.execute(sql.COUNTS, (name,)).fetchall())
        row = self._db.execute(sql.SOURCE, (name,)).fetchone() or (None, None, None, None, 0)
        event, success, sweep, error, failing = row
        trust = self._db.execute(sql.TRUSTED, (name,)).fetchone() or (None, 0, "[]")
        listed, healed, lags = trust
        (refused,) = self._db.execute(sql.REFUSALS, (name,)).fetchone() or (0,)
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
            refused=refused,
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
            raise StoreUnavailable(
                f"The inbox {self._file} cannot be written: {error}. Free some space if the disk is full."
            ) from error


def _tell(db: sqlite3.Connection, rows: Collection[tuple[Any, ...]]) -> None:
    db.executemany(sql.TELL, rows)
    heard = {row[0]: (row[0], row[5]) for row in rows if not row[4].startswith((SWEEP, REFERENCE))}
    db.executemany(sql.HEARD, heard.values())


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
