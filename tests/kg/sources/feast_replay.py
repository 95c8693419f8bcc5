"""A local HTTP server that answers as a real Feast registry once did, from ``tests/data/feast``."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kg.iris import EntityRef

RECORDED = Path(__file__).parents[2] / "data" / "feast"
API = "/api/v1/"
NO_ROUTE = 404, b'{"detail":"Not Found"}'


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "feast", key)


class Replay:
    """``state`` is ``built``, ``changed`` or ``two``. What was never asked is no route."""

    def __init__(self, state: str = "built") -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._overrides: list[tuple[str, int, bytes, bool]] = []
        self.load(state)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def load(self, state: str) -> None:
        """Answers from now on as Feast did in this state."""
        self._answers.clear()
        for file in (RECORDED / state).glob("*.json"):
            for exchange in json.loads(file.read_text("utf-8")):
                answer = json.dumps(exchange["answer"]).encode()
                self._answers[exchange["path"]] = exchange["status"], answer

    def answer(self, path: str, body: Any, *, status: int = 200, once: bool = False) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.insert(0, (path, status, data, once))

    def forget_overrides(self) -> None:
        self._overrides.clear()

    def page(self, call: str, items: str, *found: Any, project: str = "") -> None:
        """Answers a listing with one page, of all projects or of one."""
        path = f"{call}?project={project}&" if project else f"{call}?"
        self.answer(path, {items: list(found), "pagination": {}})

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _find(self, path: str) -> tuple[int, bytes]:
        for override in self._overrides:
            start, status, data, once = override
            if path.startswith(start):
                if once:
                    self._overrides.remove(override)
                return status, data
        return self._answers.get(path, NO_ROUTE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1  # one packet for one answer

            def do_GET(self) -> None:
                path = self.path.removeprefix(API)
                replay.asked.append(path)
                replay.headers.append(dict(self.headers))
                status, data = replay._find(path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler
