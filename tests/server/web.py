"""The real web process for tests: how it is started and spoken to."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.installation import Installation


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def start(installation: Installation, port: int) -> subprocess.Popen[bytes]:
    """The web process as ``mlg web`` starts it: settings from a file and the environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLG_")}
    environment |= {
        "MLG_CONFIG": str(installation.file.with_name("mlg.toml")),
        "MLG_SERVER_PORT": str(port),
        "MLG_SERVER_THREADS": "4",
    }
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "server"], env=environment, cwd=root, stderr=subprocess.PIPE
    )


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if ask(port, "/healthz") == 200:
                return
        except ConnectionError:
            time.sleep(0.05)
    pytest.fail(f"the server ended: {process.communicate()[1].decode()}")


def ask(port: int, path: str) -> int:
    """The status of a GET on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status
