"""Metaflow's flows, runs and tasks as documents: what `context.jsonld` cannot say, in pure functions.

A record becomes the same document wherever it was found, so it does not matter which question told
of it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef, encode_key
from kg.model import Document, Payload
from kg.sources.answers import integer, moment, part, record, records, required, text

_log = logging.getLogger(__name__)
_NAME: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.:+-]*")
_USER: Final = "user:"
_SHOWN_TAGS: Final = ("project:", "project_branch:")


def path_of(key: str, *, names: int) -> bool:
    """Whether a key is so many names in a row: nothing that a file system takes for more.

    Steps that begin with an underscore are Metaflow's own.
    """
    path = key.split("/")
    own = len(path) > 2 and path[2].startswith("_")
    return len(path) == names and not own and all(_NAME.fullmatch(name) for name in path)


def steps_of(flow: Payload) -> list[str]:
    """The names of a flow's steps, in the order of its plan."""
    return list(part(part(flow, "graph"), "steps"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one datastore.

    ``dataset_artefact`` and ``dataset_version_artefact`` name the artefacts that hold which data a
    run read.
    """

    source: str
    dataset_artefact: str
    dataset_version_artefact: str

    def flow(self, flow: Payload) -> Iterator[Document]:
        """A flow and its steps."""
        name = required(flow, "name")
        graph = part(flow, "graph")
        yield self._document(
            "pipeline",
            name,
            name=name,
            description=text(graph, "doc"),
            created=moment(flow, "created"),
        )
        steps = {step: record(part(graph, "steps"), step) for step in steps_of(flow)}
        for step, told in steps.items():
            before = [f"{name}/{one}" for one, other in steps.items() if step in _next(other)]
            yield self._document(
                "pipeline-step",
                f"{name}/{step}",
                name=step,
                description=text(told, "doc"),
                stepOf=name,
                after=before,
            )

    def run(self, run: Payload) -> Iterator[Document]:
        """A run and the latest attempts at its tasks."""
        key = required(run, "run")
        tasks = records(run, "tasks")
        status, ended, error = _outcome(run, tasks)
        yield self._document(
            "pipeline-run",
            key,
            name=key.replace("/", " "),
            flow=key.partition("/")[0],
            status=status,
            started=moment(run, "created"),
            ended=ended,
            error=error,
            agents=[tag.removeprefix(_USER) for tag in _tags(run, "system_tags", _USER)],
            tags=[
                *_tags(run, "tags"),
                *(t.replace(":", "::", 1) for t in _tags(run, "system_tags", *_SHOWN_TAGS)),
            ],
            commit=text(run, "commit"),
            datasets=self._keys(key, part(run, "artefacts"), self.dataset_artefact),
            datasetVersions=self._keys(key, part(run, "artefacts"), self.dataset_version_artefact),
            parameters=self._parameters(key, part(run, "parameters")),
        )
        yield from map(self.task, tasks)

    def task(self, task: Payload) -> Document:
        key = required(task, "task")
        flow, run, step, number = key.split("/")
        return self._document(
            "step-run",
            key,
            name=f"{step} {number} of {flow} {run}",
            run=f"{flow}/{run}",
            step=f"{flow}/{step}",
            status=_status(task),
            attempt=integer(task, "attempt"),
            started=moment(task, "started"),
            ended=moment(task, "ended"),
            error=text(task, "error"),
        )

    def _keys(self, run: str, artefacts: Payload, name: str) -> list[str]:
        """The names of data in an artefact: a text or a list of texts, over all tasks of a run."""
        found: set[str] = set()
        for value in artefacts.get(name, ()):
            names = [value] if isinstance(value, str) else value
            if isinstance(names, list) and all(isinstance(one, str) for one in names):
                found.update(filter(self._nameable, names))
            else:
                _log.warning("%s: artefact %r of %s is no list of texts", self.source, name, run)
        return sorted(found)

    def _parameters(self, run: str, told: Payload) -> list[dict[str, str]]:
        made = []
        for name, values in told.items():
            for value in values:
                if value is None:
                    _log.warning("%s: parameter %r of %s is left out", self.source, name, run)
                    continue
                made.append(
                    {
                        "@id": "#parameter-" + encode_key(name),
                        "parameter": name,
                        "setting": value if isinstance(value, str) else json.dumps(value),
                    }
                )
        return made

    def _nameable(self, key: str) -> bool:
        try:
            EntityRef("dataset", self.source, key)
        except BadIri:
            return False
        return True

    def _document(self, entity_type: str, key: str, **payload: Any) -> Document:
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        return Document(ref=EntityRef(entity_type, self.source, key), payload=told)


def _outcome(run: Payload, tasks: list[Payload]) -> tuple[str, str | None, str]:
    """How a run stands, since when it has ended, and what went wrong first.

    Metaflow notes neither of these itself. A run has succeeded when its end has; it has failed
    when a task has, of which Metaflow may still make another attempt.
    """
    by_key = {required(task, "task"): task for task in tasks}
    end = by_key.get(text(run, "end"))
    if end is not None and _status(end) == "succeeded":
        return "succeeded", moment(end, "ended"), ""
    failed = [task for task in tasks if _status(task) == "failed"]
    if not failed:
        return "running", None, ""
    failed.sort(key=lambda task: integer(task, "ended"))
    error = next(filter(None, (text(task, "error") for task in failed)), "")
    return "failed", moment(max(tasks, key=lambda task: integer(task, "ended")), "ended"), error


def _status(task: Payload) -> str:
    if "ok" not in task:
        return "running"
    return "succeeded" if task["ok"] is True else "failed"


def _next(step: Payload) -> list[Any]:
    found = step.get("next", [])
    if not isinstance(found, list):
        raise BadPayload(f"the steps after one are not a list: {found!r}.")
    return found


def _tags(run: Payload, name: str, *starts: str) -> list[str]:
    """The tags that begin in one of these ways, or all."""
    found = run.get(name, [])
    if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
        raise BadPayload(f"the tags of a run are not a list of texts: {found!r}.")
    return [tag for tag in found if not starts or tag.startswith(starts)]
