"""Feast's REST API: how its lists page, and when nothing in one means that there is nothing.

Only lists are asked for, never one object. At each ``GET`` of an object Feast 0.67 notes the visit
in its registry: it reads the file, and writes all of it again without a lock. That can undo an
apply of the same moment; and whoever reads meanwhile finds an empty registry, in which nothing
exists. Others do so too (people in Feast's UI, an apply), so an answer without any record, or
without the project, counts only when it was given several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import record, records, required, text
from kg.sources.http import HttpClient, Refusal

_API: Final = "/api/v1/"
_ABSENT: Final = "FeastObjectNotFoundException"
_VIEWS: Final = frozenset({"featureView", "streamFeatureView", "onDemandFeatureView"})
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.15
"""Between two tries; a registry is written in milliseconds."""


class Client:
    """One registry server. All answers are the registry's own, never those of Feast's cache."""

    def __init__(
        self, source: str, *, url: str, page_size: int, pause: Callable[[float], None], **given: Any
    ) -> None:
        self._http = HttpClient(
            source,
            system="Feast's registry server",
            url=url,
            path=_API,
            is_absent=_is_absent,
            **given,
        )
        self._page_size = page_size
        self._pause = pause
        self._seen_on: dict[tuple[str, str], dict[str, int]] = {}

    def view(self, project: str, name: str) -> Payload | None:
        """A feature view of any kind; what Feast may also keep among them (labels) is none."""
        found = self._find("feature_views", project, name, items="featureViews")
        return found if found is not None and _is_view(found) else None

    def service(self, project: str, name: str) -> Payload | None:
        return self._find("feature_services", project, name, items="featureServices")

    def entity(self, project: str, name: str) -> Payload | None:
        return self._find("entities", project, name, items="entities")

    def entities(self, project: str) -> Iterator[Payload]:
        return self._all("entities", project, items="entities")

    def views(self, project: str) -> Iterator[Payload]:
        return filter(_is_view, self._all("feature_views", project, items="featureViews"))

    def services(self, project: str) -> Iterator[Payload]:
        return self._all("feature_services", project, items="featureServices")

    def data_sources(self, project: str) -> Iterator[Payload]:
        return self._all("data_sources", project, items="dataSources")

    def insist_on(self, project: str) -> None:
        """Raises `SourceUnavailable` if there is no such project."""
        path = f"projects/{quote(project, safe='')}"
        for left in reversed(range(_TRIES)):
            if self._object(path, self._http.get(path, {"allow_cache": "false"})) is not None:
                return
            if left:
                self._pause(_PAUSE_SECONDS)
        raise self._http.down(f"has no project {project!r}; correct project")

    def close(self) -> None:
        self._http.close()

    def _find(self, path: str, project: str, name: str, *, items: str) -> Payload | None:
        """The record of that name: on the page where it was last, else on any."""
        page = self._seen_on.get((path, project), {}).get(name)
        if page is not None:
            found, _ = self._page(path, project, page, items=items)
            for one in found:
                if _name(one) == name:
                    return one
        return next((o for o in self._all(path, project, items=items) if _name(o) == name), None)

    def _all(self, path: str, project: str, *, items: str) -> Iterator[Payload]:
        """The records of all pages, in the order of their names. Any failure raises."""
        seen = self._seen_on.setdefault((path, project), {})
        page, more = 1, True
        last: list[Payload] = []
        while more:
            found, more = self._page(path, project, page, items=items)
            if not found and page > 1:
                raise self._http.down(f"changed its {path} while they were listed")
            if more and (not found or found == last):
                raise BadPayload(f"{path} repeats a page; the listing would never end.")
            for one in found:
                seen[_name(one)] = page
                yield one
            page, last = page + 1, found

    def _page(
        self, path: str, project: str, page: int, *, items: str
    ) -> tuple[list[Payload], bool]:
        """The records of one page, and whether there is another. Nothing is taken for granted."""
        asked = {
            "project": project,
            "allow_cache": "false",
            "sort_by": "name",
            "sort_order": "asc",
            "page": page,
            "limit": self._page_size,
        }
        tries = 1
        while True:
            answer = self._object(path, self._http.get(path, asked, anew=tries > 1))
            if answer is None:
                raise self._http.down(f"says that {path} does not exist")
            if items not in answer:
                raise BadPayload(f"{path} answers without {items!r}: {str(answer)[:200]}")
            found = records(answer, items)
            if found or tries == _TRIES:
                return found, _has_next(path, answer)
            tries += 1
            self._pause(_PAUSE_SECONDS)

    @staticmethod
    def _object(path: str, answer: Any) -> Payload | None:
        if answer is not None and not isinstance(answer, dict):
            raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
        return answer


def _has_next(path: str, answer: Payload) -> bool:
    """Feast leaves out what is false; it never leaves out the object around it."""
    more = record(answer, "pagination").get("hasNext", False)
    if not isinstance(more, bool):
        raise BadPayload(f"{path} answers hasNext = {more!r}, which is neither true nor false.")
    return more


def _is_absent(told: Refusal) -> bool:
    return told.status == 404 and told.payload.get("error_type") == _ABSENT


def _is_view(found: Payload) -> bool:
    return text(found, "type") in _VIEWS


def _name(found: Payload) -> str:
    """A data source is all specification; others have it apart."""
    return required(record(found, "spec") if "spec" in found else found, "name")
