"""The built wheel, installed without development tools and away from its sources.

These install from a package index with the pinned versions, as users do. What the demo shows from
the wheel comes from it alone: ontology, shapes, contexts, the universe, templates, style, schema.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("kg", "server", "ontology", "shapes")
FILES: Final = ("pyproject.toml", "README.md", "LICENSE", ".gitignore")
DEVELOPMENT: Final = ("pytest", "hypothesis", "mypy", "ruff", "playwright", "oxigraph")
PATIENCE_SECONDS: Final = 120
"""When waiting is given up. Nothing is asserted about how long anything takes."""

WHERE_DATA_IS = """
import kg, server
from kg.resources import data_dir
print(kg.__file__, server.__file__, data_dir("ontology"), data_dir("shapes"), sep="\\n")
assert (data_dir("ontology") / "core.ttl").is_file()
assert (data_dir("shapes") / "core" / "pack.ttl").is_file()
"""

OPTIONAL = ("boto3", "confluent_kafka", "ldap3", "metaflow", "pyiceberg")
"""What the extras bring."""

pytestmark = pytest.mark.packaging


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment, and a folder to work in that has nothing to do with the project."""

    folder: Path
    elsewhere: Path

    def run(self, program: str, *arguments: str | Path) -> str:
        """What a program of the environment prints. It must end with 0."""
        done = subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.elsewhere,
            env=clean(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self, *arguments: str | Path) -> None:
        quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
        self.run("python", "-m", "pip", "install", *quiet, *arguments)


