"""A small dbt project, how it is built for real, and what was recorded of that.

``python -m tests.kg.sources.dbt_project PYTHON`` records it again with the dbt of that Python. What
is kept is what a reader could want, and nothing of the machine that it was recorded on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from kg.resources import data_dir

DATA: Final = data_dir("ontology").parent / "tests" / "data" / "dbt"
RECORDED: Final = DATA / "target"
FAILED: Final = "failed_run_results.json"
_FILES: Final = ("manifest.json", "catalog.json", "run_results.json", FAILED)
_KEPT: Final = {
    "manifest.json": ("metadata", "nodes", "sources", "exposures", "groups"),
    "catalog.json": ("metadata", "nodes", "sources"),
    "run_results.json": ("metadata", "args", "results"),
}
_LEFT_OUT: Final = frozenset(
    {
        "project_id",
        "user_id",
        "compiled_code",
        "compiled_path",
        "raw_code",
        "root_path",
        "checksum",
        "build_path",
        "docs",
        "doc_blocks",
        "contract",
        "unrendered_config",
        "macros",
        "env",
        "stats",
        "freshness",
        "constraints",
        "thread_id",
        "adapter_response",
        "created_at",
        "fqn",
    }
)


def build(python: str, folder: Path) -> Path:
    """Builds the project in a folder with that Python's dbt, and answers its target folder.

    The first build fails on purpose, the second does not; its results are kept from the command
    that describes the database, which writes results of its own.
    """
    project = folder / "project"
    shutil.copytree(DATA / "project", project)
    target = project / "target"
    _dbt(python, project, "build", "--vars", "{broken: true}", fails=True)
    shutil.move(target / "run_results.json", project / FAILED)
    _dbt(python, project, "build")
    shutil.move(target / "run_results.json", project / "run_results.json")
    _dbt(python, project, "docs", "generate")
    shutil.move(target / "run_results.json", target / "docs_run_results.json")
    shutil.move(project / "run_results.json", target)
    shutil.move(project / FAILED, target)
    return target


def _dbt(python: str, project: Path, *command: str, fails: bool = False) -> None:
    run = "from dbt.cli.main import cli; cli()"
    done = subprocess.run(
        [python, "-c", run, *command, "--profiles-dir", ".", "--project-dir", "."],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr


def trimmed(target: Path, name: str) -> dict[str, Any]:
    told = json.loads((target / name).read_bytes())
    kept = _KEPT[name.removeprefix("failed_")]
    short: dict[str, Any] = {key: _short(told[key]) for key in kept}
    if "args" in short:
        short["args"] = {"which": told["args"]["which"]}
    return short


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(inside) for key, inside in value.items() if key not in _LEFT_OUT}
    return [_short(inside) for inside in value] if isinstance(value, list) else value


def _record(python: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = build(python, Path(folder))
        RECORDED.mkdir(exist_ok=True)
        for name in _FILES:
            text = json.dumps(trimmed(target, name), indent=1, ensure_ascii=False) + "\n"
            assert folder not in text
            (RECORDED / name).write_text(text, "utf-8")


if __name__ == "__main__":
    _record(sys.argv[1])
