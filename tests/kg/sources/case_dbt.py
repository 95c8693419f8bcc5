"""A dbt project's artefacts, as a real build left them, and their place in the contract."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.dbt import DbtSource
from tests.kg.sources.dbt_project import RECORDED
from tests.kg.sources.source_contract import Case

COUNTS = "warehouse.media.play_counts"
RUNS = "*run_results.json"


def recorded_run(name: str) -> str:
    told = json.loads((RECORDED / name).read_bytes())
    return str(told["metadata"]["invocation_id"])


def dbt(stack: ExitStack, folder: Path) -> Case:
    target = folder / "target"
    shutil.copytree(RECORDED, target)
    manifest = target / "manifest.json"
    source = DbtSource("dbt", path=str(target), results=RUNS)
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "dbt", key)

    def change() -> None:
        told = json.loads(manifest.read_bytes())
        told["sources"]["source.aurora.crm.members"]["description"] = "Other."
        del told["nodes"]["model.aurora.report"]
        manifest.write_text(json.dumps(told), "utf-8")

    def spoil(spoilt: EntityRef) -> None:
        told = json.loads(manifest.read_bytes())
        told.pop("nodes", None)
        manifest.write_text(json.dumps(told), "utf-8")

    def cut() -> None:
        whole = manifest.read_bytes()
        manifest.write_bytes(whole[: len(whole) // 2])

    return Case(
        source=source,
        known=(
            ref("pipeline", "aurora"),
            ref("dataset", COUNTS),
            ref("dataset", "warehouse.crm.members"),
            ref("dataset", "warehouse.media_raw.plays"),
            ref("pipeline-run", recorded_run("run_results.json")),
        ),
        missing=(
            ref("pipeline", "borealis"),
            ref("dataset", "warehouse.media.helper"),
            ref("dataset", "media.play_counts"),
            ref("pipeline-run", "00000000-0000-0000-0000-000000000000"),
        ),
        changed=ref("dataset", "warehouse.crm.members"),
        removed=ref("dataset", "warehouse.media.report"),
        change=change,
        take_down=lambda: target.rename(folder / "away") and None,
        spoil=spoil,
        cut_listing=cut,
    )
