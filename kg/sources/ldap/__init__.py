"""LDAP: the people and groups of a directory, such as OpenLDAP, 389 or Active Directory.

Needs the extra ``ldap`` (ldap3). Tried with OpenLDAP's slapd 2.5. Settings::

    [sources.directory]
    kind = "ldap"
    url = "ldaps://ldap.example.com"         # or ldap://, which is not encrypted
    start_tls = false                        # encrypt a connection to ldap://
    ca_file = ""                             # the authorities to trust, if not the system's
    bind_dn = "cn=graph,dc=example,dc=com"   # who reads; without it the reading is anonymous
    password = "env:LDAP_PASSWORD"
    people_base = "ou=people,dc=example,dc=com"
    people_filter = "(objectClass=person)"
    groups_base = "ou=groups,dc=example,dc=com"
    groups_filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)…)"  # and
                                             # posixGroup and group
    key = "mail"                             # the attribute that names a person
    login = "uid"                            # names those who lack it; sAMAccountName for AD
    team_key = "cn"
    membership = "member"                    # or memberOf, see below
    page_size = 500
    timeout_seconds = 10
    per_second = 0                           # requests that begin in a second at most; 0 is no limit

What is what:

===================== ============ ====================================================
LDAP                  type         key
===================== ============ ====================================================
entry of people_base  ``person``   its mail in lower case
entry of groups_base  ``team``     its cn
===================== ============ ====================================================

Other systems name people by e-mail address, so that is their key; an entry without one is known by
its uid, and one with neither is left out (the log says so). LDAP keeps no order of values: of
several addresses the first in the alphabet counts. The cn of a group is that in its DN, where the
others are only more names for it. With ``links = {person = "directory", team = "directory"}`` in
another source its owners become these persons. entryUUID (objectGUID in Active Directory) is a
second ``dct:identifier``. Entries that share a key are one entity: it is described by the active
one (else by the first by DN), and belongs to the teams of all of them.

Membership is a fact of the person. ``membership = "member"`` asks which groups have the person as
member, uniqueMember or memberUid, which every server can tell; ``"memberOf"`` trusts the person's
own memberOf, which is quicker where the server keeps it up. A group inside a group is part of that
team. The manager is another entry of people_base; other managers are left out.

In Active Directory computers are persons too; there ``people_filter =
"(&(objectCategory=person)(objectClass=user))"`` is better, with ``login = "sAMAccountName"``.

LDAP itself does not know who has left; ``userAccountControl`` of Active Directory and
``nsAccountLock`` of 389 are read as ``mlg:active``. An entity is gone when the directory finds
nobody under people_base (or groups_base) with its key. A base that is not there, a login that is
refused, a limit and a lost connection are `SourceUnavailable`.

Known limits: tried with OpenLDAP only; the attributes of others are read as they are documented.
Referrals are not followed, since only the configured server is asked. LDAP sends no notices, and a
change of a group does not change its members' entries: all is found by the sweep. It reads all
entries by two searches, and asks for those that differ from the graph.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from kg.errors import BadIri, BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.http import positive, whole_number
from kg.sources.ldap.client import Address, Client, Entry, Place
from kg.sources.ldap.directory import Asked, Directory, Finders, Held, Places
from kg.sources.ldap.documents import Keys
from kg.sources.pace import Pace

_log = logging.getLogger(__name__)

_PEOPLE = "(objectClass=person)"
_GROUPS = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)"
    "(objectClass=posixGroup)(objectClass=group))"
)


class LdapSource:
    """One directory. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset({"person", "team"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        people_base: str,
        groups_base: str,
        people_filter: str = _PEOPLE,
        groups_filter: str = _GROUPS,
        bind_dn: str = "",
        password: str = "",
        start_tls: bool = False,
        ca_file: str = "",
        key: str = "mail",
        login: str = "uid",
        team_key: str = "cn",
        membership: str = "member",
        page_size: int = 500,
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
    ) -> None:
        self.name = name
        if membership not in ("member", "memberOf"):
            raise BadSetting(f"[sources.{name}] membership is member or memberOf.")
        self._by_member_of = membership == "memberOf"
        self._keys = Keys.checked(name, key=key, login=login, team_key=team_key)
        self._places = Places(
            people=Place.checked(name, "people", base=people_base, filter=people_filter),
            groups=Place.checked(name, "groups", base=groups_base, filter=groups_filter),
            keys=self._keys,
        )
        self._client = Client(
            name,
            address=Address.checked(name, url, start_tls=start_tls, ca_file=ca_file),
            bind_dn=bind_dn,
            password=password,
            page_size=whole_number(name, "page_size", page_size),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            pace=Pace(name, per_second),
        )
        self._find = self._finder(Asked(self._client, self._places))

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            payload = self._find(ref.type, ref.key)
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        return _snapshot(ref, payload)

    def list(self) -> Iterator[EntityRef]:
        people = self._client.search(self._places.people, attributes=self._keys.of_people)
        groups = self._client.search(self._places.groups, attributes=self._keys.of_teams)
        return self._refs(people, groups)

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        held = Held(self._client, self._places)
        find = self._finder(held)
        for ref in self._refs(held.all_people, held.all_groups):
            try:
                yield _snapshot(ref, find(ref.type, ref.key))
            except BadPayload:  # fetching it will tell
                yield ref

    def close(self) -> None:
        self._client.close()

    def _finder(self, directory: Directory) -> Callable[[str, str], Payload | None]:
        return Finders(directory, self._keys, by_member_of=self._by_member_of).find

    def _refs(self, people: Iterable[Entry], groups: Iterable[Entry]) -> Iterator[EntityRef]:
        seen: set[tuple[str, str]] = set()
        for entity_type, key, dn in self._named(people, groups):
            if (entity_type, key) in seen:
                continue
            seen.add((entity_type, key))
            try:
                ref = EntityRef(entity_type, self.name, key)
            except BadIri:
                _log.warning("%s: %s %s is left out for its key", self.name, entity_type, dn)
            else:
                yield ref

    def _named(
        self, people: Iterable[Entry], groups: Iterable[Entry]
    ) -> Iterator[tuple[str, str, str]]:
        for entry in people:
            yield "person", self._keys.person(entry), entry.dn
        for entry in groups:
            yield "team", self._keys.team(entry), entry.dn


def _snapshot(ref: EntityRef, payload: Payload | None) -> Snapshot:
    return Snapshot(
        ref=ref, documents=() if payload is None else (Document(ref=ref, payload=payload),)
    )
