"""The reconcile sweep: finds what no event told of, by asking a source for all that it has.

What a listing shows whole is compared with what the graph has from the source, and only what
differs is put on the bus; what it merely names is put there as it is. Hydration then tells what
changed. What the graph has and the source did not list follows when the listing is complete, and
hydration tells whether it is gone: half a list never looks like a deletion. What was just listed is
told as such, since it cannot be gone while the source goes on listing it.

A sweep that is interrupted loses nothing, since what it found is on the bus. The next goes on with
it: what was hydrated since it began is not asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from kg import iris
from kg.draft import Graphs, held_of
from kg.errors import BadPayload, IncompleteList, MlgError, SourceClosed, SourceUnavailable
from kg.events import Inbox
from kg.facts import Facts
from kg.hydrate import LISTED, Retry
from kg.iris import EntityRef, Minter
from kg.model import Event, Snapshot
from kg.normalise import Contexts, normalise
from kg.sources import ListsWhole, Source
from kg.terms import node

_CHUNK = 500
"""Listed entities that are compared, and told of, at a time."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many entities a source listed, and of how many the bus was told."""

    listed: int
    told: int


def sweep(
    source: Source,
    *,
    graph: Graphs,
    contexts: Contexts,
    inbox: Inbox,
    everything: bool = False,
    progress: Callable[[int], None] = lambda listed: None,
) -> Swept:
    """Puts on the bus what differs at a source from the graph; with ``everything``, all of it.

    Raises `SourceUnavailable` or `BadPayload` when the listing ends early, `IncompleteList` when it
    could not be used whole. What was found by then is on the bus.
    """
    run = inbox.sweep(source.name, anew=everything)
    seen: set[EntityRef] = set()
    told = 0
    try:
        for chunk in _chunks(_listed(source, whole=not everything)):
            fresh = [found for found in chunk if _ref(found) not in seen]
            seen.update(map(_ref, fresh))
            wanted = [found for found in fresh if isinstance(found, EntityRef)]
            if not everything:
                done = inbox.hydrated_since(run.began, wanted)
                wanted = [ref for ref in wanted if ref not in done]
                wanted += _differing(fresh, graph=graph, contexts=contexts)
            inbox.sweep_tells(source.name, _events(wanted, run.id + LISTED))
            told += len(wanted)
            progress(len(seen))
    except SourceClosed:
        raise
    except IncompleteList as error:  # it came to its end: the next sweep begins anew
        inbox.swept(source.name, listed=len(seen))
        inbox.failed(source.name, str(error))
        raise
    except (SourceUnavailable, BadPayload) as error:
        inbox.failed(source.name, str(error))
        raise
    missing = [ref for ref in _recorded_by(source, graph, contexts.minter) if ref not in seen]
    inbox.publish(_events(missing, run.id))
    inbox.swept(source.name, listed=len(seen))
    return Swept(listed=len(seen), told=told + len(missing))


def _listed(source: Source, *, whole: bool) -> Iterator[Snapshot | EntityRef]:
    try:
        yield from (
            source.list_whole() if whole and isinstance(source, ListsWhole) else source.list()
        )
    except (SourceUnavailable, BadPayload):
        raise
    except Exception as error:  # a fault in a connector stops only its own
        said = error if isinstance(error, MlgError) else repr(error)
        raise BadPayload(f"Source {source.name!r} failed while it was listed: {said}") from error


def _chunks(listed: Iterable[Snapshot | EntityRef]) -> Iterator[Sequence[Snapshot | EntityRef]]:
    """What was found before a listing fails comes first."""
    chunk: list[Snapshot | EntityRef] = []
    failed: Exception | None = None
    try:
        for found in listed:
            chunk.append(found)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
    except (SourceUnavailable, BadPayload) as error:
        failed = error
    if chunk:
        yield chunk
    if failed is not None:
        raise failed


def _ref(found: Snapshot | EntityRef) -> EntityRef:
    return found if isinstance(found, EntityRef) else found.ref


def _events(refs: Iterable[EntityRef], id: str) -> Iterator[Event]:
    for ref in refs:
        kind = ref.type.replace("-", "_") + ".swept"
        yield Event(ref=ref, event_type=kind, event_id=id)


def _differing(
    found: Iterable[Snapshot | EntityRef], *, graph: Graphs, contexts: Contexts
) -> Iterator[EntityRef]:
    """The entities whose snapshot says anything else than the graph has from the source.

    The graph itself is compared, and no note of what was last seen: so nothing can be missed that
    changed and changed back, and a new context makes all that it concerns differ.
    """
    snapshots = [one for one in found if isinstance(one, Snapshot)]
    told = normalise(snapshots, contexts=contexts)
    same = {
        entity.ref
        for entity in told.entities
        if not entity.gone
        and graph.as_stored(entity.statements)
        == held_of(entity.iri, facts=graph, graphs=graph).of("source")
    }
    for snapshot in snapshots:
        if snapshot.gone or not all(document.ref in same for document in snapshot.documents):
            yield snapshot.ref


class Schedule:
    """Sweeps sources when it is time, each in a thread of its own and at most one at a time of each.

    ``minutes`` is how often, by source; one that cannot be listed to its end is tried again after
    ``retry``.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        minutes: Mapping[str, float],
        graph: Graphs,
        contexts: Mapping[str, Contexts],
        inbox: Inbox,
        executor: Executor,
        retry: Retry,
        now: Callable[[], datetime],
    ) -> None:
        self._sources = {name: sources[name] for name in sources if minutes.get(name, 0) > 0}
        self._every = {name: timedelta(minutes=minutes[name]) for name in self._sources}
        self._graph = graph
        self._contexts = contexts
        self._inbox = inbox
        self._executor = executor
        self._retry = retry
        self._now = now
        self._running: dict[str, Future[Swept]] = {}
        self._failures: dict[str, int] = {}
        self._next: dict[str, datetime] = {}

    def begin_what_is_due(self) -> None:
        """Begins the sweeps whose time has come, and notes how those went that have ended."""
        for name, source in self._sources.items():
            if name in self._running:
                if self._running[name].done():
                    self._ended(name, self._running.pop(name))
            elif self._due(name) <= self._now():
                self._running[name] = self._executor.submit(self._sweep, source)

    def _due(self, name: str) -> datetime:
        if name not in self._next:
            last = self._inbox.source(name).last_sweep
            self._next[name] = last + self._every[name] if last else self._now()
        return self._next[name]

    def _sweep(self, source: Source) -> Swept:
        contexts = self._contexts[source.name]
        return sweep(source, graph=self._graph, contexts=contexts, inbox=self._inbox)

    def _ended(self, name: str, running: Future[Swept]) -> None:
        error = running.exception()
        if error is not None:
            _log.warning("The sweep of source %r is incomplete: %s", name, error)
        if error is None or isinstance(error, IncompleteList):
            self._failures.pop(name, None)
            self._next[name] = self._now() + self._every[name]
            return
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        self._next[name] = self._now() + timedelta(seconds=self._retry.after(failures, error))


def _recorded_by(source: Source, facts: Facts, minter: Minter) -> Iterator[EntityRef]:
    """What the graph has from a source, and the source can be asked for."""
    recorder = node(minter.mint(iris.source_system(source.name)))
    for iri in facts.subjects(iris.RECORDED_BY, recorder):
        ref = minter.parse(iri)
        gone = node(iris.TOMBSTONE) in facts.objects(iri, iris.TYPE)
        if not gone and (not source.types or ref.type in source.types):
            yield ref
