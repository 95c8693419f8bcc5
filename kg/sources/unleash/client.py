"""Unleash's admin API: how it pages, and how it says that something does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import records, required
from kg.sources.http import HttpClient, Refusal

_API: Final = "/api/admin/"
_ABSENT: Final = re.compile(r"(There's no feature named|Could not find feature|No user found)")
"""How its message begins. A route that does not exist is a ``NotFoundError`` too."""
_NAME: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")


class Client:
    """One Unleash server; the search asks for ``page_size`` flags at a time."""

    def __init__(self, source: str, *, url: str, page_size: int, **given: Any) -> None:
        self._http = HttpClient(
            source, system="Unleash", url=url, path=_API, is_absent=_is_absent, **given
        )
        self._page_size = page_size

    def flag(self, project: str, name: str) -> Payload | None:
        """A flag with its strategies in all environments; None if it is archived or not there."""
        if not (is_name(project) and is_name(name)):
            return None
        flag = self._record(f"projects/{quote(project)}/features/{quote(name)}")
        if flag is not None:
            for member in ("project", "name", "type"):
                required(flag, member)
            if "environments" not in flag:
                raise BadPayload(f"the flag {name} has no environments: {str(flag)[:200]}")
        return flag

    def tags(self, name: str) -> list[Payload] | None:
        answer = self._record(f"features/{quote(name)}/tags")
        if answer is None:
            return None
        if "tags" not in answer:
            raise BadPayload(f"the tags of {name} are not there: {str(answer)[:200]}")
        return records(answer, "tags")

    def user(self, number: int) -> Payload | None:
        return self._record(f"user-admin/{number}")

    def flags(self) -> Iterator[Payload]:
        """Every flag that is not archived, once, in short. Any failure raises."""
        offset, seen = 0, set[tuple[str, str]]()
        while True:
            asked = {
                "offset": offset,
                "limit": self._page_size,
                "sortBy": "name",
                "sortOrder": "asc",
            }
            answer = self._record("search/features", asked)
            if answer is None or "features" not in answer:
                raise BadPayload(f"search/features answers without features: {str(answer)[:200]}")
            found, total = records(answer, "features"), answer.get("total")
            if isinstance(total, bool) or not isinstance(total, int):
                raise BadPayload(f"search/features answers total = {total!r}, which is no number.")
            for flag in found:
                name = required(flag, "project"), required(flag, "name")
                if name not in seen:
                    seen.add(name)
                    yield flag
            offset += len(found)
            if found and offset >= total:
                return
            if not found:
                self._be_at_the_end(offset, total=total)
                return

    def close(self) -> None:
        self._http.close()

    def _be_at_the_end(self, offset: int, *, total: int) -> None:
        """Beyond its end the search says that there are 0 flags; before it, no page is empty."""
        if total > offset:
            raise BadPayload(f"search/features has {total} flags and stops at {offset}.")

    def _record(self, path: str, query: dict[str, Any] | None = None) -> Payload | None:
        answer = self._http.get(path, query)
        if answer is not None and not isinstance(answer, dict):
            raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
        return answer


def is_name(name: str) -> bool:
    """Whether Unleash allows such a name; a step of a path that is folded away is none."""
    return _NAME.fullmatch(name) is not None


def _is_absent(told: Refusal) -> bool:
    message = told.payload.get("message")
    return (
        told.status == 404
        and told.payload.get("name") == "NotFoundError"
        and isinstance(message, str)
        and _ABSENT.match(message) is not None
    )
