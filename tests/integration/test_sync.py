"""Every acknowledgement follows a sync: seen in the system calls of the real processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.group import Group
from tests.integration.syncs import TRACED, Call, acknowledgements, calls, struck_off_early

EVENTS, SUBMISSIONS = 6, 4
NEWCOMER = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> . @prefix dct: <http://purl.org/dc/terms/> .
<person/desk/n{n}> a mlg:Person ; <http://xmlns.com/foaf/0.1/name> "Newcomer {n}" ;
    dct:identifier "n{n}" ; mlg:active true .
"""
HAND_MADE = """\
10 recvfrom(7<socket:[1]>, "POST /events HTTP/1.1\\r\\n"..., 8192, 0, NULL, NULL) = 90
11 pwrite64(5</d/inbox.sqlite-wal>, "\\0\\1"..., 4096, 24) = 4096
11 fdatasync(5</d/inbox.sqlite-wal> <unfinished ...>
20 write(8</d/search/x.pos>, "x", 1) = 1
11 <... fdatasync resumed>) = 0
10 writev(7<socket:[1]>, [{iov_base="HTTP/1.1 202 Accepted"..., iov_len=9}], 1) = 9
10 recvfrom(9<socket:[2]> <unfinished ...>
20 write(8</d/search/x.pos>, "x", 1) = 1
10 <... recvfrom resumed>, "POST /submit HTTP/1.1\\r\\n"..., 8192, 0, NULL, NULL) = 90
30 write(8</d/store/000008.log>, "x", 1) = 1
30 fdatasync(6</d/store/000004.log>) = 0
30 fdatasync(8</d/store/000008.log>) = 0
30 pwrite64(5</d/inbox.sqlite-wal>, "\\0\\1"..., 4096, 24) = 4096
30 fdatasync(5</d/inbox.sqlite-wal>) = 0
10 writev(9<socket:[2]>, [{iov_base="HTTP/1.1 201 Created"..., iov_len=9}], 1) = 9
"""


def _moved(lines: list[str], line: int, to: int) -> list[str]:
    rest = [*lines[:line], *lines[line + 1 :]]
    return [*rest[:to], lines[line], *rest[to:]]


BROKEN: dict[str, tuple[Callable[[list[str]], list[str]], list[bool]]] = {
    "the inbox is not synced": (
        lambda lines: [line for line in lines if "11 " not in line or "sync" not in line],
        [False, True],
    ),
    "the inbox's sync has not ended": (lambda lines: _moved(lines, 4, 5), [False, True]),
    "the inbox's sync came before its write": (lambda lines: _moved(lines, 1, 4), [False, True]),
    "the inbox was synced before the request": (lambda lines: _moved(lines, 0, 4), [False, True]),
    "the inbox's sync failed": (
        lambda lines: [line.replace("fdatasync resumed>) = 0", "fdatasync resumed>) = -1 EIO (I/O error)") for line in lines],
        [False, True],
    ),
    "the store is not synced": (lambda lines: [*lines[:11], *lines[12:]], [True, False]),
    "another of the store's logs is synced": (
        lambda lines: [line.replace("fdatasync(8</d/store/000008", "fdatasync(8</d/store/000009") for line in lines],
        [True, False],
    ),
    "the store is synced after the answer": (lambda lines: _moved(lines, 11, 14), [True, False]),
}  # fmt: skip


def _verdicts(lines: list[str]) -> list[bool]:
    return [found.synced for found in acknowledgements(calls(lines))]


def test_the_checker_takes_a_good_trace() -> None:
    assert _verdicts(HAND_MADE.splitlines()) == [True, True]
    assert not struck_off_early(calls(HAND_MADE.splitlines()))


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_refuses_a_trace_in_which(name: str) -> None:
    spoil, verdicts = BROKEN[name]
    assert _verdicts(spoil(HAND_MADE.splitlines())) == verdicts


