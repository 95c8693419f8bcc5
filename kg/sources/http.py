"""The way to one source system's HTTP API, for every source that has one.

A client talks to the host in its settings and to no other: the pool is bound to it and redirects
are not followed. Answers are capped, and a failure is always one of two: the system cannot serve
us now (`SourceUnavailable`), or it answered something that cannot be used (`BadPayload`). What is
gone is said by the system's own word for it, never by any other 404, so that a renamed route does
not turn everything into tombstones.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from kg.errors import BadPayload, BadSetting, SourceUnavailable
from kg.model import Payload
from kg.sources.pace import Pace
from kg.sources.remembered import Memory, Remembered
from kg.sources.transport import Answer, Broken, TooLong, Transport

_TOO_MANY: Final = 429
_LONGEST_HOLD_SECONDS: Final = 60
"""How long whoever asks waits in place; a system that wants longer is left alone."""
_MOST_HOLDS: Final = 5
"""How often in a row for one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is no success: what the system says of it, as far as it can be read."""

    status: int
    body: bytes

    @property
    def payload(self) -> Payload:
        """Its JSON object, empty if it is something else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def excerpt(self) -> str:
        return self.body[:300].decode("utf-8", "replace")


Word = Callable[[Refusal], bool]
"""Whether a refusal is the system's own word for "there is no such thing"."""


