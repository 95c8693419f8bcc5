"""An entity's documents, put together from what MLflow answers: its own comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import number, part, record, records, required, text
from kg.sources.mlflow.calls import Calls
from kg.sources.mlflow.documents import Documents, not_numbers
from kg.sources.mlflow.keys import artefact_of, dataset_key


class Finders:
    """Finds the documents of an entity by ``ask``, which may be MLflow or what was listed of it."""

    def __init__(self, ask: Calls, make: Documents) -> None:
        self._ask = ask
        self._make = make
        self._by_type: Final[Mapping[str, Callable[[str], Iterable[Document]]]] = {
            "model": self._model,
            "model-version": self._version,
            "model-instance": self._instance,
            "prompt": self._prompt,
            "prompt-version": self._prompt_version,
            "pipeline": self._pipeline,
            "pipeline-run": self._run,
            "dataset": self._dataset,
            "dataset-version": self._dataset_version,
            "evaluation": partial(self._measured, "evaluation"),
            "evaluation-result": partial(self._measured, "evaluation-result"),
            "metric": self._metric,
        }

    def find(self, ref: EntityRef) -> tuple[Document, ...]:
        """None if it is not there. Raises `BadPayload` and what ``ask`` raises."""
        found: dict[EntityRef, Document] = {}
        for document in self._by_type[ref.type](ref.key):
            found.setdefault(document.ref, document)
        # A database that ignores case may answer with another entity, in its own spelling.
        return tuple(found.values()) if ref in found else ()

    def _model(self, key: str) -> Iterator[Document]:
        if (model := self._ask.model(key)) is None:
            return
        yield self._make.model(model)
        aliases = aliases_of(model)
        for version in self._ask.versions(name=required(model, "name")):
            yield self._make.version(version, aliases.get(required(version, "version"), ()))

    def _version(self, key: str) -> Iterator[Document]:
        if (version := self._ask.version(key)) is None:
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

    def _prompt(self, key: str) -> Iterator[Document]:
        if (prompt := self._ask.prompt(key)) is None:
            return
        yield self._make.prompt(prompt)
        aliases = aliases_of(prompt)
        for version in self._ask.prompt_versions(name=required(prompt, "name")):
            number_ = required(version, "version")
            yield self._make.prompt_version(version, aliases.get(number_, ()))

    def _prompt_version(self, key: str) -> Iterator[Document]:
        if version := self._ask.prompt_version(key):
            yield self._make.prompt_version(version, _aliases(version))

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
        if first := next((dataset for dataset in told if key_of(dataset) == key), None):
            yield self._make.dataset_version(first)

    def _measured(self, entity_type: str, key: str) -> Iterator[Document]:
        """An evaluation or a result: its key begins with that of the logged model."""
        if logged := self._ask.logged_model(key.partition("/")[0]):
            for document in self._measurements(logged):
                if (document.ref.type, document.ref.key) == (entity_type, key):
                    yield document

    def _metric(self, key: str) -> Iterator[Document]:
        for logged in self._ask.logged_models(with_metric=key):
            for document in self._measurements(logged):
                if (document.ref.type, document.ref.key) == ("metric", key):
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


def key_of(dataset: Payload) -> str:
    return dataset_key(required(dataset, "name"), required(dataset, "digest"))


def aliases_of(entry: Payload) -> Mapping[str, set[str]]:
    """What a model or prompt calls its versions, by their numbers."""
    found: dict[str, set[str]] = {}
    for alias in records(entry, "aliases"):
        found.setdefault(required(alias, "version"), set()).add(required(alias, "alias"))
    return found


def _aliases(version: Payload) -> Iterable[str]:
    found = version.get("aliases", [])
    if not isinstance(found, list) or not all(isinstance(alias, str) for alias in found):
        raise BadPayload(f"the aliases of a version are not a list of texts: {found!r}.")
    return found
