"""Search as readers see it: any number of processes, each following the writer's commits.

A `Searcher` is cheap to ask (one ``stat`` tells whether there is a newer commit) and may be shared
by threads. It finds what its reader may see: every question, count and suggestion is limited to
the visibility labels that are passed, so what one may not see is in no number either.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tantivy
from tantivy import Order, Query

from kg.errors import BadInput, BadIri, TooLarge
from kg.iris import Minter
from kg.search import facets
from kg.search.border import guarded, missing
from kg.search.entries import PUBLIC
from kg.search.ranking import Question, among, every
from kg.search.schema import META, build, hit, version_of
from kg.search.words import in_order
from kg.views import Hit, SearchPage

MAX_TEXT: Final = 1_000
MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 5_000
EVERYONE: Final = frozenset({PUBLIC})

_FEW: Final = 10
"""With fewer matches than this, near misses are shown below them."""
_MAX_IRI = 8_000
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _View:
    """One commit of the index, as it stays while a question is answered."""

    stamp: _Stamp
    index: tantivy.Index
    searcher: tantivy.Searcher
    schema: tantivy.Schema


class Searcher:
    """``labels`` has the labels of classes by IRI; ``minter`` knows the names of entities.

    All methods raise `StoreUnavailable` when there is no index, or a damaged one.
    """

    def __init__(self, path: Path, *, minter: Minter, labels: Mapping[str, str]) -> None:
        self.path = path
        self._minter = minter
        self._labels = labels
        self._lock = threading.Lock()
        self._view: _View | None = None

    @property
    def version(self) -> int:
        """The version of the graph that is being searched; it may trail the newest checkpoint."""
        view = self._now()
        with guarded(self.path, doing="Searching"):
            return version_of(view.searcher, view.schema)

    def search(
        self,
        text: str,
        *,
        filters: Mapping[str, Sequence[str]] | None = None,
        offset: int = 0,
        limit: int = 25,
        visible: Iterable[str] = EVERYONE,
    ) -> SearchPage:
        """The page of hits and the counts to go on with. Without text: everything, by name.

        ``filters`` has values by facet (`kg.search.schema.FACETS`): one of the values of each. A
        facet's counts leave its own filter aside, so they say what choosing another value gives.
        An entity's IRI, ``aip://…`` or ``type/source/key`` as text finds that entity alone.

        Raises `BadInput` for an unknown facet or a page out of bounds, `TooLarge` for a long text.
        """
        if not 0 <= offset <= MAX_OFFSET:
            raise BadInput(f"offset is 0 to {MAX_OFFSET:,}; narrow the search by a filter instead.")
        _check_limit(limit)
        text = _well_formed(text)
        view = self._now()
        with guarded(self.path, doing="Searching"):
            seen = among(view.schema, "visibility", sorted(visible))
            matched = self._matched(view, text, seen)
            chosen = facets.Chosen(
                view.searcher, view.schema, filters or {}, seen=seen, minter=self._minter
            )
            found = every(matched, *chosen.conditions())
            total, hits = self._hits(view, found, by_name=not text, offset=offset, limit=limit)
            counts = facets.counts(
                view.searcher, matched, chosen, schema=view.schema, labels=self._labels
            )
        return SearchPage(query=text, total=total, offset=offset, hits=hits, facets=counts)

    def suggest(
        self, text: str, *, limit: int = 8, visible: Iterable[str] = EVERYONE
    ) -> tuple[Hit, ...]:
        """The best hits while a person types; nothing for no text."""
        _check_limit(limit)
        text = _well_formed(text)
        if not text:
            return ()
        view = self._now()
        with guarded(self.path, doing="Searching"):
            matched = self._matched(view, text, among(view.schema, "visibility", sorted(visible)))
            return self._hits(view, matched, by_name=False, offset=0, limit=limit)[1]

    def _matched(self, view: _View, text: str, seen: Query) -> Query:
        """What the text finds before any filter; which question it is does not depend on them."""
        if not text:
            return seen
        named = self._named(text)
        if named:
            entity = every(seen, among(view.schema, "iri", named))
            if len(text) > MAX_TEXT or facets.count(view.searcher, entity):
                return entity
        if len(text) > MAX_TEXT:
            raise TooLarge(f"A text to search has at most {MAX_TEXT:,} characters.")
        question = Question(view.schema, text)
        as_typed = every(seen, question.as_typed())
        if facets.count(view.searcher, as_typed) >= _FEW:
            return as_typed
        or_close = every(seen, question.or_close())
        if facets.count(view.searcher, or_close):
            return or_close
        return every(seen, question.any_of_it())

    def _named(self, text: str) -> list[str]:
        """The IRIs of an entity as people copy its name: an IRI, its page, or a ref.

        Two, when the IRI is spelt otherwise than `Minter` does; none if it is no such name.
        """
        if len(text) > _MAX_IRI:
            return []
        bare = text.removeprefix("<").removesuffix(">")
        page = f"{self._minter.base}/e/"
        if bare.startswith(page):
            bare = self._minter.prefix + bare.removeprefix(page)
        try:
            return [bare, self._minter.mint(self._minter.resolve(bare))]
        except BadIri:
            return []

    def _hits(
        self, view: _View, question: Query, *, by_name: bool, offset: int, limit: int
    ) -> tuple[int, tuple[Hit, ...]]:
        """How many there are, and a page of them. Equal scores stand in the order of names."""
        searcher = view.searcher
        order = {"order_by_field": "title", "order": Order.Asc}
        ranked = {"weight_by_field": "brevity"}
        found = searcher.search(
            question, limit=limit, offset=offset, **(order if by_name else ranked)
        )
        rows = []
        for score, address in found.hits:
            shown = hit(searcher.doc(address)["shown"][0], minter=self._minter, labels=self._labels)
            rows.append((0.0 if by_name else -score, in_order(shown.name), shown.iri, shown))
        rows.sort(key=lambda row: row[:3])
        return int(found.count), tuple(row[3] for row in rows)  # type: ignore[attr-defined]

    def _now(self) -> _View:
        """The newest commit. The check is one ``stat``: a commit puts a new file in place."""
        try:
            state = (self.path / META).stat()
        except OSError as error:
            raise missing(self.path) from error
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)
        view = self._view
        if view is None or view.stamp != stamp:
            with self._lock:
                view = self._view
                if view is None or view.stamp != stamp:
                    self._view = view = self._opened(stamp, view)
        return view

    def _opened(self, stamp: _Stamp, last: _View | None) -> _View:
        with guarded(self.path, doing="Opening the search index"):
            if last is None:
                index = tantivy.Index.open(str(self.path))
                index.config_reader("manual")
            else:
                index = last.index
            index.reload()
            schema = build()
            if index.schema != schema:
                raise ValueError("it was made by another release")
            return _View(stamp, index, index.searcher(), schema)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(f"limit is 1 to {MAX_LIMIT}, not {limit}.")


def _well_formed(text: str) -> str:
    """Without white space around it, and without the half characters that no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode().strip()
