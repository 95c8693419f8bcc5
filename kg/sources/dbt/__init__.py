"""dbt: the tables of a project, what they are computed from, and its last run.

Reads the artefacts that dbt leaves in the project's target folder; needs no library (tried with
dbt-core 1.10.23 on DuckDB). Settings::

    [sources.dbt]
    kind = "dbt"
    path = "/srv/aurora/target"           # the folder with manifest.json
    dataset_key = "database.schema.name"  # the parts of a relation's name that make its key
    lower_case = true                     # keys in lower case, as most databases compare names
    owner_key = "owner"                   # the key in meta that names who answers for something
    exposure_owners = true                # whether owners of exposures count, see below
    results = "run_results.json"          # a pattern for more, such as "runs/*/run_results.json"
    docs_url = ""                         # where people open the project's generated pages

What is what:

=============================== ================ ===============================================
dbt                             type             key
=============================== ================ ===============================================
model, seed, snapshot, source   ``dataset``      ``database.schema.name`` of its relation
project                         ``pipeline``     its name
invocation in run_results.json  ``pipeline-run`` its invocation id
=============================== ================ ===============================================

``manifest.json`` must be there. ``catalog.json`` (of ``dbt docs generate``) adds the columns and
types as the database has them; without it, columns are those that the project describes. A model
that is ephemeral has no table: what is computed from it is computed from its inputs. If several
nodes share one relation, a model describes it before a snapshot, a seed and a source. The node's
unique id is a second ``dct:identifier``.

Owners are those of ``meta.owner`` (a text, a list, or an object with an ``email``); else the
e-mail address of the group's owner; else those of the exposures that read the table directly, who
at least want it to be right. Sources are not computed by the project; all else is.

dbt keeps the results of its last command only, and ``dbt docs generate``, ``test`` and ``compile``
write them too: only ``build``, ``run``, ``seed``, ``snapshot`` and ``retry`` are runs. A run whose
file is overwritten is gone; to keep them, copy the file of each and set ``results``.

dbt sends no notices. When a run is over, send an event for the pipeline, which brings all its
tables along, and one for the run; else the sweep finds what changed.

A file that is missing or half written (dbt does not replace it in one step) is a source that is
down, and no table is taken for gone. One unusable node makes the whole manifest unusable.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Snapshot
from kg.sources import not_owned
from kg.sources.dbt.artefacts import Artefacts, Folder
from kg.sources.dbt.documents import Documents, Reading
from kg.sources.http import checked_url

_PARTS: Final = ("database", "schema", "name")


class DbtSource:
    """One project's target folder. The module's docstring has the settings and what is what."""

    types: ClassVar[frozenset[str]] = frozenset({"dataset", "pipeline", "pipeline-run"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        *,
        path: str,
        dataset_key: str = "database.schema.name",
        lower_case: bool = True,
        owner_key: str = "owner",
        exposure_owners: bool = True,
        results: str = "run_results.json",
        docs_url: str = "",
    ) -> None:
        self.name = name
        self._folder = Folder(name, path=Path(path), results=_pattern(name, results))
        self._reading = Reading(
            source=name,
            key_parts=_key_parts(name, dataset_key),
            lower_case=lower_case,
            owner_key=owner_key,
            exposure_owners=exposure_owners,
            pages=checked_url(name, docs_url) if docs_url else "",
        )
        self._made: tuple[Artefacts, dict[EntityRef, Document]] | None = None

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        found = self._documents()
        own = found.get(ref)
        if own is None:
            return Snapshot(ref=ref, documents=())
        told = [own]
        if ref.type == "pipeline":
            told += [document for other, document in found.items() if other.type == "dataset"]
        return Snapshot(ref=ref, documents=tuple(told))

    def list(self) -> Iterator[EntityRef]:
        return iter(builtins.list(self._documents()))

    def close(self) -> None:
        self._made = None

    def _documents(self) -> dict[EntityRef, Document]:
        """All that the files tell, made anew when one of them has changed."""
        artefacts = self._folder.read()
        made = self._made
        if made is None or made[0] is not artefacts:
            try:
                documents = {d.ref: d for d in Documents(artefacts, self._reading).all()}
            except BadPayload as error:
                raise BadPayload(f"Source {self.name!r}: {error}") from error
            self._made = made = artefacts, documents
        return made[1]


def _key_parts(source: str, dataset_key: str) -> tuple[str, ...]:
    parts = tuple(dataset_key.split("."))
    if "name" not in parts or not set(parts) <= set(_PARTS):
        raise BadSetting(
            f"[sources.{source}] dataset_key = {dataset_key!r} is not made of "
            f"{', '.join(_PARTS)} with dots between, and name among them."
        )
    return parts


def _pattern(source: str, results: str) -> str:
    if not results or Path(results).is_absolute() or ".." in Path(results).parts:
        raise BadSetting(f"[sources.{source}] results = {results!r} is not below the folder.")
    return results
