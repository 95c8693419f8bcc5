"""From an event to the fact that it tells of: how long until everybody can ask for it.

    python -m tests.benchmarks.freshness [--entities 5000] [--rounds 100]

A source is changed, a thin event is posted to ``mlg serve``, and a query is sent again and again
until its answer has the change: once a fact of the entity itself, once an edge that is inferred
along three others. The system is idle but for this.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import quote

from kg.iris import PREFIXES
from tests.benchmarks import client, processes, universe

WANTED_FACT, WANTED_EDGE = 1.0, 2.0
BASE = "http://localhost:8080/id"


class Company:
    """A source's file, an installation that serves it, and what is asked of both."""

    def __init__(self, folder: Path, entities: int, port: int) -> None:
        self._port = port
        self._file = folder / "bench.json"
        self._payloads = {(p["type"], p["key"]): p for p in universe.payloads(entities)}
        for number in range(2):
            self._put({"type": "experiment", "key": f"t{number}", "name": f"Test {number}"})
            self._put({"type": "experiment-cell", "key": f"c{number}", "test_id": f"t{number}"})
        self.settings = folder / "mlg.toml"
        self.settings.write_text(
            f'data_dir = "{folder / "data"}"\n[server]\nport = {port}\n'
            f'[sources.bench]\nkind = "memory"\npath = "{self._file}"\n'
        )
        self.save()

    def _put(self, payload: dict[str, object]) -> None:
        self._payloads[str(payload["type"]), str(payload["key"])] = payload

    def change(self, entity_type: str, key: str, **facts: object) -> None:
        self._put({**self._payloads[entity_type, key], **facts})
        self.save()

    def save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(list(self._payloads.values())))
        new.replace(self._file)

    def tell(self, entity_type: str, key: str) -> None:
        event = {"event_type": f"{entity_type}.updated", "source": "bench", "id": key}
        event["event_type"] = event["event_type"].replace("-", "_")
        request = urllib.request.Request(
            f"http://{client.HOST}:{self._port}/events",
            data=json.dumps(event).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202

    def ask(self, pattern: str) -> bool:
        query = (
            f"PREFIX mlg: <{PREFIXES['mlg']}> PREFIX dct: <{PREFIXES['dct']}> ASK {{ {pattern} }}"
        )
        address = f"http://{client.HOST}:{self._port}/sparql?query={quote(query)}"
        request = urllib.request.Request(
            address, headers={"Accept": "application/sparql-results+json"}
        )
        with urllib.request.urlopen(request) as answer:
            return bool(json.load(answer)["boolean"])

    def until(self, pattern: str) -> float:
        return processes.wait_until(pattern, lambda: self.ask(pattern))


def run(entities: int, *, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        port = processes.free_port()
        company = Company(Path(name), entities, port)
        command = [sys.executable, "-m", "kg.cli", "--config", str(company.settings)]
        with processes.running([*command, "serve"]):
            processes.wait_until("mlg serve", lambda: _ready(port))
            subprocess.run([*command, "sync"], check=True, capture_output=True)
            _say("a fact", _facts(company, rounds), wanted=WANTED_FACT)
            _say("an inferred edge", _edges(company, rounds), wanted=WANTED_EDGE)
    print(f"{entities:,} entities; machine: {processes.load()}")


def _facts(company: Company, rounds: int) -> list[float]:
    found = []
    for number in range(rounds):
        company.change("model", "m0", name=f"Ranker {number}")
        company.tell("model", "m0")
        found.append(company.until(f'<{BASE}/model/bench/m0> dct:title "Ranker {number}"'))
    return found


def _edges(company: Company, rounds: int) -> list[float]:
    found = []
    for number in range(rounds):
        cell, test = f"c{number % 2}", f"t{number % 2}"
        company.change("pipeline-run", "r0-0", executed_for_cell_id=cell)
        company.tell("pipeline-run", "r0-0")
        edge = f"<{BASE}/model-instance/bench/i0-0> mlg:associatedWithTest"
        found.append(company.until(f"{edge} <{BASE}/experiment/bench/{test}>"))
    return found


def _ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://{client.HOST}:{port}/readyz") as answer:
        return bool(answer.status == 200)


def _say(what: str, seconds: list[float], *, wanted: float) -> None:
    ordered = sorted(seconds)
    half, most = (ordered[min(len(ordered) - 1, int(p * len(ordered)))] for p in (0.5, 0.95))
    verdict = "ok" if most < wanted else "MISSED"
    print(f"event to {what}: p50 {half:.3f} s, ", end="")
    print(f"p95 {most:.3f} s, wanted {wanted:g} s: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    run(given.entities, rounds=given.rounds)


if __name__ == "__main__":
    main()
