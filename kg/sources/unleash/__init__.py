"""Unleash: flags that are experiments, their variants, and the share of people who get them.

Asks the admin API of an Unleash server (tried with the open-source 8.2.0), a program of its own
under the AGPL, of which nothing is needed here. Settings::

    [sources.unleash]
    kind = "unleash"
    url = "http://127.0.0.1:4242"        # the server, with a path if it has one
    token = "env:UNLEASH_TOKEN"          # of a service account or admin, who may read users
    webhook_secret = "env:UNLEASH_HOOK"  # the webhook's Authorization; without it no notices
    public_url = ""                      # where people open Unleash, if not at url
    control = "control"                  # the variant with which the others are compared
    model_key = "model"                  # the member of a variant's payload that names its model
    timeout_seconds = 10
    per_second = 0                       # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 16
    page_size = 100                      # flags asked for at a time, 100 at most

What is what:

================================== =================== ============================================
Unleash                            type                key
================================== =================== ============================================
flag of type experiment, or with   ``experiment``      ``project/flag``
variants in a strategy
variant, in whatever environment   ``experiment-cell`` ``project/flag/variant``
variant of a strategy              ``allocation``      ``project/flag/environment/strategy/variant``
creator of the flag                ``person``          e-mail; ``links`` says who knows them
model in a variant's payload       ``model-instance``  ``m-…`` of ``models:/m-…``
model in a variant's payload       ``model-version``   ``name/2`` of ``models:/name/2``
================================== =================== ============================================

To say which model a variant serves, give it the payload ``{"model": "models:/m-0123…"}`` (JSON), or
that address alone (a string), in the words of MLflow. The cell then tests that instance, the
trained artefact. ``models:/home-ranker/2`` names a version and no artefact; the ontology has no
cell that tests one, so the cell only depends on it, from which lineage is followed all the same.
``links = {model-instance = "mlflow", model-version = "mlflow"}`` says whose they are. Other
addresses, an alias such as ``models:/home-ranker@champion`` too, name nothing that stays the same
and are left out.

An experiment is completed when its flag is marked as stale, running when it gives out variants in
any environment, paused when it has variants and gives out none, and else a draft. A share is the
rollout times the weight, of the people whom the strategy's constraints (its audience) let in; it is
0 while the environment or the strategy is switched off. Types of environment that the ontology does
not know are left out. Keywords are tags, ``type::value`` unless the type is ``simple``.

A flag brings its cells and allocations along. A flag that is archived or deleted is gone, in
Unleash's own words for it; so is one that is no experiment any more.

Notices: create a webhook integration for all events ``feature-…`` with the address
``…/webhooks/{source}`` and an Authorization that is ``webhook_secret``, and leave the body as it is.
Outside public addresses the Unleash server needs ``allowPrivateUrlInIntegration``. It sends the
first notices a minute after a webhook is made, for it remembers so long which there are.

Known limits: Unleash does not sign its notices, so use https. The variants that older servers keep
per environment are not read. Unleash has no hypothesis, metric or result. A flag that is moved to
another project is a new experiment. Constraints inside segments are not shown. A listing is not one
moment: what it lacks is gone only if ``fetch`` agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Notice, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.answers import integer, part, required, text
from kg.sources.http import checked_url, positive, whole_number
from kg.sources.pace import Pace
from kg.sources.unleash import webhooks
from kg.sources.unleash.client import Client
from kg.sources.unleash.documents import Documents, is_experiment

_NAMES_IN_KEY: Final = {"experiment": 2, "experiment-cell": 3, "allocation": 5}
_LARGEST_PAGE: Final = 100


class UnleashSource:
    """One Unleash server. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(_NAMES_IN_KEY)
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        token: str,
        webhook_secret: str = "",
        public_url: str = "",
        control: str = "control",
        model_key: str = "model",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 16.0,
        page_size: int = _LARGEST_PAGE,
    ) -> None:
        self.name = name
        self._secret = webhook_secret
        self._ask = Client(
            name,
            url=url,
            headers={"Authorization": token},
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size, most=_LARGEST_PAGE),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        self._make = Documents(
            source=name,
            pages=checked_url(name, public_url or url),
            control=control,
            model_key=model_key,
        )

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        path = ref.key.split("/")
        if len(path) != _NAMES_IN_KEY[ref.type]:
            return Snapshot(ref=ref, documents=())
        try:
            found = {document.ref: document for document in self._documents(path[0], path[1])}
        except (BadPayload, BadIri) as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        if ref not in found:
            return Snapshot(ref=ref, documents=())
        if ref.type != "experiment":
            return Snapshot(ref=ref, documents=(found[ref],))
        return Snapshot(ref=ref, documents=tuple(found.values()))

    def list(self) -> Iterator[EntityRef]:
        for flag in self._ask.flags():
            whole = self._ask.flag(required(flag, "project"), required(flag, "name"))
            if whole is None or not is_experiment(whole):
                continue  # archived since it was listed, or only a switch
            seen = dict.fromkeys(d.ref for d in self._make.experiment(whole, tags=[], owner=""))
            yield from seen

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        setting = f"[sources.{self.name}] webhook_secret"
        webhooks.authenticate(headers, secret=self._secret, setting=setting)
        events = webhooks.events(self.name, body)
        return Notice(events=tuple(events), delivery=events[0].event_id if events else "")

    def close(self) -> None:
        self._ask.close()

    def _documents(self, project: str, name: str) -> Iterator[Document]:
        """What one flag tells of, the experiment first; nothing if it is none."""
        flag = self._ask.flag(project, name)
        if flag is None or not is_experiment(flag):
            return
        tags = self._ask.tags(required(flag, "name"))
        if tags is not None:  # else it was deleted just now
            yield from self._make.experiment(flag, tags=tags, owner=self._creator(flag))

    def _creator(self, flag: Payload) -> str:
        """The e-mail address of who made a flag; empty for API tokens and users without one."""
        number = integer(part(flag, "createdBy"), "id")
        user = self._ask.user(number) if number > 0 else None
        return text(user, "email") if user is not None else ""
