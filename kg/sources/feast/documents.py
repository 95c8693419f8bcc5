"""Feast's records as documents: what `context.jsonld` cannot say, in pure functions.

A record becomes the same document wherever it was found, alone or in a list, so it does not matter
which call told of an entity. What Feast copies into other records (a view's columns into services,
its data source into the view) serves to refer to it only, since the copies age.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import integer, part, record, records, required, text
from kg.sources.feast.data_sources import address, is_relative, place_of, stored_in

_SERVICE: Final = "service:"
_NO_ENTITY: Final = "__dummy"
_NO_KEY: Final = "__dummy_id"
_EMBEDDING: Final = "embedding"
_VECTOR: Final = frozenset({"FLOAT_LIST", "DOUBLE_LIST", "INT32_LIST", "INT64_LIST"})
_SEVERAL: Final = ("_LIST", "_SET")
_UNTYPED: Final = frozenset({"", "INVALID", "UNKNOWN", "NULL"})
_NO: Final = frozenset({"false", "no", "0"})
_ADDRESS: Final = re.compile(r"[^\s<>,;]+@[^\s<>,;]+")


def nameable(source: str, entity_type: str, key: str) -> EntityRef | None:
    """The entity's name, or None if the graph cannot hold such a key."""
    try:
        return EntityRef(entity_type, source, key)
    except BadIri:
        return None


def is_entity(name: str) -> bool:
    """False of the one that Feast itself adds, for views that are about nothing in particular."""
    return name != _NO_ENTITY


