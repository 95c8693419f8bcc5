"""The record of what OpenLineage events have told: an SQLite file, synced before anything is answered.

Nothing here decides by the order in which events come: of each thing the greatest, the least or
the union of all that was told is kept (`schema.sql`). It is written by servers and read by the
worker; every reading sees one moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from kg.errors import SourceUnavailable, SystemFailure
from kg.iris import EntityRef
from kg.sources.openlineage.parsing import NAMED, Name, Thing, Told

_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_WAIT_SECONDS: Final = 30

Named = tuple[str, str]
"""A kind (job, run or dataset) and a key."""


class Record:
    """The file. Opened anew for each reading and writing, so that one that is lost is noticed."""

    def __init__(self, source: str, *, file: Path) -> None:
        self._source = source
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(file, timeout=_WAIT_SECONDS)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA.read_text("utf-8"))
        except sqlite3.Error as error:
            raise SystemFailure(f"The record {file} cannot be opened: {error}.") from error

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Raises `SourceUnavailable` if the file is lost or damaged."""
        try:
            with closing(self._open()) as db:
                db.execute("BEGIN")
                yield Reading(db)
        except sqlite3.Error as error:
            raise SourceUnavailable(
                f"Source {self._source!r}: the record {self._file} cannot be read: {error}.",
                source=self._source,
            ) from error

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """One synced transaction, or none of it. Raises `SystemFailure`."""
        try:
            with closing(self._open()) as db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                yield Writing(db)
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise SystemFailure(f"The record {self._file} cannot be written: {error}.") from error

    def _open(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._file.absolute()))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)


class Reading:
    """What the record says at one moment."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def names(self, kind: str) -> Iterator[tuple[str, Name]]:
        rows = self._db.execute("SELECT key, namespace, name FROM thing WHERE kind = ?", (kind,))
        return ((key, Name(namespace, name)) for key, namespace, name in rows)

    def runs(self) -> list[str]:
        return self._texts("SELECT run FROM ran")

    def name(self, kind: str, key: str) -> Name | None:
        query = "SELECT namespace, name FROM thing WHERE kind = ? AND key = ?"
        row = self._db.execute(query, (kind, key)).fetchone()
        return Name(*row) if row else None

    def facets(self, kind: str, key: str) -> list[tuple[str, str]]:
        query = "SELECT facet, told FROM fact WHERE kind = ? AND key = ?"
        return self._db.execute(query, (kind, key)).fetchall()

    def moments(self, run: str) -> dict[str, str]:
        """When a run first was told to be in each state."""
        return dict(self._db.execute("SELECT type, time FROM moment WHERE run = ?", (run,)))

    def job_of(self, run: str) -> str | None:
        return next(iter(self._texts("SELECT job FROM ran WHERE run = ?", run)), None)

    def parent(self, run: str) -> str | None:
        return next(iter(self._texts(_PARENT, run)), None)

    def top(self, run: str) -> str:
        """The run that this one is part of in the end; in a circle, the least of them all."""
        above = self._texts(_ABOVE, run)
        tops = [one for one in above if self.parent(one) is None]
        return min(tops or above)

    def has_top_run(self, job: str) -> bool:
        """Whether a job has a run that is no part of another, or no run at all."""
        return bool(self._texts(_HAS_TOP, job)) or not self._texts(_HAS_RUN, job)

    def step_run(self, job: str) -> str | None:
        """The latest run of a job that is a part of another."""
        return next(iter(self._texts(_PART, job)), None)

    def above(self, run: str) -> list[str]:
        """A run and all that it is part of."""
        return self._texts(_ABOVE, run)

    def below(self, run: str) -> list[str]:
        """A run and all its parts."""
        return self._texts(_BELOW, run)

    def of_run(self, run: str, way: str) -> list[str]:
        return self._texts(
            "SELECT dataset FROM edge WHERE kind='run' AND key=? AND way=?", run, way
        )

    def named(self, dataset: str) -> str | None:
        """What a dataset is to its tool, as it was told last."""
        return dict(self.facets("dataset", dataset)).get(NAMED)

    def is_dropped(self, dataset: str) -> bool:
        """Whether the last that was told of it, by facets or by a run or job, is that it went."""
        return bool(self._texts(_DROPPED, dataset, dataset, dataset))

    def leading_to(self, dataset: str) -> tuple[set[str], set[str]]:
        """The runs that read a dataset, by their parts too, and the datasets computed from it."""
        readers = self._texts(_READING, "run", dataset)
        runs = {above for run in readers for above in self.above(run)}
        written = {d for run in readers for d in self.of_run(run, "output")}
        for job in self._texts(_READING, "job", dataset):
            written.update(self.by_design(job, "output"))
        return runs, written

    def by_design(self, job: str, way: str) -> list[str]:
        """What a job reads or writes by the event that told so last."""
        return self._texts(_DESIGNED, job, way, job)

    def writing_runs(self, dataset: str) -> list[tuple[str, str]]:
        """The runs that wrote a dataset, the latest first, each with its job."""
        return self._db.execute(_WRITING, (dataset,)).fetchall()

    def writing_jobs(self, dataset: str) -> list[str]:
        """The jobs that write a dataset by design."""
        found = self._texts(_WRITING_BY_DESIGN, dataset)
        return [job for job in found if dataset in self.by_design(job, "output")]

    def _texts(self, query: str, *values: str) -> list[str]:
        return [text for (text,) in self._db.execute(query, values)]


class Writing(Reading):
    """A record open for writing. All can be told twice."""

    def tell(self, refs: Iterable[EntityRef]) -> list[EntityRef]:
        """Notes of what the graph is to be told; answers all of which it was not told yet."""
        self._many("INSERT OR IGNORE INTO untold VALUES (?, ?, ?)", map(_row, refs))
        rows = self._db.execute("SELECT type, source, key FROM untold")
        return [EntityRef(*row) for row in rows]

    def told(self, refs: Iterable[EntityRef]) -> None:
        self._many("DELETE FROM untold WHERE source = ? AND type = ? AND key = ?", map(_row, refs))

    def keep(self, told: Told) -> None:
        for thing in told.datasets:
            self._thing("dataset", thing, told.time)
        if told.job is not None:
            self._thing("job", told.job, told.time)
            kind, key = ("run", told.run.id) if told.run else ("job", told.job.name.key)
            ways = (("input", told.inputs), ("output", told.outputs))
            self._many(
                _EDGE,
                [(kind, key, way, d.name.key, told.time) for way, ds in ways for d in ds],
            )
            if told.run is None:
                self._many(_FACT, [("job", key, _DESIGN, told.time, "{}")])
        if told.run is not None and told.job is not None:
            run, job = told.run, told.job.name
            self._many(_MOMENT, [(run.id, run.type, told.time)])
            self._many(_RAN, [(run.id, job.key, 1, told.time)])
            self._facts("run", run.id, run.facets, told.time)
            if run.parent is not None and run.parent_job is not None:
                self._thing("job", Thing(name=run.parent_job), told.time)
                self._many(_RAN, [(run.parent, run.parent_job.key, 0, told.time)])
                self._many(_IS_PART, [(run.id, run.parent, told.time)])

    def _thing(self, kind: str, thing: Thing, time: str) -> None:
        name = thing.name
        self._many(_THING, [(kind, name.key, name.namespace, name.name)])
        self._facts(kind, name.key, thing.facets, time)

    def _facts(self, kind: str, key: str, told: dict[str, str], time: str) -> None:
        self._many(_FACT, [(kind, key, name, time, facet) for name, facet in told.items()])

    def _many(self, statement: str, rows: Iterable[tuple[str | int, ...]]) -> None:
        self._db.executemany(statement, rows)


def _row(ref: EntityRef) -> tuple[str, str, str]:
    return ref.source, ref.type, ref.key


_DESIGN: Final = "(design)"
"""Stands among a job's facets for when it was last told of without a run."""

