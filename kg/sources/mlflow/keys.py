"""What MLflow's records are known by, and how they point at each other.

Most of it is convention: texts such as ``models:/m-…``, and tags that MLflow sets itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from kg.errors import BadIri
from kg.iris import EntityRef
from kg.model import Payload
from kg.sources.answers import pairs, part, record, records, required, text

IS_PROMPT: Final = "mlflow.prompt.is_prompt"
_LINKED_PROMPTS: Final = "mlflow.linkedPrompts"
_LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9A-Za-z_-]+)")
_COPY: Final = re.compile(r"models:/([^/]+)/([0-9]+)")


def nameable(source: str, entity_type: str, key: str) -> EntityRef | None:
    """The entity's name, or None if the graph cannot hold such a key."""
    try:
        return EntityRef(entity_type, source, key)
    except BadIri:
        return None


def version_key(version: Payload) -> str:
    return f"{required(version, 'name')}/{required(version, 'version')}"


def dataset_key(name: str, digest: str) -> str:
    """``name/digest``. The name may hold slashes, so those of the digest are encoded."""
    return f"{name}/{digest.replace('%', '%25').replace('/', '%2F')}"


def logged_model_of(source_uri: str) -> str | None:
    """``m-…`` of ``models:/m-…``: the artefact that a version puts in the registry."""
    found = _LOGGED_MODEL.fullmatch(source_uri)
    return found[1] if found else None


def original_of(source_uri: str) -> str | None:
    """``name/version`` of ``models:/name/version``: the version that this one is a copy of."""
    found = _COPY.fullmatch(source_uri)
    return f"{found[1]}/{found[2]}" if found else None


def is_prompt(entry: Payload) -> bool:
    """MLflow keeps prompts among its models and tells them apart by a tag."""
    return pairs(entry, "tags").get(IS_PROMPT, "").lower() == "true"


def deleted(info: Payload) -> bool:
    """Runs and experiments are only marked when they are deleted."""
    return text(info, "lifecycle_stage") == "deleted"


def run_datasets(run: Payload) -> list[Payload]:
    inputs = records(part(run, "inputs"), "dataset_inputs")
    return [record(given, "dataset") for given in inputs]


def linked_prompts(tags: Mapping[str, str]) -> list[str]:
    """The keys of the prompt versions that MLflow noted on a run or logged model as used by it.

    The tag is JSON that anybody can write: what is no such note says nothing.
    """
    try:
        told = json.loads(tags.get(_LINKED_PROMPTS, "[]"))
    except (ValueError, RecursionError):
        return []
    links = [link for link in told if isinstance(link, dict)] if isinstance(told, list) else []
    return sorted({f"{link.get('name', '')}/{link.get('version', '')}" for link in links})


def artefact_of(root: Payload) -> str:
    """The key of what a version has in it, for one that is no copy of a living one.

    It is a logged model, or what was registered from a path and is known by the version.
    """
    return logged_model_of(text(root, "source")) or version_key(root)
