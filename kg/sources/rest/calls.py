"""The calls to one tool: a record by its key, and the records of a list, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import named
from kg.sources.http import HttpClient, Refusal
from kg.sources.rest.places import record_at, records_at, value_at
from kg.sources.rest.settings import Absence, Kind


class Calls:
    """``absence`` is how the tool says that it has no such thing."""

    def __init__(self, source: str, *, url: str, absence: Absence, **given: Any) -> None:
        self._absence = absence
        self._http = HttpClient(
            source, system="its API", url=url, path="/", is_absent=self._is_absent, **given
        )

    def record(self, kind: Kind, key: str) -> Payload | None:
        """The record of that key; None if the tool does not have it (any more)."""
        parts = kind.key.split(key)
        if parts is None:
            return None
        if kind.one is None:
            return next((found for key, found in self.records(kind) if key == parts), None)
        path, query = kind.one.filled(kind.values(parts))
        answer = self._http.get(path, query)
        if answer is not None:
            return self._checked(record_at(answer, kind.record), kind, parts)
        if not self._absence.codes:
            self._confirm(kind, parts, path)
        return None

    def records(self, kind: Kind) -> Iterator[tuple[tuple[str, ...], Payload]]:
        """All records of a kind, with the parts of their keys. The end is the tool's own.

        Any failure raises, at the end also that some lack their keys (`IncompleteList`).
        """
        records = chain.from_iterable(self._pages(kind))
        return named(records, kind.key.parts_of, where=kind.all.path)

    def close(self) -> None:
        self._http.close()

    def _pages(self, kind: Kind) -> Iterator[list[Any]]:
        path, query = kind.all.filled({})
        asked = kind.paging.start()
        were: set[str] = set()
        before: list[Any] = []
        while True:
            answer = self._http.get(path, {**query, **asked})
            if answer is None:
                raise self._http.down(f"says that {path} does not exist")
            found = records_at(answer, kind.items)
            if repr(asked) in were or (found and found == before):
                raise BadPayload(f"{path} repeats a page; the listing would never end.")
            yield found
            were.add(repr(asked))
            before = found
            following = kind.paging.after(asked, answer, found)
            if following is None:
                return
            asked = following

    @staticmethod
    def _checked(record: Payload, kind: Kind, parts: tuple[str, ...]) -> Payload | None:
        """A tool that ignores case may answer with another record, in its own spelling."""
        told = kind.key.parts_of(record)
        if told == parts:
            return record
        if [part.casefold() for part in told] == [part.casefold() for part in parts]:
            return None
        raise BadPayload(f"asked for {'/'.join(parts)!r}, it answers {'/'.join(told)!r}.")

    def _confirm(self, kind: Kind, parts: tuple[str, ...], path: str) -> None:
        """A bare 404 is believed only if the list is where it should be, and all of it lacks the record.

        Else a renamed route or a wrong url would make everything look gone.
        """
        if any(key == parts for key, _ in self.records(kind)):
            raise self._http.down(f"lists {'/'.join(parts)!r} and has no {path}; correct 'one'")

    def _is_absent(self, told: Refusal) -> bool:
        if told.status not in self._absence.statuses:
            return False
        return all(_says(told, place, codes) for place, codes in self._absence.codes.items())


def _says(told: Refusal, place: str, codes: frozenset[str]) -> bool:
    try:
        return str(value_at(told.payload, place)) in codes
    except BadPayload:
        return False