_THING = "INSERT OR IGNORE INTO thing VALUES (?, ?, ?, ?)"
_FACT = """
INSERT INTO fact VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET time = excluded.time, told = excluded.told
WHERE (excluded.time, excluded.told) > (time, told)
"""
_MOMENT = """
INSERT INTO moment VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET time = min(time, excluded.time)
"""
_RAN = """
INSERT INTO ran VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET job = excluded.job, own = excluded.own, time = excluded.time
WHERE (excluded.own, excluded.time, excluded.job) > (own, time, job)
"""
_IS_PART = """
INSERT INTO parent VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET parent = excluded.parent, time = excluded.time
WHERE (excluded.time, excluded.parent) > (time, parent)
"""
_EDGE = """
INSERT INTO edge VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET time = max(time, excluded.time)
"""
_PARENT = "SELECT parent FROM parent WHERE run = ?"
_ABOVE = """
WITH RECURSIVE above (run) AS (
    SELECT ? UNION SELECT p.parent FROM parent p JOIN above a ON p.run = a.run
) SELECT run FROM above
"""
_BELOW = """
WITH RECURSIVE below (run) AS (
    SELECT ? UNION SELECT p.run FROM parent p JOIN below b ON p.parent = b.run
) SELECT run FROM below
"""
_HAS_TOP = """
SELECT r.run FROM ran r LEFT JOIN parent p ON p.run = r.run
WHERE r.job = ? AND p.run IS NULL LIMIT 1
"""
_HAS_RUN = "SELECT run FROM ran WHERE job = ? LIMIT 1"
_PART = """
SELECT p.run FROM ran r JOIN parent p ON p.run = r.run WHERE r.job = ?
ORDER BY p.time DESC, p.run DESC LIMIT 1
"""
_DESIGNED = """
SELECT dataset FROM edge WHERE kind = 'job' AND key = ? AND way = ? AND time =
    (SELECT time FROM fact WHERE kind = 'job' AND key = ? AND facet = '(design)')
"""
_DROPPED = """
SELECT told FROM fact WHERE kind = 'dataset' AND key = ? AND facet = 'lifecycleStateChange'
AND json_extract(told, '$.lifecycleStateChange') = 'DROP' AND time >= (
    SELECT max(time) FROM (
        SELECT time FROM fact WHERE kind = 'dataset' AND key = ?
        UNION ALL SELECT time FROM edge WHERE dataset = ?
    )
)
"""
_READING = "SELECT key FROM edge WHERE kind = ? AND dataset = ? AND way = 'input'"
_WRITING = """
SELECT e.key, r.job FROM edge e JOIN ran r ON r.run = e.key
WHERE e.dataset = ? AND e.way = 'output' AND e.kind = 'run' ORDER BY e.time DESC, e.key DESC
"""
_WRITING_BY_DESIGN = """
SELECT key FROM edge WHERE dataset = ? AND way = 'output' AND kind = 'job' ORDER BY key
"""