def spec_of(entry: Payload) -> Payload:
    return record(entry, "spec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Keys of what Feast names within a project. Of several projects, they say which."""

    projects: tuple[str, ...]

    def key(self, project: str, name: str) -> str:
        return f"{project}/{name}" if len(self.projects) > 1 else name

    def service(self, project: str, name: str) -> str:
        return self.key(project, _SERVICE + name)

    def feature(self, project: str, view: str, name: str) -> str:
        return self.key(project, f"{view}:{name}")

    def data(self, project: str, source: Payload) -> str:
        """The table, path or topic; the name of what has none. Projects share what is absolute."""
        place = place_of(source)
        if place and not is_relative(source):
            return place
        return self.key(project, place or required(source, "name"))

    def split(self, key: str) -> tuple[str, str]:
        """Project and name in a key; both empty if the project is none of ours."""
        if len(self.projects) == 1:
            return self.projects[0], key
        project, _, name = key.partition("/")
        return (project, name) if project in self.projects else ("", "")

    @staticmethod
    def service_in(name: str) -> str:
        """The service that a feature set's name is of; empty for a view."""
        return name.removeprefix(_SERVICE) if name.startswith(_SERVICE) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one configured registry, whose UI is at ``pages`` if it has one."""

    source: str
    naming: Naming
    pages: str
    owner_tag: str

    def view(self, project: str, view: Payload) -> Document:
        spec, meta = spec_of(view), part(view, "meta")
        name = required(spec, "name")
        features, sets = self._inputs(project, spec)
        return self._document(
            "feature-set",
            self.naming.key(project, name),
            name=name,
            description=text(spec, "description"),
            owners=self._owners(spec),
            tags=self._keywords(spec),
            entities=self._entities(project, spec),
            entityKey=[key for key in _join_keys(spec) if key != _NO_KEY],
            datasets=self._datasets(project, spec),
            inputs=features,
            inputSets=sets,
            created=_moment(meta, "createdTimestamp"),
            modified=_moment(meta, "lastUpdatedTimestamp"),
            page=self._page(project, "feature-view", name),
        )

    def features(self, project: str, view: Payload) -> Iterator[Document]:
        spec = spec_of(view)
        view_name, owners = required(spec, "name"), self._owners(spec)
        datasets = self._datasets(project, spec)
        for column in _columns(spec):
            name = required(column, "name")
            key = self.naming.feature(project, view_name, name)
            if not nameable(self.source, "feature", key):
                continue
            yield self._document(
                "feature",
                key,
                name=name,
                set=self.naming.key(project, view_name),
                description=text(column, "description"),
                owners=self._owners(column) or owners,
                tags=self._keywords(column),
                valueType=_value_type(column),
                dimension=integer(column, "vectorLength") or None,
                datasets=datasets,
                page=self._page(project, "feature-view", view_name, "feature", name),
            )

    def feature_keys(self, project: str, view: Payload) -> list[str]:
        spec = spec_of(view)
        view_name = required(spec, "name")
        names = [required(column, "name") for column in _columns(spec)]
        return [self.naming.feature(project, view_name, name) for name in names]

    def service(self, project: str, service: Payload) -> Document:
        spec, meta = spec_of(service), part(service, "meta")
        name = required(spec, "name")
        features, sets = self._selected(project, records(spec, "features"))
        return self._document(
            "feature-set",
            self.naming.service(project, name),
            name=name,
            description=text(spec, "description"),
            owners=self._owners(spec),
            tags=self._keywords(spec),
            inputs=features,
            inputSets=sets,
            created=_moment(meta, "createdTimestamp"),
            modified=_moment(meta, "lastUpdatedTimestamp"),
            page=self._page(project, "feature-service", name),
        )

    def entity(self, project: str, entity: Payload) -> Document:
        spec, meta = spec_of(entity), part(entity, "meta")
        name = required(spec, "name")
        return self._document(
            "feature-entity",
            self.naming.key(project, name),
            name=name,
            description=text(spec, "description"),
            owners=self._owners(spec),
            tags=self._keywords(spec),
            entityKey=text(spec, "joinKey"),
            valueType=_value_type(spec),
            created=_moment(meta, "createdTimestamp"),
            modified=_moment(meta, "lastUpdatedTimestamp"),
            page=self._page(project, "entity", name),
        )

    def dataset(self, key: str, told: Iterable[Payload]) -> Document:
        """What the data sources that keep their data there say of it, the first name first.

        The same source may come twice, once inside a stream that it keeps the data of.
        """
        sources = sorted(told, key=lambda source: (required(source, "name"), str(source)))
        moments = [_moment(part(s, "meta"), "createdTimestamp") for s in sources]
        return self._document(
            "dataset",
            key,
            name=required(sources[0], "name"),
            description=next((d for s in sources if (d := text(s, "description"))), ""),
            owners=sorted({owner for s in sources for owner in self._owners(s)}),
            tags=sorted({tag for s in sources for tag in self._keywords(s)}),
            location=next((place for s in sources if (place := address(s))), ""),
            created=min((moment for moment in moments if moment), default=None),
        )

    def _inputs(self, project: str, spec: Payload) -> tuple[list[str], list[str]]:
        """The features and whole views that a view is calculated from."""
        projections: list[Payload] = []
        views = [required(view, "name") for view in records(spec, "sourceViews")]
        for source in part(spec, "sources").values():
            if not isinstance(source, dict):
                raise BadPayload(f"a source of a view is not an object: {source!r}"[:200])
            if projection := part(source, "featureViewProjection"):
                projections.append(projection)
            if view := part(source, "featureView"):
                views.append(required(spec_of(view), "name"))
        features, sets = self._selected(project, projections)
        return features, sorted({*sets, *self._referable("feature-set", project, views)})

    def _selected(
        self, project: str, projections: Iterable[Payload]
    ) -> tuple[list[str], list[str]]:
        """The features that projections choose from views; the view if they choose none."""
        features: set[str] = set()
        sets: set[str] = set()
        for projection in projections:
            view = required(projection, "featureViewName")
            names = [required(c, "name") for c in records(projection, "featureColumns")]
            if ":" in view:
                continue
            features.update(
                self._referable("feature", project, [f"{view}:{name}" for name in names])
            )
            if not names:
                sets.update(self._referable("feature-set", project, [view]))
        return sorted(features), sorted(sets)

    def _datasets(self, project: str, spec: Payload) -> list[str]:
        found: set[str] = set()
        for name in ("batchSource", "streamSource"):
            if source := part(spec, name):
                for stored in stored_in(source):
                    found.add(self.naming.data(project, stored))
        return sorted(key for key in found if nameable(self.source, "dataset", key))

    def _entities(self, project: str, spec: Payload) -> list[str]:
        return self._referable("feature-entity", project, filter(is_entity, _entity_names(spec)))

    def _referable(self, entity_type: str, project: str, names: Iterable[str]) -> list[str]:
        keys = [self.naming.key(project, name) for name in names]
        return [key for key in keys if nameable(self.source, entity_type, key)]

    def _owners(self, spec: Payload) -> list[str]:
        """E-mail addresses if there are any, else the logins or names between commas."""
        given = text(spec, "owner") or _tags(spec).get(self.owner_tag, "")
        found = _ADDRESS.findall(given) or [name.strip() for name in re.split("[,;]", given)]
        return sorted({name for name in found if nameable(self.source, "person", name)})

    def _keywords(self, spec: Payload) -> list[str]:
        return sorted(
            f"{key}::{value}" if value else key
            for key, value in _tags(spec).items()
            if key != self.owner_tag
        )

    def _page(self, project: str, *path: str) -> str:
        steps = "/".join(quote(step, safe="") for step in (project, *path))
        return f"{self.pages}/p/{steps}" if self.pages else ""

    def _document(self, entity_type: str, key: str, **values: Any) -> Document:
        ref = nameable(self.source, entity_type, key)
        if ref is None:
            raise BadPayload(f"Feast's {entity_type} {key[:200]!r} has a key that cannot be used.")
        payload = {name: value for name, value in values.items() if value not in ("", None, [])}
        return Document(ref=ref, payload=payload)


def _entity_names(spec: Payload) -> list[str]:
    names = spec.get("entities", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadPayload(f"the entities of a view are not a list of names: {names!r}"[:200])
    return names


def _join_keys(spec: Payload) -> list[str]:
    return [required(column, "name") for column in records(spec, "entityColumns")]


def _columns(spec: Payload) -> list[Payload]:
    """The features of a view. Feast lists the join keys of a stream view among them."""
    keys = _join_keys(spec)
    return [c for c in records(spec, "features") if required(c, "name") not in keys]


def _tags(spec: Payload) -> Mapping[str, str]:
    tags = part(spec, "tags")
    return {key: text(tags, key) for key in tags}


def _value_type(column: Payload) -> str:
    """Feast's word for the type, with those of several values as one, and embeddings told apart."""
    kind = text(column, "valueType").upper()
    if kind in _UNTYPED:
        return ""
    indexed = bool(column.get("vectorIndex")) or integer(column, "vectorLength") > 0
    tagged = _tags(column).get(_EMBEDDING, "no").lower() not in _NO
    if (kind in _VECTOR and (indexed or tagged)) or (kind == "BYTES" and indexed):
        return "EMBEDDING"
    return "LIST" if kind.endswith(_SEVERAL) else kind


def _moment(meta: Payload, name: str) -> str | None:
    """Feast's time, in the one way to write that moment in ``xsd:dateTime``."""
    given = text(meta, name)
    if not given:
        return None
    try:
        time = datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadPayload(f"In an answer {name!r} is not a time: {given!r}.") from error
    whole, _, fraction = time.strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"
