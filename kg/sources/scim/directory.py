"""Finding people and teams by key: by filters where the server offers them, else in a listing.

What a filter finds is compared here again, so that a server that compares loosely, or does not
filter at all, misleads nobody.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kg.model import Payload
from kg.sources.answers import required
from kg.sources.scim.client import GROUPS, USERS, Client
from kg.sources.scim.documents import Keys, member_values

_MEMBERS: Final = "members.value"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """Where everything was at a moment: ids by path and key, and groups by what they list."""

    at: float
    ids: Mapping[tuple[str, str], tuple[str, ...]]
    groups_with: Mapping[str, frozenset[str]]


class Directory:
    """Safe to use from several threads."""

    def __init__(
        self, client: Client, *, keys: Keys, filters: bool, remember_seconds: float
    ) -> None:
        self._client = client
        self._keys = keys
        self._filters = filters
        self._remember = remember_seconds
        self._refused: set[str] = set()
        self._listing: _Listing | None = None
        self._lock = threading.Lock()

    def people(self, key: str) -> list[Payload]:
        """The accounts of a person, with all that the server says of them."""
        return self._with_key(USERS, key, of=self._keys.person, by=self._keys.person_attributes)

    def teams(self, key: str) -> list[Payload]:
        return self._with_key(GROUPS, key, of=self._keys.team, by=self._keys.team_attributes)

    def teams_of(self, group: Payload) -> set[str]:
        """The keys of the teams that list a group as a member."""
        return self._listing_member(required(group, "id"), {required(group, "id")})

    def teams_of_user(self, user: Payload) -> set[str]:
        """The keys of the teams that list a user: by id, though some servers put the userName."""
        names = {required(user, "id"), required(user, "userName")}
        return self._listing_member(required(user, "id"), names)

    def _listing_member(self, member_id: str, names: set[str]) -> set[str]:
        groups = self._matching(GROUPS, _MEMBERS, member_id)
        if groups is not None:
            mine = (group for group in groups if _may_list(group, names))
            return {self._keys.team(group) for group in mine}
        told = self._listed(since=time.monotonic() - self._remember)
        return {key for name in names for key in told.groups_with.get(name, ())}

    def _with_key(
        self, path: str, key: str, *, of: Callable[[Payload], str], by: Iterable[str]
    ) -> list[Payload]:
        for attribute in by:
            if attribute == "id":
                found = self._by_id(path, [key])
            elif (matching := self._matching(path, attribute, key)) is not None:
                found = matching
            else:
                return self._with_key_listed(path, key, of=of)
            if mine := [record for record in found if of(record) == key]:
                return mine
        return []

    def _with_key_listed(
        self, path: str, key: str, *, of: Callable[[Payload], str]
    ) -> list[Payload]:
        """Each record is asked for anew; who is not where it was is looked for once more."""
        began = time.monotonic()
        for since in (began - self._remember, began):
            listing = self._listed(since=since)
            records = self._by_id(path, listing.ids.get((path, key), ()))
            mine = [record for record in records if of(record) == key]
            if mine or listing.at >= began:
                return mine
        return []

    def _by_id(self, path: str, ids: Iterable[str]) -> list[Payload]:
        asked = (self._client.one(path, record_id) for record_id in ids)
        return [record for record in asked if record is not None]

    def _matching(self, path: str, attribute: str, value: str) -> list[Payload] | None:
        """None if the server cannot tell, as far as it says."""
        if not self._filters or attribute in self._refused or not self._client.offers().filters:
            return None
        found = self._client.matching(path, attribute, value)
        if found is None:
            self._refused.add(attribute)
        return found

    def _listed(self, *, since: float) -> _Listing:
        """A listing that began no earlier than this."""
        with self._lock:
            if self._listing is None or self._listing.at < since:
                self._listing = self._list()
            return self._listing

    def _list(self) -> _Listing:
        at = time.monotonic()
        ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        groups_with: defaultdict[str, set[str]] = defaultdict(set)
        for user in self._client.all(USERS):
            ids[USERS, self._keys.person(user)].append(required(user, "id"))
        for group in self._client.all(GROUPS):
            key = self._keys.team(group)
            ids[GROUPS, key].append(required(group, "id"))
            for member in member_values(group):
                groups_with[member].add(key)
        return _Listing(
            at=at,
            ids={name: tuple(found) for name, found in ids.items()},
            groups_with={name: frozenset(found) for name, found in groups_with.items()},
        )


def _may_list(group: Payload, names: set[str]) -> bool:
    """Whether a group that a filter found has one of these; a server may leave members out."""
    return "members" not in group or not names.isdisjoint(member_values(group))
