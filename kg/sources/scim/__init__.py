"""SCIM 2.0: the people and teams of an identity provider (RFC 7643 and 7644).

Tried with scim2-server 0.8.3. Settings::

    [sources.people]
    kind = "scim"
    url = "https://id.example.com/scim/v2"  # what comes before /Users
    token = "env:SCIM_TOKEN"                # a bearer token; or username and password
    key = "email"                           # what names a person; or userName, externalId,
                                            # employeeNumber, id
    team_key = "displayName"                # what names a team; or externalId, id
    filters = true                          # false: never filter, even if the server offers it
    remember_seconds = 30                   # see below; only for servers that cannot filter
    page_size = 100
    timeout_seconds = 10
    per_second = 0                          # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64

What is what:

===================== ============ ====================================================
SCIM                  type         key
===================== ============ ====================================================
user                  ``person``   the primary e-mail address in lower case
group                 ``team``     its displayName
===================== ============ ====================================================

Other systems name people by e-mail address, so that is their key; a user who lacks the attribute
is known by userName (in lower case if that is an e-mail address). With ``links = {person =
"people", team = "people"}`` in another source its owners become these persons. Without a primary
e-mail address the one for work counts, else the first. SCIM's own id is a second
``dct:identifier``. Accounts that share a key are one entity: it is described by the active account
(else by the one with the lowest id), and belongs to the teams of all of them.

The manager comes from the enterprise extension. Membership is a fact of the person, and is asked
of /Groups, since users seldom tell it; a group inside a group is part of that team. An account
with ``active: false`` is a person who has left, and no deletion. An entity is gone when the server
answers 404 to its id, or that no user or group has its key.

/ServiceProviderConfig is read first. A server that does not offer filters (or refuses one by
``invalidFilter``) is asked for all users and groups in their place; where they are is then
remembered for ``remember_seconds``, so memberships may be that old, while a person or team itself
is always asked for anew. Such servers are sent no startIndex and count either, for some answer 500
to them, unless a listing turns out to have more. A listing that does not reach its total is
`SourceUnavailable`.

SCIM sends no notices: all changes are found by the sweep.

Known limits: no OAuth 2 client credentials, only fixed tokens. A server that minds the case of
e-mail addresses in filters, against RFC 7643, needs ``filters = false``. An entity whose key has a
control character is left out (the log says so).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from kg.errors import BadIri, BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.answers import required
from kg.sources.http import credentials, positive, whole_number
from kg.sources.pace import Pace
from kg.sources.scim.client import USERS, Client
from kg.sources.scim.directory import Directory
from kg.sources.scim.documents import Keys, manager_of, person, preferred, team
from kg.sources.scim.everyone import Everyone

_log = logging.getLogger(__name__)


class ScimSource:
    """One SCIM server. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset({"person", "team"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        token: str = "",
        username: str = "",
        password: str = "",
        key: str = "email",
        team_key: str = "displayName",
        filters: bool = True,
        remember_seconds: float = 30.0,
        page_size: int = 100,
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
    ) -> None:
        self.name = name
        self._keys = Keys.checked(name, person=key, team=team_key)
        if not isinstance(filters, bool):
            raise BadSetting(f"[sources.{name}] filters = {filters!r} is not true or false.")
        self._client = Client(
            name,
            url=url,
            headers=credentials(name, token=token, username=username, password=password),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        self._directory = Directory(
            self._client,
            keys=self._keys,
            filters=filters,
            remember_seconds=positive(name, "remember_seconds", remember_seconds),
        )
        self._finders: Mapping[str, Callable[[str], Payload | None]] = {
            "person": self._person,
            "team": self._team,
        }

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self._finders or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            payload = self._finders[ref.type](ref.key)
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        documents = () if payload is None else (Document(ref=ref, payload=payload),)
        return Snapshot(ref=ref, documents=documents)

    def list(self) -> Iterator[EntityRef]:
        return (ref for ref, _ in self._listed(Everyone(self._client, self._keys)))

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        everyone = Everyone(self._client, self._keys)
        for ref, payload in self._listed(everyone):
            if everyone.shows_members:
                yield Snapshot(ref=ref, documents=(Document(ref=ref, payload=payload),))
            else:
                yield ref

    def close(self) -> None:
        self._client.close()

    def _listed(self, everyone: Everyone) -> Iterator[tuple[EntityRef, Payload]]:
        for entity_type, key, payload in everyone:
            try:
                ref = EntityRef(entity_type, self.name, key)
            except BadIri:
                _log.warning("%s: %s %r is left out for its key", self.name, entity_type, key)
            else:
                yield ref, payload

    def _person(self, key: str) -> Payload | None:
        accounts = self._directory.people(key)
        if not accounts:
            return None
        account = preferred(accounts)
        teams = {found for user in accounts for found in self._directory.teams_of_user(user)}
        return person(account, manager=self._manager(account, key), teams=teams)

    def _team(self, key: str) -> Payload | None:
        groups = self._directory.teams(key)
        if not groups:
            return None
        parents = {found for group in groups for found in self._directory.teams_of(group)}
        return team(preferred(groups), parents=parents - {key})

    def _manager(self, account: Payload, key: str) -> str:
        """The manager's key; empty if there is none, or the account is not there any more."""
        manager_id = manager_of(account)
        if manager_id in ("", required(account, "id")):
            return ""
        manager = self._client.one(USERS, manager_id)
        found = "" if manager is None else self._keys.person(manager)
        return "" if found == key else found
