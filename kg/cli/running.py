"""Commands that run for long: the whole system, or one of its roles."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kg import config
from kg import demo as universe
from kg.cli.supervise import Role, supervise
from kg.config import Settings
from kg.service import Service
from kg.worker import Worker

_PORT = click.option("--port", type=click.IntRange(0, 65535), help="Port, instead of the setting.")
_HOST = click.option("--host", help="Address to bind, instead of the setting.")


def _environment(**changed: object) -> dict[str, str]:
    """This process's environment for a child, with what the command line changed."""
    given = {f"MLG_{name.upper()}": str(v) for name, v in changed.items() if v is not None}
    return {**os.environ, **given}


def _roles(environment: dict[str, str]) -> list[Role]:
    return [
        Role(
            name="worker",
            command=(sys.executable, "-m", "kg.cli", "worker"),
            environment=environment,
        ),
        Role(name="web", command=(sys.executable, "-m", "server"), environment=environment),
    ]


@click.command()
@_HOST
@_PORT
@click.pass_context
def serve(context: click.Context, host: str | None, port: int | None) -> None:
    """Serve everything in one process group: worker, web and query processes."""
    settings: Settings = context.obj
    environment = _environment(
        config=_config_of(context),
        data_dir=settings.data_dir,
        server_host=host,
        server_port=port,
    )
    _announce(host or settings.text("server.host"), port or settings.integer("server.port"))
    context.exit(supervise(_roles(environment)))


def _config_of(context: click.Context) -> object:
    parent = context.find_root()
    return parent.params.get("file")


def _announce(host: str, port: int) -> None:
    click.echo(f"Model Lifecycle Graph at http://{host}:{port}/ (Ctrl+C stops it)", err=True)


@click.command()
@_HOST
@_PORT
@click.pass_context
def demo(context: click.Context, host: str | None, port: int | None) -> None:
    """Serve the demo universe from a temporary folder, through the real pipeline."""
    with tempfile.TemporaryDirectory(prefix="mlg-demo-", ignore_cleanup_errors=True) as folder:
        file = universe.write_settings(Path(folder), port=port)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLG_")}
        environment["MLG_CONFIG"] = str(file)
        if host:
            environment["MLG_SERVER_HOST"] = host
        settings = config.load(file, environ=environment)
        with Service(settings) as service:
            service.publish(universe.events())
        _announce(settings.text("server.host"), settings.integer("server.port"))
        click.echo(f"For mlg in another terminal: export MLG_CONFIG={file}", err=True)
        context.exit(supervise(_roles(environment)))


@click.command()
@_HOST
@_PORT
@click.pass_context
def web(context: click.Context, host: str | None, port: int | None) -> None:
    """Run the web role alone: pages, SPARQL, events and submissions."""
    settings: Settings = context.obj
    environment = _environment(
        config=_config_of(context), data_dir=settings.data_dir, server_host=host, server_port=port
    )
    os.execve(sys.executable, [sys.executable, "-m", "server"], environment)


@click.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Run the worker role alone: it owns the store and takes events to the graph."""
    with _until_told() as stop, Worker(settings) as working:
        working.run(stop)


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl+C set, so that the batch in hand is finished."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    yield stop


COMMANDS = (serve, demo, web, worker)
