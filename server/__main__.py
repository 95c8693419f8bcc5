"""``python -m server``: the web process alone, which ``mlg web`` and ``mlg serve`` start.

Granian's main process only holds the socket; the application lives in one worker process with
``server.threads`` threads. Flask, the store and all else that is large are imported there.
"""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kg.config import Settings, load
from kg.errors import MlgError

if TYPE_CHECKING:
    from flask import Flask

_UNUSABLE: Final = 2
_FAILED: Final = 3

_STOP_SECONDS: Final = 10
"""How long requests may go on after a signal to stop."""

_BIND_SECONDS: Final = 3

_CONNECTIONS: Final = 1024
"""Granian's ``backpressure`` counts connections, idle ones too: with 16, the 17th browser that
kept its connection open was not answered until another one closed, 30 seconds later."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. 0 when told to stop, 2 for unusable settings, 3 on failure.

    A port that another program has is an unusable setting: trying again would not help.
    """
    parser = argparse.ArgumentParser(prog="python -m server", description=__doc__)
    parser.add_argument("--config", type=Path, help="settings file; else MLG_CONFIG or ./mlg.toml")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.config, environ=os.environ)
    except MlgError as error:
        print(f"python -m server: {error}", file=sys.stderr)
        return _UNUSABLE
    refused = _too_open(settings) or _port_taken(settings)
    if refused is not None:
        print(f"python -m server: {refused}", file=sys.stderr)
        return _UNUSABLE
    return _serve(settings)


def _serve(settings: Settings) -> int:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    granian = Granian(
        "server",
        address=settings.text("server.host"),
        port=settings.integer("server.port"),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=max(1, settings.integer("server.threads")),
        backpressure=_CONNECTIONS,
        log_level=LogLevels.error,
        log_access=False,
        workers_kill_timeout=_STOP_SECONDS,
    )
    try:
        granian.serve(target_loader=partial(_application, settings), wrap_loader=False)
    except SystemExit as stopped:
        return _FAILED if stopped.code else 0
    return 0


def _application(settings: Settings) -> Flask:
    """The application, in the worker process: nothing of the store is opened before its fork."""
    from multiprocessing import parent_process, util
    from threading import Thread

    from kg.service import Service
    from server import create_app

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        service = Service(settings)
    except MlgError as error:
        print(f"python -m server: {error}", file=sys.stderr)
        raise SystemExit(_FAILED) from error
    # A multiprocessing child leaves by os._exit: finalizers run, atexit and `with` do not.
    util.Finalize(service, service.close, exitpriority=10)
    Thread(target=_follow, args=(parent_process(),), name="follow-parent", daemon=True).start()
    return create_app(service)


def _follow(parent: Any) -> None:
    """Ends this worker when its parent is killed, or it would hold the port for ever."""
    parent.join()
    os._exit(_FAILED)


def _too_open(settings: Settings) -> str | None:
    """Why the address cannot be had: as long as nobody is asked who they are, only loopback."""
    host = settings.text("server.host")
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if local:
        return None
    return (
        f"server.host = {host!r} lets anyone write, since there are no tokens yet. Keep 127.0.0.1 "
        "and put a proxy before it that asks who is there."
    )


def _port_taken(settings: Settings) -> str | None:
    """Why the port cannot be had. Granian would share it silently with whoever has it already.

    Asked for a while: the worker of a server that was killed needs a moment to notice.
    """
    host, port = settings.text("server.host"), settings.integer("server.port")
    deadline = time.monotonic() + _BIND_SECONDS
    while (reason := _cannot_bind(host, port)) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    return f"{host}:{port} cannot be bound ({reason}); set server.port." if reason else None


def _cannot_bind(host: str, port: int) -> str | None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
