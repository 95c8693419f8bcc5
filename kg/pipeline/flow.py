"""From the inbox to the graph, a batch at a time, while the batch before is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime

from kg.commit import propose
from kg.draft import Draft, Graphs
from kg.errors import MlgError, SystemFailure
from kg.events import Inbox, Request, Work
from kg.hydrate import Hydrated, Hydrator, Retry, together
from kg.iris import EntityRef
from kg.model import Change, Proposal, Snapshot
from kg.normalise import Contexts, Normalised, normalise
from kg.pipeline.ahead import Ahead
from kg.pipeline.counts import Counts
from kg.pipeline.references import References
from kg.pipeline.requests import decide
from kg.pipeline.writer import Ready, Writer

_PATIENCE = 0.02
"""Seconds to wait for the first answer of a source, when nothing else is to do."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What the inbox told of, made ready; and whatever waits or cannot be used."""

    hydrated: Hydrated
    ready: Ready
    counts: Counts
    unusable: Mapping[EntityRef, MlgError]
    healed: Collection[EntityRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """What is being written and synced, and the graph as it will be then."""

    batch: _Batch
    written: Future[None]
    view: Graphs


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """The stages, wired. One instance, one thread: the worker's.

    ``before_write`` is called at the start of each write of a batch, in the thread that writes,
    when everything committed so far is indexed and may be published.
    """

    writer: Writer
    inbox: Inbox
    hydrator: Hydrator
    references: References
    contexts: Mapping[str, Contexts]
    executor: Executor
    retry: Retry
    now: Callable[[], datetime]
    before_write: Callable[[], None] = lambda: None
    _flight: _Flight | None = None

    @property
    def in_flight(self) -> bool:
        """Whether a batch is being written, so that the index is behind the store."""
        return self._flight is not None

    def run_once(self, limit: int) -> Counts | None:
        """Decides the requests that wait, else sends on their way what the sources have told.

        A batch is of up to ``limit`` entities of each source, which is asked for twice as many, so that
        it has something to do while what it told is made ready. Answers what has landed meanwhile,
        which is the batch before; None when there is nothing to do or to wait for.
        """
        if requests := self.inbox.requests(20):
            counts = self.land()
            for request in requests:
                counts += self._decide(request)
            return counts
        self._ask(limit)
        told = self.hydrator.take(seconds=0 if self._flight else _PATIENCE, most=limit)
        if told:
            hydrated = together(told)
            self._note_failures(hydrated)
            self._ask(limit, besides=hydrated.works)  # while this is made ready
            return self._send(hydrated)
        return self.land() if self._flight or self.hydrator.busy else None

    def _note_failures(self, hydrated: Hydrated) -> None:
        """At once, and not when the batch lands: who has the source tried again comes after that."""
        failed = {ref.source: str(error) for ref, error in hydrated.unavailable.items()}
        for source, error in failed.items():
            self.inbox.failed(source, error)

    def _may_ask(self, source: str) -> bool:
        """Whether a source is not left in peace. A replay, and a sweep that it answers, end that."""
        if not self.hydrator.may_ask(source) and not self.inbox.is_failing(source):
            self.hydrator.try_again(source)
        return self.hydrator.may_ask(source)

    def _ask(self, limit: int, *, besides: Collection[EntityRef] = ()) -> None:
        """Asks each source that has little to do for what is due, but for what is under way."""
        flying = self._flight.batch.hydrated.works if self._flight else ()
        for name in self.inbox.sources_told_of():
            asked = self.hydrator.under_way(name)
            if self._may_ask(name) and len(asked) <= limit:
                told = [ref for ref in (*flying, *besides) if ref.source == name]
                if works := self._due(limit, source=name, besides=(*asked, *told)):
                    self.hydrator.begin(name, works)

    def _due(self, limit: int, *, source: str, besides: Collection[EntityRef]) -> list[Work]:
        """What a source has told of; and where that leaves room, what is referred to."""
        works = self.inbox.take(limit, source=source, besides=besides)
        if len(works) < limit and self.inbox.turn_to_awaited(limit - len(works), source=source):
            works = self.inbox.take(limit, source=source, besides=besides)
        return works

    def land(self) -> Counts:
        """Waits for what is in flight, indexes it, and strikes it off the inbox.

        Raises `StoreUnavailable` when it cannot be written; the inbox has it still.
        """
        return self._land()[0]

    def _land(self) -> tuple[Counts, bool]:
        """What landed, and whether it is what was expected."""
        flight, self._flight = self._flight, None
        if flight is None:
            return Counts(), True
        try:
            flight.written.result()
            self.writer.put(flight.batch.ready)
        except SystemFailure:
            raise
        except Exception as error:  # noqa: BLE001 - a fault must not stop the other events
            return self._apart(flight.batch.hydrated, error), False
        return self._settle(flight.batch), True

    def _send(self, hydrated: Hydrated) -> Counts:
        """Makes a batch ready, lands the one before, and sends this one off."""
        try:
            batch = self._make_ready(hydrated)
            counts, as_expected = self._land()
            if not as_expected:
                batch = self._make_ready(hydrated)
            self._launch(batch)
        except SystemFailure:
            raise
        except Exception as error:  # noqa: BLE001 - a fault must not stop the other events
            return self._apart(hydrated, error)
        return counts

    def _apart(self, hydrated: Hydrated, error: Exception) -> Counts:
        """One by one what failed together, so that what nobody foresaw stops only its own."""
        works = list(hydrated.works.values())
        _log.error("A batch of %d failed, first %s", len(works), works[0].ref, exc_info=error)
        counts = self.land()
        if len(works) == 1:
            self.inbox.bury(works[0], error=f"This is a fault of ours: {error!r}")
            counts.dead += 1
            return counts
        for work in works:
            counts += self._send(hydrated.only(work.ref))
            counts += self.land()
        return counts

    def _make_ready(self, hydrated: Hydrated) -> _Batch:
        works = hydrated.works
        parts = self._normalised(hydrated)
        entities = [entity for part in parts for entity in part.entities]
        draft = Draft(self._flight.view if self._flight else self.writer.store)
        at = self.now()
        for entity in entities:
            cause = works[entity.ref].event_id if entity.ref in works else None
            propose(draft, Proposal(entity=entity, layer="source", cause=cause), at=at)
        self.writer.enrich(draft, at=at)
        ready = self.writer.judge(draft, at=at)
        self.references.follow(draft.referred(), draft.facts)
        unusable = dict(hydrated.unusable)
        for part in parts:
            unusable |= part.unusable
        moved = draft.moved_entities()
        return _Batch(
            hydrated=hydrated,
            healed=[
                entity.ref
                for entity in entities
                if entity.iri in moved and entity.ref in works and works[entity.ref].heals
            ],
            ready=ready,
            unusable=unusable,
            counts=Counts(
                hydrated=len(works.keys() - hydrated.unavailable.keys() - unusable.keys()),
                waiting=len(hydrated.unavailable),
                dead=len(unusable),
                changed=sum(entity.iri in moved for entity in entities),
                unchanged=sum(entity.iri not in moved for entity in entities),
                gone=sum(entity.gone for entity in entities),
                statements=len(ready.changes),
            ),
        )

    def _normalised(self, hydrated: Hydrated) -> list[Normalised]:
        by_source: dict[str, list[Snapshot]] = {}
        for snapshot in hydrated.snapshots.values():
            by_source.setdefault(snapshot.ref.source, []).append(snapshot)
        return [
            normalise(snapshots, contexts=self.contexts[name])
            for name, snapshots in by_source.items()
        ]

    def _launch(self, batch: _Batch) -> None:
        """Begins to write a batch; `land` ends it."""
        change = self.writer.change(batch.ready)
        written = self.executor.submit(self._publish_and_write, change)
        facts = batch.ready.draft.facts
        facts.rest_on(self.writer.store)
        view = Ahead(self.writer.store, facts=facts, change=change)
        self._flight = _Flight(batch=batch, written=written, view=view)

    def _publish_and_write(self, change: Change) -> None:
        self.before_write()
        self.writer.write(change)

    def _settle(self, batch: _Batch) -> Counts:
        """Strikes off what is committed, puts off what waits, buries what cannot be used."""
        works, unavailable = batch.hydrated.works, batch.hydrated.unavailable
        failed = unavailable.keys() | batch.unusable.keys()
        done = [work for ref, work in works.items() if ref not in failed]
        self.inbox.done(done, healed=batch.healed)
        for ref, error in unavailable.items():
            after = self.retry.after(works[ref].attempts)
            self.inbox.retry(works[ref], after=after, error=str(error))
        for ref, dead in batch.unusable.items():
            self.inbox.bury(works[ref], error=str(dead))
        return batch.counts

    def _decide(self, request: Request) -> Counts:
        counts, referred = decide(
            request,
            writer=self.writer,
            inbox=self.inbox,
            minter=self.writer.minter,
            at=self.now(),
        )
        self.references.follow(referred, self.writer.store)
        return counts
