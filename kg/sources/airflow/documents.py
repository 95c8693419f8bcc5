"""Airflow's DAGs, runs and assets as documents: what `context.jsonld` cannot say, in pure functions.

A record becomes the same document wherever it was found, so it does not matter which question told
of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import date_time, integer, part, records, required, text

_log = logging.getLogger(__name__)
_NOBODY: Final = "airflow"
"""The owner that Airflow gives to a task for which none was named."""
_STATUSES: Final = {
    "success": "succeeded",
    "failed": "failed",
    "upstream_failed": "skipped",
    "skipped": "skipped",
    "removed": "cancelled",
    "queued": "queued",
    "scheduled": "queued",
    "": "queued",
    "running": "running",
    "restarting": "running",
    "up_for_retry": "running",
    "up_for_reschedule": "running",
    "deferred": "running",
    "awaiting_input": "running",
}
"""By the state of a DAG run or task instance; a task that was not looked at yet has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one Airflow, whose own pages are below ``pages``.

    ``owner_extra`` is the member of an asset's ``extra`` that names its owner.
    """

    source: str
    pages: str
    owner_extra: str

    def dag(self, dag: Payload, tasks: list[Payload]) -> Iterator[Document]:
        """A DAG and its tasks."""
        name = required(dag, "dag_id")
        yield self._document(
            "pipeline",
            name,
            name=text(dag, "dag_display_name") or name,
            description=text(dag, "description") or text(dag, "doc_md"),
            owners=self._nameable("person", _owners(dag)),
            tags=sorted(required(tag, "name") for tag in records(dag, "tags")),
            schedule=text(dag, "timetable_summary"),
            paused=_flag(dag, "is_paused"),
            lifecycle="retired" if _flag(dag, "is_stale") else "",
            page=f"{self.pages}/dags/{quote(name, safe='')}",
        )
        before: dict[str, list[str]] = {}
        for task in tasks:
            for other in _names(task, "downstream_task_ids"):
                before.setdefault(other, []).append(f"{name}/{required(task, 'task_id')}")
        for task in tasks:
            step = required(task, "task_id")
            yield self._document(
                "pipeline-step",
                f"{name}/{step}",
                name=text(task, "task_display_name") or step,
                description=text(task, "doc_md"),
                stepOf=name,
                after=sorted(before.get(step, ())),
            )

    def run(self, run: Payload, consumed: list[Payload]) -> Document:
        """A run, with the assets whose events started it."""
        dag, name = required(run, "dag_id"), required(run, "dag_run_id")
        user = text(run, "triggering_user_name")
        return self._document(
            "pipeline-run",
            f"{dag}/{name}",
            name=f"{dag} {name}",
            dag=dag,
            status=_status(run),
            started=date_time(run, "start_date"),
            ended=date_time(run, "end_date"),
            agents=self._nameable("person", [user] if user else []),
            description=text(run, "note"),
            datasets=self._nameable("dataset", {required(e, "uri") for e in consumed}),
            page=f"{self.pages}/dags/{quote(dag, safe='')}/runs/{quote(name, safe='')}",
        )

    def attempt(self, attempt: Payload) -> Document:
        """A task instance, which is the latest attempt at a task."""
        dag, run, task = (required(attempt, n) for n in ("dag_id", "dag_run_id", "task_id"))
        index = integer(attempt, "map_index") if "map_index" in attempt else -1
        which = [task] if index < 0 else [task, str(index)]
        tries = integer(attempt, "try_number")
        return self._document(
            "step-run",
            "/".join([dag, run, *which]),
            name=f"{' '.join(which)} of {dag} {run}",
            run=f"{dag}/{run}",
            step=f"{dag}/{task}",
            status=_status(attempt),
            attempt=tries if tries > 0 else None,
            started=date_time(attempt, "start_date"),
            ended=date_time(attempt, "end_date"),
        )

    def asset(self, asset: Payload, events: Iterable[Payload]) -> Document:
        """An asset, with the runs whose tasks sent its events."""
        uri = required(asset, "uri")
        owner = part(asset, "extra").get(self.owner_extra) if self.owner_extra else None
        sent = [event for event in events if text(event, "source_run_id")]
        producers = {
            f"{required(event, 'source_dag_id')}/{required(event, 'source_run_id')}"
            for event in sent
        }
        return self._document(
            "dataset",
            uri,
            name=text(asset, "name") or uri,
            location=quote(uri, safe=":/?#[]@!$&'()*+,;=%~"),
            created=date_time(asset, "created_at"),
            owners=self._nameable("person", [owner] if isinstance(owner, str) and owner else []),
            tags=[group] if (group := text(asset, "group")) not in ("", "asset") else [],
            producers=sorted(producers),
        )

    def _nameable(self, entity_type: str, keys: Iterable[str]) -> list[str]:
        found = []
        for key in sorted(keys):
            try:
                EntityRef(entity_type, self.source, key)
            except BadIri:
                _log.warning("%s: %s %r is left out for its key", self.source, entity_type, key)
            else:
                found.append(key)
        return found

    def _document(self, entity_type: str, key: str, **payload: Any) -> Document:
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        return Document(ref=EntityRef(entity_type, self.source, key), payload=told)


def uris(events: Iterable[Payload]) -> list[str]:
    """The assets of events, each once, in their order."""
    return list(dict.fromkeys(required(event, "uri") for event in events))


def is_latest(sent: Iterable[Payload], asset: Payload) -> bool:
    """Whether the asset's latest event is one of these; so too if Airflow does not say which it is."""
    latest = text(part(asset, "last_asset_event"), "id")
    return not latest or latest in {required(event, "id") for event in sent}


def _owners(dag: Payload) -> list[str]:
    """Whoever owns a task of it; several may stand in one text, with commas."""
    told = {one.strip() for owner in _names(dag, "owners") for one in owner.split(",")}
    return sorted(told - {_NOBODY, ""})


def _names(parent: Payload, name: str) -> list[str]:
    found = parent.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadPayload(f"{name} is not a list of texts: {found!r}.")
    return found


def _flag(dag: Payload, name: str) -> bool:
    found = dag.get(name, False)
    if not isinstance(found, bool):
        raise BadPayload(f"{name} = {found!r} is neither true nor false.")
    return found


def _status(told: Payload) -> str:
    """What the ontology calls a state; one that Airflow has only since lately is none of them."""
    state = text(told, "state")
    if state not in _STATUSES:
        _log.warning("the state %r is unknown and left out", state)
    return _STATUSES.get(state, "")