def clean() -> dict[str, str]:
    """The environment without what could lead back to the sources or to other settings."""
    left_out = re.compile(r"MLG_|PYTHON(PATH|HOME|WARNINGS)|VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not left_out.match(name)}


def copy_of_sources(folder: Path) -> Path:
    """What a wheel is made of, where a build may write beside it."""
    folder.mkdir()
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


def new_environment(folder: Path) -> Environment:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, env=clean())
    return Environment(folder=folder / "venv", elsewhere=elsewhere)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return new_environment(tmp_path_factory.mktemp("packaging"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A built wheel, and the files of the folders that it was built from, which are gone."""

    file: Path
    sources: frozenset[str]


@pytest.fixture(scope="module")
def wheel(environment: Environment) -> Wheel:
    sources = copy_of_sources(environment.elsewhere / "sources")
    names = frozenset(
        file.relative_to(sources).as_posix()
        for folder in FOLDERS
        for file in (sources / folder).rglob("*")
        if file.is_file()
    )
    built = environment.elsewhere / "built"
    environment.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", built, sources)
    shutil.rmtree(sources)
    (found,) = built.glob("*.whl")
    return Wheel(file=found, sources=names)


@pytest.fixture(scope="module")
def installed(environment: Environment, wheel: Wheel) -> Environment:
    environment.install("--constraint", ROOT / "constraints.txt", wheel.file)
    return environment


@pytest.fixture(scope="module")
def demo(installed: Environment) -> Iterator[str]:
    """The address of ``mlg demo`` from the wheel, ready."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    log = installed.elsewhere / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [installed.folder / "bin" / "mlg", "demo", "--port", str(port)],
            cwd=installed.elsewhere,
            env=clean(),
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_complete(address):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
    assert process.returncode == 0, log.read_text("utf-8")


def is_complete(address: str) -> bool:
    """Whether the demo is ready, and all its events are in the graph."""
    try:
        status = json.loads(get(f"{address}/readyz"))
    except OSError:  # nobody listens, or 503
        return False
    return bool(status["ready"]) and status["pending"] == 0 and status["triples"] > 1000


def wait_until_it_holds(demo: str, query: str) -> None:
    """An event is done when its commit is synced, which readers see a moment later."""
    asked = urllib.parse.urlencode({"query": query, "format": "json"})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not json.loads(get(f"{demo}/sparql?{asked}"))["boolean"]:
        assert time.monotonic() < deadline, query
        time.sleep(0.1)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def test_the_wheel_has_all_data_and_says_that_it_is_typed(wheel: Wheel) -> None:
    with zipfile.ZipFile(wheel.file) as archive:
        held = set(archive.namelist())
        (metadata,) = (name for name in held if name.endswith(".dist-info/METADATA"))
        described = message_from_bytes(archive.read(metadata))
    expected = {
        name if name.startswith(("kg/", "server/")) else f"kg/_data/{name}"
        for name in wheel.sources
    }
    assert "kg/py.typed" in expected
    assert expected <= held
    assert {name.partition("/")[0] for name in held - expected} == {metadata.partition("/")[0]}
    assert str(described.get_payload()).startswith("# Model Lifecycle Graph")


def test_no_development_tool_is_installed(installed: Environment) -> None:
    listed = json.loads(installed.run("python", "-m", "pip", "list", "--format", "json"))
    names = {package["name"].lower() for package in listed}
    assert names.isdisjoint(DEVELOPMENT)
    assert {"flask", "pyoxigraph"} < names
    assert installed.run("python", "-m", "pip", "check").strip() == "No broken requirements found."


def test_data_is_found_in_the_wheel(installed: Environment) -> None:
    packages = installed.folder / "lib"
    found = installed.run("python", "-c", WHERE_DATA_IS).splitlines()
    assert len(found) == 4
    assert all(Path(path).is_relative_to(packages) for path in found), found


def test_every_console_script_starts(installed: Environment) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for script in project["scripts"]:
        assert installed.run(script, "--version") == f"{script}, version {project['version']}\n"


def test_every_module_can_be_imported(installed: Environment) -> None:
    """Without any extra; a module that needs one says which library it lacks."""
    installed.run(
        "python",
        "-W",
        "error",
        "-c",
        "import importlib, pkgutil, kg, server\n"
        "for top in (kg, server):\n"
        "    for module in pkgutil.walk_packages(top.__path__, top.__name__ + '.'):\n"
        "        try:\n"
        "            importlib.import_module(module.name)\n"
        "        except ModuleNotFoundError as error:\n"
        f"            if error.name not in {OPTIONAL!r}: raise",
    )


def test_settings_are_listed(installed: Environment) -> None:
    assert "MLG_DATA_DIR" in installed.run("mlg", "config")


def test_the_demo_answers_a_query(demo: str) -> None:
    query = (
        "PREFIX mlg: <https://w3id.org/mlgraph/ns/> PREFIX dct: <http://purl.org/dc/terms/> "
        'ASK { ?i dct:title "Home ranker 2026-11-01" ; mlg:associatedWithTest ?test }'
    )
    wait_until_it_holds(demo, query)


def test_the_demo_has_findings(demo: str) -> None:
    query = (
        "PREFIX sh: <http://www.w3.org/ns/shacl#> "
        "ASK { GRAPH <urn:mlgraph:graph:findings> { ?f sh:resultSeverity sh:Violation } }"
    )
    wait_until_it_holds(demo, query)


def test_the_demo_has_pages_with_style(demo: str) -> None:
    page = get(f"{demo}/e/model/registry/home-ranker")
    assert "Home ranker" in page
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert "{" in get(urllib.parse.urljoin(demo, style))


def test_a_bare_checkout_needs_no_installation(installed: Environment, tmp_path: Path) -> None:
    """Only the dependencies are there; the code is found because it is the current folder."""
    checkout = copy_of_sources(tmp_path / "checkout")
    installed.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "model-lifecycle-graph")
    bare = Environment(folder=installed.folder, elsewhere=checkout)
    found = bare.run("python", "-c", WHERE_DATA_IS).splitlines()
    assert all(Path(path).is_relative_to(checkout) for path in found), found
    assert "MLG_DATA_DIR" in bare.run("python", "-m", "kg.cli", "config")


def test_an_editable_installation_reads_the_checkout(
    installed: Environment, tmp_path: Path
) -> None:
    """Changed data is seen at once, though the installation may hold an older copy."""
    checkout = copy_of_sources(tmp_path / "checkout")
    installed.install("--no-deps", "--editable", checkout)
    found = installed.run("python", "-c", WHERE_DATA_IS).splitlines()
    assert all(Path(path).is_relative_to(checkout) for path in found), found
    assert "MLG_DATA_DIR" in installed.run("mlg", "config")
