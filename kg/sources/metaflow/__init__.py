"""Metaflow: flows and their steps, runs and what became of their tasks, and the data they name.

Reads a local datastore with Metaflow's Client API, over all namespaces. Needs the extra
``metaflow`` (tried with 2.19.39). Settings::

    [sources.flows]
    kind = "metaflow"
    datastore = "/srv/metaflow"         # METAFLOW_DATASTORE_SYSROOT_LOCAL: what holds .metaflow
    dataset_artefact = "datasets"       # the artefact that names the datasets a run read
    dataset_version_artefact = ""       # the one that names versions, such as "media.plays/123"
    parameters = ["rate"]               # the parameters of a flow that may be shown
    timeout_seconds = 30

What is what:

=========================== ================= ======================================
Metaflow                    type              key
=========================== ================= ======================================
flow                        ``pipeline``      its name
step of the latest run      ``pipeline-step`` ``Flow/step``
run                         ``pipeline-run``  ``Flow/run``
task, its latest attempt    ``step-run``      ``Flow/run/step/task``
texts of dataset_artefact   ``dataset``       the text; ``links`` says whose they are
texts of the one for        ``dataset-``      the text
versions                    ``version``
tag ``user:`` of a run      ``person``        its value
=========================== ================= ======================================

**Artefacts are pickles, and reading one can run its author's code.** So only those named in the
settings are read, beside two of Metaflow's own (the graph of a flow, the exception of a task that
failed), and none of them by an unpickler that knows classes: an artefact that holds more than
texts, numbers, lists and dictionaries is left out (the log says so). To tell which data a run
reads, let a step set the artefact to a list of texts; all tasks of a run count::

    self.datasets = ["media.plays", "media.titles"]

A run brings its tasks, its flow and the flow's steps along. A run has succeeded if its last task
has, and failed if any has; Metaflow itself does not write down how a run ended. Keywords are a
run's own tags, and its project and branch. The user's name is what Metaflow found on that machine:
set ``METAFLOW_USER`` to e-mail addresses where persons are to be known by them.

Metaflow sends no notices, but a flow can run a function at its end, which sends a thin event;
without it runs are found by the sweep::

    import json, urllib.request

    def tell_the_graph(run):
        event = {"event_type": "pipeline_run.finished", "source": "flows", "id": run.pathspec}
        request = urllib.request.Request(
            "https://graph.example.com/events",
            json.dumps(event).encode(),
            {"Content-Type": "application/json"},  # and Authorization, where the graph wants it
        )
        urllib.request.urlopen(request, timeout=10)

    @exit_hook(on_success=[tell_the_graph], on_error=[tell_the_graph])
    class HomeRanking(FlowSpec): ...

Metaflow runs it only for flows that are started in the folder of their script, and only prints it
when it fails; nothing is lost by that, since the next sweep finds the run.

Metaflow's client has one configuration for a process, taken from the environment. So each source
reads in a process of its own (`kg.sources.metaflow.reader`), whose environment has nothing but the
settings above; neither ``~/.metaflowconfig`` nor ``METAFLOW_…`` of ours counts.

What Metaflow does not find is gone, as long as the datastore's folder is there; a folder that is
not, or that may not be read, is a source that is down.

Known limits: only local datastores; a metadata service and S3 are not read. A run that was killed
is running for ever, for nothing in its folder says otherwise, and one with a failed attempt that
is about to be made again counts as failed until it is. Earlier attempts at a task are not told.
Steps that the latest run no longer has are gone, while older step runs still name them.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadIri, BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Snapshot
from kg.sources import not_owned
from kg.sources.http import positive
from kg.sources.metaflow.conversation import Conversation
from kg.sources.metaflow.documents import Documents, path_of, steps_of

if find_spec("metaflow") is None:
    raise ModuleNotFoundError("No module named 'metaflow'", name="metaflow")


class MetaflowSource:
    """One datastore. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {"pipeline", "pipeline-step", "pipeline-run", "step-run"}
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        *,
        datastore: str,
        dataset_artefact: str = "",
        dataset_version_artefact: str = "",
        parameters: builtins.list[str] | tuple[str, ...] = (),
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        artefacts = {
            "dataset_artefact": dataset_artefact,
            "dataset_version_artefact": dataset_version_artefact,
        }
        wanted = [_artefact_name(name, setting, value) for setting, value in artefacts.items()]
        self._ask = Conversation(
            name,
            folder=_folder(name, datastore),
            wanted=[artefact for artefact in wanted if artefact],
            parameters=_parameter_names(name, parameters),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
        )
        self._make = Documents(source=name, **artefacts)
        self._finders: Mapping[str, Callable[[str], Iterable[Document]]] = {
            "pipeline": self._flow,
            "pipeline-step": self._step,
            "pipeline-run": self._run,
            "step-run": self._task,
        }

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self._finders or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            found = {document.ref: document for document in self._finders[ref.type](ref.key)}
        except (BadPayload, BadIri) as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        if not found:
            self._ask.insist()
        # A file system that ignores case may answer with another entity, in its own spelling.
        return Snapshot(ref=ref, documents=tuple(found.values()) if ref in found else ())

    def list(self) -> Iterator[EntityRef]:
        for entity_type, key in self._keys():
            try:
                yield EntityRef(entity_type, self.name, key)
            except BadIri as error:
                raise BadPayload(f"Source {self.name!r} lists {key!r}: {error}") from error

    def close(self) -> None:
        self._ask.close()

    # --- an entity's documents: its own comes first; none if it is not there ----------------------

    def _flow(self, key: str) -> Iterator[Document]:
        if path_of(key, names=1) and (flow := self._ask.record("flow", key)) is not None:
            yield from self._make.flow(flow)

    def _step(self, key: str) -> Iterator[Document]:
        step = EntityRef("pipeline-step", self.name, key)
        yield from (d for d in self._flow(key.partition("/")[0]) if d.ref == step)

    def _run(self, key: str) -> Iterator[Document]:
        if path_of(key, names=2) and (run := self._ask.record("run", key)) is not None:
            yield from self._make.run(run)
            yield from self._flow(key.partition("/")[0])

    def _task(self, key: str) -> Iterator[Document]:
        if path_of(key, names=4) and (task := self._ask.record("task", key)) is not None:
            yield self._make.task(task)

    # --- everything that there is -----------------------------------------------------------------

    def _keys(self) -> Iterator[tuple[str, str]]:
        for flow in self._ask.names("flows"):
            yield "pipeline", flow
            for step in steps_of(self._ask.listed("flow", flow)):
                yield "pipeline-step", f"{flow}/{step}"
            for run in self._ask.names("runs", flow):
                yield "pipeline-run", f"{flow}/{run}"
                for task in self._ask.names("tasks", f"{flow}/{run}"):
                    yield "step-run", task


def _folder(name: str, datastore: Any) -> Path:
    setting = f"[sources.{name}] datastore"
    if not isinstance(datastore, str) or not datastore:
        raise BadSetting(f"{setting} is the folder that holds .metaflow.")
    if not Path(datastore).is_absolute():
        raise BadSetting(f"{setting} = {datastore!r} is not an absolute path.")
    return Path(datastore)


def _artefact_name(name: str, setting: str, value: Any) -> str:
    if not isinstance(value, str) or not (value == "" or value.isidentifier()):
        raise BadSetting(f"[sources.{name}] {setting} = {value!r} is not the name of an artefact.")
    return value


def _parameter_names(name: str, given: Any) -> builtins.list[str]:
    if isinstance(given, str) or not all(isinstance(p, str) and p.isidentifier() for p in given):
        raise BadSetting(f'[sources.{name}] parameters is a list such as ["rate"].')
    return list(given)
