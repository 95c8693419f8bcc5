"""Apache Iceberg: tables of a catalogue as datasets, and their snapshots as versions.

Any catalogue that ``pyiceberg.catalog.load_catalog`` knows by properties: REST, SQL, Glue, Hive, …
(tried with pyiceberg 0.12.0 and its SQL catalogue on SQLite). Settings::

    [sources.lake]
    kind = "iceberg"
    url = "sqlite:////srv/lake/catalog.db"  # the property "uri"
    catalog = "default"                     # the catalogue's name; SQL catalogues select by it
    token = "env:LAKE_TOKEN"                # the property of this name; so is credential = "…"
    owner_property = "owner"                # the property that names who answers for a table
    tag_prefix = "tag."                     # properties that begin like this become keywords
    run_property = "airflow.dag_run"        # the key in a snapshot's summary that names its run
    timeout_seconds = 10                    # REST: for connecting and for each wait for data
    per_second = 0                          # calls that begin in a second at most; 0 is no limit
    [sources.lake.properties]               # everything else that the catalogue or its files need
    type = "rest"                           # inferred from the url if it is not given
    "s3.region" = "eu-north-1"

What is what:

===================================== =================== ========================================
Iceberg                               type                key
===================================== =================== ========================================
table                                 ``dataset``         ``namespace.table``
snapshot                              ``dataset-version`` ``namespace.table/<snapshot-id>``
summary entry ``run_property``        ``pipeline-run``    its value; ``links`` says whose run it is
property ``owner``                    ``person``          its value; ``links`` says who knows them
===================================== =================== ========================================

A dot, slash or percent sign inside one level of a name is percent-encoded in the key. The table's
UUID, which survives a rename, is a second ``dct:identifier`` beside the key. A table also tells of
its snapshots, which are in the same file; a snapshot that expired is gone, and nothing supersedes
it then. Branches and tags are keywords of the snapshot (``branch::main``, ``tag::audited``), since
``mlg:alias`` is for versions of models.

A number of records is only stated where no delete files are in force, for then it is exact. The
moment of creation is known as long as the table's log of metadata files reaches back to the first.

Iceberg sends no notices: changes are found by the sweep, or by whoever writes and sends an event
for the table.

A table is gone when the catalogue says so and its own listing agrees, so a proxy that answers 404
to everything is a source that is down. Nothing is created: a SQL catalogue without its tables is
down, and so is an SQLite file that is not there. SQLite is opened anew each time, so a file that
was replaced is seen.

A REST catalogue is asked at the host of ``url``, and at that of ``oauth2-server-uri`` in the
properties, and nowhere else, whatever it says of itself: redirects are not followed, and one that
names another host in its configuration is a source that is down. Its answers hold the metadata, so
no file is read, and where it says that files are (``s3.endpoint``) does not matter. An answer ends
after six times ``timeout_seconds``, and at least a minute.

Known limits: pyiceberg reads its own configuration too (``~/.pyiceberg.yaml``, ``PYICEBERG_…``)
for a catalogue of this name; settings here come first. It may need several requests for what
``per_second`` counts as one, and other catalogues than REST have what limits of time their library
has. Of those it believes a table's property ``py-io-impl``, which names an installed class to read
files with, so whoever may write tables chooses among those; a catalogue of a class of your own
(``py-catalog-impl``) is trusted in all. ``env:`` is not understood inside ``properties``. Views are
left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Snapshot
from kg.sources import not_owned
from kg.sources.http import positive
from kg.sources.iceberg.catalogue import Catalogue
from kg.sources.iceberg.documents import Documents, identifier_of, nameable, table_key, version_key
from kg.sources.pace import Pace

_log = logging.getLogger(__name__)


class IcebergSource:
    """One catalogue. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset({"dataset", "dataset-version"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str = "",
        catalog: str = "default",
        token: str = "",
        credential: str = "",
        properties: Mapping[str, Any] | None = None,
        owner_property: str = "owner",
        tag_prefix: str = "tag.",
        run_property: str = "",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
    ) -> None:
        self.name = name
        given = {"uri": url, "token": token, "credential": credential}
        self._catalogue = Catalogue(
            name,
            catalog=catalog,
            properties=_properties(name, properties or {}, {k: v for k, v in given.items() if v}),
            pace=Pace(name, per_second),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
        )
        self._make = Documents(
            source=name,
            owner_property=owner_property,
            tag_prefix=tag_prefix,
            run_property=run_property,
        )

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            documents = self._documents(ref)
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        return Snapshot(ref=ref, documents=documents)

    def list(self) -> Iterator[EntityRef]:
        seen: set[EntityRef] = set()
        try:
            for entity_type, key in self._keys():
                ref = nameable(self.name, entity_type, key)
                if ref is None:
                    _log.warning("%s: %s %r is left out for its key", self.name, entity_type, key)
                elif ref not in seen:
                    seen.add(ref)
                    yield ref
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r}: {error}") from error

    def close(self) -> None:
        self._catalogue.close()

    def _documents(self, ref: EntityRef) -> tuple[Document, ...]:
        key, _, snapshot_id = ref.key.partition("/")
        identifier = identifier_of(key)
        if identifier is None or (ref.type == "dataset") is not (ref.key == key):
            return ()  # no table can have such a key
        table = self._catalogue.table(identifier)
        if table is None:
            return ()
        if ref.type == "dataset":
            return (self._make.dataset(table), *self._make.versions(table))
        return tuple(
            self._make.version(table, snapshot)
            for snapshot in table.metadata.snapshots
            if str(snapshot.snapshot_id) == snapshot_id
        )

    def _keys(self) -> Iterator[tuple[str, str]]:
        for identifier in self._catalogue.identifiers():
            table = self._catalogue.table(identifier)
            if table is None:
                continue  # dropped since it was listed
            yield "dataset", table_key(identifier)
            for snapshot in table.metadata.snapshots:
                yield "dataset-version", version_key(identifier, snapshot.snapshot_id)


def _properties(source: str, table: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    where = f"[sources.{source}.properties]"
    if not isinstance(table, Mapping):
        raise BadSetting(f'{where} is a table such as type = "rest".')
    if twice := table.keys() & given.keys():
        raise BadSetting(f"{where} repeats a setting: {', '.join(sorted(twice))}.")
    for key, value in table.items():
        if not isinstance(value, str | int | float):
            raise BadSetting(f"{where} {key} = {value!r} is not text, a number, true or false.")
    words = {key: str(v).lower() if isinstance(v, bool) else str(v) for key, v in table.items()}
    return {**words, **given}
