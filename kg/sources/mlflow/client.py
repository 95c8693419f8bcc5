"""MLflow's REST API: how it pages, and how it says that something does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kg.errors import BadPayload
from kg.model import Payload
from kg.sources.answers import records, text
from kg.sources.http import HttpClient, Refusal

_API: Final = "/api/2.0/mlflow/"
_ABSENT: Final = "RESOURCE_DOES_NOT_EXIST"


class Client:
    """One MLflow server; searches ask for ``page_size`` records at a time."""

    def __init__(self, source: str, *, url: str, page_size: int, **given: Any) -> None:
        self._http = HttpClient(
            source, system="MLflow", url=url, path=_API, is_absent=_is_absent, **given
        )
        self._page_size = page_size

    def get(self, path: str, query: Mapping[str, str]) -> Payload | None:
        """One record by its key; None if MLflow says that it does not exist."""
        return self._object(path, self._http.get(path, query))

    def pages(
        self, method: str, path: str, *, items: str, query: Mapping[str, Any]
    ) -> Iterator[Payload]:
        """The records of all pages of a search. Any failure raises; the end is MLflow's own."""
        token = ""
        while True:
            asked = {**query, "max_results": self._page_size} | (
                {"page_token": token} if token else {}
            )
            if method == "GET":
                found = self._http.get(path, asked)
            else:
                found = self._http.ask(method, path, body=asked)
            answer = self._object(path, found)
            if answer is None:
                raise self._http.down(f"says that {path} does not exist")
            yield from records(answer, items)
            last, token = token, text(answer, "next_page_token")
            if not token:
                return
            if token == last:
                raise BadPayload(f"{path} repeats a page; the listing would never end.")

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _object(path: str, answer: Any) -> Payload | None:
        if answer is not None and not isinstance(answer, dict):
            raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
        return answer


def _is_absent(told: Refusal) -> bool:
    return told.status == 404 and told.payload.get("error_code") == _ABSENT
