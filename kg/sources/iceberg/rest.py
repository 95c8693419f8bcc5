"""pyiceberg's client of REST catalogues, bound to the hosts in our settings and to limits of time.

What a catalogue says of itself (`/v1/config`) comes before the settings in pyiceberg, and our token
would follow it anywhere. So every request passes here, and what leads elsewhere is not sent. It must
not open a file: the answers hold all the metadata that there is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast
from urllib.parse import urlsplit

import requests
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io import FileIO
from requests.adapters import BaseAdapter

from kg.sources.transport import whole_limit

_OURS_ALONE: Final = ("auth", "ssl")
"""Properties that say by which class, with which files and at which host we sign in."""
_CHUNK: Final = 64 * 1024


class BoundCatalog(RestCatalog):
    """Asks the hosts of the properties ``uri`` and ``oauth2-server-uri`` as they are given here.

    ``timeout_seconds`` holds for connecting and for each wait for data, ``whole_seconds`` for an
    answer (`whole_limit` of the former, if it is not given). Raises `ConnectionError` beside what
    pyiceberg raises.
    """

    def __init__(
        self,
        name: str,
        *,
        properties: Mapping[str, Any],
        timeout_seconds: float,
        whole_seconds: float | None = None,
    ) -> None:
        self._timeout = timeout_seconds
        self._whole = whole_limit(timeout_seconds) if whole_seconds is None else whole_seconds
        named = (properties.get("uri"), properties.get("oauth2-server-uri"))
        self._hosts = frozenset(_host(_as_sent(url)) for url in named if url)
        super().__init__(name, **properties)

    def _fetch_config(self) -> None:
        ours = {name: self.properties.get(name) for name in _OURS_ALONE}
        super()._fetch_config()
        for name, value in ours.items():
            if self.properties.get(name) != value:
                raise ConnectionError(f"its configuration sets {name!r}, which is for us to say")

    def _config_headers(self, session: requests.Session) -> None:
        """The first that is done to a new session, before it signs in."""
        super()._config_headers(session)
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._bound(session.get_adapter(scheme)))

    def _init_sigv4(self, session: requests.Session) -> None:
        super()._init_sigv4(session)
        session.mount(self.uri, self._bound(session.get_adapter(self.uri)))

    def _bound(self, adapter: BaseAdapter) -> _Bound:
        return _Bound(
            adapter, self._hosts, timeout_seconds=self._timeout, whole_seconds=self._whole
        )

    def _load_file_io(
        self, properties: Mapping[str, Any] | None = None, location: str | None = None
    ) -> FileIO:
        return _NoFiles()


class _Bound(BaseAdapter):
    """Hands on to another adapter what goes to the hosts that it is given."""

    def __init__(
        self,
        adapter: BaseAdapter,
        hosts: frozenset[str],
        *,
        timeout_seconds: float,
        whole_seconds: float,
    ) -> None:
        super().__init__()
        self._adapter = adapter
        self._hosts = hosts
        self._timeout = timeout_seconds
        self._whole = whole_seconds

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        host = _host(request.url or "")
        if host not in self._hosts:
            raise ConnectionError(
                f"it sends us to {host}, which is neither the host of url nor that of "
                "oauth2-server-uri in its properties; correct them if it is right"
            )
        began = time.monotonic()
        options |= {"timeout": self._timeout, "stream": True}
        answer = self._adapter.send(request, **options)
        if answer.is_redirect:
            answer.close()
            where = answer.headers["Location"][:200]
            raise ConnectionError(f"it redirects to {where!r}, which is not followed; correct url")
        parts = []
        while part := answer.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            if time.monotonic() - began > self._whole:
                answer.close()
                raise TimeoutError(f"its answer was not whole after {self._whole:g} s")
        answer._content = b"".join(parts)
        return answer

    def close(self) -> None:
        self._adapter.close()


class _NoFiles(FileIO):
    """Refuses whatever a catalogue or a table's properties would have us open, here or elsewhere."""

    def new_input(self, location: str) -> NoReturn:
        raise NotImplementedError(f"no file of a REST catalogue is read, nor is {location}")

    def new_output(self, location: str) -> NoReturn:
        raise NotImplementedError(f"no file of a REST catalogue is written, nor is {location}")

    def delete(self, location: Any) -> NoReturn:
        raise NotImplementedError(f"no file of a REST catalogue is deleted, nor is {location}")


def _as_sent(url: str) -> str:
    return cast(str, requests.Request("GET", url).prepare().url)


def _host(url: str) -> str:
    """Scheme, host and port of an address as it is sent."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"
