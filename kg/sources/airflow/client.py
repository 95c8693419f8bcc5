"""Airflow's REST API (v2): how it signs in and pages, and how it says that something is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import records, required
from kg.sources.http import HttpClient, Refusal

_API: Final = "/api/v2/"
_NAME: Final = re.compile(r"[\w+:.~-]+")
_ALL_RUNS: Final = "dags/~/dagRuns"
_ALL_ATTEMPTS: Final = "dags/~/dagRuns/~/taskInstances"


class Client:
    """One Airflow; listings ask for ``page_size`` records at a time.

    With ``username`` a token is fetched, and fetched anew when it has expired; otherwise
    ``headers`` are all that is sent.
    """

    def __init__(
        self,
        source: str,
        *,
        url: str,
        username: str,
        password: str,
        headers: Mapping[str, str],
        page_size: int,
        **given: Any,
    ) -> None:
        self._door = HttpClient(
            source, system="Airflow", url=url, path="/auth/", is_absent=_never, **given
        )
        self._person = {"username": username, "password": password}
        self._http = HttpClient(
            source,
            system="Airflow",
            url=url,
            path=_API,
            headers=headers,
            is_absent=_is_absent,
            sign_in=self._sign_in if username else None,
            **given,
        )
        self._page_size = page_size

    def dag(self, dag: str) -> Payload | None:
        return self._one(_at("dags", dag, "details"), "dag_id")

    def tasks(self, dag: str) -> list[Payload]:
        """Those of its latest version; none when Airflow no longer keeps one."""
        answer = self._object(_at("dags", dag, "tasks"))
        return [] if answer is None else _items("tasks", answer)

    def run(self, dag: str, run: str) -> Payload | None:
        return self._one(_at("dags", dag, "dagRuns", run), "dag_id", "dag_run_id")

    def attempt(self, dag: str, run: str, task: str, index: str) -> Payload | None:
        """The latest attempt at a task; ``index`` is empty unless the task is mapped."""
        which = [task, index] if index else [task]
        path = _at("dags", dag, "dagRuns", run, "taskInstances", *which)
        return self._one(path, "dag_id", "dag_run_id", "task_id")

    def attempts(self, dag: str, run: str) -> Iterator[Payload]:
        return self._all("task_instances", _at("dags", dag, "dagRuns", run, "taskInstances"))

    def consumed(self, dag: str, run: str) -> list[Payload]:
        """The asset events that started a run."""
        answer = self._object(_at("dags", dag, "dagRuns", run, "upstreamAssetEvents"))
        return [] if answer is None else _items("asset_events", answer)

    def produced(self, dag: str, run: str) -> Iterator[Payload]:
        """The asset events that a run's tasks sent."""
        return self._all("asset_events", "assets/events", source_dag_id=dag, source_run_id=run)

    def events_of(self, asset: Payload) -> Iterator[Payload]:
        return self._all("asset_events", "assets/events", asset_id=required(asset, "id"))

    def asset(self, uri: str) -> Payload | None:
        """The asset of exactly this URI; Airflow looks for a part of it, without regard to case."""
        found = self._all("assets", "assets", uri_pattern=uri)
        return next((asset for asset in found if required(asset, "uri") == uri), None)

    def assets(self) -> Iterator[Payload]:
        return self._all("assets", "assets")

    def dags(self) -> Iterator[Payload]:
        """All, also those whose file is gone and whose runs are kept."""
        return self._all("dags", "dags", exclude_stale="false")

    def runs(self) -> Iterator[Payload]:
        return self._all("dag_runs", _ALL_RUNS)

    def all_attempts(self) -> Iterator[Payload]:
        return self._all("task_instances", _ALL_ATTEMPTS)

    def close(self) -> None:
        self._http.close()
        self._door.close()

    def _sign_in(self) -> dict[str, str]:
        answer = self._door.ask("POST", "token", body=self._person)
        if not isinstance(answer, dict):
            raise BadPayload("auth/token answers no object.")
        return {"Authorization": f"Bearer {required(answer, 'access_token')}"}

    def _one(self, path: str, *members: str) -> Payload | None:
        found = self._object(path)
        if found is not None:
            for member in members:
                required(found, member)
        return found

    def _all(self, items: str, path: str, **query: Any) -> Iterator[Payload]:
        """The records of all pages, each once; none if what they belong to is not there."""
        asked = {**query, "order_by": _ORDER[items], "limit": self._page_size}
        pages = self._by_cursor if items in _WITH_CURSOR else self._by_offset
        seen = set[tuple[str, ...]]()
        for page in pages(items, path, asked):
            for one in _items(items, page):
                if (key := _identity(items, one)) not in seen:
                    seen.add(key)
                    yield one

    def _by_cursor(self, items: str, path: str, asked: Mapping[str, Any]) -> Iterator[Payload]:
        """Each page begins after the last record of the one before, whatever becomes of others.

        A task instance that is tried again gets another id and moves to the end; with an offset
        the one that takes its place would be passed over.
        """
        cursor, last = "", None
        while cursor != last:
            answer = self._object(path, {**asked, "cursor": cursor})
            if answer is None:
                if not cursor and path not in _ALWAYS_THERE:
                    return
                raise self._http.down(f"says that {path} does not exist")
            if "next_cursor" not in answer:  # an Airflow that knows no cursors
                yield from self._by_offset(items, path, asked)
                return
            yield answer
            if answer["next_cursor"] is None:
                return
            cursor, last = required(answer, "next_cursor"), cursor
        raise BadPayload(f"{path} repeats a page; the listing would never end.")

    def _by_offset(self, items: str, path: str, asked: Mapping[str, Any]) -> Iterator[Payload]:
        """New records come at the end of the order, but for DAGs.

        What is deleted meanwhile moves the rest, which would then be passed over; that raises.
        """
        offset = 0
        total: int | None = None
        while total is None or offset < total:
            answer = self._object(path, {**asked, "offset": offset})
            if answer is None:
                if total is None and path not in _ALWAYS_THERE:
                    return
                raise self._http.down(f"says that {path} does not exist")
            found, now = _items(items, answer), answer.get("total_entries")
            if isinstance(now, bool) or not isinstance(now, int):
                raise BadPayload(f"{items} come with total_entries = {now!r}, which is no number.")
            if total is not None and now < total:
                raise self._http.down(f"lost {items} while they were listed")
            if not found and offset < now:
                raise BadPayload(f"of {now} {items} only {offset} are told.")
            yield answer
            offset, total = offset + len(found), now

    def _object(self, path: str, query: Mapping[str, Any] | None = None) -> Payload | None:
        answer = self._http.get(path, query) if path else None
        if answer is not None and not isinstance(answer, dict):
            raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
        return answer


