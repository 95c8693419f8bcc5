"""Airflow: DAGs and their tasks, runs and what became of each task, and the assets they update.

Asks the REST API (v2) of an Apache Airflow 3 server (tried with 3.3.2 and its simple
authentication). Settings::

    [sources.airflow]
    kind = "airflow"
    url = "http://127.0.0.1:8080"        # the API server, with a path if it has one
    username = "graph"                   # who may read DAGs, runs, task instances and assets
    password = "env:AIRFLOW_PASSWORD"
    token = ""                           # in place of both: a JWT, which is not renewed
    public_url = ""                      # where people open Airflow, if not at url
    owner_extra = "owner"                # the member of an asset's extra that names its owner
    timeout_seconds = 10
    per_second = 0                       # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64
    page_size = 100                      # Airflow gives no more than its maximum_page_limit

What is what:

================================= ================= ================================================
Airflow                           type              key
================================= ================= ================================================
DAG                               ``pipeline``      its id
task of its latest version        ``pipeline-step`` ``dag/task``
DAG run                           ``pipeline-run``  ``dag/run``
task instance, its latest attempt ``step-run``      ``dag/run/task``, and ``/0`` … of a mapped task
asset                             ``dataset``       its URI
owner of a DAG or asset, user who ``person``        as Airflow writes it; ``links`` says who knows
triggered a run                                     them
================================= ================= ================================================

With a username a token is fetched by ``POST /auth/token``, and fetched anew when Airflow refuses it
(401), which it does once a token has expired.

An asset is produced by the runs whose tasks sent its events; a run used the assets whose events
started it. An owner in an asset's ``extra`` is its own: ``Asset(uri, extra={"owner": "ada@…"})``.
The owner ``airflow``, which tasks have for which none was named, is nobody. Keywords are a DAG's
tags and an asset's group. The schedule is Airflow's own short form of the timetable.

A DAG brings its tasks along; a run its task instances, its DAG, and the assets of which it sent the
latest event: with each of its runs an asset would be told of anew, with all that produced it. A
DAG whose file is gone is retired, as long as Airflow keeps it; one that was deleted is gone. An
asset that no DAG names any more is gone too.

Airflow sends no notices. Its callbacks (``on_success_callback``, ``on_failure_callback`` of a DAG)
can send a thin event, ``pipeline_run.finished`` with ``dag/run``; without it the sweep finds runs.
What it lists shows all there is of DAGs, tasks, task instances and assets, so of these only what
differs is asked for; runs are asked for one by one.

Known limits: assets that tasks only read (inlets) send no events, so no run is known to have used
them. Earlier attempts at a task are not told, nor the reason why one failed, which stands in its
log. A run's ``conf`` is not shown, for it may hold secrets. Tasks that only older versions of a DAG
have are gone, while their task instances still name them. A listing is not one moment: what it
lacks is gone only if ``fetch`` agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeAlias

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.airflow.client import Client
from kg.sources.airflow.documents import Documents, is_latest, uris
from kg.sources.answers import required
from kg.sources.http import checked_url, credentials, positive, whole_number
from kg.sources.pace import Pace

_Shown: TypeAlias = Callable[[], Iterator[Document]]


class AirflowSource:
    """One Airflow. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {"pipeline", "pipeline-step", "pipeline-run", "step-run", "dataset"}
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        username: str = "",
        password: str = "",
        token: str = "",
        public_url: str = "",
        owner_extra: str = "owner",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
        page_size: int = 100,
    ) -> None:
        self.name = name
        credentials(name, token=token, username=username, password=password)  # not both of them
        self._ask = Client(
            name,
            url=url,
            username=username,
            password=password,
            headers=credentials(name, token=token, username="", password=""),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        pages = checked_url(name, public_url or url)
        self._make = Documents(source=name, pages=pages, owner_extra=owner_extra)
        self._finders: Mapping[str, Callable[[str], Iterable[Document]]] = {
            "pipeline": self._dag,
            "pipeline-step": self._task,
            "pipeline-run": self._run,
            "step-run": self._attempt,
            "dataset": self._asset,
        }

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self._finders or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            found = {document.ref: document for document in self._finders[ref.type](ref.key)}
        except (BadPayload, BadIri) as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        # A database that ignores case may answer with another entity, in its own spelling.
        return Snapshot(ref=ref, documents=tuple(found.values()) if ref in found else ())

    def list(self) -> Iterator[EntityRef]:
        return (ref for ref, _ in self._listed())

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        for ref, shown in self._listed():
            yield ref if shown is None else Snapshot(ref=ref, documents=tuple(shown()))

    def close(self) -> None:
        self._ask.close()

    # --- an entity's documents: its own comes first; none if it is not there ----------------------

    def _dag(self, key: str) -> Iterator[Document]:
        if (dag := self._ask.dag(key)) is not None:
            yield from self._make.dag(dag, self._ask.tasks(key))

    def _task(self, key: str) -> Iterator[Document]:
        names = key.split("/")
        if len(names) == 2:
            step = EntityRef("pipeline-step", self.name, key)
            yield from (d for d in self._dag(names[0]) if d.ref == step)

    def _run(self, key: str) -> Iterator[Document]:
        names = key.split("/")
        if len(names) != 2 or (run := self._ask.run(*names)) is None:
            return
        yield self._make.run(run, self._ask.consumed(*names))
        yield from map(self._make.attempt, self._ask.attempts(*names))
        yield from self._dag(names[0])
        sent = list(self._ask.produced(*names))
        for uri in uris(sent):
            asset = self._ask.asset(uri)
            if asset is not None and is_latest(sent, asset):
                yield self._make.asset(asset, self._ask.events_of(asset))

    def _attempt(self, key: str) -> Iterator[Document]:
        names = key.split("/")
        if len(names) not in (3, 4):
            return
        dag, run, task, index = names if len(names) == 4 else [*names, ""]
        if (attempt := self._ask.attempt(dag, run, task, index)) is not None:
            yield self._make.attempt(attempt)

    def _asset(self, key: str) -> Iterator[Document]:
        if (asset := self._ask.asset(key)) is not None:
            yield self._make.asset(asset, self._ask.events_of(asset))

    # --- everything that there is -----------------------------------------------------------------

    def _listed(self) -> Iterator[tuple[EntityRef, _Shown | None]]:
        """Each with what is shown of it, if that is all; it is asked for only when it is wanted."""
        try:
            yield from self._dags()
            for run in self._ask.runs():
                key = f"{required(run, 'dag_id')}/{required(run, 'dag_run_id')}"
                yield EntityRef("pipeline-run", self.name, key), None
            for record in self._ask.all_attempts():
                attempt = self._make.attempt(record)
                yield attempt.ref, partial(iter, [attempt])
            for asset in self._ask.assets():
                ref = EntityRef("dataset", self.name, required(asset, "uri"))
                yield ref, partial(self._shown_asset, asset)
        except BadIri as error:
            raise BadPayload(f"Source {self.name!r} lists a key that cannot be: {error}") from error

    def _dags(self) -> Iterator[tuple[EntityRef, _Shown | None]]:
        for dag in self._ask.dags():
            documents = [*self._dag(required(dag, "dag_id"))]  # none if it was deleted just now
            for document in documents:
                shown = documents if document.ref.type == "pipeline" else [document]
                yield document.ref, partial(iter, shown)

    def _shown_asset(self, asset: Payload) -> Iterator[Document]:
        yield self._make.asset(asset, self._ask.events_of(asset))
