"""The README's sessions, run for real against the demo that it tells the reader to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.docs.documents import ROOT, Command, blocks, session

PATIENCE_SECONDS: Final = 60
"""When waiting is given up. Nothing is asserted about how long anything takes."""
TRIES: Final = 10
START, *STORY = (command for block in blocks("console") for command in session(block))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The reader's second terminal, in a folder of its own. The demo has another port there."""

    folder: Path
    environment: dict[str, str]
    port: int

    def type(self, command: str) -> str:
        """What a command prints, on both streams, with the README's port."""
        done = subprocess.run(
            ["bash", "-c", command.replace("localhost:8080", f"localhost:{self.port}")],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return done.stdout.replace(f"localhost:{self.port}", "localhost:8080")

    def settled(self) -> bool:
        """Whether the demo is ready and nothing waits to be read from its sources."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return bool(json.load(answer)["pending"] == 0)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    if shutil.which("curl") is None:
        pytest.skip("The tour uses curl, which is not on this machine.")
    folder = tmp_path_factory.mktemp("reader")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLG_")}
    environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    port = free_port()
    demo = subprocess.Popen(
        [sys.executable, "-m", "kg.cli", "demo", "--port", str(port)],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stderr is not None
        said = [demo.stderr.readline() for _ in START.output.splitlines()]
        started = "".join(said).replace(f":{port}/", ":8080/").replace(f"{folder}/", "/tmp/")
        assert START.printed(started), started
        name, _, file = said[-1].partition("export ")[2].strip().partition("=")
        environment |= {name: file, "PATH": f"{command_mlg(folder)}:{os.environ['PATH']}"}
        terminal = Terminal(folder=folder, environment=environment, port=port)
        eventually(lambda: demo.poll() is not None or terminal.settled())
        yield terminal
    finally:
        demo.send_signal(signal.SIGINT)
        _, last = demo.communicate(timeout=PATIENCE_SECONDS)
    assert (demo.returncode, last) == (0, "")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def command_mlg(folder: Path) -> Path:
    """A folder with the command ``mlg`` of this checkout, for the path."""
    script = folder / "bin" / "mlg"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kg.cli "$@"\n', "utf-8")
    script.chmod(0o755)
    return script.parent


def eventually(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not probe() and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.parametrize("command", STORY, ids=lambda c: c.text.partition("\n")[0][:60])
def test_the_readers_session_is_as_the_readme_has_it(terminal: Terminal, command: Command) -> None:
    """In order. A reader types more slowly than the graph changes; we ask again instead."""
    for _ in range(TRIES):
        said = terminal.type(command.text)
        if command.printed(said):
            return
        time.sleep(0.2)
    assert said == command.output


def test_make_demo_is_what_the_tour_runs() -> None:
    assert START.text == "make demo\n"
    if shutil.which("make") is None:
        pytest.skip("There is no make on this machine.")
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "demo", "PORT=9000"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines()[-1] == ".venv/bin/mlg demo --port 9000"


def test_a_session_is_read_as_a_terminal_shows_it() -> None:
    block = "$ cat <<'END'\n$HOME\nEND\n$HOME\n$ python3 -c '\nprint(1)'\n1\n$ true\n"
    assert list(session(block)) == [
        Command(text="cat <<'END'\n$HOME\nEND\n", output="$HOME\n"),
        Command(text="python3 -c '\nprint(1)'\n", output="1\n"),
        Command(text="true\n", output=""),
    ]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("at 09:01 (ok)\n", True),
        ("at  (ok)\n", True),
        ("at 09:01 (ok)\nmore\n", False),
        ("at 09:01\n02 (ok)\n", False),
        ("at 09:01 [ok]\n", False),
        ("", False),
    ],
)
def test_an_ellipsis_is_any_text_within_a_line_and_all_else_is_exact(
    said: str, right: bool
) -> None:
    assert Command(text="", output="at … (ok)\n").printed(said) is right
