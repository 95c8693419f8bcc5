"""From ``mlg demo`` to the first answer, and the memory of all its processes when it is idle.

    python -m tests.benchmarks.start [--rounds 3]

Time counts from the launch of the command, so it holds the interpreter's start, the events of the
demo universe, their way through the pipeline and the first checkpoint. Memory is what the process
group takes after five seconds without a request, the query processes included: the question
whether all is there started them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from statistics import median
from urllib.parse import quote

from kg import demo, iris
from tests.benchmarks import processes

WANTED_SECONDS = 5.0
WANTED_MB = 500
IDLE_SECONDS = 5
COUNT = f"SELECT (COUNT(DISTINCT ?e) AS ?n) {{ ?e <{iris.RECORDED_BY}> ?s }}"


def run(rounds: int) -> None:
    expected = len({event.ref for event in demo.events()})
    ready, all_there, memory = [], [], []
    for _ in range(rounds):
        measured = _once(expected)
        ready.append(measured[0])
        all_there.append(measured[1])
        memory.append(sum(measured[2].values()))
    print(f"mlg demo, {expected} entities, median of {rounds}")
    _tell("/readyz says 200", median(ready), WANTED_SECONDS, "s")
    _tell("all entities by SPARQL", median(all_there), WANTED_SECONDS, "s")
    _tell(f"memory after {IDLE_SECONDS} s idle", median(memory), WANTED_MB, "MB")
    for name, megabytes in measured[2].items():
        print(f"    {megabytes:6.0f} MB  {name}")
    print(f"machine: {processes.load()}")


def _once(expected: int) -> tuple[float, float, dict[str, float]]:
    port = processes.free_port()
    start = time.perf_counter()
    command = [sys.executable, "-m", "kg.cli", "demo", "--port", str(port)]
    with processes.running(command) as group:
        address = f"http://127.0.0.1:{port}"
        processes.wait_until("/readyz", lambda: _get(f"{address}/readyz") is not None)
        ready = time.perf_counter() - start
        asking = f"{address}/sparql?format=json&query={quote(COUNT)}"
        processes.wait_until("whole demo", lambda: _count(asking) >= expected)
        all_there = time.perf_counter() - start
        time.sleep(IDLE_SECONDS)
        return ready, all_there, processes.memory(group)


def _get(address: str) -> bytes | None:
    with urllib.request.urlopen(address) as answer:
        body: bytes = answer.read()
        return body if answer.status == 200 else None


def _count(address: str) -> int:
    rows = json.loads(_get(address) or b"{}")["results"]["bindings"]
    return int(rows[0]["n"]["value"])


def _tell(what: str, value: float, wanted: float, unit: str) -> None:
    verdict = "ok" if value < wanted else "MISSED"
    print(f"  {what:24} {value:7.2f} {unit}, limit {wanted:g} {unit}: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    run(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
