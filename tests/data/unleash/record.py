"""Records what a real Unleash server answers, for the tests that have none.

    python tests/data/unleash/record.py unleash

Takes a folder with ``node_modules/unleash-server``; runs itself in the project's own environment,
on a machine with PostgreSQL. It starts a server, fills it by `unleash_universe`, lets the source
list and fetch everything through a recording proxy, then changes the universe and does it again.
Beside this file it writes, for ``built`` and for ``changed``:

- ``{state}/answers.json``: every exchange, as ``{path, status, answer}``
- ``{state}/webhooks.json``: the Authorization and the body of each notice
- ``{state}/strategies.json``: the ids of the strategies, which are new at each recording
"""

from __future__ import annotations

import json
import sys
import threading
import time
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
from kg.sources.unleash import UnleashSource
from tests.integration import unleash_universe as universe
from tests.integration.unleash_server import TOKEN, running_unleash

API = "/api/admin/"
MISSING = [
    ("experiment", "default/no-such-flag"),
    ("experiment", "default/given-up"),  # archived
    ("experiment", "default/switch"),  # no experiment
    ("experiment", "nowhere/home-rows"),
    ("experiment-cell", "default/home-rows/nobody"),
    ("experiment-cell", "default/no-such-flag/control"),
    ("allocation", "default/home-rows/production/0/control"),
]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def proxy(target: str, tape: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urllib.request.Request(target + self.path, headers={"Authorization": TOKEN})
            try:
                with urllib.request.urlopen(asked) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            path = self.path.removeprefix(API)
            tape[path] = {"path": path, "status": status, "answer": json.loads(answer)}
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
            notices.append({"authorization": self.headers.get("Authorization"), "body": body})
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    return Receiver


def exercise(url: str, *, missing: Iterable[tuple[str, str]]) -> list[Any]:
    """Every call that the source makes, in small pages and in large ones."""
    tape: dict[str, Any] = {}
    with serving(proxy(url, tape)) as recorded:
        for page_size in (2, 100):
            source = UnleashSource("unleash", url=recorded, token=TOKEN, page_size=page_size)
            for ref in list(source.list()):
                assert not source.fetch(ref).gone
            for entity_type, key in missing:
                assert source.fetch(EntityRef(entity_type, "unleash", key)).gone
            source.close()
    return list(tape.values())


def write(state: str, **files: Any) -> None:
    folder = HERE / state
    folder.mkdir(exist_ok=True)
    for name, value in files.items():
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, "utf-8")


def main() -> None:
    notices: list[Any] = []
    with (
        running_unleash(Path(sys.argv[1]).absolute()) as server,
        serving(receiver(notices)) as url,
    ):
        universe.subscribe(server, f"{url}/webhooks/unleash")
        time.sleep(61)  # Unleash remembers for a minute which webhooks there are
        strategies = universe.build(server)
        time.sleep(4)  # Unleash sends after it has answered
        answers = exercise(server.url, missing=MISSING)
        write("built", answers=answers, webhooks=list(notices), strategies=strategies)
        notices.clear()
        universe.change(server, strategies)
        time.sleep(4)
        gone = [
            ("experiment", "default/by-release"),
            ("experiment-cell", "default/home-rows/new-ranker"),
        ]
        answers = exercise(server.url, missing=[*MISSING, *gone])
        write("changed", answers=answers, webhooks=list(notices), strategies=strategies)


if __name__ == "__main__":
    main()
