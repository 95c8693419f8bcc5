"""A local HTTP server that answers as a real Airflow once did, from ``tests/data/airflow``."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

RECORDED = Path(__file__).parents[2] / "data" / "airflow"
API = "/api/v2/"
USER, PASSWORD = "graph", "for-the-replay"


class Replay:
    """``state`` is ``built`` or ``changed``. What was never asked is a route that is not there.

    ``signed_in`` counts the tokens that were given out, of which only the latest is accepted.
    """

    def __init__(self, state: str = "built") -> None:
        self.asked: list[str] = []
        self.signed_in = 0
        self._token = ""
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._overrides: list[tuple[str, int, bytes]] = []
        self.load(state)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def load(self, state: str) -> None:
        """Answers from now on as Airflow did in this state."""
        self._answers = {
            told["path"]: (told["status"], json.dumps(told["answer"]).encode())
            for told in json.loads((RECORDED / f"{state}.json").read_text("utf-8"))
        }

    def answer(self, path: str, body: Any, *, status: int = 200) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.insert(0, (path, status, data))

    def answer_of(self, path: str) -> Any:
        return json.loads(self._answers[path][1])

    def expire(self) -> None:
        """No token that was given out is accepted any more."""
        self._token = ""

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

    def _sign_in(self, body: bytes) -> tuple[int, bytes]:
        if json.loads(body) != {"username": USER, "password": PASSWORD}:
            return 401, json.dumps({"detail": "Invalid credentials"}).encode()
        self.signed_in += 1
        self._token = f"token-{self.signed_in}"
        return 201, json.dumps({"access_token": self._token}).encode()

    def _find(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        if not self._token or authorization != f"Bearer {self._token}":
            return 401, json.dumps({"detail": "Invalid JWT token"}).encode()
        for start, status, data in self._overrides:
            if path.startswith(start):
                return status, data
        unknown = json.dumps({"error": "API route not found"}).encode()
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
                self._reply(*replay._find(path, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._reply(*replay._sign_in(body))

            def _reply(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler
