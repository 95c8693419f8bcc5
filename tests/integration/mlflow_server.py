"""A real MLflow server for a test or a recording, in a folder of its own, on loopback."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNIVERSE = Path(__file__).parent / "mlflow_universe.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowServer:
    """A running server, and the interpreter that has MLflow's client."""

    url: str
    python: Path
    group: int
    """The process group of the server and its children."""

    def pause(self) -> None:
        """It takes connections and answers nothing, until `resume`."""
        os.killpg(self.group, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.group, signal.SIGCONT)

    def universe(self, verb: str, *arguments: str) -> dict[str, Any]:
        """Runs one verb of `mlflow_universe` against this server, and answers what it made."""
        done = subprocess.run(
            [self.python, UNIVERSE, "--tracking", self.url, verb, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=_environment(),
        )
        if done.returncode:
            raise RuntimeError(f"The universe's {verb!r} failed:\n{done.stderr[-4000:]}")
        made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # links come before it
        return made


@contextmanager
def running_mlflow(
    python: Path, folder: Path, *, start_seconds: float = 120
) -> Iterator[MlflowServer]:
    """Starts a server that may send webhooks to this machine, and stops it with its children."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        str(python),
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "artifacts"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    log = folder / "mlflow.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(url, process, log, until=time.monotonic() + start_seconds)
        yield MlflowServer(url=url, python=python, group=process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    return os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, *, until: float) -> None:
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"MLflow did not start:\n{log.read_text('utf-8', 'replace')[-4000:]}")
