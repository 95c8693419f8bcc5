"""Records what a real Feast registry server answers, for the tests that have none.

    python tests/data/feast/record.py .venv-feast/bin/python

Takes an interpreter that has ``feast``; runs itself in the project's own environment. It starts a
server in a temporary folder, applies `feast_universe`, lets the source list and fetch everything
through a recording proxy, then applies the changed universe and does it again, at last with a
second project beside it. Beside this file it writes, for ``built``, ``changed`` and ``two``::

    {state}/{call}.json    every exchange of one call, as {path, status, answer}

The folder is called ``/srv/feast`` in what is kept, and the pickled code of transformations, which
holds paths of its own, is left out.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from kg.iris import EntityRef
from kg.sources.feast import FeastSource
from tests.integration.feast_server import FeastServer, running_feast

API = "/api/v1/"
MISSING = [
    ("feature-set", "no_such_view"),
    ("feature-set", "service:no_such_service"),
    ("feature", "no_such_view:plays_7d"),
    ("feature", "member_activity:no_such_feature"),
    ("feature", "member_activity"),
    ("feature-entity", "no_such_entity"),
    ("feature-entity", "__dummy"),
    ("dataset", "data/no_such_table.parquet"),
]
GONE = [
    ("feature-set", "catalogue_size"),
    ("feature-set", "service:billboard"),
    ("feature", "member_activity:hours_7d"),
    ("feature", "catalogue_size:titles"),
    ("feature-entity", "profile"),
    ("dataset", "data/catalogue.parquet"),
]

Tape = dict[str, dict[str, Any]]
"""By call and by request, so that what is asked twice is kept once."""


def write(folder: Path, tape: Tape) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for call, exchanges in tape.items():
        text = json.dumps(list(exchanges.values()), indent=1, ensure_ascii=False)
        (folder / f"{call}.json").write_text(text + "\n", "utf-8")


def without_code(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_code(item)
            for key, item in value.items()
            if not (key == "body" and "bodyText" in value)
        }
    return [without_code(item) for item in value] if isinstance(value, list) else value


def proxy(server: FeastServer, tape: Tape) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                with urllib.request.urlopen(server.url + self.path) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            path = self.path.removeprefix(API)
            call = path.partition("?")[0].partition("/")[0]
            kept = answer.decode().replace(str(server.folder), "/srv/feast")
            tape[call][path] = {
                "path": path,
                "status": status,
                "answer": without_code(json.loads(kept)),
            }
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    return Proxy


@contextmanager
def recording(server: FeastServer, tape: Tape) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), proxy(server, tape)) as opened:
        threading.Thread(target=opened.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{opened.server_port}"
        opened.shutdown()


def exercise(server: FeastServer, project: str | list[str], missing: list[tuple[str, str]]) -> Tape:
    """Every call that the source makes, in small pages and in large ones."""
    tape: Tape = defaultdict(dict)
    with recording(server, tape) as url:
        for page_size in (2, 100):
            source = FeastSource("feast", url=url, project=project, page_size=page_size)
            for ref in list(source.list()):
                assert not source.fetch(ref).gone, ref
            for entity_type, key in missing:
                assert source.fetch(EntityRef(entity_type, "feast", key)).gone, key
            source.close()
        urllib.request.urlopen(f"{url}{API}feature_views?project=nowhere").close()
        try:
            urllib.request.urlopen(f"{url}{API}projects/nowhere?allow_cache=false")
        except urllib.error.HTTPError as error:
            error.close()
    return tape


def main() -> None:
    python = Path(sys.argv[1]).absolute()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_feast(python, Path(folder)) as server,
    ):
        write(HERE / "built", exercise(server, "aurora", MISSING))
        server.apply("changed")
        write(HERE / "changed", exercise(server, "aurora", [*MISSING, *GONE]))
        server.apply("built", project="tundra")
        several = [("feature-set", "tundra/no_such_view"), ("feature-set", "nowhere/member_live")]
        write(HERE / "two", exercise(server, ["aurora", "tundra"], several))


if __name__ == "__main__":
    main()
