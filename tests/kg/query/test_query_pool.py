"""The pool with real processes: limits hold, whatever a job does, and the next one is answered."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadQuery, Busy, LimitExceeded, SystemFailure
from kg.query.pool import Job, Pool, Result

MODULE = "tests.kg.query.jobs"
LONG = 30.0
pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(workers=2, memory_mb=256, modules=[MODULE]) as opened:
        yield opened


def job(name: str, body: bytes = b"", **arguments: Any) -> Job:
    return Job(function=f"{MODULE}:{name}", arguments=arguments, body=body)


def bytes_of(result: Result) -> bytes:
    if isinstance(result.body, bytes):
        return result.body
    with result.body:
        return result.body.read()


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_death(*pids: int) -> None:
    end = time.monotonic() + LONG
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < end, "a process outlived what it was for"
        time.sleep(0.02)


@pytest.mark.parametrize("size", [0, 1, 70_000, 262_144, 262_145, 3_000_000])
def test_arguments_and_bytes_come_back(pool: Pool, size: int) -> None:
    body = os.urandom(size)
    result = pool.run(job("echo", body, text="é\n\x00", number=1.5, none=None), timeout=LONG)
    assert result.value == {"text": "é\n\x00", "number": 1.5, "none": None}
    assert result.size == size
    assert isinstance(result.body, bytes) == (size <= 262_144)
    assert bytes_of(result) == body


def test_what_is_kept_lives_as_long_as_the_process(pool: Pool) -> None:
    counts = [pool.run(job("count"), timeout=LONG).value for _ in range(3)]
    assert counts == [1, 2, 3]  # the process that was used last is used first


def test_an_error_of_ours_arrives_as_it_was(pool: Pool) -> None:
    before = pool.run(job("pid"), timeout=LONG).value
    with pytest.raises(BadQuery, match=r"Line 1, column 2: no\.") as caught:
        pool.run(job("refuse"), timeout=LONG)
    assert caught.value.details == {"line": 1, "column": 2}
    assert pool.run(job("pid"), timeout=LONG).value == before


def test_any_other_error_is_a_failure_of_the_system(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemFailure, match="ZeroDivisionError: nobody foresaw this"):
        pool.run(job("fail"), timeout=LONG)
    assert "in fail" in caplog.text


def test_an_unknown_function_is_one_too(pool: Pool) -> None:
    with pytest.raises(SystemFailure, match="no_such_function"):
        pool.run(job("no_such_function"), timeout=LONG)


def test_the_time_limit_kills(pool: Pool) -> None:
    with pytest.raises(LimitExceeded, match=r"limit of 0\.4 seconds") as caught:
        pool.run(job("sleep", seconds=60), timeout=0.4)
    assert caught.value.details["limit"] == "time"
    assert pool.run(job("echo", b"next"), timeout=LONG).body == b"next"


def test_a_time_limit_below_that_of_short_jobs_kills_too(pool: Pool) -> None:
    with pytest.raises(LimitExceeded) as caught:
        pool.run(job("sleep", seconds=60), timeout=0.05)
    assert caught.value.details["limit"] == "time"


def test_a_long_job_ends_well_within_its_limit(pool: Pool) -> None:
    assert pool.run(job("sleep", seconds=0.4), timeout=LONG).value is None


@pytest.mark.parametrize("signal_name", ["SIGSEGV", "SIGBUS"])
def test_a_full_stack(pool: Pool, signal_name: str) -> None:
    with pytest.raises(LimitExceeded, match="nested too deeply") as caught:
        pool.run(job("die", signal=signal_name), timeout=LONG)
    assert caught.value.details == {"limit": "memory", "signal": signal_name}


def test_killed_as_the_system_does_without_memory(pool: Pool) -> None:
    with pytest.raises(LimitExceeded) as caught:
        pool.run(job("die", signal="SIGKILL"), timeout=LONG)
    assert caught.value.details["limit"] == "memory"


def test_another_death_is_a_failure_of_the_system(pool: Pool) -> None:
    with pytest.raises(SystemFailure, match="SIGABRT") as caught:
        pool.run(job("die", signal="SIGABRT"), timeout=LONG)
    assert caught.value.details == {"signal": "SIGABRT"}
    with pytest.raises(SystemFailure, match="exit code 3"):
        pool.run(job("stop"), timeout=LONG)
    assert pool.run(job("echo", b"next"), timeout=LONG).body == b"next"


def test_a_result_that_json_cannot_hold_is_one_as_well(pool: Pool) -> None:
    with pytest.raises(SystemFailure, match="not JSON serializable"):
        pool.run(job("answer_nonsense"), timeout=LONG)
    assert pool.run(job("echo", b"next"), timeout=LONG).body == b"next"


def test_the_memory_limit(pool: Pool) -> None:
    assert pool.run(job("take_memory", mb=100), timeout=LONG).value == 100 << 20
    with pytest.raises(LimitExceeded) as caught:
        pool.run(job("take_memory", mb=300), timeout=LONG)
    assert caught.value.details["limit"] == "memory"


def test_a_process_that_has_held_much_is_replaced() -> None:
    with Pool(workers=1, memory_mb=1024, modules=[MODULE]) as pool:
        pids = {pool.run(job("pid"), timeout=LONG).value}
        pool.run(job("take_memory", mb=400), timeout=LONG)
        pids |= {pool.run(job("pid"), timeout=LONG).value for _ in range(3)}
        assert len(pids) > 1


DEEP = {
    "brackets": ("ASK { FILTER (", "(", "1", ")", ") }"),
    "functions": ("ASK { FILTER (", "ABS(", "1", ")", ") }"),
    "groups": ("ASK ", "{", "", "}", ""),
    "not exists": ("ASK {", "FILTER NOT EXISTS {", "", "}", "}"),
    "unions": ("ASK { {}", " UNION {}", "", "", "}"),
    "sums": ("ASK { FILTER (1", "+1", "", "", ") }"),
}


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_deep_queries_behind_the_guard(pool: Pool, name: str, depth: int) -> None:
    """2,000 deep is enough to kill a process with an ordinary stack, 100,000 any process."""
    before, opener, core, closer, after = DEEP[name]
    text = before + opener * depth + core + closer * depth + after
    try:
        pool.run(job("query", text.encode()), timeout=1.0)
    except LimitExceeded as error:
        assert depth > 2_000 or error.details["limit"] == "time", error
    assert pool.run(job("echo", b"next"), timeout=LONG).body == b"next"


def test_the_engine_takes_all_memory(pool: Pool) -> None:
    doubling = " ".join(f"BIND (CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(34))
    text = f"SELECT (STRLEN(?x34) AS ?n) {{ BIND ('ab' AS ?x0) {doubling} }}"
    with pytest.raises(LimitExceeded) as caught:
        pool.run(job("query", text.encode()), timeout=LONG)
    assert caught.value.details["limit"] == "memory"
    assert pool.run(job("echo", b"next"), timeout=LONG).body == b"next"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a seccomp filter is Linux's")
def test_no_process_opens_a_connection(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SystemFailure, match="PermissionError"):
            pool.run(job("connect", port=port), timeout=LONG)
        service = f"SELECT * {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"
        with pytest.raises(SystemFailure, match="Permission denied"):
            pool.run(job("query", service.encode()), timeout=LONG)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_each_caller_gets_its_own_answer(pool: Pool) -> None:
    def call(number: int) -> tuple[int, bytes]:
        while True:
            try:
                result = pool.run(job("echo", b"%d" % number, number=number), timeout=LONG)
                return result.value["number"], bytes_of(result)
            except Busy:
                continue

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(400)))
    assert answers == [(number, b"%d" % number) for number in range(400)]


def test_a_process_killed_between_jobs_is_not_noticed(pool: Pool) -> None:
    pids = {pool.run(job("pid"), timeout=LONG).value for _ in range(3)}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # until it is gone, with all threads
    assert pool.run(job("pid"), timeout=LONG).value not in pids


# --- who waits for whom -------------------------------------------------------------------------


def test_short_jobs_pass_long_ones_and_too_many_long_ones_are_told() -> None:
    with Pool(workers=2, memory_mb=256, modules=[MODULE], wait_seconds=0.3) as pool:
        pool.run(job("echo"), timeout=LONG)
        with ThreadPoolExecutor(5) as threads:
            long = [
                threads.submit(pool.run, job("sleep", seconds=2.5), timeout=LONG) for _ in range(5)
            ]
            refused = 0
            for one in long:
                try:
                    one.result()
                except Busy as busy:
                    assert busy.details["retry_after"] >= 1
                    refused += 1
                    # The two places are taken for a while yet: a short job passes.
                    assert pool.run(job("echo", b"short"), timeout=LONG).body == b"short"
        assert refused == 3


def test_a_job_without_a_place_goes_on_while_nobody_needs_its_process() -> None:
    with Pool(workers=1, memory_mb=256, modules=[MODULE], wait_seconds=LONG) as pool:
        pids = {pool.run(job("pid"), timeout=LONG).value for _ in range(2)}
        with ThreadPoolExecutor(2) as threads:
            jobs = [job("sleep", seconds=0.6), job("sleep", seconds=0.9)]
            list(threads.map(lambda one: pool.run(one, timeout=LONG), jobs))
        assert all(is_alive(pid) for pid in pids)  # neither was killed


def test_a_job_that_made_room_starts_again_when_there_is_a_place() -> None:
    with Pool(workers=1, memory_mb=256, modules=[MODULE], wait_seconds=LONG) as pool:
        with ThreadPoolExecutor(3) as threads:
            jobs = [job("sleep", seconds=0.5) for _ in range(3)]
            results = list(threads.map(lambda one: pool.run(one, timeout=LONG), jobs))
        assert len(results) == 3


def test_no_process_is_left_and_no_caller_hangs_when_the_pool_closes() -> None:
    others = worker_processes()
    pool = Pool(workers=1, memory_mb=256, modules=[MODULE])
    pool.run(job("echo"), timeout=LONG)
    outcomes: list[BaseException] = []

    def call() -> None:
        try:
            pool.run(job("sleep", seconds=60), timeout=LONG)
        except (Busy, SystemFailure) as error:
            outcomes.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(0.5)
    assert worker_processes() - others
    pool.close()
    caller.join(LONG)
    assert [type(error) for error in outcomes] == [Busy]
    assert worker_processes() <= others
    with pytest.raises(SystemFailure, match="closed"):
        pool.run(job("echo"), timeout=LONG)


def worker_processes() -> set[str]:
    """The worker processes of this process."""
    return {folder.name for folder in Path("/proc").glob("[0-9]*") if is_child_worker(folder)}


def is_child_worker(folder: Path) -> bool:
    try:
        parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        command = (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return parent == os.getpid() and b"kg.query.process" in command


def test_a_pool_that_is_not_used_has_no_process() -> None:
    before = worker_processes()
    with Pool(workers=2, memory_mb=256, modules=[MODULE]):
        assert worker_processes() <= before


def test_processes_that_cannot_start_are_told() -> None:
    with (
        Pool(workers=1, memory_mb=256, modules=["no_such_module"]) as pool,
        pytest.raises(SystemFailure, match=r"No query process can start.*no_such_mod"),
    ):
        pool.run(job("echo"), timeout=LONG)


ORPHANS = """
import sys, threading, time
from kg.query.pool import Job, Pool
pool = Pool(workers=1, memory_mb=256, modules=["tests.kg.query.jobs"])
print(pool.run(Job(function="tests.kg.query.jobs:pid"), timeout=30).value)
cross = "SELECT (COUNT(*) AS ?n) { " + " ".join(
    f"VALUES ?x{n} {{ {' '.join(map(str, range(300)))} }}" for n in range(6)
) + " }"
busy = Job(function="tests.kg.query.jobs:query", body=cross.encode())
threading.Thread(target=pool.run, args=(busy,), kwargs={"timeout": 600}, daemon=True).start()
time.sleep(0.5)
for child in pool._children:
    print(child.pid)
print("ready", flush=True)
time.sleep(600)
"""


def test_processes_end_with_their_parent_in_the_middle_of_a_query() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANS],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout is not None
        said = list(iter(parent.stdout.readline, "ready\n"))
        parent.kill()
    pids = {int(line) for line in said}
    assert len(pids) >= 2
    wait_for_death(*pids)
