"""The way to one MLflow server: its REST API, in plain HTTP over a small pool of connections.

A client talks to the host in its settings and to no other: the pool is bound to it and redirects
are not followed. Answers are capped, and a failure is always one of two: the server cannot serve
us now (`SourceUnavailable`), or it answered something that cannot be used (`BadPayload`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

from kg.errors import BadPayload, BadSetting, SourceUnavailable
from kg.model import Payload
from kg.sources.mlflow.answers import records, text

_API: Final = "/api/2.0/mlflow/"
_ABSENT: Final = "RESOURCE_DOES_NOT_EXIST"


class Client:
    """``source`` is the name under which the server is configured; messages use it.

    ``timeout_seconds`` holds for connecting and for each wait for data. At most ``connections``
    requests run at a time; further ones wait. Searches ask for ``page_size`` records at a time.
    Safe to use from several threads.
    """

    def __init__(
        self,
        source: str,
        *,
        url: str,
        headers: Mapping[str, str],
        timeout_seconds: float,
        max_answer_bytes: int,
        page_size: int,
        connections: int,
    ) -> None:
        self._source = source
        self._url = checked_url(source, url)
        self._path = urlsplit(self._url).path + _API
        self._max_bytes = max_answer_bytes
        self._page_size = page_size
        self._pool = urllib3.connection_from_url(
            self._url,
            maxsize=connections,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds),
            headers={"Accept": "application/json", "User-Agent": "mlgraph", **headers},
        )

    def get(self, path: str, query: Mapping[str, str]) -> Payload | None:
        """One record by its key; None if MLflow says that it does not exist."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)

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
                answer = self._ask("GET", f"{path}?{urlencode(asked)}")
            else:
                answer = self._ask(method, path, body=json.dumps(asked).encode())
            if answer is None:
                raise self._down(f"says that {path} does not exist")
            yield from records(answer, items)
            last, token = token, text(answer, "next_page_token")
            if not token:
                return
            if token == last:
                raise BadPayload(f"{path} repeats a page; the listing would never end.")

    def close(self) -> None:
        self._pool.close()

    def _ask(self, method: str, path: str, *, body: bytes | None = None) -> Payload | None:
        headers = dict(self._pool.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with closing(
                self._pool.urlopen(
                    method,
                    self._path + path,
                    body=body,
                    headers=headers,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,  # nothing compressed was asked for: no bombs
                )
            ) as response:
                data = self._all_of(path, response)
                status, moved = response.status, response.headers.get("Location", "")
        except urllib3.exceptions.HTTPError as error:
            raise self._down(f"does not answer: {error}") from error
        return self._understood(path, status, data, moved)

    def _all_of(self, path: str, response: urllib3.BaseHTTPResponse) -> bytes:
        """The whole body: reading to its end is what notices that a part is missing."""
        data = bytearray()
        for chunk in response.stream(64 * 1024, decode_content=False):
            data += chunk
            if len(data) > self._max_bytes:
                raise BadPayload(f"{path} answers more than {self._max_bytes:,} bytes.")
        return bytes(data)

    def _understood(self, path: str, status: int, data: bytes, moved: str) -> Payload | None:
        if status == 200:
            return _json(path, data)
        if 300 <= status < 400:
            raise self._down(f"redirects to {moved[:200]!r}, which is not followed; correct url")
        if status in (401, 403):
            raise self._down(f"refuses us ({status}); correct username and password, or token")
        if status == 429 or status >= 500:
            raise self._down(f"answers {status}: {data[:200]!r}")
        code, message = _problem(data)
        if status == 404 and code == _ABSENT:
            return None
        if status == 404:
            raise self._down(f"has no {self._path}{path.partition('?')[0]}; url must be MLflow 3's")
        raise BadPayload(f"{path} answers {status} {code}: {message[:300]}")

    def _down(self, what: str) -> SourceUnavailable:
        return SourceUnavailable(
            f"Source {self._source!r}: MLflow at {self._url} {what}.", source=self._source
        )


def checked_url(source: str, url: Any) -> str:
    """The address without its last slash. Raises `BadSetting`, also when it holds a password."""
    setting = f"[sources.{source}] url"
    if not isinstance(url, str):
        raise BadSetting(f"{setting} is text, such as http://127.0.0.1:5000.")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not url.isascii() or " " in url:
        raise BadSetting(f"{setting} = {url!r} is not like http://127.0.0.1:5000.")
    if parts.username is not None:
        raise BadSetting(f"{setting} holds a user; give username and password as settings.")
    return url.rstrip("/")


def _json(path: str, data: bytes) -> Payload:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"{path} answers no usable JSON: {error}.") from error
    if not isinstance(answer, dict):
        raise BadPayload(f"{path} answers {type(answer).__name__} in place of an object.")
    return answer


def _problem(data: bytes) -> tuple[str, str]:
    """MLflow's error code and message, or what a proxy in front of it said instead."""
    try:
        answer = json.loads(data)
        return str(answer["error_code"]), str(answer.get("message", ""))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "", data[:300].decode("utf-8", "replace")
