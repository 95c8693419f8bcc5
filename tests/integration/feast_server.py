"""A real Feast registry server for a test or a recording, in a folder of its own, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.mlflow_server import free_port

UNIVERSE = Path(__file__).parent / "feast_universe.py"
STORE = """\
project: {project}
provider: local
registry: {{path: ../registry.db, cache_ttl_seconds: 600}}
online_store: {{type: sqlite, path: online.db}}
offline_store: {{type: file}}
entity_key_serialization_version: 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeastServer:
    """A running server, the interpreter that has Feast, and the folder of the repositories."""

    url: str
    python: Path
    folder: Path
    process: int

    def apply(self, state: str, *, project: str = "aurora") -> None:
        """``feast apply`` of `feast_universe` in one of its states, as a person would run it."""
        _run(self.python, self.folder / project, "feast.cli.cli", "apply", state=state)

    def pause(self) -> None:
        """It takes connections and answers nothing, until `resume`."""
        os.kill(self.process, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process, signal.SIGCONT)


@contextmanager
def running_feast(
    python: Path, folder: Path, *, start_seconds: float = 120
) -> Iterator[FeastServer]:
    """Applies ``aurora`` as built, starts the registry's server, and stops it.

    Feast's own cache is kept for ten minutes: what a source sees sooner, it asked the registry for.
    """
    for project in ("aurora", "tundra"):
        repository = folder / project
        (repository / "data").mkdir(parents=True)
        (repository / "feature_store.yaml").write_text(STORE.format(project=project), "utf-8")
        shutil.copy(UNIVERSE, repository / "universe.py")
        _run(python, repository, "universe", state="built")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    _run(python, folder / "aurora", "feast.cli.cli", "apply", state="built")
    command = [str(python), "-m", "feast.cli.cli", "serve_registry", "--rest-api", "--no-grpc"]
    log = folder / "feast.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--rest-port", str(port), "-h", "127.0.0.1"],
            cwd=folder / "aurora",
            env=_environment("aurora", "built"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(url, process, log, until=time.monotonic() + start_seconds)
        yield FeastServer(url=url, python=python, folder=folder, process=process.pid)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)


def _run(python: Path, repository: Path, *command: str, state: str) -> None:
    done = subprocess.run(
        [str(python), "-m", *command],
        cwd=repository,
        env=_environment(repository.name, state),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _environment(project: str, state: str) -> dict[str, str]:
    return os.environ | {
        "FEAST_PROJECT": project,
        "FEAST_UNIVERSE": state,
        "FEAST_USAGE": "False",
        "DO_NOT_TRACK": "true",
    }


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, *, until: float) -> None:
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api/v1/projects", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"Feast did not start:\n{log.read_text('utf-8', 'replace')[-4000:]}")