def test_the_checker_sees_what_is_struck_off_early() -> None:
    lines = HAND_MADE.splitlines()
    (early,) = struck_off_early(calls(_moved(lines, 11, 13)))
    assert early.file == "/d/store/000008.log"


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The trace of all processes while some events and submissions are acknowledged, one by one."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed; on Debian: apt-get install strace.")
    if subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace may not trace here; a container needs the capability SYS_PTRACE.")
    folder = tmp_path_factory.mktemp("sync")
    file = folder / "trace"
    options = ["-f", "-y", "-s", "40", "-e", "signal=none", "-e", "trace=" + ",".join(TRACED)]
    group = Group(folder=folder, under=[strace, *options, "--seccomp-bpf", "-o", str(file)])
    (folder / "registry.json").write_text('[{"type": "model", "key": "m", "name": "M"}]', "utf-8")
    (folder / "mlg.toml").write_text(
        f'base = "{group.base}"\ndata_dir = "{folder / "data"}"\n[server]\nport = {group.port}\n'
        f'[sources.registry]\nkind = "memory"\npath = "{folder / "registry.json"}"\n',
        "utf-8",
    )
    group.start()
    try:
        group.wait_ready()
        _talk(group)
        while file.read_text("utf-8", "replace").count('"HTTP/1.1 201') < SUBMISSIONS:
            time.sleep(0.05)
    finally:
        group.kill()
    yield file.read_text("utf-8", "replace").splitlines()


def _talk(group: Group) -> None:
    """Each request is worked off before the next, so that a sync between the two is its own."""
    event = {"event_type": "model.changed", "source": "registry", "id": "m"}
    for _ in range(EVENTS):
        body = json.dumps(event).encode()
        assert group.ask("/events", body=body, kind="application/json").status == 202
        group.wait(lambda: not group.ask("/readyz").json()["pending"])
    for number in range(SUBMISSIONS):
        body = NEWCOMER.format(n=number).encode()
        assert group.ask("/submit", body=body, kind="text/turtle").status == 201
        group.wait(lambda: not group.ask("/readyz").json()["pending"])


def _by_request(lines: list[str]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    for one in acknowledgements(calls(lines)):
        found.setdefault(one.request, []).append(one.synced)
    return found


def test_every_acknowledgement_follows_its_sync(trace: list[str]) -> None:
    assert _by_request(trace) == {
        "POST /events": [True] * EVENTS,
        "POST /submit": [True] * SUBMISSIONS,
    }


def test_nothing_is_struck_off_before_its_commit_is_synced(trace: list[str]) -> None:
    assert not struck_off_early(_since_the_first_request(trace))


def _since_the_first_request(trace: list[str]) -> list[Call]:
    """Before it, the files were only made."""
    made = calls(trace)
    first = next(n for n, call in enumerate(made) if '"POST /events' in call.text)
    return made[first:]


def test_the_same_trace_without_the_inbox_syncs_is_refused(trace: list[str]) -> None:
    spoilt = _without_syncs_of(trace, "inbox.sqlite-wal")
    assert _by_request(spoilt)["POST /events"] == [False] * EVENTS


def test_the_same_trace_without_the_store_syncs_is_refused(trace: list[str]) -> None:
    spoilt = _without_syncs_of(trace, ".log>")
    assert _by_request(spoilt)["POST /submit"] == [False] * SUBMISSIONS
    assert len(struck_off_early(_since_the_first_request(spoilt))) > SUBMISSIONS


def _without_syncs_of(trace: list[str], file: str) -> list[str]:
    return [line for line in trace if not ("sync(" in line and file in line)]


def test_the_trace_is_of_every_process(trace: list[str]) -> None:
    """A trace that misses a process could not show what that one did not sync."""
    writers = {call.file.rpartition("/")[2] for call in calls(trace)}
    assert "inbox.sqlite-wal" in writers
    assert any(Path(name).suffix == ".sst" for name in writers)
