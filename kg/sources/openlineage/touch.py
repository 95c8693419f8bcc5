"""Which entities an event can change: its own, and those that say something because of them.

Made before the event is kept, and asked after. An entity that is missing here would be seen by the
next sweep only; a property test holds that none is.
"""

from __future__ import annotations

from collections.abc import Iterator

from kg.iris import EntityRef
from kg.sources.openlineage.documents import Documents
from kg.sources.openlineage.parsing import Name, Told
from kg.sources.openlineage.record import Named, Reading

_BOTH = {"run": ("pipeline-run", "step-run"), "job": ("pipeline", "pipeline-step")}


class Touch:
    """One event and what was known before of the runs around it."""

    def __init__(self, told: Told, reading: Reading) -> None:
        self._told = told
        self._reading = reading
        self._runs = self._around()
        self._before = {run: self._place(run) for run in self._runs}
        self._designed = self._by_design()
        self._named = {d.name.key: reading.named(d.name.key) for d in told.datasets}

    def refs(self, documents: Documents) -> Iterator[EntityRef]:
        """The entities of the record itself; both types of those that may have changed theirs."""
        runs = sorted({*self._runs, *self._around()})
        moved = {run for run in runs if self._place(run) != self._before.get(run)}
        parts = {part for run in moved for part in self._reading.below(run)}
        own = {self._told.run.id} if self._told.run else set()
        datasets = {d.name.key for d in self._told.datasets} | self._designed | self._by_design()
        datasets |= {d for run in parts | own for d in self._reading.of_run(run, "output")}
        jobs = {job for job, *_ in self._before.values()}
        jobs |= {self._reading.job_of(run) for run in {*runs, *parts}}
        jobs |= {told.key for told in self._told_jobs()}
        for job in filter(None, jobs):
            datasets.update(self._reading.by_design(job, "output"))
            yield from self._either("job", job, bool(moved), documents)
        for run in {*runs, *parts}:
            if self._reading.job_of(run) is not None:
                yield from self._either("run", run, bool(moved), documents)
        for key, before in self._named.items():
            if self._reading.named(key) != before:
                found_runs, found_datasets = self._reading.leading_to(key)
                datasets |= found_datasets
                for run in found_runs:
                    yield from documents.refs(("run", run))
        for key in datasets:
            found = documents.refs(("dataset", key))
            yield from (ref for ref in found if ref.source == documents.source)

    def _either(
        self, kind: str, key: str, moved: bool, documents: Documents
    ) -> Iterator[EntityRef]:
        thing: Named = (kind, key)
        if moved:
            yield from (EntityRef(t, documents.source, key) for t in _BOTH[kind])
        else:
            yield from documents.refs(thing)

    def _around(self) -> set[str]:
        """The event's run, its parent, and all that these are part of."""
        run = self._told.run
        ends = [one for one in (run.id, run.parent) if one] if run else []
        return {above for one in ends for above in self._reading.above(one)}

    def _place(self, run: str) -> tuple[str | None, str | None, str]:
        return self._reading.job_of(run), self._reading.parent(run), self._reading.top(run)

    def _told_jobs(self) -> Iterator[Name]:
        if self._told.job is not None:
            yield self._told.job.name
        if self._told.run is not None and self._told.run.parent_job is not None:
            yield self._told.run.parent_job

    def _by_design(self) -> set[str]:
        return {d for job in self._told_jobs() for d in self._reading.by_design(job.key, "output")}
