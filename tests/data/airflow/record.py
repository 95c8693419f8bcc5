"""Records what a real Airflow answers, for the tests that have none.

    python tests/data/airflow/record.py .venv-airflow/bin/python

Takes the interpreter that has Airflow; runs itself in the project's own environment. It starts a
server with `airflow_universe`, lets the source list and fetch everything through a recording proxy,
then changes the universe and does it again. Beside this file it writes ``built.json`` and
``changed.json``: every exchange, as ``{path, status, answer}``, without what tells of the machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from kg.iris import EntityRef
from kg.sources.airflow import AirflowSource
from tests.integration.airflow_server import PASSWORD, USER, running_airflow

API = "/api/v2/"
OF_THE_MACHINE = {"hostname", "unixname", "pid", "fileloc", "file_token"}
MISSING = [
    ("pipeline", "no_such_dag"),
    ("pipeline-step", "no_such_dag/read"),
    ("pipeline-step", "load_plays/no_such_task"),
    ("pipeline-run", "load_plays/no-such-run"),
    ("pipeline-run", "no_such_dag/first"),
    ("step-run", "load_plays/first+1/no_such_task"),
    ("step-run", "load_plays/first+1/read"),  # it is mapped
    ("step-run", "load_plays/first+1/read/7"),
    ("step-run", "load_plays/no-such-run/store"),
    ("dataset", "s3://aurora/media"),
    ("dataset", "no such asset"),
]


@contextmanager
def recording(target: str, tape: dict[str, Any]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _proxy(target, tape)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _proxy(target: str, tape: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass_on(self, body: bytes | None) -> None:
            headers = {"Content-Type": "application/json"}
            if token := self.headers.get("Authorization"):
                headers["Authorization"] = token
            asked = urllib.request.Request(target + self.path, body, headers)
            try:
                with urllib.request.urlopen(asked) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            if self.path.startswith(API):
                path = self.path.removeprefix(API)
                told = _without_machine(json.loads(answer))
                tape[path] = {"path": path, "status": status, "answer": told}
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    return Proxy


def _without_machine(told: Any) -> Any:
    if isinstance(told, dict):
        return {n: _without_machine(v) for n, v in told.items() if n not in OF_THE_MACHINE}
    return [_without_machine(one) for one in told] if isinstance(told, list) else told


def exercise(url: str, *, missing: Iterable[EntityRef]) -> tuple[list[Any], set[EntityRef]]:
    """Every call that the source makes, in small pages, and what it lists.

    What is ``missing`` is fetched too, unless it is listed after all.
    """
    tape: dict[str, Any] = {}
    with recording(url, tape) as recorded:
        source = AirflowSource(
            "airflow", url=recorded, username=USER, password=PASSWORD, page_size=2
        )
        listed = set(source.list())
        for ref in sorted(listed, key=str):
            assert not source.fetch(ref).gone
        for ref in sorted({*missing} - listed, key=str):
            assert source.fetch(ref).gone
        source.close()
    return list(tape.values()), listed


def write(state: str, answers: list[Any]) -> None:
    text = json.dumps(answers, indent=1, ensure_ascii=False) + "\n"
    (HERE / f"{state}.json").write_text(text, "utf-8")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="airflow-") as folder,
        running_airflow(Path(sys.argv[1]).absolute(), Path(folder)) as server,
    ):
        server.build()
        missing = {EntityRef(entity_type, "airflow", key) for entity_type, key in MISSING}
        answers, before = exercise(server.url, missing=missing)
        write("built", answers)
        server.change()
        answers, _ = exercise(server.url, missing=missing | before)
        write("changed", answers)


if __name__ == "__main__":
    main()
