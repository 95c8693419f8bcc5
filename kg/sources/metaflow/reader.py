"""Reads a local Metaflow datastore in a process of its own: questions come in, answers go out.

Metaflow's Client API takes its configuration from the environment when it is imported, one for a
whole process. So it is not imported into ours: `kg.sources.metaflow.conversation` starts this file
as a program, with an environment of nothing but the settings of one source. It imports nothing of
this project. Both sides write one JSON object a line::

    {"ask": "run", "of": "HomeRanking/1795660323887874"}
    {"found": {…}}  or  {"absent": true}  or  {"unavailable": "…"}  or  {"unusable": "…"}

Artefacts are pickles, which can run code when they are read. Only those whose names were given are
opened, besides Metaflow's own ``_graph_info`` and ``_exception``, and by an unpickler that knows
texts, numbers, lists and the like, and refuses every class.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_GRAPH: Final = "_graph_info"
_EXCEPTION: Final = "_exception"
_PARAMETERS: Final = "_parameters"


class Told:
    """What Metaflow keeps of an exception: its ``type`` and ``exception``, its message."""

    def __init__(self, *_: object) -> None: ...


class PlainValues(pickle.Unpickler):
    """Reads values without a class, and Metaflow's own note of an exception."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("metaflow.exception", "MetaflowExceptionWrapper"):
            return Told
        raise pickle.UnpicklingError(f"it holds a {module}.{name}, which is not read")


class Datastore:
    """One datastore folder, asked through Metaflow's client.

    ``wanted`` are the names of the artefacts that may be read from the tasks of a run, and
    ``parameters`` those from what it was started with.
    """

    def __init__(self, root: Path, *, wanted: list[str], parameters: list[str]) -> None:
        self._root = root
        self._wanted = wanted
        self._parameters = parameters
        self._client = import_module("metaflow")
        self._flow_datastore = import_module("metaflow.datastore").FlowDataStore
        self._storage = import_module("metaflow.plugins.datastores.local_storage").LocalStorage
        self._client.namespace(None)
        self.not_found = self._client.exception.MetaflowNotFound

    def insist(self) -> None:
        """Raises `OSError` if the folder cannot be read, which Metaflow takes for an empty one."""
        os.listdir(self._root)

    def be_sure_of_absence(self, pathspec: str) -> None:
        """Metaflow also finds nothing where the folder went away, or a file lost its content."""
        self.insist()
        if (self._root / pathspec / "_meta" / "_self.json").exists():
            raise ValueError(f"Metaflow finds nothing in the _self.json of {pathspec}")

    def flows(self, _: str) -> list[str]:
        return [flow.id for flow in self._client.Metaflow()]

    def runs(self, flow: str) -> list[str]:
        self._be_readable(self._root / flow)
        return [run.id for run in self._client.Flow(flow)]

    def tasks(self, run: str) -> list[str]:
        self._be_readable(self._root / run)
        return [task.pathspec for task in _tasks(self._client.Run(run))]

    def flow(self, name: str) -> dict[str, Any]:
        """A flow with the steps of its latest run that says which they are."""
        flow = self._client.Flow(name)
        said: dict[str, Any] = {"name": flow.id, "created": _moment(flow.created_at)}
        for run in flow:
            artefact = _artefact(self._started_with(run), _GRAPH)
            if artefact is not None:
                return said | {"graph": _plain(self._value(name, artefact))}
        return said

    def run(self, pathspec: str) -> dict[str, Any]:
        run = self._client.Run(pathspec)
        flow = pathspec.partition("/")[0]
        tasks = list(_tasks(run))
        end = run.end_task
        begun_with = self._started_with(run)
        return {
            "run": run.pathspec,
            "created": _moment(run.created_at),
            "tags": sorted(run.user_tags),
            "system_tags": sorted(run.system_tags),
            "commit": _commit(begun_with),
            "end": end.pathspec if end is not None else "",
            "tasks": [self._task(task) for task in tasks],
            "artefacts": self._allowed(flow, tasks, self._wanted),
            "parameters": self._allowed(flow, [begun_with], self._parameters),
        }

    def task(self, pathspec: str) -> dict[str, Any]:
        return self._task(self._client.Task(pathspec))

    def _task(self, task: Any) -> dict[str, Any]:
        """How the latest attempt at a task stands: Metaflow notes that without pickles."""
        notes = sorted(task.metadata, key=lambda note: note.created_at)
        begun = [note for note in notes if note.name == "attempt"]
        attempt = int(begun[-1].value) if begun else 0
        mine = [n for n in notes if not begun or n.created_at >= begun[-1].created_at]
        newest = {note.name: note for note in mine}
        said: dict[str, Any] = {
            "task": task.pathspec,
            "attempt": attempt + 1,
            "started": begun[-1].created_at if attempt else _moment(task.created_at),
        }
        if {"attempt-done", "attempt_ok"} <= newest.keys():
            said["ended"] = newest["attempt-done"].created_at
            said["ok"] = newest["attempt_ok"].value == "True"
            if not said["ok"]:
                said["error"] = self._error(task)
        return said

    def _error(self, task: Any) -> str:
        artefact = _artefact(task, _EXCEPTION)
        told = self._value(task.pathspec.partition("/")[0], artefact) if artefact else None
        return str(vars(told).get("exception") or "") if isinstance(told, Told) else ""

    def _allowed(self, flow: str, tasks: Iterable[Any], names: list[str]) -> dict[str, list[Any]]:
        """By name, each value once; ``null`` stands for one that holds more than plain values."""
        values: dict[str, dict[str, Any]] = {name: {} for name in names}
        for task in tasks:
            for name in names:
                artefact = _artefact(task, name)
                if artefact is None or artefact.sha in values[name]:
                    continue
                try:
                    values[name][artefact.sha] = _plain(self._value(flow, artefact))
                except (pickle.UnpicklingError, TypeError):
                    values[name][artefact.sha] = None
        return {name: list(found.values()) for name, found in values.items()}

    def _value(self, flow: str, artefact: Any) -> Any:
        """Read from the folder as it is now: artefacts remember where it once was."""
        store = self._flow_datastore(
            flow, environment=None, storage_impl=self._storage, ds_root=str(self._root)
        )
        [(_, blob)] = store.load_data([artefact.sha])
        return PlainValues(io.BytesIO(blob)).load()

    def _started_with(self, run: Any) -> Any:
        """The task that holds a run's parameters; None before Metaflow has written it."""
        try:
            return self._client.Step(f"{run.pathspec}/{_PARAMETERS}").task
        except self.not_found:
            return None

    @staticmethod
    def _be_readable(folder: Path) -> None:
        """As `insist`, for a folder inside, if it is there."""
        if folder.is_dir():
            os.listdir(folder)


