"""Everything that an MLflow has, as whole as it would be fetched, from its searches alone.

A search shows all that asking for a record shows, but for the aliases of a version, which its model
knows. So the registry is read first and held; of logged models and runs, of which there may be many
more, only those that a version leads to. What is not held, such as the run of a version whose
experiment was deleted, is asked for. `Finders` puts the documents together as always: so nothing
is listed as anything else than it would be fetched as.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Payload, Snapshot
from kg.sources.answers import record, required, text
from kg.sources.mlflow.calls import Calls
from kg.sources.mlflow.client import Client
from kg.sources.mlflow.documents import Documents
from kg.sources.mlflow.finders import Finders, aliases_of
from kg.sources.mlflow.keys import artefact_of, logged_model_of, nameable, version_key

_log = logging.getLogger(__name__)


class Listing:
    """One listing of one server, for one reading."""

    def __init__(self, client: Client, make: Documents) -> None:
        self._source = make.source
        self._held = Held(client)
        self._find = Finders(self._held, make).find
        self._seen: set[tuple[str, str]] = set()

    def __iter__(self) -> Iterator[Snapshot | EntityRef]:
        for entity_type, key in self._held.entities():
            yield from self._told(entity_type, key)

    def _told(self, entity_type: str, key: str) -> Iterator[Snapshot | EntityRef]:
        """An entity, and what nobody but its record tells of, each once."""
        if not (ref := self._new(entity_type, key)):
            return
        try:
            documents = self._find(ref)
        except BadPayload:  # fetching it will tell
            documents = ()
        if not documents:
            yield ref
            return
        yield Snapshot(ref=ref, documents=documents)
        for aside in documents[1:]:
            if aside.ref.type in _TOLD_ASIDE and self._new(aside.ref.type, aside.ref.key):
                yield Snapshot(ref=aside.ref, documents=(aside,))

    def _new(self, entity_type: str, key: str) -> EntityRef | None:
        if (entity_type, key) in self._seen:
            return None
        self._seen.add((entity_type, key))
        ref = nameable(self._source, entity_type, key)
        if ref is None:
            _log.warning("%s: %s %r is left out for its key", self._source, entity_type, key)
        return ref


_TOLD_ASIDE = frozenset({"dataset", "dataset-version", "evaluation", "evaluation-result", "metric"})


class Held(Calls):
    """Answers from what it has read so far, and asks for the rest."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._models: dict[str, Payload] = {}
        self._prompts: dict[str, Payload] = {}
        self._model_versions: dict[str, Payload] = {}
        self._prompt_versions: dict[str, Payload] = {}
        self._by_name: defaultdict[str, list[Payload]] = defaultdict(list)
        self._by_source: defaultdict[str, list[Payload]] = defaultdict(list)
        self._logged: dict[str, Payload] = {}
        self._runs: dict[str, Payload] = {}
        self._experiments: dict[str, Payload] = {}

    def entities(self) -> Iterator[tuple[str, str]]:
        """The entities that have a record, each while its record is held."""
        self._read_registry()
        roots = [self.root(version) for version in self._model_versions.values()]
        wanted = {logged_model_of(text(root, "source")) for root in roots}
        for logged in self.logged_models():
            key = required(record(logged, "info"), "model_id")
            yield from _while_held(self._logged, "model-instance", key, logged, keep=key in wanted)
        for experiment in self.experiments():
            key = required(experiment, "experiment_id")
            yield from _while_held(self._experiments, "pipeline", key, experiment, keep=False)
        wanted = {text(root, "run_id") for root in roots}
        for run in self.runs():
            key = required(record(run, "info"), "run_id")
            yield from _while_held(self._runs, "pipeline-run", key, run, keep=key in wanted)
        for key, version in self._model_versions.items():
            yield "model-version", key
            if artefact_of(version) == key == artefact_of(self.root(version)):
                yield "model-instance", key
        for key in self._models:
            yield "model", key
        for key in self._prompt_versions:
            yield "prompt-version", key
        for key in self._prompts:
            yield "prompt", key

    def _read_registry(self) -> None:
        self._models = {required(model, "name"): model for model in super().models()}
        self._prompts = {required(prompt, "name"): prompt for prompt in super().prompts()}
        self._model_versions = self._read(super().versions(), self._models)
        self._prompt_versions = self._read(super().prompt_versions(), self._prompts)

    def _read(self, found: Iterable[Payload], named: dict[str, Payload]) -> dict[str, Payload]:
        """Versions by their keys, with the aliases that are noted at what they are versions of."""
        aliases = {name: aliases_of(entry) for name, entry in named.items()}
        held: dict[str, Payload] = {}
        for version in found:
            name, number = required(version, "name"), required(version, "version")
            mine = sorted(aliases.get(name, {}).get(number, ()))
            held[version_key(version)] = {**version, "aliases": mine}
            self._by_name[name].append(version)
            self._by_source[text(version, "source")].append(version)
        return held

    # --- what was read in place of being asked for ------------------------------------------------

    def model(self, name: str) -> Payload | None:
        return self._models.get(name) or super().model(name)

    def version(self, key: str) -> Payload | None:
        return self._model_versions.get(key) or super().version(key)

    def prompt(self, name: str) -> Payload | None:
        return self._prompts.get(name) or super().prompt(name)

    def prompt_version(self, key: str) -> Payload | None:
        return self._prompt_versions.get(key) or super().prompt_version(key)

    def logged_model(self, key: str) -> Payload | None:
        return self._logged.get(key) or super().logged_model(key)

    def run(self, key: str) -> Payload | None:
        return self._runs.get(key) or super().run(key)

    def experiment(self, key: str) -> Payload | None:
        return self._experiments.get(key) or super().experiment(key)

    def versions(self, *, name: str = "", source: str = "") -> Iterator[Payload]:
        return iter(self._by_name.get(name, ()) if name else self._by_source.get(source, ()))

    def prompt_versions(self, *, name: str = "") -> Iterator[Payload]:
        return iter(self._by_name.get(name, ()))


def _while_held(
    held: dict[str, Payload], entity_type: str, key: str, found: Payload, *, keep: bool
) -> Iterator[tuple[str, str]]:
    held[key] = found
    yield entity_type, key
    if not keep:
        del held[key]
