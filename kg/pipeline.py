"""The way from an event to the graph. The only file that knows the order of the stages.

One batch: take what is due from the inbox, hydrate it at its sources, normalise, lay it over the
graph as a draft, enrich and validate the draft, commit it in one atomic update, sync, index, and
only then strike it off the inbox. A crash at any point leaves the batch in the inbox; done again,
it finds nothing to change.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from kg import iris
from kg.commit import commit, propose, revised
from kg.draft import Draft
from kg.enrich import Rules, enrich
from kg.errors import MlgError, SystemFailure
from kg.events import Inbox, Request, Work
from kg.facts import Facts
from kg.hydrate import hydrate
from kg.iris import EntityRef, Minter, graph
from kg.model import Entity, Event, Finding, Proposal
from kg.normalise import Contexts, Normalised, normalise
from kg.search.entries import Entry, dependents, entries
from kg.search.index import SearchIndex
from kg.sources import Source
from kg.store import GraphStore
from kg.submission import Submission, decode
from kg.terms import Quad, Statement, iri_of
from kg.validate import Validator, findings_quads, report_quads

_QUARANTINE = graph("quarantine")
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the pipeline did, for people and for `mlg drain`."""

    hydrated: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    waiting: int = 0
    dead: int = 0
    accepted: int = 0
    refused: int = 0
    statements: int = 0

    def __iadd__(self, other: Counts) -> Self:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How long an entity waits for a source that is down: doubling, with jitter, up to a limit."""

    first_seconds: float
    longest_seconds: float
    jitter: Callable[[], float] = random.random

    def after(self, attempts: int) -> float:
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts, 30))
        return wait * (0.5 + self.jitter() / 2)


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """The stages, wired. One instance, one thread: the worker's."""

    store: GraphStore
    inbox: Inbox
    index: SearchIndex
    sources: Mapping[str, Source]
    contexts: Mapping[str, Contexts]
    rules: Rules
    validator: Validator
    minter: Minter
    labels: Mapping[str, str]
    executor: Executor
    retry: Retry
    now: Callable[[], datetime]
    _met: set[str] = field(default_factory=set)

    def run_once(self, limit: int) -> Counts | None:
        """One batch: every request that waits, then up to ``limit`` entities; None when idle."""
        requests = self.inbox.requests(20)
        works = self.inbox.take(limit)
        if not requests and not works:
            return None
        counts = Counts()
        for request in requests:
            counts += self._request(request)
        if works:
            counts += self._events_apart_if_need_be(works)
        return counts

    # --- events -------------------------------------------------------------------------------

    def _events_apart_if_need_be(self, works: list[Work]) -> Counts:
        """A batch; one by one if it fails, so that what nobody foresaw stops only its own."""
        try:
            return self._events(works)
        except SystemFailure:
            raise
        except Exception as error:  # noqa: BLE001 - a fault must not stop the other events
            _log.exception("A batch of %d failed, first %s", len(works), works[0].ref)
            if len(works) > 1:
                counts = Counts()
                for work in works:
                    counts += self._events_apart_if_need_be([work])
                return counts
            self.inbox.bury(works[0], error=f"This is a fault of ours: {error!r}")
            return Counts(dead=1)

    def _events(self, works: list[Work]) -> Counts:
        by_ref = {work.ref: work for work in works}
        hydrated = hydrate(by_ref, sources=self.sources, executor=self.executor)
        parts = [
            normalise(
                (s for s in hydrated.snapshots.values() if s.ref.source == name), contexts=contexts
            )
            for name, contexts in self.contexts.items()
        ]
        entities = [entity for part in parts for entity in part.entities]
        draft = Draft(self.store)
        at = self.now()
        for entity in entities:
            cause = by_ref[entity.ref].event_id if entity.ref in by_ref else None
            propose(draft, Proposal(entity=entity, layer="source", cause=cause), at=at)
        enrich(draft, self.rules)
        self._commit(draft, at=at)
        self._ask_for_references(entities)
        counts = self._settle(by_ref, hydrated.unavailable, hydrated.unusable, parts)
        changes = {iri for record in (draft.asserted, draft.retracted) for iri, _ in record}
        counts.changed = sum(entity.iri in changes for entity in entities)
        counts.unchanged = len(entities) - counts.changed
        counts.gone = sum(entity.gone for entity in entities)
        counts.statements = len(draft.changes())
        return counts

    def _settle(
        self,
        by_ref: Mapping[EntityRef, Work],
        unavailable: Mapping[EntityRef, MlgError],
        unusable: Mapping[EntityRef, MlgError],
        parts: Iterable[Normalised],
    ) -> Counts:
        """Strikes off what is committed, puts off what waits, buries what cannot be used."""
        dead = dict(unusable)
        for part in parts:
            dead |= part.unusable
        done = [w for ref, w in by_ref.items() if ref not in unavailable and ref not in dead]
        self.inbox.done(done)
        for ref, error in unavailable.items():
            after = self.retry.after(by_ref[ref].attempts)
            self.inbox.retry(by_ref[ref], after=after, error=str(error))
        for ref, error in dead.items():
            self.inbox.bury(by_ref[ref], error=str(error))
        return Counts(hydrated=len(done), waiting=len(unavailable), dead=len(dead))

    def _ask_for_references(self, entities: Iterable[Entity]) -> None:
        """Puts an event on the bus for each entity that is referred to and not known yet."""
        self._met.update(entity.iri for entity in entities)
        wanted: list[Event] = []
        for entity in entities:
            for _, _, value in entity.statements:
                iri = iri_of(value)
                if iri and iri not in self._met and self.minter.is_entity(iri):
                    self._met.add(iri)  # asked for once in the life of this process
                    if ref := self._unknown(iri):
                        kind = ref.type.replace("-", "_") + ".referenced"
                        wanted.append(Event(ref=ref, event_type=kind, event_id=f"reference:{ref}"))
        if wanted:
            self.inbox.publish(wanted)

    def _unknown(self, iri: str) -> EntityRef | None:
        """The entity's name if a source can tell of it and the graph does not know it yet."""
        try:
            ref = self.minter.parse(iri)
        except MlgError:
            return None
        source = self.sources.get(ref.source)
        if source is None or (source.types and ref.type not in source.types):
            return None
        return ref if next(iter(self.store.objects(iri, iris.TYPE)), None) is None else None

    # --- requests -----------------------------------------------------------------------------

    def _request(self, request: Request) -> Counts:
        """Decides one request, come what may: one that is undecided would come back for ever."""
        try:
            return self._submission(decode(request, self.minter))
        except SystemFailure:
            raise
        except Exception as error:  # noqa: BLE001 - nor come back for ever
            _log.exception("Request %s failed", request.id)
            problem = {"code": SystemFailure.code, "detail": f"This is a fault of ours: {error!r}"}
            self.inbox.decide(request.id, "refused", {"problem": problem})
            return Counts(refused=1)

    def _submission(self, submission: Submission) -> Counts:
        """Commits what a person submitted, or refuses it with the violations that it would make.

        Old debt does not refuse new work: only violations that were not there before count.
        """
        at = self.now()
        if submission.problem is not None:
            self.inbox.decide(submission.id, "refused", submission.outcome())
            return Counts(refused=1)
        draft = Draft(self.store)
        for entity in submission.entities:
            replaces = frozenset(predicate for _, predicate, _ in entity.statements)
            proposal = Proposal(
                entity=entity, layer="steward", cause=submission.id, replaces=replaces
            )
            propose(draft, proposal, at=at)
        enrich(draft, self.rules)
        described = {entity.iri for entity in submission.entities}
        after = self.validator.findings(draft.facts, described)
        debt = {_place(f) for iri in described for f in self.validator.stored(self.store, iri)}
        found = [finding for iri in sorted(described) for finding in after[iri]]
        new = [finding for finding in found if _place(finding) not in debt]
        if any(finding.severity == "violation" for finding in new):
            refusal = Draft(self.store)
            node = f"urn:mlgraph:submission:{submission.id}"
            kept = next(iter(self.store.quads(subject=node, graph=_QUARANTINE)), None)
            if kept is None:  # else it was refused before, and a crash kept that from being said
                for quad in report_quads(node, new, at=at, graph=_QUARANTINE):
                    refusal.add(quad)
                self._write(refusal, at=at)
            self.inbox.decide(submission.id, "refused", submission.outcome(new))
            return Counts(refused=1)
        self._commit(draft, at=at)
        self._ask_for_references(submission.entities)
        self.store.publish()  # a write is acknowledged when it is synced and visible
        self.inbox.decide(submission.id, "done", submission.outcome(found))
        return Counts(accepted=1, statements=len(draft.changes()))

    # --- writing ------------------------------------------------------------------------------

    def record(self, proposals: Iterable[Proposal]) -> None:
        """Commits what this installation says of itself, outside any source."""
        draft, at = Draft(self.store), self.now()
        for proposal in proposals:
            propose(draft, proposal, at=at)
        enrich(draft, self.rules)
        self._commit(draft, at=at)

    def catch_up(self) -> None:
        """Indexes what was committed after the index was last saved, before a crash."""
        for version in range(self.index.version + 1, self.store.version + 1):
            changed = revised(self.store, version)
            found, stale = self._entries(self.store, changed, renamed=changed)
            self.index.update(found, removed=stale)

    def _commit(self, draft: Draft, *, at: datetime) -> None:
        changes = draft.changes()
        if changes:
            self._revalidate(draft, changes, at)
        # The layers may change where the merged view does not. Writing takes little of Python's
        # time, so what is to be indexed is read meanwhile; it is indexed once all is synced.
        writing = self.executor.submit(self._write, draft, at=at)
        named = {subject for subject, predicate, _ in changes if predicate in iris.NAMES}
        changed = {subject.partition("#")[0] for subject, _, _ in changes}
        found, stale = self._entries(draft.facts, changed, renamed=named)
        writing.result()
        if stale:
            self.index.update(found, removed=stale)

    def _revalidate(self, draft: Draft, changes: set[Statement], at: datetime) -> None:
        """Puts the difference in findings into the draft, for all that the changes can affect."""
        focus = self.validator.affected(draft.facts, changes)
        known = {iri: draft.held(iri).merged for iri in focus & draft.created}
        for iri, findings in self.validator.findings(draft.facts, focus, known=known).items():
            fresh = iri in draft.created
            old = set[Quad]() if fresh else self.validator.stored_quads(self.store, iri)
            new = findings_quads(iri, findings, at=at, stored=old)
            for quad in old - new:
                draft.remove(quad)
            for quad in new - old:
                draft.add(quad)

    def _write(self, draft: Draft, *, at: datetime) -> None:
        change = commit(draft, version=self.store.version + 1, at=at)
        if change:
            self.store.apply(change)
            self.store.sync()

    def _entries(
        self, facts: Facts, changed: set[str], *, renamed: set[str]
    ) -> tuple[list[Entry], set[str]]:
        """What to put into the index, and all that has to leave it first."""
        stale = changed | dependents(facts, renamed, minter=self.minter)
        stale = {iri for iri in stale if self.minter.is_entity(iri)}
        return list(entries(facts, stale, minter=self.minter, labels=self.labels)), stale


def _place(finding: Finding) -> tuple[str, str, str | None]:
    """Which rule fails where: what tells an old finding from a new one."""
    return finding.focus, finding.rule, finding.value
