"""`mlg serve` in a process group of its own, so that a test may kill all of it at once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kg.config import Settings, load
from tests.integration.installation import PATIENCE_SECONDS
from tests.integration.mlflow_server import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Group:
    """An installation whose settings stand in ``folder/mlg.toml``, and its group of processes."""

    folder: Path
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    under: Sequence[str] = ()
    """A command that runs the group, such as a tracer."""
    number: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "mlg.log").read_text("utf-8", "replace")

    def settings(self) -> Settings:
        return load(self.folder / "mlg.toml", environ=self._variables())

    def start(self) -> None:
        """Starts everything, and does not wait for it."""
        command = [*self.under, sys.executable, "-m", "kg.cli", "serve"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MLG_")}
        with (self.folder / "mlg.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**clean, **self._variables()},
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        self.number = self._process.pid

    def wait_ready(self) -> None:
        self.wait(lambda: self.ask("/readyz").status == 200)

    def wait(self, holds: Any) -> None:
        """Asks until it holds; a server that does not take connections yet is a no."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._holds(holds):
            if self._process is None or self._process.poll() is not None:
                pytest.fail(f"The group ended: {self.log[-4000:]}")
            if time.monotonic() > deadline:
                pytest.fail(f"Waited in vain: {self.log[-4000:]}")
            time.sleep(0.01)

    @staticmethod
    def _holds(holds: Any) -> bool:
        try:
            return bool(holds())
        except (OSError, http.client.HTTPException):
            return False

    def ask(
        self,
        path: str,
        *,
        body: bytes | None = None,
        kind: str = "",
        method: str = "",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; a body makes it a POST of that kind."""
        told = {"Accept": accept, **({"Content-Type": kind} if kind else {}), **(headers or {})}
        method = method or ("GET" if body is None else "POST")
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.connect()
            with suppress(BrokenPipeError, ConnectionResetError):  # it need not read all of a body
                connection.request(method, path, body=body, headers=told)
            with connection.getresponse() as answer:
                return Answer(
                    status=answer.status, headers=dict(answer.headers), body=answer.read()
                )

    def kill(self) -> None:
        """`kill -9` of every process of the group, at once; returns when all are dead."""
        assert self._process is not None
        os.killpg(self.number, signal.SIGKILL)
        self._process.wait()
        while self.processes():
            time.sleep(0.005)
        self._process = None

    def stop(self) -> None:
        """Asks it to end, as a service manager does; kills it if it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def processes(self) -> dict[int, str]:
        """The living processes of the group, by number, and the command of each."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                after_name = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(after_name[2]) == self.number and after_name[0] != "Z":
                found[int(folder.name)] = command
        return found

    def _variables(self) -> dict[str, str]:
        return {"MLG_CONFIG": str(self.folder / "mlg.toml"), **self.environment}
