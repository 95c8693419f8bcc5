"""The record of OpenLineage events, filled with what real emitters sent, in the contract."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from kg.sources.openlineage import OpenLineageSource
from tests.docs.documents import ROOT
from tests.kg.sources.source_contract import Case

RECORDED = ROOT / "tests" / "data" / "openlineage"
GOOD, BAD = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def recorded(name: str) -> list[dict[str, Any]]:
    """The events of one emitter, in the order in which it sent them."""
    return [json.loads(line) for line in (RECORDED / name).read_text("utf-8").splitlines()]


def openlineage(stack: ExitStack, folder: Path) -> Case:
    source = OpenLineageSource("openlineage", data_dir=folder)
    stack.callback(source.close)
    source.keep([*recorded("client.jsonl"), *recorded("dbt.jsonl")])
    file = folder / "openlineage.sqlite"

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "openlineage", key)

    def change() -> None:
        """Later events, of which nobody hears but the record."""
        said, dropped = {"description": "Other."}, {"lifecycleStateChange": "DROP"}
        job = {"namespace": "scheduler", "name": "rank_titles", "facets": {"documentation": said}}
        titles = {"namespace": "s3://plays", "name": "raw/titles"}
        titles |= {"facets": {"lifecycleStateChange": dropped}}
        later = {"eventTime": "2026-11-27T05:00:00Z"}
        source.keep([later | {"job": job}, later | {"dataset": titles}])

    def spoil(spoilt: EntityRef) -> None:
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("UPDATE fact SET told = '[]'")

    def damage() -> None:
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        file.write_bytes(b"x" * 4096)

    return Case(
        source=source,
        known=(
            ref("pipeline", "scheduler/rank_titles"),
            ref("pipeline-run", BAD),
            ref("dataset", "s3://plays/raw/plays"),
            ref("dataset", "s3://plays/raw/titles"),
            ref("dataset", "duckdb://warehouse.duckdb/warehouse.media.play_counts"),
        ),
        missing=(
            ref("pipeline", "rank_titles"),
            ref("pipeline-step", "scheduler/rank_titles"),
            ref("step-run", GOOD),
            ref("pipeline-run", "00000000-0000-4000-8000-000000000003"),
            ref("dataset", "s3://plays/raw/members"),
        ),
        changed=ref("pipeline", "scheduler/rank_titles"),
        removed=ref("dataset", "s3://plays/raw/titles"),
        change=change,
        take_down=lambda: file.rename(folder / "away") and None,
        spoil=spoil,
        cut_listing=damage,
    )
