"""dbt's nodes and results as documents: what `context.jsonld` cannot say, in pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import integer, part, record, records, required, text
from kg.sources.dbt.artefacts import Artefacts

_RANK: Final = ("model", "snapshot", "seed", "source")
_RUNS: Final = frozenset({"build", "run", "seed", "snapshot", "retry"})
_FAILED: Final = frozenset({"error", "fail", "runtime error", "partial success"})
_LONGEST_MESSAGE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a configured source reads what it finds; the settings are told of in the package."""

    source: str
    key_parts: tuple[str, ...]
    lower_case: bool
    owner_key: str
    exposure_owners: bool
    pages: str


@dataclass(frozen=True, slots=True)
class Documents:
    """Builds the documents of one moment's artefacts."""

    artefacts: Artefacts
    how: Reading
    _keys: dict[str, str] = field(default_factory=dict, init=False)
    _readers: dict[str, list[Payload]] = field(default_factory=dict, init=False)

    def all(self) -> Iterator[Document]:
        """Every entity once, the pipeline first."""
        manifest = self.artefacts.manifest
        project = required(record(manifest, "metadata"), "project_name")
        nodes = {**record(manifest, "nodes"), **part(manifest, "sources")}
        for unique_id in sorted(nodes, key=lambda one: _rank(record(nodes, one))):
            if self._has_table(record(nodes, unique_id)):
                self._keys[unique_id] = self._key(record(nodes, unique_id))
        for exposure in part(manifest, "exposures").values():
            for unique_id in _depends_on(exposure):
                self._readers.setdefault(unique_id, []).append(exposure)
        yield self._document("pipeline", project, name=project, page=self.how.pages)
        told: set[str] = set()
        for unique_id, key in self._keys.items():
            if key not in told:
                told.add(key)
                yield self._dataset(unique_id, nodes, project)
        yield from self._runs(project)

    def _dataset(self, unique_id: str, nodes: Payload, project: str) -> Document:
        node = record(nodes, unique_id)
        kind, config = required(node, "resource_type"), part(node, "config")
        key = self._keys[unique_id]
        return self._document(
            "dataset",
            key,
            name=_name(node),
            uniqueId=unique_id,
            description=text(node, "description"),
            owners=self._owners(unique_id, node, config),
            tags=sorted({*_texts(node, "tags"), *_texts(config, "tags")}),
            inputs=sorted(self._inputs(unique_id, nodes) - {key}),
            pipeline="" if kind == "source" else project,
            schema=self._schema(unique_id, node),
            page=f"{self.how.pages}/#!/{kind}/{quote(unique_id)}" if self.how.pages else "",
        )

    def _runs(self, project: str) -> Iterator[Document]:
        told: set[str] = set()
        for results in self.artefacts.results:
            metadata, command = record(results, "metadata"), text(part(results, "args"), "which")
            key = required(metadata, "invocation_id")
            if command not in _RUNS or key in told:
                continue
            told.add(key)
            outcomes = records(results, "results")
            failed = [outcome for outcome in outcomes if text(outcome, "status") in _FAILED]
            messages = [f"{text(one, 'unique_id')}: {text(one, 'message')}" for one in failed]
            yield self._document(
                "pipeline-run",
                key,
                name=f"{project} {command}",
                project=project,
                status="failed" if failed else "succeeded",
                started=_utc(metadata, "invocation_started_at") or _first_start(outcomes),
                ended=_utc(metadata, "generated_at"),
                error="\n".join(messages)[:_LONGEST_MESSAGE],
            )

    def _has_table(self, node: Payload) -> bool:
        kind = required(node, "resource_type")
        return kind in _RANK and text(part(node, "config"), "materialized") != "ephemeral"

    def _key(self, node: Payload) -> str:
        """Databases without one of the levels leave its part out."""
        names = {
            "database": text(node, "database"),
            "schema": text(node, "schema"),
            "name": _name(node),
        }
        key = ".".join(names[name] for name in self.how.key_parts if names[name])
        return key.lower() if self.how.lower_case else key

    def _inputs(self, unique_id: str, nodes: Payload) -> set[str]:
        """The keys of the tables that a node reads, looking through nodes that have none."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = _depends_on(record(nodes, unique_id))
        while waiting:
            other = waiting.pop()
            if other in seen:
                continue
            seen.add(other)
            if other in self._keys:
                found.add(self._keys[other])
            elif other in nodes:
                waiting += _depends_on(record(nodes, other))
        return found

    def _owners(self, unique_id: str, node: Payload, config: Payload) -> list[str]:
        for meta in (part(node, "meta"), part(config, "meta"), part(node, "source_meta")):
            if owners := self._people(meta.get(self.how.owner_key)):
                return owners
        group = text(node, "group") or text(config, "group")
        groups = part(self.artefacts.manifest, "groups").values()
        same = (one for one in groups if group and text(one, "name") == group)
        for owner in (part(one, "owner") for one in same):
            if owners := self._people(owner.get("email")):
                return owners
        readers = self._readers.get(unique_id, []) if self.how.exposure_owners else []
        emails = [part(exposure, "owner").get("email") for exposure in readers]
        return sorted({who for email in emails for who in self._people(email)})

    def _people(self, told: Any) -> list[str]:
        """Logins or e-mail addresses; what has another form names nobody."""
        if isinstance(told, Mapping):
            told = told.get("email")
        words = told if isinstance(told, list) else [told]
        names = {
            who for word in words if isinstance(word, str) for who in re.split(r"[,;\s]+", word)
        }
        return sorted(who for who in names if self._nameable("person", who))

    def _schema(self, unique_id: str, node: Payload) -> str:
        """``name: type, …`` as the database has it, else as the project describes it."""
        catalog = self.artefacts.catalog
        seen = part(part(catalog, "nodes"), unique_id) or part(part(catalog, "sources"), unique_id)
        if columns := part(seen, "columns"):
            known = [record(columns, name) for name in columns]
            ordered = sorted(known, key=lambda column: integer(column, "index"))
            return ", ".join(_column(column, text(column, "type")) for column in ordered)
        columns = part(node, "columns")
        described = [record(columns, name) for name in columns]
        return ", ".join(_column(column, text(column, "data_type")) for column in described)

    def _nameable(self, entity_type: str, key: str) -> EntityRef | None:
        try:
            return EntityRef(entity_type, self.how.source, key)
        except BadIri:
            return None

    def _document(self, entity_type: str, key: str, **values: Any) -> Document:
        ref = self._nameable(entity_type, key)
        if ref is None:
            raise BadPayload(f"the {entity_type} {key[:200]!r} has a key that cannot be used.")
        payload = {name: value for name, value in values.items() if value not in ("", None, [])}
        return Document(ref=ref, payload=payload)


def _rank(node: Payload) -> tuple[int, str]:
    kind = required(node, "resource_type")
    return _RANK.index(kind) if kind in _RANK else len(_RANK), required(node, "unique_id")


def _name(node: Payload) -> str:
    """The table's own name: sources have it as identifier, the others as alias."""
    return text(node, "identifier") or text(node, "alias") or required(node, "name")


def _depends_on(node: Payload) -> list[str]:
    return _texts(part(node, "depends_on"), "nodes")


def _texts(parent: Payload, name: str) -> list[str]:
    """A list of texts; dbt lets one stand for a list."""
    told = parent.get(name)
    words = [told] if isinstance(told, str) else [] if told is None else told
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadPayload(f"{name!r} is not a list of texts: {str(told)[:200]}")
    return [word for word in words if word]


def _column(column: Payload, kind: str) -> str:
    name = required(column, "name")
    return f"{name}: {kind}" if kind else name


def _first_start(outcomes: list[Payload]) -> str | None:
    moments = [_utc(timing, "started_at") for one in outcomes for timing in records(one, "timing")]
    return min((moment for moment in moments if moment), default=None)


def _utc(parent: Payload, name: str) -> str | None:
    """A moment as the one way to write it in ``xsd:dateTime``; dbt means UTC if it names no zone."""
    told = text(parent, name)
    if not told:
        return None
    try:
        moment = datetime.fromisoformat(told)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole, _, fraction = zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    except (ValueError, OverflowError) as error:
        raise BadPayload(f"{name!r} is not a moment: {told[:200]}") from error
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"