_ORDER: Final = {
    "dags": "dag_id",
    "dag_runs": "id",
    "task_instances": "id",
    "assets": "id",
    "asset_events": "timestamp",
}
_WITH_CURSOR: Final = {"dag_runs", "task_instances"}
_ALWAYS_THERE: Final = {"dags", "assets", "assets/events", _ALL_RUNS, _ALL_ATTEMPTS}
_KNOWN_BY: Final = {
    "dags": ("dag_id",),
    "dag_runs": ("dag_id", "dag_run_id"),
    "task_instances": ("dag_id", "dag_run_id", "task_id", "map_index"),
    "assets": ("uri",),
    "asset_events": ("id",),
}


def _at(*names: str) -> str:
    """A path of names; empty if one is none that Airflow allows, such as ``~``, which means all."""
    if not all(_NAME.fullmatch(name) and name.strip(".~") for name in names):
        return ""
    return "/".join(quote(name, safe="~") for name in names)


def _items(name: str, answer: Payload) -> list[Payload]:
    if name not in answer:
        raise BadPayload(f"An answer has no {name!r}: {str(answer)[:200]}")
    return records(answer, name)


def _identity(items: str, one: Payload) -> tuple[str, ...]:
    """What a record is known by; the id of a task instance is another at each attempt."""
    return tuple(required(one, member) for member in _KNOWN_BY[items])


def _is_absent(told: Refusal) -> bool:
    """A route that does not exist says only "Not Found"."""
    detail = told.payload.get("detail")
    return told.status == 404 and isinstance(detail, str) and detail != "Not Found"


def _never(told: Refusal) -> bool:
    return False
