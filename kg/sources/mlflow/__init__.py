"""MLflow: registered models, their versions and artefacts, training runs and what they read.

Needs MLflow 3 (tried with 3.17.2). Settings::

    [sources.mlflow]
    kind = "mlflow"
    url = "http://127.0.0.1:5000"        # the tracking server, with a path if it has one
    webhook_secret = "env:MLFLOW_HOOK"   # without it notices are refused
    username = "graph"                   # for MLflow's basic authentication, with password; or
    password = "env:MLFLOW_PASSWORD"     # token = "…" for a bearer token
    public_url = ""                      # where people open MLflow, if not at url
    owner_tag = "owner"                  # the tag that names who answers for something
    timeout_seconds = 10
    max_answer_mb = 64
    page_size = 200                      # records asked for at a time, 1000 at most

What is what:

====================== ===================== ==================================================
MLflow                 type                  key
====================== ===================== ==================================================
registered model       ``model``             its name
model version          ``model-version``     ``name/version``
logged model           ``model-instance``    ``m-…``
path of a version      ``model-instance``    ``name/version``, if it has no logged model
experiment             ``pipeline``          its id
run                    ``pipeline-run``      its id
input of a run         ``dataset``           its name
input of a run         ``dataset-version``   ``name/digest``
metric of logged model ``evaluation-result`` ``m-…/metric`` or ``m-…/metric@dataset-version``
data of such a metric  ``evaluation``        ``m-…/dataset-version``
name of such a metric  ``metric``            itself
====================== ===================== ==================================================

The chain version ← instance → run → dataset version is whole as long as MLflow has its links. The
edges are facts of the instance, and which versions it has is asked of the registry, for MLflow's
own note of it (the tag ``mlflow.modelVersions``) is not updated when a version is deleted.
Persons come from the tag ``owner``, else from the user that MLflow noted; a source of identities
describes them, by ``links = {person = "…"}``.

MLflow has webhooks for models and versions only, and sends none for many changes even of those.
So a version brings along its instance, its run and the run's data, which may have changed since;
and a model brings its versions, for the one that lost an alias gets no notice. Everything else is
found by the sweep. To set it up, create a webhook for ``registered_model.created`` and all events
of ``model_version``, ``model_version_tag`` and ``model_version_alias``, with a secret and the
address ``…/webhooks/{source}``. Outside https and public addresses the MLflow server needs
``MLFLOW_WEBHOOK_ALLOWED_SCHEMES`` and ``MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS``.

Datasets that a run only tested with are ``prov:used`` by it and not ``mlg:usedDataset``, from which
it follows that a model was trained on them. Metrics are those of logged models; what a run measured
on its way stays in MLflow, which is the better place to compare runs.

Known limits: an entity whose name has a control character is left out (the log says so). MLflow
shows a logged model's metric that is no number as 0.0; it is left out when the run knows better.
A listing is not one moment: what it lacks is gone only if ``fetch`` agrees.
"""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Document, Event, Payload, Snapshot, utc_now
from kg.sources import not_owned
from kg.sources.answers import number, part, record, records, required, text
from kg.sources.http import checked_url, credentials, positive
from kg.sources.mlflow import webhooks
from kg.sources.mlflow.calls import Calls, artefact_of
from kg.sources.mlflow.client import Client
from kg.sources.mlflow.documents import (
    Documents,
    dataset_key,
    nameable,
    not_numbers,
    run_datasets,
    version_key,
)

_log = logging.getLogger(__name__)


