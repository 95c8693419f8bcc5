"""Source systems: what owns the facts, and how the graph asks for them.

How to write one: a module here with a class that meets `Source`, a row in `KINDS` (or an entry
point in the group ``mlgraph.sources``), and one JSON-LD context per entity type, or one for all
(``context.jsonld``), beside it. The class fetches and lists; the context says what the JSON means.

A context maps the source's own JSON to the ontology. Its strings may hold ``{source}``, the name
under which the source is configured, and ``{person}``, ``{dataset}``, … : the source that owns
entities of that type, by the setting ``links`` (the source itself unless it says otherwise). So a
foreign key becomes an IRI by a property-scoped context, whose ``@base`` is relative to the base::

    "owner_emails": {"@id": "mlg:ownedBy", "@type": "@id",
                     "@context": {"@base": "id/person/{person}/"}}

Keys are percent-encoded by `kg.normalise`. What a context cannot say (milliseconds to a date, a
list of ``{key, value}`` to tags) is a small pure function, called by ``fetch`` on its answer.

A source must not import the pipeline or the store, and talks only to the host it is configured
with: nothing in an event can make it call elsewhere.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, runtime_checkable

from kg.config import SourceSettings
from kg.errors import BadSetting, MissingExtra, NotFound
from kg.iris import EntityRef
from kg.model import Notice, Snapshot


@runtime_checkable
class Source(Protocol):
    """One configured source system.

    ``types`` are the entity types that it owns (empty: any); ``contexts`` is the folder of its
    JSON-LD contexts; ``in_flight`` is how many fetches it likes at a time.
    """

    types: ClassVar[frozenset[str]]
    contexts: ClassVar[Path]
    in_flight: ClassVar[int]
    name: str

    def fetch(self, ref: EntityRef) -> Snapshot:
        """The complete current state of one entity, by calling the source.

        A snapshot without documents says that the source does not have it (any more). Raises
        `SourceUnavailable` when it does not answer (the event is kept and tried again) and
        `BadPayload` when the answer is unusable (the event goes to the dead letters).
        """
        ...

    def list(self) -> Iterator[EntityRef]:
        """Every entity that the source has now. An error ends the listing by raising, never early.

        What cannot be named holds up no other: `IncompleteList` tells of it at the end
        (`kg.sources.answers.named`).
        """
        ...

    def close(self) -> None:
        """The end of its use. Who waits to ask it, or asks it after this, may get `SourceClosed`."""
        ...


@runtime_checkable
class ListsWhole(Protocol):
    """A source whose listings show all that `Source.fetch` would tell.

    A sweep compares them with the graph and fetches only what differs. One that shows less than
    all must not be one of these: what it does not show would never be found to have changed.
    """

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        """The entities of `Source.list` as ``fetch`` would tell of them now.

        Only named is what has to be fetched to be known.
        """
        ...


@runtime_checkable
class Notifies(Protocol):
    """A source that sends notices of its own, which arrive at ``/webhooks/{source}``."""

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """What one notice tells. Raises `NotAuthentic` or `BadEvent`. Calls nobody."""
        ...


@runtime_checkable
class KeepsLineage(Protocol):
    """A source that is this installation's own record of what OpenLineage events tell.

    ``url`` is the broker's topic that they come from beside HTTP; empty if there is none.
    """

    name: str
    url: str

    def keep(self, events: Sequence[Any]) -> builtins.list[EntityRef]:
        """Keeps events, synced; answers the entities, its own and others', that they tell of.

        It answers them again until they are `heard`. Raises `BadEvent`, and then nothing is kept.
        """
        ...

    def heard(self, refs: Sequence[EntityRef]) -> None:
        """That these entities were told of is on the bus."""
        ...


OPENLINEAGE_FILE: Final = "openlineage.sqlite"
"""The record's file in the data folder: it is part of a backup, and in no dump."""

KINDS: Final[dict[str, str]] = {
    "airflow": "kg.sources.airflow:AirflowSource",
    "croissant": "kg.sources.croissant:CroissantSource",
    "dbt": "kg.sources.dbt:DbtSource",
    "dcat": "kg.sources.dcat:DcatSource",
    "feast": "kg.sources.feast:FeastSource",
    "growthbook": "kg.sources.growthbook:GrowthbookSource",
    "iceberg": "kg.sources.iceberg:IcebergSource",
    "ldap": "kg.sources.ldap:LdapSource",
    "memory": "kg.sources.memory:MemorySource",
    "metaflow": "kg.sources.metaflow:MetaflowSource",
    "mlflow": "kg.sources.mlflow:MlflowSource",
    "openlineage": "kg.sources.openlineage:OpenLineageSource",
    "rest": "kg.sources.rest:RestSource",
    "scim": "kg.sources.scim:ScimSource",
    "unleash": "kg.sources.unleash:UnleashSource",
}
_ENTRY_POINTS = "mlgraph.sources"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source as ``mlg sources`` lists it; ``missing`` says why it cannot be used."""

    name: str
    target: str
    missing: str | None = None


def kinds() -> dict[str, Kind]:
    """All known kinds, ours and those of installed packages. A name given twice is refused."""
    table = dict(KINDS)
    for point in entry_points(group=_ENTRY_POINTS):
        if table.setdefault(point.name, point.value) != point.value:
            raise BadSetting(f"Two packages bring a source kind {point.name!r}; remove one.")
    return {name: Kind(name, target) for name, target in sorted(table.items())}


def connect(settings: SourceSettings) -> Source:
    """The configured source, ready to be asked. Nothing is called yet."""
    known = kinds()
    if settings.kind not in known:
        names = ", ".join(known)
        raise BadSetting(f"[sources.{settings.name}] kind = {settings.kind!r}: known are {names}.")
    module, _, attribute = known[settings.kind].target.partition(":")
    try:
        build: Any = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"[sources.{settings.name}] needs {error.name}: pip install "
            f"'model-lifecycle-graph[{settings.kind}]'."
        ) from error
    try:
        options = dict(settings.options)
        if getattr(build, "keeps_in_data_dir", False):
            options["data_dir"] = settings.data_dir
        source: Source = build(settings.name, **options)
    except TypeError as error:
        raise BadSetting(f"[sources.{settings.name}]: {error}.") from error
    return source


def not_owned(source: Source, ref: EntityRef) -> NotFound:
    """The error for an entity type that the source does not own."""
    owned = ", ".join(sorted(source.types))
    return NotFound(f"Source {source.name!r} has no entities of type {ref.type!r}, only {owned}.")
