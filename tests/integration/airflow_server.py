"""A real Airflow for a test or a recording, on SQLite in a folder of its own, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.integration.mlflow_server import free_port

UNIVERSE = Path(__file__).parent / "airflow_universe.py"
USER, PASSWORD = "graph", "for-the-tests"
PATIENCE_SECONDS = 150
"""When waiting is given up. Nothing is asserted about how long anything takes."""
DAGS = ("broken", "load_plays", "train_ranker")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowServer:
    """A running API server, and what belongs to it."""

    url: str
    dags: Path

    def token(self) -> str:
        """A new one, which expires after 15 seconds: five, and ten of grace."""
        answer = _ask(self.url, "POST", "/auth/token", {"username": USER, "password": PASSWORD})
        token: str = answer["access_token"]
        return token

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the REST API; None if there is no such thing."""
        try:
            return _ask(self.url, method, f"/api/v2/{path}", body, token=self.token())
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise AssertionError(f"{path}: {error.code} {error.read()!r}") from error
            return None

    def build(self) -> None:
        """Runs ``load_plays`` to its end, which starts ``train_ranker``, and ``broken``, which fails."""
        for dag in DAGS:
            _until(f"{dag} is read", lambda dag=dag: self.call("GET", f"dags/{dag}/tasks"))
            self.call("PATCH", f"dags/{dag}", {"is_paused": False})
        self.run("load_plays", "first+1", "success")
        self.run("broken", "first", "failed")
        _until("train_ranker ran", self._trained)

    def run(self, dag: str, run: str, state: str) -> None:
        """Triggers a run and waits until it has ended in this state."""
        self.call("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None})
        path = f"dags/{dag}/dagRuns/{quote(run, safe='')}"
        _until(f"{dag} {run}: {state}", lambda: self.call("GET", path)["state"] == state)

    def try_again(self, dag: str, run: str, task: str) -> None:
        """Another attempt at a task that has ended."""
        asked = {"dag_run_id": run, "task_ids": [task], "only_failed": False, "dry_run": False}
        self.call("POST", f"dags/{dag}/clearTaskInstances", asked | {"reset_dag_runs": False})

    def change(self) -> None:
        """Another owner of ``load_plays``; ``broken`` is deleted with its runs."""
        (self.dags / "changed").touch()
        os.utime(self.dags / UNIVERSE.name)
        owned = ["grace@aurora.example"]
        _until("the owner changed", lambda: self.call("GET", "dags/load_plays")["owners"] == owned)
        _until("broken is stale", lambda: self.call("GET", "dags/broken")["is_stale"])
        self.call("DELETE", "dags/broken")

    def _trained(self) -> bool:
        runs = self.call("GET", "dags/train_ranker/dagRuns")["dag_runs"]
        return any(run["state"] == "success" for run in runs)


@contextmanager
def running_airflow(python: Path, folder: Path) -> Iterator[AirflowServer]:
    """``python`` is the interpreter that has Airflow. Starts its parts and stops them all."""
    dags = folder / "dags"
    dags.mkdir(parents=True)
    shutil.copy(UNIVERSE, dags)
    (folder / "passwords.json").write_text(json.dumps({USER: PASSWORD}), "utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = _environment(python, folder, url)
    airflow = [str(python), "-m", "airflow"]
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / "airflow.log").open("wb") as log:

        def start(*command: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [*airflow, *command],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        try:
            assert start("db", "migrate").wait(300) == 0, _tail(folder)
            api = ("api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
            parts = (api, ("scheduler", "--skip-serve-logs"), ("dag-processor",))
            processes.extend(start(*part) for part in parts)
            _until(f"Airflow answers: {_tail(folder)}", lambda: _answers(url))
            yield AirflowServer(url=url, dags=dags)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{_tail(folder)}") from error
        finally:
            for process in reversed(processes):
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group: Airflow's parts leave their children behind."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue
    process.wait(15)


def _environment(python: Path, folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "4",
        "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "2",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-for-the-tests-that-is-long-enough-for-sha512-"
        * 2,
        "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": "5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "DO_NOT_TRACK": "true",
    }


def _ask(url: str, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = answer.read()
    return json.loads(told) if told else None


def _answers(url: str) -> bool:
    try:
        _ask(url, "POST", "/auth/token", {"username": USER, "password": PASSWORD})
    except OSError:
        return False
    return True


def _until(what: str, probe: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not probe():
        assert time.monotonic() < deadline, f"It never became so: {what}"
        time.sleep(0.5)


def _tail(folder: Path) -> str:
    return (folder / "airflow.log").read_text("utf-8", "replace")[-3000:]
