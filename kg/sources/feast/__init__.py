"""Feast: entities, feature views, their features, feature services, and the data behind them.

Asks the REST server of a Feast registry, ``feast serve_registry --rest-api`` (tried with 0.67.0);
no Feast library is needed. Settings::

    [sources.feast]
    kind = "feast"
    url = "http://127.0.0.1:6572"        # the registry server, with a path if it has one
    project = "aurora"                   # or several: project = ["aurora", "tundra"]
    token = "env:FEAST_TOKEN"            # for a server that wants a bearer token
    public_url = ""                      # where people open Feast's UI; without it no pages
    owner_tag = "owner"                  # the tag that names an owner where Feast has no field
    timeout_seconds = 10
    per_second = 0                       # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64
    page_size = 100                      # records asked for at a time, 100 at most

What is what:

=================================== ================== =================================
Feast                               type               key
=================================== ================== =================================
entity                              ``feature-entity`` its name
feature view: batch, stream, on     ``feature-set``    its name
demand
feature of a view                   ``feature``        ``view:feature``
feature service                     ``feature-set``    ``service:name``
data source with stored data        ``dataset``        its table, path or topic as
                                                       configured; of a query, its name
=================================== ================== =================================

With several projects keys begin with ``project/``, except those of tables, topics and absolute
paths: a table is the same one whoever reads it. So another source may own the tables: with
``links = {dataset = "iceberg"}`` features are computed from its datasets.

A view brings its features along, which Feast keeps in it. A feature and its view are computed from
the view's data sources. An on-demand view depends on the features it is calculated from. A feature
service is the set of features that a model reads: they are not *members* of it, since it neither
defines nor computes them; the service depends on them, and not they on it. A view is keyed by its
entities, and has the join keys that Feast copied into it when it was applied; Feast's own entity
``__dummy`` means that there is none. Owners are persons; those of a feature are named by its tag
``owner``, else they are those of its view. A list of numbers is an embedding if it has a vector
index or length, or the tag ``embedding``.

Left out, for the ontology has no place for them: label views, saved datasets and permissions.
Request sources hold no data: their values come with a request. A push source is the way into its
batch source, which stands for it. Code of transformations is not read.

Feast's notices are its OpenLineage events: ``openlineage: {transport_type: http, transport_url: …}``
in ``feature_store.yaml``, and ``[sources.NAME.datasets] aurora = "feast"`` at the source of the kind
``openlineage``, make events here of the views, services and data that an apply or a materialisation
names. They come at each apply, changed or not, and never for what was deleted. So the rest,
entities too, is found by the sweep, or by whoever says what changed.

Known limits: a view with a colon in its name is left out, as is what has a control character (the
log says so). Only lists are asked for, a page at a time and one after the other, since Feast writes
to its registry when it is asked for one object (`client` tells more); so a sweep of thousands of
views takes its time. A project that does not exist counts as a wrong setting, and nothing of it as
gone: take it out of the settings instead. A listing is not one moment: what it lacks is gone only
if ``fetch`` agrees.
"""

from __future__ import annotations

import builtins
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.answers import required
from kg.sources.feast.client import Client
from kg.sources.feast.data_sources import stored_in
from kg.sources.feast.documents import Documents, Naming, is_entity, nameable, spec_of
from kg.sources.http import checked_url, positive, whole_number
from kg.sources.pace import Pace

_log = logging.getLogger(__name__)
_LARGEST_PAGE = 100
_Documents = tuple[Document, ...] | None


