"""All people and teams of a server in one listing, whole: what a sweep compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kg.model import Payload
from kg.sources.answers import required
from kg.sources.scim.client import GROUPS, USERS, Client
from kg.sources.scim.documents import Keys, manager_of, member_values, person, preferred, team


class Everyone:
    """The accounts and groups of a moment, by the key that names what they are of.

    ``shows_members`` is false if no group shows any: a server may leave them out of listings, and
    then nothing of memberships is known here.
    """

    def __init__(self, client: Client, keys: Keys) -> None:
        self._keys = keys
        self._accounts: defaultdict[str, list[Payload]] = defaultdict(list)
        self._groups: defaultdict[str, list[Payload]] = defaultdict(list)
        self._person_of: dict[str, str] = {}
        self._teams_with: defaultdict[str, set[str]] = defaultdict(set)
        for user in client.all(USERS):
            key = keys.person(user)
            self._accounts[key].append(user)
            self._person_of[required(user, "id")] = key
        for group in client.all(GROUPS):
            key = keys.team(group)
            self._groups[key].append(group)
            for member in member_values(group):
                self._teams_with[member].add(key)
        self.shows_members = bool(self._teams_with)

    def __iter__(self) -> Iterator[tuple[str, str, Payload]]:
        """Type, key and payload of each person and team."""
        for key, accounts in self._accounts.items():
            account = preferred(accounts)
            names = {required(user, name) for user in accounts for name in ("id", "userName")}
            manager = self._person_of.get(manager_of(account), "")
            if manager == key:
                manager = ""
            yield "person", key, person(account, manager=manager, teams=self._teams(names))
        for key, groups in self._groups.items():
            names = {required(group, "id") for group in groups}
            yield "team", key, team(preferred(groups), parents=self._teams(names) - {key})

    def _teams(self, members: Iterable[str]) -> set[str]:
        return {key for member in members for key in self._teams_with.get(member, ())}