class MlflowSource:
    """One MLflow server. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {
            "model",
            "model-version",
            "model-instance",
            "pipeline",
            "pipeline-run",
            "dataset",
            "dataset-version",
            "evaluation",
            "evaluation-result",
            "metric",
        }
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        webhook_secret: str = "",
        token: str = "",
        username: str = "",
        password: str = "",
        public_url: str = "",
        owner_tag: str = "owner",
        timeout_seconds: float = 10.0,
        max_answer_mb: float = 64.0,
        page_size: int = 200,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self._secret = webhook_secret
        self._now = now
        self._client = Client(
            name,
            url=url,
            headers=credentials(name, token=token, username=username, password=password),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=int(positive(name, "page_size", page_size)),
            connections=self.in_flight,
        )
        self._ask = Calls(self._client)
        pages = checked_url(name, public_url or url)
        self._make = Documents(source=name, pages=pages, owner_tag=owner_tag)
        self._finders: Mapping[str, Callable[[str], Iterable[Document]]] = {
            "model": self._model,
            "model-version": self._version,
            "model-instance": self._instance,
            "pipeline": self._pipeline,
            "pipeline-run": self._run,
            "dataset": self._dataset,
            "dataset-version": self._dataset_version,
            "evaluation": self._measured,
            "evaluation-result": self._measured,
            "metric": self._metric,
        }

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self._finders or ref.source != self.name:
            raise not_owned(self, ref)
        found: dict[EntityRef, Document] = {}
        try:
            for document in self._finders[ref.type](ref.key):
                found.setdefault(document.ref, document)
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        # A database that ignores case may answer with another entity, in its own spelling.
        documents = tuple(found.values()) if ref in found else ()
        return Snapshot(ref=ref, documents=documents)

    def list(self) -> Iterator[EntityRef]:
        seen: set[tuple[str, str]] = set()
        for entity_type, key in self._keys():
            if (entity_type, key) in seen:
                continue
            seen.add((entity_type, key))
            ref = nameable(self.name, entity_type, key)
            if ref is None:
                _log.warning("%s: %s %r is left out for its key", self.name, entity_type, key)
            else:
                yield ref

    def notices(self, headers: Mapping[str, str], body: bytes) -> builtins.list[Event]:
        delivery = webhooks.authenticate(
            headers,
            body,
            secret=self._secret,
            setting=f"[sources.{self.name}] webhook_secret",
            now=self._now(),
        )
        return webhooks.events(self.name, body, delivery=delivery)

    def close(self) -> None:
        self._client.close()

    # --- an entity's documents: its own comes first; none if it is not there ----------------------

    def _model(self, key: str) -> Iterator[Document]:
        model = self._ask.model(key)
        if model is None:
            return
        yield self._make.model(model)
        aliases: dict[str, set[str]] = {}
        for alias in records(model, "aliases"):
            aliases.setdefault(required(alias, "version"), set()).add(required(alias, "alias"))
        for version in self._ask.versions(name=required(model, "name")):
            yield self._make.version(version, aliases.get(required(version, "version"), ()))

    def _version(self, key: str) -> Iterator[Document]:
        version = self._ask.version(key)
        if version is None:
            return
        yield self._make.version(version, _aliases(version))
        root = self._ask.root(version)
        yield from self._instance(artefact_of(root))
        yield from self._run(text(root, "run_id"))

    def _instance(self, key: str) -> Iterator[Document]:
        if logged := self._ask.logged_model(key):
            yield self._make.instance(logged, self._ask.versions_from(f"models:/{key}"))
            yield from self._measurements(logged)
        elif (version := self._ask.version(key)) and artefact_of(self._ask.root(version)) == key:
            versions = self._ask.versions_from(f"models:/{key}")
            yield self._make.plain_instance(version, {key, *versions})

    def _run(self, key: str) -> Iterator[Document]:
        if run := self._ask.run(key):
            yield self._make.run(run)
            yield from self._make.datasets_of(run)

    def _pipeline(self, key: str) -> Iterator[Document]:
        if experiment := self._ask.experiment(key):
            yield self._make.pipeline(experiment)

    def _dataset(self, key: str) -> Iterator[Document]:
        if any(True for _ in self._ask.dataset(key)):
            yield self._make.dataset(key)

    def _dataset_version(self, key: str) -> Iterator[Document]:
        told = self._ask.dataset(key.rpartition("/")[0])
        if first := next((dataset for dataset in told if _key_of(dataset) == key), None):
            yield self._make.dataset_version(first)

    def _measured(self, key: str) -> Iterator[Document]:
        """An evaluation or a result: its key begins with that of the logged model."""
        if logged := self._ask.logged_model(key.partition("/")[0]):
            yield from (d for d in self._measurements(logged) if d.ref.key == key)

    def _metric(self, key: str) -> Iterator[Document]:
        metric = EntityRef("metric", self.name, key)
        for logged in self._ask.logged_models(with_metric=key):
            for document in self._measurements(logged):
                if document.ref == metric:
                    yield document
                    return

    def _measurements(self, logged: Payload) -> Iterator[Document]:
        """MLflow shows no number as 0.0 in a logged model; its run knows better."""
        metrics = records(part(logged, "data"), "metrics")
        false_zeros: set[tuple[str, int, int]] = set()
        if not all(number(metric, "value") for metric in metrics):
            run = self._ask.run(text(record(logged, "info"), "source_run_id"))
            false_zeros = not_numbers(run) if run else set()
        return self._make.measurements(logged, false_zeros=false_zeros)

    # --- everything that there is -----------------------------------------------------------------

    def _keys(self) -> Iterator[tuple[str, str]]:
        for model in self._ask.models():
            yield "model", required(model, "name")
        for version in self._ask.versions():
            key = version_key(version)
            yield "model-version", key
            if artefact_of(version) == key == artefact_of(self._ask.root(version)):
                yield "model-instance", key
        for logged in self._ask.logged_models():
            yield "model-instance", required(record(logged, "info"), "model_id")
            for document in self._measurements(logged):
                yield document.ref.type, document.ref.key
        for experiment in self._ask.experiments():
            yield "pipeline", required(experiment, "experiment_id")
        for run in self._ask.runs():
            yield "pipeline-run", required(record(run, "info"), "run_id")
            for dataset in run_datasets(run):
                yield "dataset", required(dataset, "name")
                yield "dataset-version", _key_of(dataset)


def _key_of(dataset: Payload) -> str:
    return dataset_key(required(dataset, "name"), required(dataset, "digest"))


def _aliases(version: Payload) -> Iterable[str]:
    found = version.get("aliases", [])
    if not isinstance(found, list) or not all(isinstance(alias, str) for alias in found):
        raise BadPayload(f"the aliases of a version are not a list of texts: {found!r}.")
    return found
