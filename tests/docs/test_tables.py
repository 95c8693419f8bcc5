"""The README's tables against the code: neither may hold what the other lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from flask import Flask

from kg import errors
from kg.cli import cli, exit_code
from kg.config import SETTINGS, Setting, load
from kg.service import Service
from server import create_app
from tests.docs.documents import ROOT, tables

INTERRUPTED = 130


def usage(name: str, command: click.Command) -> str:
    """A command with its arguments, as its help has them."""
    pieces = command.collect_usage_pieces(click.Context(command))
    return " ".join([name, *(piece for piece in pieces if piece != "[OPTIONS]")])


def default(setting: Setting) -> str:
    """A default as it would stand in the settings file."""
    return f'"{setting.default}"' if isinstance(setting.default, str) else str(setting.default)


def test_the_table_of_settings() -> None:
    (rows,) = tables("Settings")
    assert rows == [[f"`{s.name}`", f"`{default(s)}`", s.help] for s in SETTINGS]


def test_the_table_of_commands() -> None:
    rows, _ = tables("Commands")
    assert rows == [
        [f"`{usage(name, command)}`", command.get_short_help_str(limit=1000)]
        for name, command in cli.commands.items()
    ]


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_explains_itself(name: str) -> None:
    command = cli.commands[name]
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert command.get_short_help_str(limit=1000) in " ".join(shown.output.split())
    options = [p for p in command.params if isinstance(p, click.Option)]
    lacking = [o.name for o in options if not o.help and not isinstance(o.type, click.Choice)]
    assert lacking == []


def test_the_table_of_exit_codes() -> None:
    _, rows = tables("Commands")
    given = {exit_code(kind("")) for kind in classes(errors.MlgError)}
    assert {int(row[0]) for row in rows} == given | {0, INTERRUPTED}


def classes(root: type[errors.MlgError]) -> Iterator[type[errors.MlgError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    settings = load(environ={}, data_dir=str(tmp_path_factory.mktemp("data")))
    with Service(settings) as service:
        yield create_app(service)


def test_the_routes_are_served_and_known_to_the_server(app: Flask) -> None:
    """The table is an extract; that of the server's README is complete, and held so there."""
    served = {
        (method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()
    }
    (rows,) = tables("HTTP")
    named = {tuple(pair) for row in rows for pair in re.findall(r"`(GET|POST) ([^`]+)`", row[0])}
    assert len(named) >= len(rows)
    assert named <= served
    (described, *_) = tables("Routes", text=(ROOT / "server/README.md").read_text("utf-8"))
    assert {route for _, route in named} <= {row[0].strip("`") for row in described}
