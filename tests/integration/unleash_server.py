"""A real Unleash server with a PostgreSQL of its own, both gone afterwards.

Unleash is installed by npm in a folder of its own (``npm install unleash-server@8.2.0``); PostgreSQL
is that of the machine. Nothing of either is part of this project.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

TOKEN = "*:*.unleash-tests"
_START = """
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const [folder, socket, port] = process.argv.slice(2);
const found = createRequire(folder + '/').resolve('unleash-server');
const { start } = await import(pathToFileURL(found));
await start({
  db: { user: 'unleash', host: socket, port: 5432, database: 'postgres', ssl: false },
  server: { port: Number(port), host: '127.0.0.1' },
  checkVersion: false, telemetry: false, allowPrivateUrlInIntegration: true,
});
"""


def postgres_programs() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, which Debian keeps off the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("pg_ctl")
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


@dataclass
class UnleashServer:
    url: str
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar())
        )
    )

    def call(self, method: str, path: str, body: Any = None, *, as_person: bool = False) -> Any:
        """One call of the admin API by the token, or by the person who has logged in."""
        headers = {"Content-Type": "application/json"}
        if not as_person:
            headers["Authorization"] = TOKEN
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        if as_person:
            with self.opener.open(request, timeout=30) as answer:
                told = answer.read()
        else:
            with urllib.request.urlopen(request, timeout=30) as answer:
                told = answer.read()
        return json.loads(told) if told else None

    def log_in(self, *, email: str, username: str, password: str) -> None:
        """Makes a person who may edit, and acts as them from now on."""
        person = {"email": email, "username": username, "name": username, "password": password}
        self.call("POST", "/api/admin/user-admin", {**person, "rootRole": 1, "sendEmail": False})
        self.call(
            "POST",
            "/auth/simple/login",
            {"username": username, "password": password},
            as_person=True,
        )


@contextmanager
def running_unleash(installed: Path) -> Iterator[UnleashServer]:
    """``installed`` is the folder with ``node_modules``."""
    programs = postgres_programs()
    assert programs is not None, "PostgreSQL is not installed"
    folder = Path(tempfile.mkdtemp(prefix="unleash-"))
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def postgres(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(folder / "data"), *arguments]
        with (folder / "postgres.log").open("ab") as log:
            subprocess.run(command, check=True, cwd=folder, stdout=log, stderr=log, **owner)

    try:
        postgres("initdb", "-A", "trust", "-U", "unleash", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        postgres("pg_ctl", "-w", "-l", str(folder / "data" / "server.log"), "-o", options, "start")
        try:
            with _unleash(installed, folder) as server:
                yield server
        finally:
            postgres("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unleash(installed: Path, folder: Path) -> Iterator[UnleashServer]:
    start = folder / "start.mjs"
    start.write_text(_START, "utf-8")
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "INIT_ADMIN_API_TOKENS": TOKEN,
    }
    with (folder / "unleash.log").open("wb") as log:
        node = subprocess.Popen(
            ["node", str(start), str(installed), str(folder), str(port)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    server = UnleashServer(url=f"http://127.0.0.1:{port}")
    try:
        _await(server, node, log=folder / "unleash.log")
        yield server
    finally:
        node.terminate()
        try:
            node.wait(10)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()


def _await(server: UnleashServer, node: subprocess.Popen[bytes], *, log: Path) -> None:
    for _ in range(300):
        if node.poll() is not None:
            break
        try:
            server.call("GET", "/api/admin/environments")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"Unleash did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
