"""GrowthBook's REST API: how it pages, and how it says that something does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import record, records, required
from kg.sources.http import HttpClient, Refusal

_API: Final = "/api/v1/"
_ABSENT: Final = re.compile(
    r"(Could not find (an? )?(experiment|metric|fact ?metric|feature) with that|Holdouts are not)",
    re.IGNORECASE,
)
"""How its message begins. Most servers say this with 400; a route that does not exist is a 404."""
_ID: Final = re.compile(r"[A-Za-z0-9_|:-][A-Za-z0-9_.|:-]*")
_FACT: Final = "fact__"


class Client:
    """One GrowthBook server; lists are asked for ``page_size`` records at a time."""

    def __init__(self, source: str, *, url: str, page_size: int, **given: Any) -> None:
        self._http = HttpClient(
            source, system="GrowthBook", url=url, path=_API, is_absent=_is_absent, **given
        )
        self._page_size = page_size

    def experiment(self, id: str) -> Payload | None:
        found = self._one("experiments", id, "experiment")
        if found is not None:
            for member in ("variations", "phases", "settings"):
                if member not in found:
                    raise BadPayload(f"the experiment {id} has no {member}: {str(found)[:200]}")
        return found

    def feature(self, id: str) -> Payload | None:
        found = self._one("features", id, "feature")
        if found is not None:
            record(found, "environments")
        return found

    def metric(self, id: str) -> Payload | None:
        """A metric of either kind: the id tells which."""
        if id.startswith(_FACT):
            return self._one("fact-metrics", id, "factMetric")
        return self._one("metrics", id, "metric")

    def experiments(self) -> Iterator[Payload]:
        """Every experiment, once, archived ones too."""
        return self._all("experiments", "experiments")

    def metrics(self) -> Iterator[Payload]:
        yield from self._all("metrics", "metrics")
        yield from self._all("fact-metrics", "factMetrics")

    def close(self) -> None:
        self._http.close()

    def _one(self, path: str, id: str, member: str) -> Payload | None:
        if _ID.fullmatch(id) is None:
            return None
        answer = self._http.get(f"{path}/{quote(id, safe='')}")
        if answer is None:
            return None
        found = record(_object(path, answer), member)
        if required(found, "id") != id:
            raise BadPayload(f"{path}/{id} answers {found['id']!r}.")
        return found

    def _all(self, path: str, member: str) -> Iterator[Payload]:
        """Goes on until ``hasMore`` is false. Any failure raises."""
        offset, seen = 0, set[str]()
        while True:
            asked = {"limit": self._page_size, "offset": offset}
            answer = _object(path, self._http.get(path, asked))
            more = answer.get("hasMore")
            if member not in answer or not isinstance(more, bool):
                raise BadPayload(f"{path} answers without {member} or hasMore: {answer!r:.200}")
            for found in records(answer, member):
                id = required(found, "id")
                if id not in seen:
                    seen.add(id)
                    yield found
            if not more:
                return
            following = answer.get("nextOffset")
            if isinstance(following, bool) or not isinstance(following, int):
                raise BadPayload(f"{path} has more after {offset} and does not say where.")
            if following <= offset:
                raise BadPayload(f"{path} goes back from {offset} to {following}.")
            offset = following


def _object(path: str, answer: Any) -> Payload:
    if not isinstance(answer, dict):
        raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
    return answer


def _is_absent(told: Refusal) -> bool:
    message = told.payload.get("message")
    return (
        told.status in (400, 404)
        and isinstance(message, str)
        and _ABSENT.match(message) is not None
    )
