"""Stage 2: asks the source that owns an entity for its complete current state.

Only the source named in the entity's IRI is asked, at the address in its settings. Each source is
asked in threads of its own, as many at a time as it likes, without a pause while the pipeline works
on what came before; so one that is slow, or is asked slowly, holds up no other. One that does not
answer is left in peace for a while, twice as long each time or as long as it says itself; what it has
not told of stays where it is, in the inbox.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from kg.errors import BadPayload, MlgError, NotFound, SourceUnavailable, UnknownSource
from kg.events import Work
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources import Source, not_owned
from kg.sources.remembered import new_enough_since

Told = TypeVar("Told")

TOGETHER_SECONDS: Final = 1.0
"""How long what a source has told waits for more of it before it goes on its way.

Less work is left after the last answer than with 2 s; with half a second there are more batches to
merge, and nothing is won.
"""

LISTED: Final = ":listed"
"""With this ends the id of a sweep's event of what the sweep has just seen in its source's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How long to wait for a source that is down: doubling, with jitter, up to a limit."""

    first_seconds: float
    longest_seconds: float
    jitter: Callable[[], float] = random.random

    def after(self, attempts: int, *errors: BaseException) -> float:
        """Seconds; up to the limit not less than the system wants to be left alone, by its errors."""
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts, 30))
        wanted = [e.details.get("retry_after", 0) for e in errors if isinstance(e, MlgError)]
        least = min(self.longest_seconds, max(wanted, default=0))
        return max(least, wait * (0.5 + self.jitter() / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hydrated:
    """What entities came to that were asked for: snapshots, or the errors of those without."""

    works: Mapping[EntityRef, Work] = field(default_factory=dict)
    snapshots: Mapping[EntityRef, Snapshot] = field(default_factory=dict)
    unavailable: Mapping[EntityRef, SourceUnavailable] = field(default_factory=dict)
    unusable: Mapping[EntityRef, MlgError] = field(default_factory=dict)

    def only(self, ref: EntityRef) -> Hydrated:
        """The part of one entity."""
        return Hydrated(
            works=_only(self.works, ref),
            snapshots=_only(self.snapshots, ref),
            unavailable=_only(self.unavailable, ref),
            unusable=_only(self.unusable, ref),
        )


def together(parts: Sequence[Hydrated]) -> Hydrated:
    """Several as one; they are of different entities."""
    return Hydrated(
        works={ref: told for part in parts for ref, told in part.works.items()},
        snapshots={ref: told for part in parts for ref, told in part.snapshots.items()},
        unavailable={ref: told for part in parts for ref, told in part.unavailable.items()},
        unusable={ref: told for part in parts for ref, told in part.unusable.items()},
    )


class Hydrator:
    """Asks all sources at once. One thread, the worker's, begins and takes."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        executor: Executor,
        retry: Retry,
        now: Callable[[], datetime],
        together_seconds: float = TOGETHER_SECONDS,
    ) -> None:
        self._sources = sources
        self._executor = executor
        self._retry = retry
        self._now = now
        self._seconds = together_seconds
        self._asked: dict[str, _Asked] = {}
        self._rest: dict[str, tuple[int, datetime]] = {}
        self._changed = threading.Condition()

    @property
    def busy(self) -> bool:
        """Whether something was asked for that was not taken yet."""
        return bool(self._asked)

    def under_way(self, source: str) -> Collection[EntityRef]:
        """What a source was asked for that was not taken yet."""
        asked = self._asked.get(source)
        return asked.under_way() if asked else ()

    def may_ask(self, source: str) -> bool:
        """Whether a source is not left in peace because it was down."""
        asked, rest = self._asked.get(source), self._rest.get(source)
        return not (asked and asked.failed) and (rest is None or rest[1] <= self._now())

    def try_again(self, source: str) -> None:
        """Ends the peace that a source is left in."""
        self._rest.pop(source, None)

    def begin(self, source: str, works: Collection[Work]) -> None:
        """Asks one source for entities, all its own, that it is not being asked for already."""
        if source not in self._asked:
            self._asked[source] = _Asked(self._sources.get(source), changed=self._changed)
        self._asked[source].add(works, executor=self._executor)

    def take(self, *, seconds: float, most: int) -> list[Hydrated]:
        """What sources have told by now, of each ``most`` entities at most.

        Waits up to ``seconds`` for the first that has told so many, or all it was asked for.
        """
        if not self._asked:
            return []

        def ready() -> list[str]:
            asked = self._asked.items()
            return [name for name, one in asked if one.is_ready(most, after=self._seconds)]

        with self._changed:
            self._changed.wait_for(ready, seconds)
            found = {name: self._asked[name].take(most) for name in ready()}
            self._asked = {name: one for name, one in self._asked.items() if one.under_way()}
        for name, told in found.items():
            if told.unavailable:
                failures, _ = self._rest.get(name, (0, None))
                seconds = self._retry.after(failures, *told.unavailable.values())
                wait = timedelta(seconds=seconds)
                self._rest[name] = failures + 1, self._now() + wait
            elif told.snapshots:
                self._rest.pop(name, None)
        return list(found.values())

    def close(self) -> None:
        """Asks for nothing more; what is being asked for now is not waited for."""
        for asked in self._asked.values():
            asked.give_up()


