"""The questions that are put to MLflow, one method each, and what its answers leave to be checked.

Databases may compare texts without case, and filters cannot say every text: so what a search by
an equal value finds is compared here again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import integer, record, required, text
from kg.sources.mlflow.client import Client
from kg.sources.mlflow.keys import (
    IS_PROMPT,
    deleted,
    is_prompt,
    logged_model_of,
    original_of,
    run_datasets,
    version_key,
)

_CHUNK: Final = 100
_VERSION_KEY: Final = re.compile(r"([^/:]+)/([1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[0-9]+")
_PROMPTS: Final = f"tags.`{IS_PROMPT}` = 'true'"
_RUN_KEY: Final = re.compile(r"[0-9A-Za-z_-]+")


class Calls:
    """A key that MLflow would refuse as malformed is not asked for: nothing has it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # --- one record by its key; None if it is not there (any more) -------------------------------

    def model(self, name: str) -> Payload | None:
        model = self._registered(name)
        return None if model is None or is_prompt(model) else model

    def version(self, key: str) -> Payload | None:
        version = self._version(key)
        return None if version is None or is_prompt(version) else version

    def prompt(self, name: str) -> Payload | None:
        """MLflow keeps prompts among its models; an ordinary search leaves them out."""
        prompt = self._registered(name)
        return prompt if prompt is not None and is_prompt(prompt) else None

    def prompt_version(self, key: str) -> Payload | None:
        version = self._version(key)
        return version if version is not None and is_prompt(version) else None

    def _registered(self, name: str) -> Payload | None:
        if not name or "/" in name or ":" in name or name in (".", ".."):
            return None
        return self._get("registered-models/get", "registered_model", name=name)

    def _version(self, key: str) -> Payload | None:
        found = _VERSION_KEY.fullmatch(key)
        if not found or found[1] in (".", ".."):
            return None
        name, number = found.groups()
        return self._get("model-versions/get", "model_version", name=name, version=number)

    def logged_model(self, key: str) -> Payload | None:
        if not logged_model_of(f"models:/{key}"):
            return None
        return self._get(f"logged-models/{key}", "model")

    def run(self, key: str) -> Payload | None:
        if not _RUN_KEY.fullmatch(key):
            return None
        run = self._get("runs/get", "run", run_id=key)
        return None if run is None or deleted(record(run, "info")) else run

    def experiment(self, key: str) -> Payload | None:
        if not _NUMBER.fullmatch(key):
            return None
        found = self._get("experiments/get", "experiment", experiment_id=key)
        return None if found is None or deleted(found) else found

    def _get(self, path: str, inner: str, **query: str) -> Payload | None:
        answer = self._client.get(path, query)
        if answer is None:
            return None
        found = record(answer, inner)
        if not found:  # nothing is not the same as not there
            raise BadPayload(f"{path} answers an empty {inner}.")
        return found

    # --- hops -----------------------------------------------------------------------------------

    def root(self, version: Payload) -> Payload:
        """The version that this one was copied from, as far back as they are still there."""
        seen = {version_key(version)}
        while key := original_of(text(version, "source")):
            if key in seen:
                raise BadPayload(f"the versions {', '.join(sorted(seen))} are copies in a circle.")
            seen.add(key)
            found = self.version(key)
            if found is None:
                break
            version = found
        return version

    def versions_from(self, uri: str) -> set[str]:
        """The keys of the versions registered from an artefact, and of all copies of those."""
        found: set[str] = set()
        waiting = [uri]
        while waiting:
            for version in self.versions(source=waiting.pop()):
                key = version_key(version)
                if key not in found:
                    found.add(key)
                    waiting.append(f"models:/{key}")
        return found

    # --- searches, through all pages --------------------------------------------------------------

    def models(self) -> Iterator[Payload]:
        return self._pages("GET", "registered-models/search", "registered_models")

    def versions(self, *, name: str = "", source: str = "") -> Iterator[Payload]:
        """All versions, those of one model, or those made from one source. Without aliases."""
        for version in self._versions(_equal("name", name), _equal("source_path", source)):
            if name in ("", text(version, "name")) and source in ("", text(version, "source")):
                yield version

    def prompts(self) -> Iterator[Payload]:
        path, items = "registered-models/search", "registered_models"
        return self._pages("GET", path, items, filter=_PROMPTS)

    def prompt_versions(self, *, name: str = "") -> Iterator[Payload]:
        """All versions of prompts, or those of one. Without aliases."""
        for version in self._versions(_equal("name", name), _PROMPTS):
            if name in ("", text(version, "name")):
                yield version

    def _versions(self, *clauses: str) -> Iterator[Payload]:
        asked = {"filter": " AND ".join(filter(None, clauses))}
        return self._pages("GET", "model-versions/search", "model_versions", **asked)

    def experiments(self, *, with_deleted: bool = False) -> tuple[Payload, ...]:
        """Experiments, oldest first."""
        view = "ALL" if with_deleted else "ACTIVE_ONLY"
        found = self._pages("POST", "experiments/search", "experiments", view_type=view)
        return tuple(sorted(found, key=lambda experiment: integer(experiment, "experiment_id")))

    def logged_models(self, *, with_metric: str = "") -> Iterator[Payload]:
        """Those of deleted experiments too: they live on, and versions point at them."""
        if "`" in with_metric:
            return iter(())
        below_all = "-1e400"
        any_value = f"metrics.`{with_metric}` > {below_all}" if with_metric else ""
        return self._within(
            self.experiments(with_deleted=True), "logged-models/search", "models", filter=any_value
        )

    def runs(self, matching: str = "") -> Iterator[Payload]:
        """Runs that are not deleted, oldest first: so a new one does not move the pages."""
        return self._within(
            self.experiments(),
            "runs/search",
            "runs",
            filter=matching,
            order_by=["attributes.start_time ASC"],
        )

    def dataset(self, name: str) -> Iterator[Payload]:
        """A dataset as the runs that read it tell of it: once for each time, oldest first."""
        for run in self.runs(_equal("dataset.name", name)):
            yield from (found for found in run_datasets(run) if text(found, "name") == name)

    def _within(
        self, experiments: Iterable[Payload], path: str, items: str, **query: Any
    ) -> Iterator[Payload]:
        keys = [required(experiment, "experiment_id") for experiment in experiments]
        for start in range(0, len(keys), _CHUNK):
            asked = {"experiment_ids": keys[start : start + _CHUNK], **query}
            yield from self._pages("POST", path, items, **asked)

    def _pages(self, method: str, path: str, items: str, **query: Any) -> Iterator[Payload]:
        return self._client.pages(method, path, items=items, query=query)


def _equal(attribute: str, value: str) -> str:
    """A clause of a filter; none for no value, and for one with both kinds of quotation marks."""
    mark = next((mark for mark in "'\"" if mark not in value), "")
    return f"{attribute} = {mark}{value}{mark}" if value and mark else ""
