"""The embedded store: Oxigraph on disk, owned by one process.

Commits are atomic but not synced by the engine, so `sync` is a step of its own, once per batch
and before anything is acknowledged. A write that fails leaves the engine unable to write until it
is opened again; that state is kept, said, and ends with `reopen`.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pyoxigraph as ox

from kg import iris
from kg.errors import BadRdf, BadSetting, MlgError, StoreUnavailable
from kg.facts import Properties, grouped
from kg.model import Change
from kg.store import checkpoints
from kg.store.literals import all_as_stored
from kg.terms import ByGraph, Quad, Statement, by_graph, nquads, ntriples, quoted, unquoted

_NQUADS = ox.RdfFormat.N_QUADS
_STALE = 100
"""Markers of past versions that may lie about before a commit clears them."""
_LOCK = "writer.lock"
_BULK = 5_000
"""Added statements from which a change is written as sorted files, at three times the speed.

The engine writes so only additions in one atomic step. What the change removes is noted in that
step, in a graph of promises, and removed in the next, or at the next opening.
"""
_LOOSE = 100_000
"""Quads in loose files, at a quarter of the whole, from which it pays to merge them (`tidy`)."""
_MERGERS = "rocksdb:low"
"""What the engine calls its threads that merge files."""
_STANDING_BACK = 10
"""How much nicer they are: where processors are short they get a tenth of others' share."""
_THREADS = Path("/proc/self/task")
_PROMISES = iris.graph("promises")
_DEFAULT_NAME = "urn:mlgraph:default"


def sync_logs(folder: Path) -> None:
    """Syncs the engine's write-ahead logs: 0.4 ms, against 20 ms for a flush."""
    for log in folder.glob("*.log"):
        handle = os.open(log, os.O_RDONLY)
        try:
            os.fdatasync(handle)
        finally:
            os.close(handle)


def _let_mergers_wait() -> None:
    """Has the engine merge files when nothing else wants a processor; on Linux, where this can be said.

    Under load they are merged less often so, more at a time. They cannot pile up: past some number
    the engine has writes wait for it.
    """
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + _STANDING_BACK)
    for thread in _THREADS.iterdir() if _THREADS.exists() else ():
        try:
            if (thread / "comm").read_text().strip() == _MERGERS:
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
        except OSError:  # it has just ended, or a sandbox does not allow it
            continue