class _Asked:
    """One source being asked by several threads, for as long as there is something to ask for.

    ``changed`` guards all of it, and is notified when there may be something to take.
    """

    def __init__(self, source: Source | None, *, changed: threading.Condition) -> None:
        self.failed = False
        self._source = source
        self._changed = changed
        self._works: dict[EntityRef, Work] = {}
        self._begun: dict[EntityRef, float] = {}
        self._todo: deque[EntityRef] = deque()
        self._threads = 0
        self._told: dict[EntityRef, Snapshot | MlgError] = {}
        self._first_told = 0.0
        self._told_of: dict[EntityRef, float] = {}
        """When that was begun which told of an entity last, if there is still earlier under way."""

    def under_way(self) -> Collection[EntityRef]:
        with self._changed:
            return list(self._works)

    def add(self, works: Collection[Work], *, executor: Executor) -> None:
        with self._changed:
            self._works |= {work.ref: work for work in works}
            self._begun |= dict.fromkeys((work.ref for work in works), time.monotonic())
            if self._source is None:
                name = next(iter(self._works)).source
                error = UnknownSource(
                    f"No source {name!r} is configured; `mlg sources` lists them."
                )
                self._told = dict.fromkeys(self._works, error)
                return
            self._todo.extend(work.ref for work in works)
            more = min(self._source.in_flight - self._threads, len(self._todo))
            self._threads += more
        for _ in range(more):
            executor.submit(self._ask, self._source)

    def is_ready(self, most: int, *, after: float) -> bool:
        if not self._threads:
            return bool(self._told)
        if self.failed or not self._told:
            return False
        return len(self._told) >= most or time.monotonic() - self._first_told >= after

    def take(self, most: int) -> Hydrated:
        """What was begun last comes first. All of it if the source failed, which is told of once."""
        refs = list(self._told) if self.failed else list(islice(self._told, most))
        begun = {ref: self._begun.pop(ref) for ref in refs}
        refs.sort(key=begun.__getitem__, reverse=True)
        told = {ref: self._told.pop(ref) for ref in refs}
        self._first_told = time.monotonic()
        snapshots = {
            ref: self._without_older(answer, begun[ref])
            for ref, answer in told.items()
            if isinstance(answer, Snapshot)
        }
        self._note(snapshots, begun)
        return Hydrated(
            works={ref: self._works.pop(ref) for ref in told},
            snapshots=snapshots,
            unavailable={ref: e for ref, e in told.items() if isinstance(e, SourceUnavailable)},
            unusable={
                ref: e for ref, e in told.items() if not isinstance(e, Snapshot | SourceUnavailable)
            },
        )

    def _without_older(self, snapshot: Snapshot, begun: float) -> Snapshot:
        """Without what it tells aside of entities of which something told that was begun later.

        However long it took, it may have been told that first, and the later event is about what
        changed since.
        """
        if not self._told_of:
            return snapshot
        own, aside = snapshot.documents[:1], snapshot.documents[1:]
        newer = tuple(one for one in aside if self._told_of.get(one.ref, begun) <= begun)
        return replace(snapshot, documents=(*own, *newer))

    def _note(
        self, snapshots: Mapping[EntityRef, Snapshot], begun: Mapping[EntityRef, float]
    ) -> None:
        earliest = min(self._begun.values(), default=float("inf"))
        self._told_of = {ref: since for ref, since in self._told_of.items() if since > earliest}
        for ref, snapshot in snapshots.items():
            if begun[ref] > earliest:
                for told in (ref, *(document.ref for document in snapshot.documents)):
                    self._told_of[told] = max(begun[ref], self._told_of.get(told, 0.0))

    def give_up(self) -> None:
        """The rest stays in the inbox; what threads are asking for now is still told."""
        with self._changed:
            self.failed = True
            for ref in self._todo:
                del self._works[ref], self._begun[ref]
            self._todo.clear()

    def _ask(self, source: Source) -> None:
        while (ref := self._next()) is not None:
            with new_enough_since(self._begun[ref]):
                answer = _fetch(source, self._works[ref])
            with self._changed:
                if not self._told:
                    self._first_told = time.monotonic()
                self._told[ref] = answer
                if isinstance(answer, SourceUnavailable):
                    self.give_up()
                self._changed.notify()

    def _next(self) -> EntityRef | None:
        """What to ask for next; None ends the thread."""
        with self._changed:
            if self._todo:
                return self._todo.popleft()
            self._threads -= 1
            if not self._threads:
                self._changed.notify()
            return None


def _fetch(source: Source, work: Work) -> Snapshot | MlgError:
    ref = work.ref
    if source.types and ref.type not in source.types:
        return not_owned(source, ref)
    try:
        snapshot = source.fetch(ref)
        if snapshot.gone and work.event_id.endswith(LISTED) and ref in source.list():
            return _contradicts_itself(source, ref)
        return snapshot
    except (SourceUnavailable, BadPayload, NotFound) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault in a connector stops only its own
        return BadPayload(f"Source {source.name!r} failed on {ref}: {error!r}.")


def _contradicts_itself(source: Source, ref: EntityRef) -> SourceUnavailable:
    """What a sweep has seen is buried only if it was taken away since: a fault of the way to single
    entities must not make all of them look gone."""
    return SourceUnavailable(
        f"Source {source.name!r} lists {ref}, and says that there is no such thing when it is asked "
        "for it; correct the way to one entity, or what is listed.",
        source=source.name,
    )


def _only(found: Mapping[EntityRef, Told], ref: EntityRef) -> Mapping[EntityRef, Told]:
    return {ref: found[ref]} if ref in found else {}
