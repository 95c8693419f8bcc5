"""Stage 2: asks the source that owns an entity for its complete current state.

Only the source named in the entity's IRI is asked, at the address in its settings. Each source is
asked in threads of its own, as many at a time as it likes, while the pipeline works on what came
before; so one that is slow holds up no other. One that does not answer is left in peace for a
while, twice as long each time; what it has not told of stays where it is, in the inbox.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from kg.errors import BadPayload, MlgError, NotFound, SourceUnavailable, UnknownSource
from kg.events import Work
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources import Source, not_owned

Told = TypeVar("Told")

TOGETHER_SECONDS: Final = 2.0
"""How long a source is asked before what it has told goes on its way; the rest is asked then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How long to wait for a source that is down: doubling, with jitter, up to a limit."""

    first_seconds: float
    longest_seconds: float
    jitter: Callable[[], float] = random.random

    def after(self, attempts: int) -> float:
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts, 30))
        return wait * (0.5 + self.jitter() / 2)


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
        self._round: dict[str, _Round] = {}
        self._rest: dict[str, tuple[int, datetime]] = {}
        self._ended = threading.Condition()

    @property
    def busy(self) -> bool:
        """Whether something was asked for that was not taken yet."""
        return bool(self._round)

    def may_ask(self, source: str) -> bool:
        """Whether a source has nothing to do, and is not left in peace because it was down."""
        rest = self._rest.get(source)
        return source not in self._round and (rest is None or rest[1] <= self._now())

    def begin(self, source: str, works: Collection[Work]) -> None:
        """Asks one source for entities, which are all its own."""
        asked = self._round[source] = _Round(
            self._sources.get(source), works, seconds=self._seconds, ended=self._ended
        )
        asked.begin(self._executor)

    def take(self, *, seconds: float) -> list[Hydrated]:
        """What sources have told by now; waits up to ``seconds`` for the first to end its round."""
        if not self._round:
            return []
        with self._ended:
            self._ended.wait_for(lambda: any(r.ended for r in self._round.values()), seconds)
            ended = [name for name, one in self._round.items() if one.ended]
        found = []
        for name in ended:
            told = self._round.pop(name).told()
            found.append(told)
            if told.unavailable:
                failures, _ = self._rest.get(name, (0, None))
                wait = timedelta(seconds=self._retry.after(failures))
                self._rest[name] = failures + 1, self._now() + wait
            elif told.snapshots:
                self._rest.pop(name, None)
        return found


class _Round:
    """One source being asked for some entities, by several threads."""

    def __init__(
        self,
        source: Source | None,
        works: Collection[Work],
        *,
        seconds: float,
        ended: threading.Condition,
    ) -> None:
        self.works = {work.ref: work for work in works}
        self.ended = False
        self._source = source
        self._todo = iter(list(self.works))
        self._until = time.monotonic() + seconds
        self._threads = 0
        self._ending = ended
        self._lock = threading.Lock()
        self._snapshots: dict[EntityRef, Snapshot] = {}
        self._unavailable: dict[EntityRef, SourceUnavailable] = {}
        self._unusable: dict[EntityRef, MlgError] = {}

    def begin(self, executor: Executor) -> None:
        if self._source is None:
            name = next(iter(self.works)).source
            error = UnknownSource(f"No source {name!r} is configured; `mlg sources` lists them.")
            self._unusable = dict.fromkeys(self.works, error)
            self._end()
            return
        self._threads = min(self._source.in_flight, len(self.works))
        for _ in range(self._threads):
            executor.submit(self._ask, self._source)

    def told(self) -> Hydrated:
        reached = self._snapshots.keys() | self._unavailable.keys() | self._unusable.keys()
        return Hydrated(
            works={ref: work for ref, work in self.works.items() if ref in reached},
            snapshots=self._snapshots,
            unavailable=self._unavailable,
            unusable=self._unusable,
        )

    def _ask(self, source: Source) -> None:
        while (ref := self._next()) is not None:
            answer = _fetch(source, ref)
            if isinstance(answer, Snapshot):
                self._snapshots[ref] = answer
            elif isinstance(answer, SourceUnavailable):
                self._unavailable[ref] = answer
            else:
                self._unusable[ref] = answer
        with self._lock:
            self._threads -= 1
            last = not self._threads
        if last:
            self._end()

    def _next(self) -> EntityRef | None:
        with self._lock:
            if self._unavailable or time.monotonic() > self._until:
                return None
            return next(self._todo, None)

    def _end(self) -> None:
        with self._ending:
            self.ended = True
            self._ending.notify()


def _fetch(source: Source, ref: EntityRef) -> Snapshot | MlgError:
    if source.types and ref.type not in source.types:
        return not_owned(source, ref)
    try:
        return source.fetch(ref)
    except (SourceUnavailable, BadPayload, NotFound) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault in a connector stops only its own
        return BadPayload(f"Source {source.name!r} failed on {ref}: {error!r}.")


def _only(found: Mapping[EntityRef, Told], ref: EntityRef) -> Mapping[EntityRef, Told]:
    return {ref: found[ref]} if ref in found else {}
