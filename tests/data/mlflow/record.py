"""Records what a real MLflow server answers, for the tests that have none.

    python tests/data/mlflow/record.py .venv-mlflow/bin/python

Takes an interpreter that has ``mlflow`` and ``scikit-learn``; runs itself in the project's own
environment. It starts a server in a temporary folder, fills it by `mlflow_universe`, lets the
source list and fetch everything through a recording proxy, then changes the universe and does it
again, and once more when what can be restored is. Beside this file it writes, for ``built``,
``changed`` and ``restored``:

- ``{state}/{call}.json``: every exchange of one call, as ``{request, status, answer}``
- ``{state}/webhooks.json``: the headers and body of each webhook
- ``{state}/universe.json``: the keys of what was made

The keys are new at each recording; tests take them from ``universe.json``.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from kg.iris import EntityRef
from kg.sources.mlflow import MlflowSource
from tests.integration.mlflow_server import running_mlflow

SECRET = "recorded-secret"
API = "/api/2.0/mlflow/"
REPOSITORY = "https://git.aurora.example/home/ranker"
_FOLDER = re.compile(r'("key": "mlflow\.source\.git\.repoURL",\s*"value": ")/[^"]*(")')
MISSING = [
    ("model", "no-such-model"),
    ("model-version", "home-ranker/99"),
    ("model-instance", "m-00000000000000000000000000000000"),
    ("model-instance", "home-ranker/99"),
    ("pipeline", "999"),
    ("pipeline-run", "00000000000000000000000000000000"),
    ("dataset", "no.such.dataset"),
    ("dataset-version", "no.such.dataset/00000000"),
    ("prompt", "no-such-prompt"),
    ("prompt", "home-ranker"),
    ("model", "row-title"),
    ("prompt-version", "row-title/99"),
    ("prompt-version", "home-ranker/1"),
    ("model-version", "row-title/1"),
    ("metric", "no such metric"),
    ("metric", "drift"),  # has never been a number
]

Tape = dict[str, dict[str, Any]]
"""By call and by request, so that what is asked twice is kept once."""


def write(folder: Path, tape: Tape, *, notices: list[Any], universe: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for call, exchanges in tape.items():
        _write(folder / f"{call}.json", list(exchanges.values()))
    _write(folder / "webhooks.json", notices)
    _write(folder / "universe.json", universe)


def _write(file: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    file.write_text(_of_no_machine(text), "utf-8")


def _of_no_machine(text: str) -> str:
    """A recording without the places of the machine that made it: MLflow notes who ran what where.

    The repository that MLflow finds is the clone's origin, which may be a folder, too.
    """
    text = text.replace(f"{ROOT}/tests/integration/", "").replace(str(ROOT), REPOSITORY)
    return _FOLDER.sub(rf"\1{REPOSITORY}\2", text)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def proxy(target: str, tape: Tape) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._forward(b"")

        def do_POST(self) -> None:
            self._forward(self.rfile.read(int(self.headers["Content-Length"])))

        def _forward(self, body: bytes) -> None:
            headers = {"Content-Type": "application/json"} if body else {}
            asked = urllib.request.Request(target + self.path, body or None, headers)
            try:
                with urllib.request.urlopen(asked) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            request = {"method": self.command, "path": self.path.removeprefix(API)}
            if body:
                request["body"] = json.loads(body)
            call = request["path"].partition("?")[0].partition("/m-")[0].replace("/", "-")
            tape[call][json.dumps(request)] = {
                "request": request,
                "status": status,
                "answer": json.loads(answer),
            }
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    return Proxy


def receiver(notices: list[Any]) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            mine = {k: v for k, v in self.headers.items() if k.lower().startswith("x-mlflow")}
            notices.append({"headers": mine, "body": body})
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    return Receiver


def exercise(url: str, *, missing: Iterable[tuple[str, str]]) -> Tape:
    """Every call that the source makes, in small pages and in large ones."""
    tape: Tape = defaultdict(dict)
    with serving(proxy(url, tape)) as recorded:
        for page_size in (2, 200):
            source = MlflowSource("mlflow", url=recorded, page_size=page_size)
            for ref in list(source.list()):
                source.fetch(ref)
            for entity_type, key in missing:
                assert source.fetch(EntityRef(entity_type, "mlflow", key)).gone
            source.close()
    return tape


def main() -> None:
    python = Path(sys.argv[1]).absolute()
    notices: list[Any] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_mlflow(python, Path(folder)) as server,
        serving(receiver(notices)) as url,
    ):
        server.universe("webhooks", "--receiver", f"{url}/webhooks/mlflow", "--secret", SECRET)
        universe = server.universe("build")
        time.sleep(3)  # MLflow sends from a pool of threads
        missing = [*MISSING, ("pipeline", universe["experiments"]["given up"])]
        tape = exercise(server.url, missing=missing)
        write(HERE / "built", tape, notices=notices, universe=universe)
        notices.clear()
        universe |= server.universe("change")
        time.sleep(3)
        gone = [(kind, key) for kind, keys in universe["gone"].items() for key in keys]
        tape = exercise(server.url, missing=[*missing, *gone])
        write(HERE / "changed", tape, notices=notices, universe=universe)
        notices.clear()
        universe |= server.universe("restore")
        time.sleep(3)
        back = {(kind, key) for kind, keys in universe["restored"].items() for key in keys}
        still = [key for key in [*missing, *gone] if key not in back]
        tape = exercise(server.url, missing=still)
        write(HERE / "restored", tape, notices=notices, universe=universe)


if __name__ == "__main__":
    main()
