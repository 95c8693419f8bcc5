"""Debian's Chromium, driven by Playwright, against the demo universe served by the real processes."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser that calls nobody by itself, and starts as root in a container."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of a running demo, once everything in it is in the graph."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "kg.cli", "demo", "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        while not _settled(address):
            assert process.poll() is None, "the demo ended by itself"
            time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _settled(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/readyz") as answer:
            status: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, ConnectionError):
        return False
    return bool(status["entities"]) and not status["pending"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no Playwright here: pip install playwright axe-playwright-python")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield chromium
        chromium.close()


OpenPage = Callable[..., "Page"]


@pytest.fixture
def open_page(site: str, browser: Browser) -> Iterator[OpenPage]:
    """Opens pages of the demo; afterwards no page may have complained or called anybody else."""
    complaints: list[str] = []
    contexts = []

    def open_page(path: str, *, status: int = 200, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("request", lambda r: r.url.startswith(site) or complaints.append(r.url))
        page = context.new_page()
        page.on(
            "console", lambda m: m.type == "error" and status == 200 and complaints.append(m.text)
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        answer = page.goto(site + path)
        assert answer is not None
        assert answer.status == status
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
