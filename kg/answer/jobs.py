"""What runs in a worker process. Each function here is a job of `kg.query.process`.

The processes import this module: it stays light, and imports validation only when asked to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg import formats
from kg.answer.dataset import Dataset
from kg.answer.evaluate import as_file, evaluate, query
from kg.query.process import Task
from kg.store import Checkpoint, Opened

_OPENED = "opened checkpoints"  # in what a process keeps


def evaluate_query(task: Task) -> dict[str, int | None]:
    """Runs a query on a checkpoint and writes the answer; returns its number of rows."""
    store = _checkpoint(task.kept, task.arguments["path"]).store
    return {"rows": evaluate(store, task.arguments, task.output)}


def parse_query(task: Task) -> None:
    """Reads a query with the engine's parser. It runs on nothing."""
    query(ox.Store(), task.arguments, Dataset())


def parse_document(task: Task) -> None:
    """Reads RDF and writes it as canonical N-Quads, with blank nodes of new names."""
    form = formats.by_name(task.arguments["format"])
    quads = formats.parse(task.body, form, base=task.arguments["base"])
    ox.serialize(quads, as_file(task.output), ox.RdfFormat.N_QUADS)


def validate(task: Task) -> dict[str, Any]:
    """Judges a document; returns the report as JSON."""
    from kg.validate import validate_document  # loads two SHACL engines

    return validate_document(task.body, **task.arguments)


def simulate(task: Task) -> dict[str, Any]:
    """Supposes the changes of a document on a checkpoint; returns what would be different."""
    from kg.simulate import simulate_document  # loads two SHACL engines

    given = dict(task.arguments)
    return simulate_document(task.body, _checkpoint(task.kept, given.pop("path")), **given)


def _checkpoint(kept: dict[str, Any], path: str) -> Checkpoint:
    opened: Opened = kept.setdefault(_OPENED, Opened())
    return opened.at(Path(path))
