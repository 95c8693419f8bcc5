"""OpenLineage: what tools tell at ``/api/v1/lineage`` or on a topic, and no other source knows.

Point an OpenLineage client at the server (``OPENLINEAGE_URL=http://localhost:8080``), or its
transport ``kafka`` at the topic that ``url`` names, as ``events.url`` names one. Settings::

    [sources.lineage]
    kind = "openlineage"
    url = "kafka://broker:9092/openlineage?group=mlgraph"   # a topic that has them, too; or sqs://…

    [sources.lineage.datasets]
    "duckdb://warehouse" = "dbt"          # datasets of this namespace belong to another source
    [sources.lineage.jobs]
    "aurora" = "dbt"                      # so do jobs of this one, and their runs

What an event tells of a namespace that belongs to another source is not kept: it becomes thin
events, and that source is asked, since it is the truth. A dataset there is a ``dataset`` with its
name as key, a job a ``pipeline``, a run a ``pipeline-run`` with its id, unless the tool says what it
calls them itself: ``dbt-ol`` names the project and the invocation, Airflow's provider the DAG, its
run and the task, and then those are the keys, as the kinds ``dbt`` and ``airflow`` have them. Feast's
views, services and data sources, which all are datasets to OpenLineage, are told to a source of the
kind ``feast`` that has one project as the feature sets and datasets that they are there; what
``feast apply`` tells is what was declared, and no run. A source that has no pipelines, such as Feast,
can have datasets here and no jobs. All else is kept in
the data folder, in ``openlineage.sqlite``, which is the system's own record and part of its backup.

=================== ================== ==========================================================
OpenLineage         type               key
=================== ================== ==========================================================
job                 ``pipeline``       ``namespace/name``, slashes of the namespace as ``%2F``
job of a child run  ``pipeline-step``  the same
run                 ``pipeline-run``   its id
run with a parent   ``step-run``       its id; it is part of the run at the top
dataset             ``dataset``        ``namespace/name``
=================== ================== ==========================================================

Facets that are read: ``schema``, ``documentation``, ``ownership``, ``tags``, ``dataSource`` and
``lifecycleStateChange`` of datasets; ``documentation``, ``ownership``, ``tags``, ``sourceCodeLocation`` of jobs;
``errorMessage`` and ``parent`` of runs. Of one that is told several times the latest holds, by
``eventTime``; the inputs and outputs of a run are those of all its events. A run ends with the
first COMPLETE, FAIL or ABORT by ``eventTime``, whatever comes later. The data that parts of a run
read is used by the whole. A dataset is computed from what its writers last read, and produced by
the last run that wrote it and succeeded. The order in which events come, and how often each
does, changes nothing.

A dataset that was dropped is gone until it is told of again; one that was renamed supersedes its old
name, which is gone. Nothing else is ever taken for gone, since nobody tells. One source of this kind can be configured.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadEvent, BadIri, BadSetting
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources import OPENLINEAGE_FILE, not_owned
from kg.sources.openlineage.documents import Documents, datasets_elsewhere
from kg.sources.openlineage.parsing import NAMED, Name, Thing, Told, parse
from kg.sources.openlineage.record import Reading, Record
from kg.sources.openlineage.touch import Touch


class OpenLineageSource:
    """The record of an installation. The module's docstring has the settings and what is what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "pipeline", "pipeline-step", "pipeline-run", "step-run"}
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 2
    keeps_in_data_dir: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        *,
        data_dir: Path,
        url: str = "",
        jobs: Mapping[str, str] | None = None,
        datasets: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self._owners = {"job": jobs or {}, "dataset": datasets or {}}
        for kind, owners in self._owners.items():
            if not isinstance(owners, Mapping) or not all(
                isinstance(owner, str) for owner in owners.values()
            ):
                raise BadSetting(f'[sources.{name}] {kind}s is a table of "namespace" = "source".')
        self._record = Record(name, file=data_dir / OPENLINEAGE_FILE)

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        with self._record.reading() as reading:
            found = self._documents(reading).document(ref)
        return Snapshot(ref=ref, documents=(found,) if found else ())

    def list(self) -> Iterator[EntityRef]:
        with self._record.reading() as reading:
            return iter(builtins.list(self._documents(reading).all()))

    def keep(self, events: Sequence[Any]) -> builtins.list[EntityRef]:
        """Keeps what is told, synced, all of it or nothing; answers of what the graph must hear.

        That is noted with it until `heard`, so a crash between the two loses nothing of it: it is
        answered again at the next event. Raises `BadEvent` with the event's ``index`` and a JSON
        ``pointer``.
        """
        told = [self._checked(number, event) for number, event in enumerate(events)]
        refs: dict[EntityRef, None] = {}
        own = []
        for one in told:
            kept, elsewhere = self._divided(one)
            refs |= dict.fromkeys(elsewhere)
            if kept is not None:
                own.append(kept)
        if own:
            with self._record.writing() as writing:
                documents = self._documents(writing)
                for one in own:
                    touch = Touch(one, writing)
                    writing.keep(one)
                    refs |= dict.fromkeys(touch.refs(documents))
                return writing.tell(refs)
        return builtins.list(refs)

    def heard(self, refs: Sequence[EntityRef]) -> None:
        """The graph has been told of these."""
        with self._record.writing() as writing:
            writing.told(refs)

    def close(self) -> None:
        """Nothing is held open."""

    def _checked(self, number: int, event: Any) -> Told:
        try:
            told = parse(event)
            for kind, things in (("dataset", told.datasets), ("job", filter(None, [told.job]))):
                for thing in things:
                    if (owner := self._owner(kind, thing.name.namespace)) != self.name:
                        EntityRef(kind, owner, thing.name.name)
        except BadEvent as error:
            raise BadEvent(f"Event {number}: {error}", index=number, **error.details) from None
        except BadIri as error:
            raise BadEvent(f"Event {number}: {error}", index=number) from error
        return told

    def _divided(self, told: Told) -> tuple[Told | None, builtins.list[EntityRef]]:
        """What is kept here of an event, and the entities of other sources that it tells of."""
        elsewhere = [
            ref
            for thing in told.datasets
            if (owner := self._owner("dataset", thing.name.namespace)) != self.name
            for ref in datasets_elsewhere(owner, thing.name, thing.by_tool)
        ]
        if told.job is None:
            aside = self._aside(told.aside)
            return (Told(time=told.time, aside=aside) if aside else None), elsewhere
        owner = self._owner("job", told.job.name.namespace)
        if owner != self.name:
            elsewhere += _named_elsewhere(told, told.job.name, owner)
            aside = self._aside(told.datasets)
            return (Told(time=told.time, aside=aside) if aside else None), elsewhere
        run = told.run
        if run is not None and run.parent_job is not None and not self._owns("job", run.parent_job):
            run = replace(run, parent=None, parent_job=None)
        return replace(told, run=run, aside=self._aside(told.aside)), elsewhere

    def _aside(self, datasets: Iterable[Thing]) -> tuple[Thing, ...]:
        """Datasets without a run; of those that belong elsewhere only what they are there."""
        return tuple(
            d if self._owns("dataset", d.name) else replace(d, facets={NAMED: d.facets[NAMED]})
            for d in datasets
            if self._owns("dataset", d.name) or NAMED in d.facets
        )

    def _owner(self, kind: str, namespace: str) -> str:
        return self._owners[kind].get(namespace, self.name)

    def _owns(self, kind: str, name: Name) -> bool:
        return self._owner(kind, name.namespace) == self.name

    def _documents(self, reading: Reading) -> Documents:
        return Documents(source=self.name, owner=self._owner, reading=reading)


def _named_elsewhere(told: Told, job: Name, owner: str) -> Iterator[EntityRef]:
    """A job and its run as another source names them."""
    if told.run is not None and told.run.by_tool:
        yield from (EntityRef(entity_type, owner, key) for entity_type, key in told.run.by_tool)
        return
    yield EntityRef("pipeline", owner, job.name)
    if told.run is not None:
        yield EntityRef("pipeline-run", owner, told.run.id)
