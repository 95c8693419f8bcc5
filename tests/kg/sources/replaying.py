"""A local HTTP server that answers in the place of a source system, by what a subclass finds."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request; ``path`` is what follows the API's own path, with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(status: int, told: Any) -> Answer:
    """An answer with this as JSON; bytes stay as they are."""
    return Answer(status, told if isinstance(told, bytes) else json.dumps(told).encode())


class Replaying(ABC):
    """A context manager. ``asked`` and ``headers`` are those of all requests under the path ``api``."""

    api: ClassVar[str] = "/"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections = 0
        self._overrides: list[tuple[str, Answer, bool]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(
        self,
        path: str,
        body: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes; the latest counts."""
        told = Answer(status, as_json(status, body).body, headers or {})
        self._overrides.insert(0, (path, told, once))

    def forget_overrides(self) -> None:
        self._overrides.clear()

    @abstractmethod
    def found(self, asked: Asked) -> Answer:
        """What the system says to a request that nothing overrides."""

    def refused(self, asked: Asked) -> Answer | None:
        """The answer to a request that has no right to any; signing in is answered here too."""
        return None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _reply(self, asked: Asked) -> Answer:
        if (refused := self.refused(asked)) is not None:
            return refused
        for override in self._overrides:
            start, told, once = override
            if asked.path.startswith(start):
                if once:
                    self._overrides.remove(override)
                return told
        return self.found(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1  # one packet for one answer

            def setup(self) -> None:
                replay.connections += 1
                super().setup()

            def do_GET(self) -> None:
                self._tell()

            def do_POST(self) -> None:
                self._tell(self.rfile.read(int(self.headers["Content-Length"])))

            def _tell(self, body: bytes = b"") -> None:
                path, headers = self.path.removeprefix(replay.api), dict(self.headers)
                if self.path.startswith(replay.api):
                    replay.asked.append(path)
                    replay.headers.append(headers)
                told = replay._reply(
                    Asked(method=self.command, path=path, headers=headers, body=body)
                )
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body)

            def log_message(self, *_: object) -> None: ...

        return Handler
