"""SCIM's users and groups in words that the JSON-LD context can map, and what they are known by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from kg.errors import BadPayload, BadSetting
from kg.model import Payload
from kg.sources.answers import part, records, required, text

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_PERSON_KEYS: Final = {
    "email": "emails.value",
    "userName": "userName",
    "externalId": "externalId",
    "employeeNumber": f"{_ENTERPRISE}:employeeNumber",
    "id": "id",
}
_TEAM_KEYS: Final = ("displayName", "externalId", "id")
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which attribute names a person, and which a team."""

    person_by: str
    team_by: str

    @classmethod
    def checked(cls, source: str, *, person: str, team: str) -> Self:
        """Raises `BadSetting`."""
        for setting, value, known in (
            ("key", person, tuple(_PERSON_KEYS)),
            ("team_key", team, _TEAM_KEYS),
        ):
            if value not in known:
                names = ", ".join(known)
                raise BadSetting(f"[sources.{source}] {setting} = {value!r}: known are {names}.")
        return cls(person_by=person, team_by=team)

    @property
    def person_attributes(self) -> tuple[str, ...]:
        """The attributes in which a person's key may be, in SCIM's filter syntax."""
        if self.person_by == "id":
            return ("id",)
        return tuple(dict.fromkeys((_PERSON_KEYS[self.person_by], "userName")))

    @property
    def team_attributes(self) -> tuple[str, ...]:
        if self.team_by == "id":
            return ("id",)
        return tuple(dict.fromkeys((self.team_by, "displayName")))

    def person(self, user: Payload) -> str:
        user_name = required(user, "userName")
        return self._named(user) or (user_name.lower() if "@" in user_name else user_name)

    def team(self, group: Payload) -> str:
        return text(group, self.team_by) or required(group, "displayName")

    def _named(self, user: Payload) -> str:
        if self.person_by == "email":
            return email(user).lower()
        if self.person_by == "employeeNumber":
            return text(part(user, _ENTERPRISE), "employeeNumber")
        return "" if self.person_by == "userName" else text(user, self.person_by)


def person(user: Payload, *, manager: str, teams: Iterable[str]) -> Payload:
    """``manager`` and ``teams`` are keys."""
    address = email(user)
    payload: dict[str, Any] = {
        "name": _name(user),
        "account_id": required(user, "id"),
        "email": address.lower() if "@" in address else "",
        "manager": manager,
        "teams": sorted(teams),
    }
    if user.get("active") is not None:
        payload["active"] = _truth(user["active"])
    return payload


def team(group: Payload, *, parents: Iterable[str]) -> Payload:
    return {
        "name": required(group, "displayName"),
        "account_id": required(group, "id"),
        "parents": sorted(parents),
    }


def email(user: Payload) -> str:
    """The primary address, else the one for work, else the first; empty if there is none."""
    told = user.get("emails")
    addresses = [] if told is None else records(user, "emails")
    usable = [address for address in addresses if text(address, "value").strip()]
    usable.sort(key=lambda a: (a.get("primary") is not True, a.get("type") != "work"))
    return text(usable[0], "value").strip() if usable else ""


def manager_of(user: Payload) -> str:
    """The id of the manager's account; empty if there is none."""
    manager = part(user, _ENTERPRISE).get("manager")
    if isinstance(manager, str):  # as SCIM's drafts had it
        return manager
    return text(part(part(user, _ENTERPRISE), "manager"), "value")


def member_values(group: Payload) -> set[str]:
    members = [] if group.get("members") is None else records(group, "members")
    return {value for member in members if (value := text(member, "value"))}


def preferred(accounts: Sequence[Payload]) -> Payload:
    """The one that describes what all of them are: always the same, whatever their order."""
    return min(accounts, key=lambda a: (a.get("active") is False, required(a, "id")))


def _name(user: Payload) -> str:
    names = part(user, "name")
    parts = text(names, "givenName"), text(names, "familyName")
    return (
        text(user, "displayName")
        or text(names, "formatted")
        or " ".join(filter(None, parts))
        or required(user, "userName")
    )


def _truth(told: Any) -> bool:
    if isinstance(told, bool):
        return told
    found = _TRUTH.get(told.lower()) if isinstance(told, str) else None
    if found is None:
        raise BadPayload(f"the active of a user is not true or false: {told!r}.")
    return found