def _tasks(run: Any) -> Iterator[Any]:
    for step in run:
        yield from step


def _artefact(task: Any, name: str) -> Any | None:
    try:
        return task[name] if task is not None else None
    except KeyError:
        return None


def _commit(task: Any) -> str:
    """The revision of the code that a task was made from, if it was in a Git repository."""
    notes = sorted(task.metadata, key=lambda note: note.created_at) if task is not None else []
    told = [json.loads(note.value) for note in notes if note.name == "git-info"]
    return str(told[-1].get("commit_sha") or "") if told else ""


def _moment(naive: datetime) -> int:
    """Milliseconds since 1970; the process runs in UTC."""
    return round(naive.replace(tzinfo=UTC).timestamp() * 1000)


def _plain(value: Any) -> Any:
    """As JSON holds it. Raises `TypeError` for sets, bytes and other values that it lacks."""
    return json.loads(json.dumps(value))


def answer(datastore: Datastore, question: dict[str, str]) -> dict[str, Any]:
    """What to say to one question. "Absent" is Metaflow's word, and needs a folder to be true of."""
    asked: dict[str, Callable[[str], Any]] = {
        "nothing": lambda _: None,
        "flows": datastore.flows,
        "runs": datastore.runs,
        "tasks": datastore.tasks,
        "flow": datastore.flow,
        "run": datastore.run,
        "task": datastore.task,
    }
    try:
        datastore.insist()
        try:
            return {"found": asked[question["ask"]](question["of"])}
        except datastore.not_found:
            datastore.be_sure_of_absence(question["of"])
            return {"absent": True}
    except OSError as error:
        return {"unavailable": f"{error.strerror}: {error.filename}"}
    except Exception as error:  # noqa: BLE001 - Metaflow raises anything on a bad file
        return {"unusable": f"{type(error).__name__}: {error}"}


def main() -> None:
    root, wanted, parameters = json.loads(sys.argv[1])
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever prints here does not speak to the other side
        datastore = Datastore(Path(root), wanted=wanted, parameters=parameters)
        for line in sys.stdin:
            print(json.dumps(answer(datastore, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
