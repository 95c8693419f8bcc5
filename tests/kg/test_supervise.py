"""The supervisor on real processes, itself in a process of its own, since it takes signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

GROUP = """
import sys
from kg.cli.supervise import Role, supervise
roles = [Role(name=f"role{n}", command=(sys.executable, "-c", code), environment={**__import__("os").environ})
         for n, code in enumerate(sys.argv[1:])]
sys.exit(supervise(roles, poll_seconds=0.02))
"""
WAITS = "import time; time.sleep(60)"


def start(*programs: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", GROUP, *programs],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_role_that_dies_is_started_again_alone(tmp_path: Path) -> None:
    once, other = tmp_path / "once", tmp_path / "other"
    dies_once = f"""
import os, pathlib, time
file = pathlib.Path({str(once)!r}); before = file.read_text() if file.exists() else ""
file.write_text(before + str(os.getpid()) + " ")
time.sleep(60 if before else 0)
"""
    stays = f"import os, pathlib; pathlib.Path({str(other)!r}).open('a').write(f'{{os.getpid()}} '); {WAITS}"
    group = start(dies_once, stays)
    eventually(lambda: once.exists() and len(once.read_text().split()) == 2)
    eventually(other.exists)
    assert len(other.read_text().split()) == 1
    group.send_signal(signal.SIGTERM)
    _, said = group.communicate(timeout=20)
    assert group.returncode == 0
    assert "role0 ended with 0; starting it again" in said
    assert not any(alive(int(pid)) for pid in (once.read_text() + other.read_text()).split())


def test_a_role_that_refuses_its_settings_ends_the_group() -> None:
    group = start("import sys; sys.exit(2)", WAITS)
    group.communicate(timeout=20)
    assert group.returncode == 2


def test_a_role_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    stubborn = f"""
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    program = GROUP.replace(
        "sys.exit(", "import kg.cli.supervise as s; s.STOP_SECONDS = 0.5\nsys.exit("
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    group = subprocess.Popen([sys.executable, "-c", program, stubborn], env=environment)
    eventually(lambda: pid.exists() and bool(pid.read_text()))
    group.send_signal(signal.SIGINT)
    assert group.wait(20) == 0
    assert not alive(int(pid.read_text()))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_the_roles_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    group = start(
        f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); {WAITS}"
    )
    eventually(lambda: pid.exists() and pid.read_text() != "")
    group.kill()
    group.communicate(timeout=20)
    eventually(lambda: not alive(int(pid.read_text())))
