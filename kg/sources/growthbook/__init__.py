"""GrowthBook: experiments, their variations, who is put into them, and the metrics that decide.

Asks GrowthBook's REST API (written after its public description, version 1, and tried with answers
that keep to it, not with a running server). Settings::

    [sources.growthbook]
    kind = "growthbook"
    url = "http://127.0.0.1:3100"            # the API; in GrowthBook's cloud https://api.growthbook.io
    token = "env:GROWTHBOOK_KEY"             # a secret key or access token that may read
    webhook_secret = "env:GROWTHBOOK_HOOK"   # of the event webhook; without it no notices
    app_url = ""                             # where people open GrowthBook, for links to its pages
    model_key = "model"                      # the member of a variation's value that names its model
    timeout_seconds = 10
    per_second = 0                           # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64
    page_size = 100                          # records asked for at a time, 100 at most

What is what:

=============================== =================== ===========================================
GrowthBook                      type                key
=============================== =================== ===========================================
experiment, archived ones too   ``experiment``      its id, ``exp_…``
variation                       ``experiment-cell`` ``experiment/variation``, by their ids
variation's weight in a phase   ``allocation``      ``experiment/phase/variation``, the first
                                                    phase being 1
metric, fact metric             ``metric``          its id, ``met_…`` or ``fact__…``
owner of an experiment          ``person``          e-mail; ``links`` says who knows them
model in a variation's value    ``model-instance``  ``m-…`` of ``models:/m-…``
model in a variation's value    ``model-version``   ``name/2`` of ``models:/name/2``
=============================== =================== ===========================================

GrowthBook's features are switches and no features of models, so they are no entities here. What
they say of an experiment they are linked to is asked for with it: the value that a rule gives to a
variation, and the environments whose rule for it is in force, as the last phase's environment. To
say which model a variation serves, let a feature give it the value ``{"model": "models:/m-0123…"}``,
or that address alone, in the words of MLflow. The cell then tests that instance; it only depends on
a version, ``models:/home-ranker/2``. ``links = {model-instance = "mlflow", model-version = "mlflow"}``
says whose they are. Other addresses, an alias too, name nothing that stays the same and are left out.

The first variation is the control. An experiment that is stopped is completed. It takes in what the
last phase covers, and begins with the first; its goal metrics are those on which the decision rests.
Environments are known by the names dev, development, staging, prod and production; others are left
out. An owner who is given by name or by GrowthBook's own id is left out.

Notices: add an event webhook (Settings, Webhooks) with the address ``…/webhooks/{source}``, the
payload JSON and the events ``experiment.…`` and ``feature.…``; its secret is ``webhook_secret``. Its
signature holds for the body alone. One that comes again is passed over, and one that
says it is over an hour old is refused. SDK webhooks, which sign as Standard Webhooks do, are checked
and answered too, but name no experiment: they bring nothing. Metrics send no notices; the sweep
finds their changes.

GrowthBook allows each key 60 requests a minute, unless its server is told otherwise
(``API_RATE_LIMIT_MAX``), and says when to come back, which is kept to. ``per_second`` below 1 leaves
some of them to others with the same key.

Known limits: to a key that may not read a project, GrowthBook says that its experiments do not
exist, and so they are gone; give the key what it needs first. Results are not read. Groups of
metrics, guardrails and secondary metrics are no goals.
A listing is not one moment: what it lacks is gone only if ``fetch`` agrees.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Notice, Snapshot, utc_now
from kg.sources import not_owned
from kg.sources.answers import required
from kg.sources.growthbook import webhooks
from kg.sources.growthbook.client import Client
from kg.sources.growthbook.documents import Documents, entities
from kg.sources.http import checked_url, credentials, positive, whole_number
from kg.sources.pace import Pace

_LARGEST_PAGE: Final = 100


class GrowthbookSource:
    """One GrowthBook organisation. The module's docstring has the settings and what is what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {"experiment", "experiment-cell", "allocation", "metric"}
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        token: str,
        webhook_secret: str = "",
        app_url: str = "",
        model_key: str = "model",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
        page_size: int = _LARGEST_PAGE,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self._secret = webhook_secret
        self._now = now
        self._ask = Client(
            name,
            url=url,
            headers=credentials(name, token=token, username="", password=""),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size, most=_LARGEST_PAGE),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        self._make = Documents(
            source=name,
            pages=checked_url(name, app_url) if app_url else "",
            model_key=model_key,
        )

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            found = {document.ref: document for document in self._documents(ref)}
        except (BadPayload, BadIri) as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        if ref not in found:
            return Snapshot(ref=ref, documents=())
        if ref.type != "experiment":
            return Snapshot(ref=ref, documents=(found[ref],))
        return Snapshot(ref=ref, documents=tuple(found.values()))

    def list(self) -> Iterator[EntityRef]:
        for experiment in self._ask.experiments():
            for entity_type, key in dict.fromkeys(entities(experiment)):
                yield self._ref(entity_type, key)
        for metric in self._ask.metrics():
            yield self._ref("metric", required(metric, "id"))

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        now = self._now()
        setting = f"[sources.{self.name}] webhook_secret"
        delivery = webhooks.authenticate(
            headers, body, secret=self._secret, setting=setting, now=now
        )
        events = webhooks.events(self.name, body, delivery=delivery, now=now)
        # Without its moment a body may be the same as of an earlier notice.
        is_dated = all(event.time for event in events)
        return Notice(events=tuple(events), delivery=delivery if is_dated else "")

    def close(self) -> None:
        self._ask.close()

    def _ref(self, entity_type: str, key: str) -> EntityRef:
        try:
            return EntityRef(entity_type, self.name, key)
        except BadIri as error:
            raise BadPayload(f"Source {self.name!r} lists {key!r:.200}: {error}") from error

    def _documents(self, ref: EntityRef) -> Iterator[Document]:
        """What one metric or experiment tells of; nothing if it is not there."""
        if ref.type == "metric":
            metric = self._ask.metric(ref.key)
            if metric is not None:
                yield self._make.metric(metric)
            return
        experiment = self._ask.experiment(ref.key.partition("/")[0])
        if experiment is None:
            return
        linked = map(self._ask.feature, _names(experiment.get("linkedFeatures") or []))
        features = [feature for feature in linked if feature is not None]
        yield from self._make.experiment(experiment, features=features)


def _names(linked: Any) -> builtins.list[str]:
    if not isinstance(linked, builtins.list) or not all(isinstance(name, str) for name in linked):
        raise BadPayload(f"linkedFeatures are no list of ids: {linked!r:.200}")
    return linked
