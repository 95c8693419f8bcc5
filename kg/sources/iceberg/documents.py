"""Tables and snapshots as documents: what `context.jsonld` cannot say, in pure functions.

All of it comes from one file of metadata, so a snapshot becomes the same document whether it is
asked for alone or told of with its table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document
from kg.sources.answers import integer, moment, text

_FIRST_METADATA: Final = re.compile(r".*/0+-[^/]*\.metadata\.json")
_LEVEL: Final = {ord("%"): "%25", ord("."): "%2E", ord("/"): "%2F"}


def nameable(source: str, entity_type: str, key: str) -> EntityRef | None:
    """The entity's name, or None if the graph cannot hold such a key."""
    try:
        return EntityRef(entity_type, source, key)
    except BadIri:
        return None


def table_key(identifier: tuple[str, ...]) -> str:
    return ".".join(level.translate(_LEVEL) for level in identifier)


def version_key(identifier: tuple[str, ...], snapshot_id: int) -> str:
    return f"{table_key(identifier)}/{snapshot_id}"


def identifier_of(key: str) -> tuple[str, ...] | None:
    """The inverse of `table_key`; None if no table has such a key."""
    identifier = tuple(unquote(level) for level in key.split("."))
    named = len(identifier) > 1 and all(level.strip() for level in identifier)
    return identifier if named and table_key(identifier) == key else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one configured catalogue."""

    source: str
    owner_property: str
    tag_prefix: str
    run_property: str

    def dataset(self, table: Table) -> Document:
        metadata, properties = table.metadata, table.metadata.properties
        if "table_uuid" not in metadata.model_fields_set:
            raise BadPayload(f"the metadata of {table_key(table.name())} lacks the table-uuid.")
        current = metadata.current_snapshot()
        return self._document(
            "dataset",
            table_key(table.name()),
            name=".".join(table.name()),
            uuid=str(metadata.table_uuid),
            description=properties.get("comment", ""),
            owners=self._people(properties.get(self.owner_property, "")),
            tags=self._keywords(properties),
            location=metadata.location,
            schema=_columns(metadata.schema()),
            created=_created(table),
            modified=_moment(metadata.last_updated_ms),
            records=_records(current) if current else None,
        )

    def versions(self, table: Table) -> Iterator[Document]:
        for snapshot in table.metadata.snapshots:
            if nameable(self.source, "dataset-version", _key_of(table, snapshot)):
                yield self.version(table, snapshot)

    def version(self, table: Table, snapshot: Snapshot) -> Document:
        metadata = table.metadata
        if "table_uuid" not in metadata.model_fields_set:
            raise BadPayload(f"the metadata of {table_key(table.name())} lacks the table-uuid.")
        schema = None if snapshot.schema_id is None else metadata.schema_by_id(snapshot.schema_id)
        parent = snapshot.parent_snapshot_id
        kept = parent is not None and metadata.snapshot_by_id(parent) is not None
        run = text(_summary(snapshot), self.run_property)
        return self._document(
            "dataset-version",
            _key_of(table, snapshot),
            name=f"{'.'.join(table.name())} {snapshot.snapshot_id}",
            version=str(snapshot.snapshot_id),
            dataset=table_key(table.name()),
            previous=version_key(table.name(), parent) if parent is not None and kept else "",
            run=run if nameable(self.source, "pipeline-run", run) else "",
            tags=_refs(metadata, snapshot),
            location=snapshot.manifest_list,
            schema=_columns(schema) if schema else "",
            created=_moment(snapshot.timestamp_ms),
            records=_records(snapshot),
        )

    def _people(self, owners: str) -> list[str]:
        """Logins or e-mail addresses."""
        names = re.split(r"[,;\s]+", owners)
        return sorted({who for who in names if nameable(self.source, "person", who)})

    def _keywords(self, properties: Mapping[str, str]) -> list[str]:
        tags = {
            key.removeprefix(self.tag_prefix): value
            for key, value in properties.items()
            if self.tag_prefix and key.startswith(self.tag_prefix)
        }
        return sorted(f"{tag}::{value}" if value else tag for tag, value in tags.items() if tag)

    def _document(self, entity_type: str, key: str, **values: Any) -> Document:
        ref = nameable(self.source, entity_type, key)
        if ref is None:
            raise BadPayload(f"the {entity_type} {key[:200]!r} has a key that cannot be used.")
        payload = {name: value for name, value in values.items() if value not in ("", None, [])}
        return Document(ref=ref, payload=payload)


def _key_of(table: Table, snapshot: Snapshot) -> str:
    return version_key(table.name(), snapshot.snapshot_id)


def _summary(snapshot: Snapshot) -> Mapping[str, str]:
    return snapshot.summary.additional_properties if snapshot.summary else {}


def _records(snapshot: Snapshot) -> int | None:
    """The number of rows; None if it is not noted, or delete files make it a guess."""
    summary = _summary(snapshot)
    if "total-records" not in summary or integer(summary, "total-delete-files"):
        return None
    return integer(summary, "total-records")


def _refs(metadata: TableMetadata, snapshot: Snapshot) -> list[str]:
    return sorted(
        f"{ref.snapshot_ref_type.value}::{name}"
        for name, ref in metadata.refs.items()
        if ref.snapshot_id == snapshot.snapshot_id
    )


def _columns(schema: Schema) -> str:
    return ", ".join(f"{field.name}: {field.field_type}" for field in schema.fields)


def _created(table: Table) -> str | None:
    """When the first metadata file was written, if the log still has it."""
    log = table.metadata.metadata_log
    if log and _FIRST_METADATA.fullmatch(log[0].metadata_file):
        return _moment(log[0].timestamp_ms)
    if not log and _FIRST_METADATA.fullmatch(table.metadata_location or ""):
        return _moment(table.metadata.last_updated_ms)
    return None


def _moment(milliseconds: int) -> str | None:
    return moment({"milliseconds": milliseconds}, "milliseconds")
