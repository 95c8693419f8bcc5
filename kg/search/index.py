"""The search index as its one writer sees it.

The worker owns it, opens it after any fork (Tantivy has threads), and changes it after the graph:
what the graph holds can always be indexed again, so the index needs no log of its own. It says
which version of the graph it shows; a worker that finds it behind indexes what changed since, or
all. A commit is atomic: readers (`kg.search.searcher`) see all of it or nothing, and a writer that
is killed leaves the index at its last commit and the lock free.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import tantivy

from kg.errors import StoreUnavailable
from kg.search.border import LOCKED, guarded
from kg.search.entries import Entry
from kg.search.schema import (
    META,
    VERSION_IRI,
    build,
    document,
    register,
    version_document,
    version_of,
)

_LOCK: Final = ".tantivy-writer.lock"
_OURS: Final = re.compile(r"meta\.json|\.managed\.json|\.tmp.*|[0-9a-f]{32}\..+")
_HEAP_BYTES: Final = 64 * 1024 * 1024


class SearchIndex:
    """``labels`` has the labels of classes by IRI, so that people find by type ("ranker model").

    ``fresh`` throws away what is there: the way out of a damaged index. Raises `Busy` when another
    process writes it, `StoreUnavailable` when it is damaged or of another release.

    A method that raises `StoreUnavailable` leaves the index as after the last commit: ``version``
    says from where to index again.
    """

    def __init__(self, path: Path, *, labels: Mapping[str, str], fresh: bool = False) -> None:
        self.path = path
        self._labels = labels
        with guarded(path, doing="Opening the search index"):
            path.mkdir(parents=True, exist_ok=True)
            if fresh:
                _empty(path)
            self._index = _open(path)
            register(self._index)
            # One thread: the worker has one processor to spare, and fewer segments to merge.
            self._writer = self._index.writer(_HEAP_BYTES, num_threads=1)
            self._sweep()
            self.version = version_of(self._index.searcher(), self._index.schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(
        self,
        entries: Iterable[Entry],
        *,
        removed: Iterable[str] = (),
        new: AbstractSet[str] = frozenset(),
    ) -> int:
        """Takes out ``removed`` and puts entries in the place of those with the same IRI.

        So a caller passes all that changed as removed, and what there still is as entries. ``new``
        are IRIs that the index has nothing of, which spares looking. Answers how many entries were
        put. Nothing is seen by readers before `commit`.
        """
        latest = {entry.iri: entry for entry in entries}
        with self._writing("Writing the search index"):
            for iri in (latest.keys() | set(removed)) - new:
                self._writer.delete_documents_by_term("iri", iri)
            for entry in latest.values():
                self._writer.add_document(document(entry, labels=self._labels))
        return len(latest)

    def commit(self, version: int) -> None:
        """Publishes what was put and taken out, as the state of the graph's ``version``."""
        with self._writing("Committing the search index"):
            self._writer.delete_documents_by_term("iri", VERSION_IRI)
            self._writer.add_document(version_document(version))
            self._writer.commit()
        self.version = version

    def rebuild(self, entries: Iterable[Entry], *, version: int) -> int:
        """Replaces the whole content at once; readers keep the old one until this is done."""
        put = 0
        with self._writing("Building the search index"):
            self._writer.delete_all_documents()
        for entry in entries:
            made = document(entry, labels=self._labels)
            with self._writing("Building the search index"):
                self._writer.add_document(made)
            put += 1
        self.commit(version)
        return put

    def close(self) -> None:
        """Lets go of the index. What was not committed is dropped."""
        with guarded(self.path, doing="Closing the search index"):
            self._writer.wait_merging_threads()

    @contextmanager
    def _writing(self, doing: str) -> Iterator[None]:
        """Takes everything since the last commit back when something fails, such as a full disk."""
        try:
            with guarded(self.path, doing=doing):
                yield
        except StoreUnavailable:
            with guarded(self.path, doing="Taking back what was not committed"):
                self._writer.rollback()
                self._sweep()
            raise

    def _sweep(self) -> None:
        """Removes the files of a commit that was not finished.

        Tantivy names a file of deletions by the commit's number, which the next commit has again,
        and refuses to write one that is there.
        """
        self._writer.garbage_collect_files()


def _open(path: Path) -> tantivy.Index:
    if not (path / META).exists():
        if any(path.glob("*.store")):
            raise ValueError(f"{META} is missing")
        return tantivy.Index(build(), path=str(path))
    return tantivy.Index(build(), path=str(path), reuse=True)


def _empty(path: Path) -> None:
    """Removes Tantivy's files, and nothing else, once its own lock says that nobody writes."""
    with (path / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(LOCKED) from error
        for file in path.iterdir():
            if _OURS.fullmatch(file.name):
                file.unlink()
