"""A real scim2-server on loopback, and a front before it that can be troublesome."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "test-token"
BASE = "/v2"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimServer:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}"

    def user(self, user_name: str, *, manager: str = "", **attributes: Any) -> str:
        """A new user's id."""
        body: dict[str, Any] = {"schemas": [_CORE + "User"], "userName": user_name, **attributes}
        if manager:
            body["schemas"].append(ENTERPRISE)
            body[ENTERPRISE] = {"manager": {"value": manager}}
        return str(self.call("POST", "/Users", body)["id"])

    def group(self, name: str, *members: str, kind: str = "User") -> str:
        listed = [{"value": member, "type": kind} for member in members]
        body = {"schemas": [_CORE + "Group"], "displayName": name, "members": listed}
        return str(self.call("POST", "/Groups", body)["id"])

    def change(self, path: str, **values: Any) -> None:
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        changes = [{"op": "replace", "path": name, "value": v} for name, v in values.items()]
        self.call("PATCH", path, {"schemas": [schema], "Operations": changes})

    def delete(self, path: str) -> None:
        self.call("DELETE", path)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = response.read()
        return json.loads(answer) if answer else None


@contextmanager
def scim_server(*, config: Path | None = None) -> Iterator[ScimServer]:
    """``config`` is a file with the ServiceProviderConfig that it is to have."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "scim2_server.testserver.cli"]
    command += ["--port", str(port), "--bearer-token", TOKEN]
    command += ["--service-provider-config", str(config)] if config else []
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving SCIM"), "scim2-server did not start"
        yield ScimServer(port=port)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Front:
    """Passes requests on to a real server, but for what it is told to answer itself.

    ``refuses_paging`` answers 500 to startIndex and count, as Canaille does;
    ``refuses_filters_by`` answers 400 to filters that begin so.
    """

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self.refuses_paging = False
        self.refuses_filters_by = ""
        self._to = port
        self._overrides: list[tuple[str, int, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}{BASE}"

    def answer(self, path: str, body: Any, *, status: int = 200) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.append((path, status, data))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _find(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        for start, status, data in self._overrides:
            if path.startswith(start):
                return status, data
        query = parse_qs(urlsplit(path).query)
        if self.refuses_paging and not query.keys().isdisjoint({"startIndex", "count"}):
            return 500, b"<h1>Internal Server Error</h1>"
        if self.refuses_filters_by and query.get("filter", [""])[0].startswith(
            self.refuses_filters_by
        ):
            problem = {"schemas": [ERROR], "status": "400", "scimType": "invalidFilter"}
            return 400, json.dumps(problem).encode()
        behind = HTTPConnection("127.0.0.1", self._to, timeout=10)
        try:
            behind.request("GET", BASE + path, headers=headers)
            response = behind.getresponse()
            return response.status, response.read()
        finally:
            behind.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1  # one packet for one answer

            def do_GET(self) -> None:
                path = self.path.removeprefix(BASE)
                front.asked.append(path)
                passed = {k: v for k, v in self.headers.items() if k in ("Accept", "Authorization")}
                status, data = front._find(path, passed)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler
