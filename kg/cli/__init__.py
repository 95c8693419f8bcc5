"""The command ``mlg``: one module per kind of command.

Exit codes: 0 fine or conforms; 1 does not conform, or not found; 2 wrong use; 3 the system failed.
What is data goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from kg import __version__, config
from kg.cli import (
    asking,
    explaining,
    looking_back,
    reviewing,
    running,
    simulating,
    tracing,
    writing,
)
from kg.errors import BadInput, DoesNotConform, Gone, MlgError, NotFound


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mlg")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file. Default: $MLG_CONFIG, else mlg.toml here if there is one.",
)
@click.option("--data-dir", type=click.Path(), help="Folder of all data, instead of the setting.")
@click.pass_context
def cli(context: click.Context, file: Path | None, data_dir: str | None) -> None:
    """Model Lifecycle Graph: one governed graph of all machine-learning assets."""
    context.obj = config.load(file, environ=os.environ, data_dir=data_dir)


_MODULES = (
    running, writing, reviewing, asking, looking_back, tracing, explaining, simulating
)  # fmt: skip
for module in _MODULES:
    for command in module.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command and answers its exit code; errors are said on standard error."""
    try:
        return int(cli.main(list(arguments), prog_name="mlg", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:  # `mlg query … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MlgError as error:
        click.echo(f"mlg: {error}", err=True)
        return exit_code(error)
    except OSError as error:
        click.echo(f"mlg: {error.filename or 'The system'}: {error.strerror or error}.", err=True)
        return 3


def exit_code(error: MlgError) -> int:
    if isinstance(error, BadInput):
        return 2
    return 1 if isinstance(error, (NotFound, Gone, DoesNotConform)) else 3
