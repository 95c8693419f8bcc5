"""Entries of a directory in words that the JSON-LD context can map, and what they are known by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from kg.errors import BadPayload, BadSetting
from kg.model import Payload
from kg.sources.ldap.client import Entry
from kg.sources.ldap.names import parsed

_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_DISABLED: Final = 0x2
_READ: Final = (
    "mail",
    "displayName",
    "cn",
    "givenName",
    "sn",
    "description",
    "manager",
    "memberOf",
    "entryUUID",
    "objectGUID",
    "userAccountControl",
    "nsAccountLock",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which attributes name a person (``key``, else ``login``), and which a team."""

    key: str
    login: str
    team_key: str

    @classmethod
    def checked(cls, source: str, **attributes: Any) -> Self:
        """Raises `BadSetting`."""
        for setting, attribute in attributes.items():
            if not isinstance(attribute, str) or not _ATTRIBUTE.fullmatch(attribute):
                raise BadSetting(f"[sources.{source}] {setting} = {attribute!r} is no attribute.")
        return cls(**attributes)

    @property
    def of_people(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.key, self.login)))

    @property
    def of_teams(self) -> tuple[str, ...]:
        return (self.team_key,)

    @property
    def read(self) -> tuple[str, ...]:
        """All attributes that an entity is made of: no passwords, photographs or members."""
        return tuple(dict.fromkeys((*self.of_people, *self.of_teams, *_READ)))

    def person(self, entry: Entry) -> str:
        """Empty if the entry has neither attribute."""
        found = min(map(_folded, entry.texts(self.key)), default="")
        return found or _folded(entry.text(self.login))

    def team(self, entry: Entry) -> str:
        """The value in the entry's DN, if it is one of several."""
        found = entry.texts(self.team_key)
        naming = {value for name, value in parsed(entry.dn)[0] if name == self.team_key.lower()}
        return next((value for value in found if value.lower() in naming), "") or entry.text(
            self.team_key
        )


def person(entry: Entry, *, keys: Keys, manager: str, teams: Iterable[str]) -> Payload:
    """``manager`` and ``teams`` are keys."""
    parts = entry.text("givenName"), entry.text("sn")
    names = entry.text("displayName"), entry.text("cn"), " ".join(filter(None, parts))
    payload: dict[str, Any] = {
        "name": next(filter(None, names), "") or keys.person(entry),
        **_unique_id(entry),
        "email": min(map(_folded, entry.texts("mail")), default=""),
        "manager": manager,
        "teams": sorted(teams),
    }
    active = _active(entry)
    return payload if active is None else payload | {"active": active}


def team(entry: Entry, *, keys: Keys, parents: Iterable[str]) -> Payload:
    payload: dict[str, Any] = {
        "name": entry.text("displayName") or keys.team(entry),
        **_unique_id(entry),
        "email": min(map(_folded, entry.texts("mail")), default=""),
        "parents": sorted(parents),
    }
    described = entry.text("description")
    return payload | {"description": described} if described else payload


def preferred(entries: Sequence[Entry]) -> Entry:
    """The one that describes what all of them are: always the same, whatever their order."""
    return min(entries, key=lambda entry: (_active(entry) is False, entry.dn.lower()))


def _folded(value: str) -> str:
    """Names that are e-mail addresses are written in one way."""
    return value.lower() if "@" in value else value


def _unique_id(entry: Entry) -> Payload:
    """What stays when an entry is renamed, if the server shows it."""
    if found := entry.text("entryUUID"):
        return {"account_id": found}
    binary = next(iter(entry.values.get("objectguid", ())), b"")
    return {"account_id": str(UUID(bytes_le=binary))} if len(binary) == 16 else {}


def _active(entry: Entry) -> bool | None:
    """None if the directory does not say."""
    if control := entry.text("userAccountControl"):
        try:
            return not int(control) & _DISABLED
        except ValueError as error:
            raise BadPayload(f"userAccountControl of {entry.dn} is no number.") from error
    locked = entry.text("nsAccountLock")
    return locked.lower() != "true" if locked else None
