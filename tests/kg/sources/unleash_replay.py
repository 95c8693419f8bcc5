"""A local HTTP server that answers as a real Unleash once did, from ``tests/data/unleash``."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

RECORDED = Path(__file__).parents[2] / "data" / "unleash"
API = "/api/admin/"
TOKEN = "*:*.for-the-replay"


def recorded(state: str, name: str) -> Any:
    return json.loads((RECORDED / state / f"{name}.json").read_text("utf-8"))


class Replay:
    """``state`` is ``built`` or ``changed``. What was never asked is a route that is not there."""

    def __init__(self, state: str = "built") -> None:
        self.asked: list[str] = []
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._overrides: list[tuple[str, int, bytes]] = []
        self.load(state)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def load(self, state: str) -> None:
        """Answers from now on as Unleash did in this state."""
        self._answers = {
            told["path"]: (told["status"], json.dumps(told["answer"]).encode())
            for told in recorded(state, "answers")
        }

    def answer(self, path: str, body: Any, *, status: int = 200) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.insert(0, (path, status, data))

    def answer_of(self, path: str) -> Any:
        return json.loads(self._answers[path][1])

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

    def _find(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        if authorization != TOKEN:
            refused = {"name": "UnauthorizedError", "message": "You must log in to use Unleash."}
            return 401, json.dumps(refused).encode()
        for start, status, data in self._overrides:
            if path.startswith(start):
                return status, data
        message = f"The path you were looking for ({API}{path}) is not available."
        unknown = json.dumps({"name": "NotFoundError", "message": message}).encode()
        return self._answers.get(path, (404, unknown))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1  # one packet for one answer

            def do_GET(self) -> None:
                path = self.path.removeprefix(API)
                replay.asked.append(path)
                status, data = replay._find(path, self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler
