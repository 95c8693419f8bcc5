"""The questions that make entities of entries: put to the server one by one, or to all of it at once.

A listing has every entry in hand, so who belongs to which group is looked up there; asking the server
instead takes two to four searches for each person. Both ways must find the same: `Finders` is the
only place that knows what is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.ldap.client import Client, Entry, Place, equal, one_of
from kg.sources.ldap.documents import Keys, person, preferred, team
from kg.sources.ldap.names import Pair, is_under, parsed

_MEMBERS: Final = ("member", "uniqueMember")
_MEMBER_LOGINS: Final = "memberUid"

Path = tuple[frozenset[Pair], ...]
"""A DN in the form in which it is compared."""


class Directory(Protocol):
    def people(self, key: str) -> list[Entry]:
        """The entries that are the person with this key."""
        ...

    def teams(self, key: str) -> list[Entry]: ...

    def people_at(self, dns: Iterable[str]) -> Iterator[Entry]:
        """The people with these DNs."""
        ...

    def groups_at(self, dns: Iterable[str]) -> Iterator[Entry]: ...

    def groups_with(self, entry: Entry) -> Iterable[Entry]:
        """The groups that name this entry as a member."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where people and groups are, and by which attributes they are known."""

    people: Place
    groups: Place
    keys: Keys


class Finders:
    """What an entity says, of the entries that a directory finds."""

    def __init__(self, directory: Directory, keys: Keys, *, by_member_of: bool) -> None:
        self._ask = directory
        self._keys = keys
        self._by_member_of = by_member_of

    def find(self, entity_type: str, key: str) -> Payload | None:
        return self._person(key) if entity_type == "person" else self._team(key)

    def _person(self, key: str) -> Payload | None:
        if not (found := self._ask.people(key)):
            return None
        account = preferred(found)
        teams = {name for entry in found for name in self._teams_with(entry)}
        return person(account, keys=self._keys, manager=self._manager(account, key), teams=teams)

    def _team(self, key: str) -> Payload | None:
        if not (found := self._ask.teams(key)):
            return None
        parents = {name for entry in found for name in self._teams_with(entry)}
        return team(preferred(found), keys=self._keys, parents=parents - {key})

    def _manager(self, account: Entry, key: str) -> str:
        """The manager's key; empty if there is none, or none that is one of the people."""
        managers = self._ask.people_at(account.texts("manager"))
        return min({self._keys.person(manager) for manager in managers} - {"", key}, default="")

    def _teams_with(self, entry: Entry) -> set[str]:
        """The keys of the teams that an entry is a member of."""
        if self._by_member_of:
            groups: Iterable[Entry] = self._ask.groups_at(entry.texts("memberOf"))
        else:
            groups = self._ask.groups_with(entry)
        return {name for group in groups if (name := self._keys.team(group))}


class Asked:
    """The server."""

    def __init__(self, client: Client, places: Places) -> None:
        self._client = client
        self._places = places
        self._keys = places.keys

    def people(self, key: str) -> list[Entry]:
        for attribute in self._keys.of_people:
            told = self._search(self._places.people, equal(attribute, key))
            if found := [entry for entry in told if self._keys.person(entry) == key]:
                return found
        return []

    def teams(self, key: str) -> list[Entry]:
        told = self._search(self._places.groups, equal(self._keys.team_key, key))
        return [entry for entry in told if self._keys.team(entry) == key]

    def people_at(self, dns: Iterable[str]) -> Iterator[Entry]:
        return self._at(self._places.people, dns)

    def groups_at(self, dns: Iterable[str]) -> Iterator[Entry]:
        return self._at(self._places.groups, dns)

    def groups_with(self, entry: Entry) -> Iterator[Entry]:
        clauses = [equal(attribute, entry.dn) for attribute in _MEMBERS]
        clauses += [equal(_MEMBER_LOGINS, name) for name in entry.texts(self._keys.login)]
        return self._client.search(
            self._places.groups, wanted=one_of(clauses), attributes=self._keys.of_teams
        )

    def _search(self, place: Place, wanted: str) -> Iterator[Entry]:
        return self._client.search(place, wanted=wanted, attributes=self._keys.read)

    def _at(self, place: Place, dns: Iterable[str]) -> Iterator[Entry]:
        for dn in dns:
            if is_under(dn, place.base):
                found = self._client.read(dn, place.filter, attributes=self._keys.read)
                if found is not None:
                    yield found


class Held:
    """All of it, read by two searches. What it finds may be less than the server would: then an
    entity looks changed, and is asked for."""

    def __init__(self, client: Client, places: Places) -> None:
        self._keys = keys = places.keys
        with_members = (*keys.read, *_MEMBERS, _MEMBER_LOGINS)
        self.all_people = list(client.search(places.people, attributes=keys.read))
        self.all_groups = list(client.search(places.groups, attributes=with_members))
        self._people = _by_dn(self.all_people)
        self._groups = _by_dn(self.all_groups)
        self._by_key: defaultdict[str, list[Entry]] = defaultdict(list)
        self._by_login: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self.all_people:
            with suppress(BadPayload):
                known = self._by_key if entry.texts(keys.key) else self._by_login
                known[keys.person(entry)].append(entry)
        self._teams: defaultdict[str, list[Entry]] = defaultdict(list)
        self._with: defaultdict[Path | str, list[Entry]] = defaultdict(list)
        for group in self.all_groups:
            with suppress(BadPayload):
                self._teams[keys.team(group)].append(group)
                for name in group.texts(_MEMBER_LOGINS):
                    self._with[name].append(group)
                for dn in (dn for attribute in _MEMBERS for dn in group.texts(attribute)):
                    with suppress(BadPayload):
                        self._with[tuple(parsed(dn))].append(group)

    def people(self, key: str) -> list[Entry]:
        return self._by_key.get(key) or self._by_login.get(key, [])

    def teams(self, key: str) -> list[Entry]:
        return self._teams.get(key, [])

    def people_at(self, dns: Iterable[str]) -> Iterator[Entry]:
        return _at(self._people, dns)

    def groups_at(self, dns: Iterable[str]) -> Iterator[Entry]:
        return _at(self._groups, dns)

    def groups_with(self, entry: Entry) -> list[Entry]:
        named: list[Path | str] = [tuple(parsed(entry.dn)), *entry.texts(self._keys.login)]
        return [group for name in named for group in self._with.get(name, ())]


def _by_dn(entries: Iterable[Entry]) -> Mapping[Path, Entry]:
    return {tuple(parsed(entry.dn)): entry for entry in entries}


def _at(entries: Mapping[Path, Entry], dns: Iterable[str]) -> Iterator[Entry]:
    for dn in dns:
        with suppress(BadPayload):
            if (found := entries.get(tuple(parsed(dn)))) is not None:
                yield found
