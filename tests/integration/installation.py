"""A real installation for a test: its settings, its data folder, and the processes of ``mlg serve``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from kg.iris import PREFIXES
from tests.integration.mlflow_server import free_port

PATIENCE_SECONDS = 90
"""When waiting is given up. Nothing is asserted about how long anything takes."""
T = TypeVar("T")


@dataclass(kw_only=True)
class Installation:
    """An installation with its own settings and data, and the processes of ``mlg serve``."""

    folder: Path
    settings: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.base = f"http://127.0.0.1:{self.port}"
        head = f'base = "{self.base}"\ndata_dir = "{self.folder / "data"}"\n'
        (self.folder / "mlg.toml").write_text(
            f"{head}[server]\nport = {self.port}\n{self.settings}", "utf-8"
        )

    def mlg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of ``mlg`` to its end."""
        return subprocess.run(
            self._command(*arguments), capture_output=True, text=True, check=False, env=_clean()
        )

    def start(self) -> None:
        with (self.folder / "mlg.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command("serve"), stdout=log, stderr=subprocess.STDOUT, env=_clean()
            )
        eventually(lambda: self._ended() or self.status("/readyz") == 200)
        if self._ended():
            pytest.fail((self.folder / "mlg.log").read_text("utf-8", "replace")[-4000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.base + path, timeout=30) as response:
                status: int = response.status
                return status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def get(self, path: str, *, accept: str = "text/html") -> str:
        asked = urllib.request.Request(self.base + path, headers={"Accept": accept})
        with urllib.request.urlopen(asked, timeout=30) as response:
            text: str = response.read().decode()
            return text

    def select(self, query: str) -> list[tuple[str, ...]]:
        """The rows of a SELECT over HTTP, sorted; entities as ``type/source/key``."""
        prefixes = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items())
        path = "/sparql?" + urllib.parse.urlencode({"query": prefixes + query})
        answer = json.loads(self.get(path, accept="application/sparql-results+json"))
        names = answer["head"]["vars"]
        return sorted(
            tuple(self._compact(row[name]["value"]) if name in row else "" for name in names)
            for row in answer["results"]["bindings"]
        )

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _compact(self, value: str) -> str:
        return value.removeprefix(f"{self.base}/id/")

    def _command(self, *arguments: str) -> list[str]:
        file = str(self.folder / "mlg.toml")
        return [sys.executable, "-m", "kg.cli", "--config", file, *arguments]


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MLG_")}


def eventually(probe: Callable[[], T]) -> T:
    """Asks until the answer is true, and gives up after `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"It never became so; the last answer was {answer!r}.")
        time.sleep(0.2)
    return answer
