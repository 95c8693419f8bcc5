"""The reconcile sweep: finds what no event told of, by asking a source for all that it has.

Every entity that the source lists, or that the graph has from it, is put on the bus; hydration
then tells what changed and what is gone. Nothing is put there when the listing ends in an error,
so that half a list never looks like a deletion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from uuid import uuid4

from kg import iris
from kg.errors import BadPayload, SourceUnavailable
from kg.events import FIRST_SWEEP, SWEEP, Inbox
from kg.facts import Facts
from kg.hydrate import Retry
from kg.iris import EntityRef, Minter
from kg.model import Event
from kg.sources import Source
from kg.terms import node

_log = logging.getLogger(__name__)


def sweep(
    source: Source,
    *,
    facts: Facts,
    inbox: Inbox,
    minter: Minter,
    progress: Callable[[int], None] = lambda listed: None,
) -> int:
    """Puts a source's entities on the bus and answers how many. Raises `SourceUnavailable`, `BadPayload`."""
    refs: dict[EntityRef, None] = {}
    try:
        for ref in source.list():
            refs[ref] = None
            progress(len(refs))
    except (SourceUnavailable, BadPayload) as error:
        inbox.failed(source.name, str(error))
        raise
    listed = len(refs)
    for ref in _recorded_by(source, facts, minter):
        refs[ref] = None
    is_first = inbox.source(source.name).last_sweep is None
    sweep_id = f"{FIRST_SWEEP if is_first else SWEEP}{uuid4()}"
    inbox.publish(
        Event(ref=ref, event_type=ref.type.replace("-", "_") + ".swept", event_id=sweep_id)
        for ref in refs
    )
    inbox.swept(source.name, listed=listed)
    return len(refs)


class Schedule:
    """Sweeps sources when it is time, each in a thread of its own and at most one at a time of each.

    ``minutes`` is how often, by source; one that cannot be listed is tried again after ``retry``.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        minutes: Mapping[str, float],
        facts: Facts,
        inbox: Inbox,
        minter: Minter,
        executor: Executor,
        retry: Retry,
        now: Callable[[], datetime],
    ) -> None:
        self._sources = {name: sources[name] for name in sources if minutes.get(name, 0) > 0}
        self._every = {name: timedelta(minutes=minutes[name]) for name in self._sources}
        self._facts = facts
        self._inbox = inbox
        self._minter = minter
        self._executor = executor
        self._retry = retry
        self._now = now
        self._running: dict[str, Future[int]] = {}
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

    def _sweep(self, source: Source) -> int:
        return sweep(source, facts=self._facts, inbox=self._inbox, minter=self._minter)

    def _ended(self, name: str, running: Future[int]) -> None:
        error = running.exception()
        if error is None:
            self._failures.pop(name, None)
            self._next[name] = self._now() + self._every[name]
            return
        _log.warning("The sweep of source %r ended early: %s", name, error)
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        self._next[name] = self._now() + timedelta(seconds=self._retry.after(failures))


def _recorded_by(source: Source, facts: Facts, minter: Minter) -> Iterator[EntityRef]:
    """What the graph has from a source, and the source can be asked for."""
    recorder = node(minter.mint(iris.source_system(source.name)))
    for iri in facts.subjects(iris.RECORDED_BY, recorder):
        ref = minter.parse(iri)
        gone = node(iris.TOMBSTONE) in facts.objects(iri, iris.TYPE)
        if not gone and (not source.types or ref.type in source.types):
            yield ref