class FeastSource:
    """One Feast registry. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {"feature", "feature-entity", "feature-set", "dataset"}
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        *,
        url: str,
        project: str | builtins.list[str],
        token: str = "",
        public_url: str = "",
        owner_tag: str = "owner",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
        page_size: int = _LARGEST_PAGE,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._naming = Naming(projects=_projects(name, project))
        self._ask = Client(
            name,
            url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size, most=_LARGEST_PAGE),
            pause=pause,
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        self._make = Documents(
            source=name,
            naming=self._naming,
            pages=checked_url(name, public_url) if public_url else "",
            owner_tag=owner_tag,
        )
        self._finders: Mapping[str, Callable[[str], Iterable[Document]]] = {
            "feature-set": self._set,
            "feature": self._feature,
            "feature-entity": self._entity,
            "dataset": self._dataset,
        }

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self._finders or ref.source != self.name:
            raise not_owned(self, ref)
        found = self._found(ref) or self._found(ref)  # it may have changed pages meanwhile
        if not found:
            self._be_sure_of_projects()
        return Snapshot(ref=ref, documents=found)

    def list(self) -> Iterator[EntityRef]:
        return (ref for ref, _ in self._listed())

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        for ref, documents in self._listed():
            yield ref if documents is None else Snapshot(ref=ref, documents=documents)

    def close(self) -> None:
        self._ask.close()

    def _found(self, ref: EntityRef) -> tuple[Document, ...]:
        try:
            return tuple({d.ref: d for d in self._finders[ref.type](ref.key)}.values())
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error

    def _be_sure_of_projects(self) -> None:
        """Feast answers for a project that does not exist as for one with nothing in it."""
        for project in self._naming.projects:
            self._ask.insist_on(project)

    # --- an entity's documents: its own comes first; none if it is not there ----------------------

    def _set(self, key: str) -> Iterator[Document]:
        project, name = self._naming.split(key)
        service = self._naming.service_in(name)
        if not project:
            return
        if service:
            if (found := self._ask.service(project, service)) is not None:
                yield from self._documents_of_service(project, found)
        elif (found := self._view(project, name)) is not None:
            yield from self._documents_of_view(project, found)

    def _feature(self, key: str) -> Iterator[Document]:
        project, name = self._naming.split(key)
        view = name.partition(":")[0]
        if project and (found := self._view(project, view)) is not None:
            yield from (d for d in self._make.features(project, found) if d.ref.key == key)

    def _entity(self, key: str) -> Iterator[Document]:
        project, name = self._naming.split(key)
        known = project and is_entity(name)
        if known and (found := self._ask.entity(project, name)) is not None:
            yield from self._documents_of_entity(project, found)

    def _dataset(self, key: str) -> Iterator[Document]:
        """A table may be configured several times: all that is said of it is of one dataset."""
        if told := [source for own, source in self._data() if own == key]:
            yield from self._documents_of_data(key, told)

    def _documents_of_view(self, project: str, view: Payload) -> Iterator[Document]:
        yield self._make.view(project, view)
        yield from self._make.features(project, view)

    def _documents_of_service(self, project: str, service: Payload) -> Iterator[Document]:
        yield self._make.service(project, service)

    def _documents_of_entity(self, project: str, entity: Payload) -> Iterator[Document]:
        yield self._make.entity(project, entity)

    def _documents_of_data(self, key: str, told: Iterable[Payload]) -> Iterator[Document]:
        yield self._make.dataset(key, told)

    def _view(self, project: str, name: str) -> Payload | None:
        return self._ask.view(project, name) if name and ":" not in name else None

    # --- everything that there is -----------------------------------------------------------------

    def _listed(self) -> Iterator[tuple[EntityRef, _Documents]]:
        self._be_sure_of_projects()
        seen: set[tuple[str, str]] = set()
        for entity_type, key, documents in self._everything():
            if (entity_type, key) in seen:
                continue
            seen.add((entity_type, key))
            ref = nameable(self.name, entity_type, key)
            if ref is None:
                _log.warning("%s: %s %r is left out for its key", self.name, entity_type, key)
            else:
                yield ref, documents

    def _everything(self) -> Iterator[tuple[str, str, _Documents]]:
        """Type, key and documents of each entity; None if they are for `fetch` to find unusable."""
        for project in self._naming.projects:
            for entity in self._ask.entities(project):
                name = required(spec_of(entity), "name")
                if is_entity(name):
                    whole = _usable(self._documents_of_entity, project, entity)
                    yield "feature-entity", self._naming.key(project, name), whole
            for view in self._ask.views(project):
                name = required(spec_of(view), "name")
                if ":" in name:
                    _log.warning("%s: view %r is left out for its colon", self.name, name)
                    continue
                whole = _usable(self._documents_of_view, project, view)
                yield "feature-set", self._naming.key(project, name), whole
                by_key = {document.ref.key: document for document in whole or ()}
                for key in self._make.feature_keys(project, view):
                    yield "feature", key, (by_key[key],) if key in by_key else None
            for service in self._ask.services(project):
                key = self._naming.service(project, required(spec_of(service), "name"))
                yield "feature-set", key, _usable(self._documents_of_service, project, service)
        tables: dict[str, builtins.list[Payload]] = {}
        for key, source in self._data():
            tables.setdefault(key, []).append(source)
        for key, told in tables.items():
            yield "dataset", key, _usable(self._documents_of_data, key, told)

    def _data(self) -> Iterator[tuple[str, Payload]]:
        """Key and record of each data source that holds data."""
        for project in self._naming.projects:
            for source in self._ask.data_sources(project):
                for stored in stored_in(source):
                    yield self._naming.data(project, stored), stored


def _projects(source: str, project: object) -> tuple[str, ...]:
    given = [project] if isinstance(project, str) else project
    usable = (
        isinstance(given, list)
        and given
        and all(isinstance(name, str) and name and "/" not in name for name in given)
        and len(set(given)) == len(given)
    )
    if not isinstance(given, list) or not usable:
        raise BadSetting(
            f"[sources.{source}] project = {project!r} is not a project's name, nor a list of them."
        )
    return tuple(given)


def _usable(make: Callable[..., Iterable[Document]], *told: Any) -> _Documents:
    try:
        return tuple(make(*told))
    except BadPayload:
        return None