class HttpClient:
    """``source`` is the name under which the system is configured; ``system`` is what people call it.

    ``is_absent`` tells a 404 (or 410) that means "gone" from one that means "wrong address".
    ``timeout_seconds`` holds for connecting and for each wait for data, ``whole_seconds`` for a
    request as a whole (six times as long and at least a minute, if not given). At most
    ``connections`` requests run at a time; further ones wait. ``pace`` says when they may begin; a
    system that says by Retry-After that it has had enough is given that time, if it is short, and
    asked again.
    ``sign_in`` fetches the headers of credentials that expire: it is called before the first request,
    and again when one is refused with 401, which is then made once more. Safe to use from several
    threads; who is waiting when it is closed gets `SourceClosed`.
    """

    def __init__(
        self,
        source: str,
        *,
        system: str,
        url: str,
        is_absent: Word,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout_seconds: float = 10.0,
        whole_seconds: float | None = None,
        max_answer_bytes: int = 64 * 1024 * 1024,
        connections: int = 4,
        pace: Pace | None = None,
        sign_in: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._source = source
        self._system = system
        self._url = checked_url(source, url)
        self._path = urlsplit(self._url).path + path
        self._is_absent = is_absent
        self._max_bytes = max_answer_bytes
        self._pace = pace or Pace(source)
        self._session = _Session(sign_in)
        self._tags = _Tags()
        self._memory = Memory()
        self._headers = {"Accept": accept, "User-Agent": "mlgraph", **(headers or {})}
        self._transport = Transport(
            self._url,
            connections=connections,
            timeout_seconds=timeout_seconds,
            whole_seconds=whole_seconds,
            max_bytes=max_answer_bytes,
        )

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, anew: bool = False
    ) -> Any | None:
        """The JSON at a path under the address, or None if the system says that it has no such thing.

        It may be known already, if the caller's `new_enough_since` allows that, and ``anew`` does not.
        """
        target = _target(path, query)
        known = self._memory.of(target)
        if known is not None and known.is_new_enough and not anew:
            return _json(path, known.body)
        condition = {"If-None-Match": known.tag} if known is not None and known.tag else {}
        asked = time.monotonic()
        answer = self._answer("GET", path, target, headers=condition)
        if answer is None:
            return None
        if answer.status == 304 and known is not None:
            remembered = replace(known, asked=asked)
        else:
            tag = answer.headers.get("etag", "")
            remembered = Remembered(body=answer.body, tag=tag, asked=asked)
        self._memory.keep(target, remembered)
        return _json(path, remembered.body)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any | None = None,
    ) -> Any | None:
        """One call, whose answer is not remembered; ``body`` is sent as JSON. `get` tells what it answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self._answer(method, path, _target(path, query), headers=headers, data=data)
        return None if answer is None else _json(path, answer.body)

    def down(self, what: str, *, retry_after: int = 0) -> SourceUnavailable:
        """The error that says that the system cannot serve us now."""
        return SourceUnavailable(
            f"Source {self._source!r}: {self._system} at {self._url} {what}.",
            source=self._source,
            retry_after=retry_after or None,
        )

    def close(self) -> None:
        self._pace.close()
        self._transport.close()

    def _answer(
        self,
        method: str,
        path: str,
        target: str,
        *,
        headers: Mapping[str, str],
        data: bytes | None = None,
    ) -> Answer | None:
        """One that can be used: a success, or that what was asked for on condition is unchanged."""
        headers = {**self._headers, **headers}
        session = self._session.headers()
        answer = self._send(method, path, target, headers | session, data)
        if answer.status == 401 and session:
            session = self._session.headers(instead_of=session)
            answer = self._send(method, path, target, headers | session, data)
        if answer.headers and 200 <= answer.status < 300:
            self._tags.came("etag" in answer.headers)
        if 200 <= answer.status < 300 or (answer.status == 304 and "If-None-Match" in headers):
            return answer
        self._refuse(path, answer)
        return None

    def _send(
        self, method: str, path: str, target: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        for _ in range(_MOST_HOLDS):
            self._pace.wait()
            answer = self._perform(method, path, target, headers, data)
            if answer.status not in (_TOO_MANY, 503) or not answer.retry_after:
                break
            if answer.retry_after > _LONGEST_HOLD_SECONDS:
                break
            self._pace.hold(answer.retry_after)
        return answer

    def _perform(
        self, method: str, path: str, target: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        try:
            return self._transport.send(
                method,
                self._path + target,
                headers=headers,
                body=data,
                reads_headers=method == "GET" and self._tags.may_come(),
            )
        except Broken as error:
            raise self.down(f"does not answer: {error}") from error
        except TooLong as error:
            raise BadPayload(f"{path} answers more than {self._max_bytes:,} bytes.") from error

    def _refuse(self, path: str, answer: Answer) -> None:
        """Raises what a refusal means; returns if it means that there is no such thing."""
        told = Refusal(status=answer.status, body=answer.body)
        if 300 <= told.status < 400:
            moved = answer.redirect[:200]
            raise self.down(f"redirects to {moved!r}, which is not followed; correct url")
        if told.status in (401, 403):
            raise self.down(f"refuses us ({told.status}); correct its credentials")
        if told.status == _TOO_MANY or told.status >= 500:
            wait = answer.retry_after
            when = f", and is to be asked again in {wait} s" if wait else ""
            raise self.down(f"answers {told.status}: {told.body[:200]!r}{when}", retry_after=wait)
        if self._is_absent(told):
            return
        if told.status == 404:
            raise self.down(f"has no {self._path}{path}; url must be that of {self._system}")
        raise BadPayload(f"{path} answers {told.status}: {told.excerpt}")


class _Session:
    """The headers of credentials that expire; many threads that find them expired renew them once."""

    def __init__(self, sign_in: Callable[[], Mapping[str, str]] | None) -> None:
        self._sign_in = sign_in
        self._headers: dict[str, str] = {}
        self._lock = threading.Lock()

    def headers(self, *, instead_of: Mapping[str, str] | None = None) -> dict[str, str]:
        """Those in use; new ones if there are none yet, or none but those that were refused."""
        if self._sign_in is None:
            return {}
        with self._lock:
            if not self._headers or self._headers == instead_of:
                self._headers = dict(self._sign_in())
            return self._headers


class _Tags:
    """Whether answers are looked through for ETags. Of a system that sends none, one in sixteen is.

    Threads may count past each other: what is missed is one tag.
    """

    _PATIENCE: Final = 16

    def __init__(self) -> None:
        self._without = 0
        self._asked = 0

    def may_come(self) -> bool:
        self._asked += 1
        return self._without < self._PATIENCE or self._asked % self._PATIENCE == 0

    def came(self, tagged: bool) -> None:
        self._without = 0 if tagged else self._without + 1


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


def credentials(source: str, *, token: str, username: str, password: str) -> dict[str, str]:
    """The header of a bearer token or of basic authentication. Raises `BadSetting` for both."""
    if token and username:
        raise BadSetting(f"[sources.{source}] has a token and a username; give one of them.")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if username:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def positive(source: str, setting: str, value: Any) -> float:
    """A setting that is a number above zero. Raises `BadSetting`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise BadSetting(f"[sources.{source}] {setting} = {value!r} is not a number above zero.")
    return float(value)


def whole_number(source: str, setting: str, value: Any, *, most: int | None = None) -> int:
    """A setting that is a whole number from 1 up to ``most``. Raises `BadSetting`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < 1
        or value > (most or value)
    ):
        said = f"between 1 and {most}" if most else "above zero"
        raise BadSetting(f"[sources.{source}] {setting} = {value!r} is not a whole number {said}.")
    return value


def _target(path: str, query: Mapping[str, Any] | None) -> str:
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def _json(path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"{path} answers no usable JSON: {error}.") from error
