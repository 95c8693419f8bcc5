"""Long commands in a real terminal show a bar, and elsewhere write nothing but what was asked for."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kg.cli.progress import Bar

PEOPLE = [
    {"type": "person", "key": f"p{n}@example.com", "display_name": f"P {n}", "active": True}
    for n in range(300)
]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "universe.json").write_text(json.dumps(PEOPLE))
    file = tmp_path / "mlg.toml"
    file.write_text(
        f'''
        data_dir = "{tmp_path / "data"}"
        [sources.people]
        kind = "memory"
        path = "{tmp_path / "universe.json"}"
        '''
    )
    return [sys.executable, "-m", "kg.cli", "--config", str(file)]


def in_terminal(command: list[str]) -> tuple[str, str]:
    """What a command writes to its standard output, which is a pipe, and to its terminal."""
    terminal, its_end = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLG_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=its_end, env={**environment, "TERM": "xterm"}
    )
    os.close(its_end)
    shown = b""
    try:
        while chunk := os.read(terminal, 1 << 16):
            shown += chunk
    except OSError:  # how Linux says that nobody has the other end any more
        pass
    os.close(terminal)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown.decode()
    return told.decode(), shown.decode()


def test_a_sweep_shows_how_far_it_is(command: list[str]) -> None:
    told, shown = in_terminal([*command, "sync", "people", "--json"])
    assert json.loads(told) == {"people": {"listed": 300, "hydrated": 300, "dead": 0}}
    listing, hydrating = shown.split("people: hydrating", 1)
    assert "people: listing" in listing and "300" in listing
    assert "[####################################]  300/300" in hydrating
    again = in_terminal([*command, "sync", "people", "--json"])[1]
    assert "[####################################]  300/300" in again, "as the last sweep found"
    assert "hydrating" not in again, "nothing has changed"


def test_no_terminal_no_bar(command: list[str]) -> None:
    done = subprocess.run([*command, "sync"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "300" in done.stdout


def test_what_is_done_stays_done_when_more_comes() -> None:
    with Bar("work") as bar:
        bar.left(10)
        bar.left(4)
        assert (bar._bar.pos, bar._bar.length) == (6, 10)
        bar.left(9)
        assert (bar._bar.pos, bar._bar.length) == (6, 15)
        bar.left(0)
        assert (bar._bar.pos, bar._bar.length) == (15, 15)


def test_more_than_was_expected() -> None:
    with Bar("work", expected=2) as bar:
        bar.counted(5)
        assert (bar._bar.pos, bar._bar.length) == (5, 5)
