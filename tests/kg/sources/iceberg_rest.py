"""A small REST catalogue in front of a real one: enough of the protocol for pyiceberg's client."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

_SEPARATOR = "\x1f"


class Facade:
    """``refuse_with`` is a status that everything is answered with, by a page and not in JSON.

    ``told`` is what it says of itself, ``told_of_tables`` what it says with each table.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.refuse_with = 0
        self.told: dict[str, Any] = {"defaults": {}, "overrides": {}}
        self.told_of_tables: dict[str, str] = {}
        facade = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                facade._answer(self, catalog)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, catalog: Catalog) -> None:
        if self.refuse_with:
            status, body = self.refuse_with, b"<html>no</html>"
        else:
            try:
                status, body = 200, json.dumps(self._found(catalog, request.path)).encode()
            except (NoSuchNamespaceError, NoSuchTableError) as error:
                told = {"message": str(error), "type": type(error).__name__, "code": 404}
                status, body = 404, json.dumps({"error": told}).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _found(self, catalog: Catalog, target: str) -> dict[str, Any]:
        found = _found(catalog, target)
        match found:
            case {"defaults": _}:
                return self.told
            case {"metadata": _}:
                return {**found, "config": self.told_of_tables}
        return found


def _found(catalog: Catalog, target: str) -> dict[str, Any]:
    asked = urlsplit(target)
    match [unquote(step) for step in asked.path.split("/")[2:]]:
        case ["config"]:
            return {"defaults": {}, "overrides": {}}
        case ["namespaces"]:
            parent = parse_qs(asked.query).get("parent", [""])[0]
            above = tuple(parent.split(_SEPARATOR)) if parent else ()
            return {"namespaces": [list(n) for n in catalog.list_namespaces(above)]}
        case ["namespaces", namespace, "tables"]:
            found = catalog.list_tables(tuple(namespace.split(_SEPARATOR)))
            return {
                "identifiers": [
                    {"namespace": list(table[:-1]), "name": table[-1]} for table in found
                ]
            }
        case ["namespaces", namespace, "tables", name]:
            table = catalog.load_table((*namespace.split(_SEPARATOR), name))
            return {
                "metadata-location": table.metadata_location,
                "metadata": json.loads(table.metadata.model_dump_json()),
            }
    raise NoSuchTableError(f"no {target}")
