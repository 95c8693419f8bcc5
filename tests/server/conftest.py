"""One real installation for all tests here: a worker on a data folder, a source, an application.

Nothing is faked but the source system, and that fake is the shipped one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kg.config import Settings, load
from kg.service import Service
from kg.worker import Worker
from server import create_app
from tests.server.installation import BASE, PAYLOADS, Installation
from tests.server.web import free_port, start, wait_for


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as found:
        found.tell(*((p["type"], p["key"]) for p in PAYLOADS))
        found.remove("model", "left-behind")
        found.tell(("model", "left-behind"))
        yield found


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """An installation with a worker at work, which nobody has told of anything yet."""
    file = folder / "registry.json"
    file.write_text(json.dumps(PAYLOADS), "utf-8")
    config = folder / "mlg.toml"
    config.write_text(
        f"""
        base = "{BASE}"
        data_dir = "{folder / "data"}"
        [query]
        timeout_seconds = 3.0
        max_rows = 5000
        memory_mb = 512
        [server]
        max_body_mb = 1
        [sources.registry]
        kind = "memory"
        path = "{file}"
        """,
        "utf-8",
    )
    settings = load(config, environ={})
    with ExitStack() as stack:
        worker = stack.enter_context(working(settings))
        service = stack.enter_context(Service(settings))
        yield Installation(settings=settings, service=service, worker=worker, file=file)


@contextmanager
def working(settings: Settings) -> Iterator[Worker]:
    """A worker in a thread of this process, as it runs in a process of its own elsewhere."""
    stop = threading.Event()
    with Worker(settings) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,), name="worker")
        thread.start()
        try:
            yield worker
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="session")
def app(installation: Installation) -> Flask:
    return create_app(installation.service)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def port(installation: Installation) -> Iterator[int]:
    """The port of the real web process, over the same installation."""
    port = free_port()
    process = start(installation, port)
    wait_for(port, process)
    yield port
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
