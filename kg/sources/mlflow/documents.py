"""MLflow's records as documents: what `context.jsonld` cannot say, in pure functions.

A record becomes the same document wherever it was found (asked for alone, in a search or inside
another record), so it does not matter which call told of an entity. Keys that the graph cannot
name, such as a dataset's name with a line break, are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.iris import EntityRef, encode_key
from kg.model import Document, Payload
from kg.sources.answers import (
    double,
    inner,
    integer,
    moment,
    number,
    pairs,
    part,
    record,
    records,
    required,
    text,
)
from kg.sources.mlflow.keys import (
    dataset_key,
    linked_prompts,
    nameable,
    run_datasets,
    version_key,
)

_SYSTEM_TAGS: Final = ("mlflow.", "_mlflow_")
_SYSTEM_METRIC: Final = "system/"
_NOTE: Final = "mlflow.note.content"
_PROMPT_TEXT: Final = "mlflow.prompt.text"
_PROMPT_CONFIG: Final = "_mlflow_prompt_model_config"
_EVALUATION: Final = ("eval", "val", "test", "hold")


def not_numbers(run: Payload) -> set[tuple[str, int, int]]:
    """Name, moment and step of the run's metrics that are no number."""
    metrics = records(part(run, "data"), "metrics")
    return {_slot(metric) for metric in metrics if math.isnan(number(metric, "value"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one configured server, whose own pages are below ``pages``."""

    source: str
    pages: str
    owner_tag: str

    def model(self, model: Payload) -> Document:
        name = required(model, "name")
        return self._document("model", name, **self._registered(model, self._page("models", name)))

    def version(self, version: Payload, aliases: Iterable[str]) -> Document:
        """``aliases`` apart: a search leaves them out, and the model knows them as well."""
        name, number_ = required(version, "name"), required(version, "version")
        return self._document(
            "model-version",
            version_key(version),
            **self._registered(version, self._page("models", name, "versions", number_)),
            model=name,
            version=number_,
            aliases=sorted(aliases),
            stage=text(version, "current_stage").removesuffix("None"),
        )

    def prompt(self, prompt: Payload) -> Document:
        name = required(prompt, "name")
        page = self._page("prompts", name)
        return self._document("prompt", name, **self._registered(prompt, page))

    def prompt_version(self, version: Payload, aliases: Iterable[str]) -> Document:
        """Its words are a tag, and so are the settings of the model that they are meant for."""
        name, number_ = required(version, "name"), required(version, "version")
        tags, page = pairs(version, "tags"), self._page("prompts", name)
        return self._document(
            "prompt-version",
            version_key(version),
            **self._registered(version, f"{page}?promptVersion={quote(number_, safe='')}"),
            prompt=name,
            version=number_,
            aliases=sorted(aliases),
            text=tags.get(_PROMPT_TEXT, ""),
            parameters=[
                _parameter(name, value if isinstance(value, str) else json.dumps(value))
                for name, value in sorted(inner(tags, _PROMPT_CONFIG).items())
                if value is not None
            ],
        )

    def _registered(self, entry: Payload, page: str) -> dict[str, Any]:
        """What the registry says of everything that is in it."""
        tags, number_ = pairs(entry, "tags"), text(entry, "version")
        return {
            "name": f"{required(entry, 'name')} {number_}".rstrip(),
            "description": text(entry, "description"),
            "owners": self._people(tags, text(entry, "user_id")),
            "tags": self._keywords(tags),
            "created": moment(entry, "creation_timestamp"),
            "modified": moment(entry, "last_updated_timestamp"),
            "page": page,
        }

    def instance(self, model: Payload, versions: Iterable[str]) -> Document:
        """A logged model, and the versions that put it in the registry."""
        info = record(model, "info")
        key, tags = required(info, "model_id"), pairs(info, "tags")
        return self._document(
            "model-instance",
            key,
            name=f"{text(info, 'name') or 'model'} {key[:10]}",
            versions=sorted(versions),
            run=text(info, "source_run_id"),
            artefact=text(info, "artifact_uri"),
            usesPrompts=self._prompts(tags),
            owners=self._people(tags, tags.get("mlflow.user", "")),
            tags=self._keywords(tags),
            created=moment(info, "creation_timestamp_ms"),
            modified=moment(info, "last_updated_timestamp_ms"),
            page=self._page("experiments", text(info, "experiment_id"), "models", key),
        )

    def measurements(
        self, model: Payload, *, false_zeros: AbstractSet[tuple[str, int, int]]
    ) -> Iterator[Document]:
        """The latest value of each of a logged model's metrics, by the data and the run it is of.

        Each result comes with its metric and, if the data is known, with its evaluation. A value
        that is no number measures nothing and is left out; ``false_zeros`` are those whose 0.0
        stands for one.
        """
        info = record(model, "info")
        instance, own_run = required(info, "model_id"), text(info, "source_run_id")
        latest: dict[tuple[str, str, str], Payload] = {}
        for metric in records(part(model, "data"), "metrics"):
            name, run = required(metric, "key"), text(metric, "run_id") or own_run
            slot = name, self._data_of(metric), run
            if slot not in latest or _age(metric) >= _age(latest[slot]):
                latest[slot] = metric
        ended: dict[tuple[str, str], str] = {}
        for (name, data, run), metric in sorted(latest.items(), key=lambda item: item[0]):
            value, time = number(metric, "value"), moment(metric, "timestamp")
            if name.startswith(_SYSTEM_METRIC) or not self._named("metric", name):
                continue
            if math.isnan(value) or _slot(metric) in false_zeros:
                continue
            elsewhere = f"!{run}" if run != own_run else ""
            yield self._document(
                "evaluation-result",
                f"{instance}/{name}" + (f"@{data}" if data else "") + elsewhere,
                name=f"{name} {value:.6g}" + (f" on {data}" if data else ""),
                metric=name,
                value=double(value),
                measured=instance,
                evaluation=f"{instance}/{data}{elsewhere}" if data else "",
                created=time,
            )
            yield self._document("metric", name, name=name)
            if data:
                ended[data, elsewhere] = max(ended.get((data, elsewhere), ""), time or "")
        for (data, elsewhere), time in ended.items():
            yield self._document(
                "evaluation",
                f"{instance}/{data}{elsewhere}",
                name=f"Evaluation of {instance[:10]} on {data}",
                evaluated=instance,
                tested=data,
                status="FINISHED",
                ended=time,
            )

    def plain_instance(self, version: Payload, versions: Iterable[str]) -> Document:
        """The artefact of a version that was registered from a path: it has no logged model."""
        name, number_ = required(version, "name"), required(version, "version")
        return self._document(
            "model-instance",
            version_key(version),
            name=f"{name} {number_} artefact",
            versions=sorted(versions),
            run=text(version, "run_id"),
            artefact=text(version, "source"),
            created=moment(version, "creation_timestamp"),
            page=self._page("models", name, "versions", number_),
        )

    def pipeline(self, experiment: Payload) -> Document:
        key, tags = required(experiment, "experiment_id"), pairs(experiment, "tags")
        return self._document(
            "pipeline",
            key,
            name=text(experiment, "name"),
            description=tags.get(_NOTE, ""),
            owners=self._people(tags, tags.get("mlflow.user", "")),
            tags=self._keywords(tags),
            created=moment(experiment, "creation_time"),
            modified=moment(experiment, "last_update_time"),
            page=self._page("experiments", key),
        )

    def run(self, run: Payload) -> Document:
        info, data = record(run, "info"), part(run, "data")
        key, experiment = required(info, "run_id"), text(info, "experiment_id")
        tags, (trained, tested) = pairs(data, "tags"), self._inputs(run)
        return self._document(
            "pipeline-run",
            key,
            name=text(info, "run_name") or tags.get("mlflow.runName", ""),
            pipeline=experiment,
            status=text(info, "status"),
            started=moment(info, "start_time"),
            ended=moment(info, "end_time"),
            agents=self._people({}, text(info, "user_id") or tags.get("mlflow.user", "")),
            description=tags.get(_NOTE, ""),
            datasets=trained,
            testDatasets=tested,
            usedPrompts=self._prompts(tags),
            parameters=[
                _parameter(name, value) for name, value in sorted(pairs(data, "params").items())
            ],
            code=tags.get("mlflow.source.git.repoURL") or tags.get("mlflow.source.name", ""),
            commit=tags.get("mlflow.source.git.commit", ""),
            tags=self._keywords(tags),
            page=self._page("experiments", experiment, "runs", key),
        )

    def dataset(self, name: str) -> Document:
        return self._document("dataset", name, name=name)

    def dataset_version(self, dataset: Payload) -> Document:
        name, digest = required(dataset, "name"), required(dataset, "digest")
        return self._document(
            "dataset-version",
            dataset_key(name, digest),
            name=f"{name} {digest}",
            datasetName=name,
            digest=digest,
            location=_location(dataset),
            schema=_schema(dataset),
            records=integer(inner(dataset, "profile"), "num_rows") or None,
        )

    def datasets_of(self, run: Payload) -> Iterator[Document]:
        """The datasets that a run tells of, which MLflow keeps nowhere else."""
        for dataset in run_datasets(run):
            if self._named("dataset-version", self._version_of(dataset)):
                yield self.dataset(required(dataset, "name"))
                yield self.dataset_version(dataset)

    def _inputs(self, run: Payload) -> tuple[list[str], list[str]]:
        """The keys of the datasets that a run learned from, and of those it only tested with.

        MLflow has a free word for that, which may be missing: ``log_metrics(dataset=…)`` makes an
        input without one. So what a word calls test data is that, and in a run that names its
        training data, what has no word is not training data.
        """
        words = [
            (
                self._version_of(record(given, "dataset")),
                pairs(given, "tags").get("mlflow.data.context", "").lower(),
            )
            for given in records(part(run, "inputs"), "dataset_inputs")
        ]
        explicit = any(word.startswith("train") for _, word in words)
        learned: set[str] = set()
        tested: set[str] = set()
        for key, word in words:
            if self._named("dataset-version", key):
                test = word.startswith(_EVALUATION) or (explicit and not word)
                (tested if test else learned).add(key)
        return sorted(learned), sorted(tested - learned)

    def _data_of(self, metric: Payload) -> str:
        """The key of the dataset that a metric was measured on; empty if it does not say."""
        name, digest = text(metric, "dataset_name"), text(metric, "dataset_digest")
        key = dataset_key(name, digest) if name and digest else ""
        return key if self._named("dataset-version", key) else ""

    def _version_of(self, dataset: Payload) -> str:
        return dataset_key(required(dataset, "name"), required(dataset, "digest"))

    def _prompts(self, tags: Mapping[str, str]) -> list[str]:
        return [key for key in linked_prompts(tags) if self._named("prompt-version", key)]

    def _people(self, tags: Mapping[str, str], user: str) -> list[str]:
        """Logins or e-mail addresses: those of the owner tag, else the user MLflow noted."""
        owners = re.split(r"[,;\s]+", tags.get(self.owner_tag, ""))
        return sorted({who for who in owners if who and self._named("person", who)}) or [
            who for who in [user] if self._named("person", who)
        ]

    def _keywords(self, tags: Mapping[str, str]) -> list[str]:
        return sorted(
            f"{key}::{value}" if value else key
            for key, value in tags.items()
            if not key.startswith(_SYSTEM_TAGS) and key != self.owner_tag
        )

    def _page(self, *path: str) -> str:
        return f"{self.pages}/#/" + "/".join(quote(step, safe="") for step in path)

    def _named(self, entity_type: str, key: str) -> EntityRef | None:
        return nameable(self.source, entity_type, key)

    def _document(self, entity_type: str, key: str, **values: Any) -> Document:
        ref = self._named(entity_type, key)
        if ref is None:
            raise BadPayload(f"MLflow's {entity_type} {key[:200]!r} has a key that cannot be used.")
        payload = {name: value for name, value in values.items() if value not in ("", None, [])}
        return Document(ref=ref, payload=payload)


def _parameter(name: str, value: str) -> Payload:
    """It lives inside an entity: its IRI is the entity's with a fragment."""
    iri = f"#param-{encode_key(name)}"
    return {"@id": iri, "@type": "mlg:Parameter", "parameter": name, "setting": value}


def _slot(metric: Payload) -> tuple[str, int, int]:
    return required(metric, "key"), integer(metric, "timestamp"), integer(metric, "step")


def _age(metric: Payload) -> tuple[int, int]:
    return integer(metric, "timestamp"), integer(metric, "step")


def _location(dataset: Payload) -> str:
    """Where the data is. A source of the kind ``code`` names a script instead."""
    if text(dataset, "source_type") == "code":
        return ""
    source = inner(dataset, "source")
    return next((str(source[key]) for key in ("uri", "url", "path") if source.get(key)), "")


def _schema(dataset: Payload) -> str:
    """``name: type, …`` of a table's columns; other schemas as MLflow writes them."""
    columns = inner(dataset, "schema").get("mlflow_colspec")
    if isinstance(columns, list) and all(isinstance(c, dict) and "type" in c for c in columns):
        return ", ".join(
            f"{c['name']}: {c['type']}" if "name" in c else str(c["type"]) for c in columns
        )
    return text(dataset, "schema")
