"""Real runs of real flows in a local Metaflow datastore, and its place in the contract.

The flows of ``tests/data/metaflow`` run once for a session of tests, which takes some seconds; each
test gets its own copy of what they left behind.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.metaflow import MetaflowSource
from tests.kg.sources.source_contract import Case

FLOWS = Path(__file__).parents[2] / "data" / "metaflow"
ADA = "ada@aurora.example"


@dataclass(frozen=True, kw_only=True)
class Universe:
    """The folder that holds ``.metaflow``, and the keys of the runs in it."""

    folder: Path
    good: str
    failed: str
    tidy: str

    def copy(self, folder: Path) -> Universe:
        shutil.copytree(self.folder / ".metaflow", folder / ".metaflow")
        return Universe(folder=folder, good=self.good, failed=self.failed, tidy=self.tidy)

    def itself(self, key: str) -> Path:
        """Where Metaflow keeps what it knows of a flow, run, step or task."""
        return self.folder / ".metaflow" / key / "_meta" / "_self.json"

    def task(self, run: str, step: str) -> str:
        """The key of the first task of a step."""
        folder = self.folder / ".metaflow" / run / step
        numbers = sorted(int(f.name) for f in folder.iterdir() if f.name.isdigit())
        return f"{run}/{step}/{numbers[0]}"


def run_flow(folder: Path, script: str, *arguments: str, user: str = ADA, **more: str) -> str:
    """Runs a flow to its end, good or bad, and answers the key of the run."""
    said = folder / "run_id"
    environment = {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_HOME": os.devnull,
        "USERNAME": user,
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }
    done = subprocess.run(
        [sys.executable, script, "run", "--run-id-file", str(said), *arguments],
        check=False,
        env=environment,
        cwd=FLOWS,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.exists(), done.stderr
    return said.read_text("utf-8").strip()


@cache
def universe() -> Universe:
    folder = Path(tempfile.mkdtemp(prefix="metaflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / ".metaflow").mkdir()
    tags = ("--tag", "nightly", "--tag", "team:media")
    return Universe(
        folder=folder,
        good="HomeRanking/" + run_flow(folder, "ranking.py", *tags),
        failed="HomeRanking/" + run_flow(folder, "ranking.py", "--fail", "true"),
        tidy="TidyUp/" + run_flow(folder, "tidy.py"),
    )


def flows_source(folder: Path) -> MetaflowSource:
    return MetaflowSource(
        "flows",
        datastore=str(folder),
        dataset_artefact="datasets",
        dataset_version_artefact="dataset_versions",
        parameters=["rate", "audience"],
    )


def metaflow(stack: ExitStack, folder: Path) -> Case:
    (folder / "store").mkdir(parents=True)
    made = universe().copy(folder / "store")
    source = flows_source(made.folder)
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "flows", key)

    def change() -> None:
        """What ``tag add`` does, and what is left when a run was deleted."""
        itself = made.itself(made.good)
        told = json.loads(itself.read_bytes())
        itself.write_text(json.dumps({**told, "tags": [*told["tags"], "audited"]}), "utf-8")
        (made.folder / ".metaflow" / made.tidy).rename(folder / "deleted")

    def spoil(spoilt: EntityRef) -> None:
        step = spoilt.type == "pipeline-step"
        made.itself(spoilt.key.partition("/")[0] if step else spoilt.key).write_text("{}", "utf-8")

    def take_down() -> None:
        made.folder.rename(folder / "away")

    return Case(
        source=source,
        known=(
            ref("pipeline-run", made.good),
            ref("pipeline-run", made.failed),
            ref("pipeline-run", made.tidy),
            ref("step-run", made.task(made.good, "train")),
            ref("step-run", made.task(made.failed, "join")),
            ref("pipeline-step", "HomeRanking/train"),
            ref("pipeline", "HomeRanking"),
            ref("pipeline", "TidyUp"),
        ),
        missing=(
            ref("pipeline", "HomeRankin"),
            ref("pipeline", "*"),
            ref("pipeline", ".."),
            ref("pipeline-step", "HomeRanking/nowhere"),
            ref("pipeline-step", "HomeRanking"),
            ref("pipeline-run", "HomeRanking/1"),
            ref("pipeline-run", "NoFlow/1"),
            ref("pipeline-run", "HomeRanking/*"),
            ref("pipeline-run", f"TidyUp/../{made.good}"),
            ref("step-run", f"{made.good}/train/99"),
            ref("step-run", f"{made.good}/nowhere/1"),
            ref("step-run", f"{made.good}/_parameters/0"),
            ref("step-run", "HomeRanking/1/train/1"),
        ),
        changed=ref("pipeline-run", made.good),
        removed=ref("pipeline-run", made.tidy),
        change=change,
        take_down=take_down,
        spoil=spoil,
        cut_listing=lambda: made.itself(made.good).write_text("{", "utf-8") and None,
    )