class EmbeddedStore:
    """A store in ``data_dir/store``. ``syncing`` is how logs are synced; tests count its calls."""

    def __init__(
        self, data_dir: Path, *, base: str, syncing: Callable[[Path], None] = sync_logs
    ) -> None:
        self._base = base
        self._folder = data_dir / "store"
        self._checkpoints = data_dir / "checkpoints"
        self._syncing = syncing
        self.failure: str | None = None
        self._loose = 0
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data_dir)
        try:
            _hold_base(data_dir / "installation.json", base)
            for orphan in self._folder.glob("bulk-*.sst"):  # left by a killed bulk write
                orphan.unlink()
            checkpoints.clear(self._checkpoints)
            checkpoints.forget_past(data_dir / checkpoints.PAST)
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        try:
            self._store = ox.Store(str(self._folder))
        except (OSError, RuntimeError) as error:  # the latter of damaged files
            raise StoreUnavailable(
                f"The store in {self._folder} cannot be opened: {error}"
            ) from error
        _let_mergers_wait()
        promised = list(self.quads(graph=_PROMISES))
        self._redeem([_promised(quad) for quad in promised], promised)
        marks = sorted(checkpoints.markers(self._store))
        self._version, self._statements = marks[-1] if marks else (0, 0)
        self._marked = [marker(*mark) for mark in marks]

    @property
    def version(self) -> int:
        return self._version

    def __len__(self) -> int:
        """Statements in the default graph, counted by commits."""
        return self._statements

    def statements(self) -> Iterator[Statement]:
        """The whole default graph."""
        return checkpoints.statements(self._store, None, None, None)

    def about(self, subject: str) -> Iterator[Statement]:
        return checkpoints.statements(self._store, subject, None, None)

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> Iterator[str]:
        return (
            value for _, _, value in checkpoints.statements(self._store, subject, predicate, None)
        )

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        return (
            subject for subject, _, _ in checkpoints.statements(self._store, None, predicate, value)
        )

    def holds(self, statement: Statement) -> bool:
        return checkpoints.has(self._store, (*statement, ""))

    def quads(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        value: str | None = None,
        graph: str,
    ) -> Iterator[Quad]:
        for found in checkpoints.statements(self._store, subject, predicate, value, graph):
            yield (*found, graph)

    def has(self, quad: Quad) -> bool:
        return checkpoints.has(self._store, quad)

    def as_stored(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        return all_as_stored(statements)

    def apply(self, change: Change) -> int:
        if self.failure:
            raise StoreUnavailable(self.failure)
        version = self._version + 1
        moved = len(change.added.get("", ())) - len(change.removed.get("", ()))
        statements = self._statements + moved
        mark = marker(version, statements)
        removed = [(*said, name) for name, some in change.removed.items() for said in some]
        removed += self._marked if len(self._marked) >= _STALE else ()
        size = sum(map(len, change.added.values()))
        try:
            if size >= _BULK:
                promised = [_promise(quad) for quad in removed]
                self._store.bulk_load(_nquads(change.added, mark, *promised), _NQUADS)
                self._redeem(removed, promised)
                self._loose += size
            elif removed:
                gone = by_graph((*removed, *self._marked))
                insert = f"{_data(change.added)}\n{_data(by_graph([mark]))}"
                self._store.update(f"{delete_data(gone)} ;\nINSERT DATA {{ {insert} }}")
            else:
                self._store.load(_nquads(change.added, mark), _NQUADS)
        except (OSError, RuntimeError) as error:
            self.failure = (
                f"The store cannot write ({error}); free some space, it is tried again by itself."
            )
            raise StoreUnavailable(self.failure) from error
        self._version, self._statements = version, statements
        self._marked = [mark] if removed else [*self._marked, mark]
        return version

    def _redeem(self, removed: Iterable[Quad], promised: Iterable[Quad]) -> None:
        """Removes what a bulk write promised to remove; opening does it after a crash."""
        if gone := by_graph((*removed, *promised)):
            self._store.update(delete_data(gone))

    def load(self, parts: Mapping[Path, ox.RdfFormat]) -> None:
        """Reads the parts of a dump, all graphs, into this store, which must be empty.

        Synced when it returns. Raises `BadRdf` for what is no dump, `BadSetting` for one of another base,
        and is then as empty as before; `StoreUnavailable` when the disk does not take or give it.
        """
        if self._version or next(self.statements(), None) is not None:
            raise StoreUnavailable("A dump is loaded into an empty store; give a new data folder.")
        for file, form in parts.items():
            try:
                self._store.bulk_load(path=str(file), format=form)
            except SyntaxError as error:
                self._store.clear()
                raise BadRdf(f"{file} cannot be loaded, so nothing is: {error}") from error
            except OSError as error:
                raise StoreUnavailable(
                    f"{file} cannot be loaded ({error}); mend that, and load into a new data folder."
                ) from error
        try:
            self._check_dump()
        except MlgError:
            self._store.clear()
            raise
        self._open_again()

    def _check_dump(self) -> None:
        if not any(checkpoints.markers(self._store)):
            raise BadRdf("This is no dump: no version is noted in it. Load what `mlg dump` made.")
        typed = (s for s, _, _ in checkpoints.statements(self._store, None, iris.TYPE, None))
        other = next((iri for iri in typed if not iri.startswith(f"{self._base}/id/")), None)
        if other is not None:
            raise BadSetting(
                f"The dump was made with another base than {self._base}: it has <{other}>. Set base to "
                "that, or replace it in the dump."
            )

    def sync(self) -> None:
        try:
            self._syncing(self._folder)
        except OSError as error:
            self.failure = f"The store cannot be synced ({error}); it is tried again by itself."
            raise StoreUnavailable(self.failure) from error

    def publish(self) -> Path:
        try:
            path = checkpoints.publish(self._checkpoints, self._version, self._store.backup)
        except OSError as error:
            raise StoreUnavailable(f"No checkpoint can be made: {error}.") from error
        checkpoints.prune(self._checkpoints)
        return path

    @property
    def is_untidy(self) -> bool:
        """Whether so much was written in bulk that readers look into many files for each fact."""
        return self._loose >= max(_LOOSE, self._statements // 4)

    def tidy(self) -> None:
        """Merges the files that bulk writes left. Takes as long as writing the whole store.

        Other threads may read and write meanwhile. Reading 100,000 rows took 500 instead of 720 ms
        (265,000 statements, written in batches of 1,000 entities).
        """
        self._loose = 0
        try:
            self._store.optimize()
        except OSError as error:
            self.failure = f"The store's files cannot be merged ({error}); free some space."
            raise StoreUnavailable(self.failure) from error

    def reopen(self) -> None:
        """Opens the store again after a failed write: the only way out of that state."""
        self._open_again()
        self.failure = None

    def _open_again(self) -> None:
        del self._store
        self._open()

    def close(self) -> None:
        if hasattr(self, "_store"):
            del self._store
        self._lock.close()


def writer_is_running(data_dir: Path) -> bool:
    """Whether some process has the store of this folder open for writing."""
    try:
        with (data_dir / _LOCK).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock(data_dir: Path) -> IO[str]:
    handle = (data_dir / _LOCK).open("w")
    for _ in range(10):  # somebody may just be asking whether a writer is running
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            time.sleep(0.05)
    handle.close()
    raise StoreUnavailable(
        f"Another process writes in {data_dir}; stop it, or send it your request instead."
    )


def _hold_base(file: Path, base: str) -> None:
    """Writes the base into a new installation, and refuses another one ever after."""
    if not file.exists():
        file.write_text(json.dumps({"base": base}) + "\n", "utf-8")
        return
    try:
        held = json.loads(file.read_text("utf-8"))["base"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreUnavailable(
            f'{file} is damaged ({error!r}). It has to say {{"base": "http://…"}}, the base with which '
            "this data folder was made."
        ) from error
    if held != base:
        raise BadSetting(
            f"This data folder was made with base = {held!r}, not {base!r}. Use that base, or dump "
            "the graph, replace the base in the dump, and load it into a new folder."
        )


def _nquads(graphs: ByGraph, *more: Quad) -> bytes:
    return f"{nquads(graphs)}\n{nquads(by_graph(more))}".encode()


def marker(version: int, statements: int) -> Quad:
    """What a commit leaves about itself: its version and how many statements there are then."""
    count = f'"{statements}"^^<{iris.term("xsd:integer")}>'
    return f"{checkpoints.VERSION}{version}", checkpoints.STATEMENT_COUNT, count, checkpoints.META


def _promise(quad: Quad) -> Quad:
    """The note, in the same atomic write as a change's additions, of what it is yet to remove."""
    return quad[3] or _DEFAULT_NAME, iris.RETRACTS, quoted(quad[:3]), _PROMISES


def _promised(promise: Quad) -> Quad:
    name = "" if promise[0] == _DEFAULT_NAME else promise[0]
    return (*unquoted(promise[2]), name)


def delete_data(graphs: ByGraph) -> str:
    """The SPARQL update that removes these statements from these graphs."""
    return f"DELETE DATA {{ {_data(graphs)} }}"


def _data(graphs: ByGraph) -> str:
    """Ground data of a SPARQL update; values are N-Triples, which SPARQL reads alike."""
    parts = []
    for name, statements in graphs.items():
        plain = ntriples(statements)
        parts.append(f"GRAPH <{name}> {{ {plain} }}" if name else plain)
    return "\n".join(parts)
