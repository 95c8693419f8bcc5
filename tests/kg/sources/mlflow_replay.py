"""A local HTTP server that answers as a real MLflow once did, from ``tests/data/mlflow``."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kg.iris import EntityRef

RECORDED = Path(__file__).parents[2] / "data" / "mlflow"
SECRET = "recorded-secret"  # of the recorded webhooks
API = "/api/2.0/mlflow/"


def recorded(state: str, name: str) -> Any:
    return json.loads((RECORDED / state / f"{name}.json").read_text("utf-8"))


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "mlflow", key)


def _key(method: str, path: str, body: Any) -> str:
    return json.dumps([method, path, body], sort_keys=True)


class Replay:
    """``state`` is ``built`` or ``changed``. What was never asked is answered by 404."""

    def __init__(self, state: str = "built") -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._overrides: list[tuple[str, int, bytes, dict[str, str]]] = []
        self.load(state)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def load(self, state: str) -> None:
        """Answers from now on as MLflow did in this state."""
        self._answers.clear()
        for file in (RECORDED / state).glob("*.json"):
            if file.stem in ("universe", "webhooks"):
                continue
            for exchange in json.loads(file.read_text("utf-8")):
                asked = exchange["request"]
                key = _key(asked["method"], asked["path"], asked.get("body"))
                self._answers[key] = exchange["status"], json.dumps(exchange["answer"]).encode()

    def answer(
        self, path: str, body: Any, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.append((path, status, data, headers or {}))

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

    def _find(self, method: str, path: str, body: Any) -> tuple[int, bytes, dict[str, str]]:
        for start, status, data, headers in self._overrides:
            if path.startswith(start):
                return status, data, headers
        found = self._answers.get(_key(method, path, body))
        return (*found, {}) if found else (404, b"<title>404 Not Found</title>", {})

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
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                path = self.path.removeprefix(API)
                replay.asked.append(path)
                replay.headers.append(dict(self.headers))
                status, data, headers = replay._find(self.command, path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler
