"""A real Iceberg catalogue on SQLite with real tables, and its place in the contract."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from kg.iris import EntityRef
from kg.sources.iceberg import IcebergSource
from tests.kg.sources.source_contract import Case

RUN = "airflow.dag_run"
FIRST = pa.table({"member_id": pa.array([1, 2, 3], pa.int64()), "title": ["a", "b", "c"]})
SECOND = pa.table({"member_id": pa.array([4], pa.int64()), "title": ["d"]})


class Lake:
    """The catalogue as those who write it see it; the source gets nothing but its address."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "catalog.db"
        self.url = f"sqlite:///{self.file}"
        self.catalog = SqlCatalog("lake", uri=self.url, warehouse=f"file://{folder}")

    def fill(self) -> None:
        self.catalog.create_namespace("media")
        self.catalog.create_namespace(("deep", "er"))
        plays = self.catalog.create_table(
            "media.plays",
            FIRST.schema,
            properties={
                "comment": "One row for each start of a title.",
                "owner": "ada@aurora.example, tom@aurora.example",
                "tag.domain": "media",
                "tag.certified": "",
                "write.format.default": "parquet",
            },
        )
        plays.append(FIRST, snapshot_properties={RUN: "plays_hourly/manual 1"})
        plays.append(SECOND)
        plays.overwrite(SECOND, snapshot_properties={RUN: "plays_hourly/manual 2"})
        plays.manage_snapshots().create_tag(self.snapshots(plays)[0], "audited").commit()
        plays.manage_snapshots().create_branch(self.snapshots(plays)[1], "try").commit()
        self.catalog.create_table("media.empty", FIRST.schema)
        odd = self.catalog.create_table(("deep", "er", "x.y/50%"), FIRST.schema)
        odd.append(FIRST)

    @staticmethod
    def snapshots(table: Table) -> list[str]:
        return [snapshot.snapshot_id for snapshot in table.metadata.snapshots]

    def metadata_file(self, identifier: tuple[str, ...]) -> Path:
        location = self.catalog.load_table(identifier).metadata_location
        return Path(unquote(urlsplit(location.replace("%", "%25")).path))

    def close(self) -> None:
        self.catalog.close()


def lake_source(url: str) -> IcebergSource:
    return IcebergSource("lake", url=url, catalog="lake", run_property=RUN)


def iceberg(stack: ExitStack, folder: Path) -> Case:
    lake = Lake(folder / "lake")
    stack.callback(lake.close)
    lake.fill()
    source = lake_source(lake.url)
    stack.callback(source.close)
    odd = "deep.er.x%2Ey%2F50%25"
    plays = Lake.snapshots(lake.catalog.load_table("media.plays"))
    tables = {
        "media.plays": ("media", "plays"),
        "media.empty": ("media", "empty"),
        odd: ("deep", "er", "x.y/50%"),
    }
    files = {key: lake.metadata_file(identifier) for key, identifier in tables.items()}

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "lake", key)

    def change() -> None:
        with lake.catalog.load_table("media.plays").transaction() as plays:
            plays.set_properties(comment="Other.")
        lake.catalog.drop_table("media.empty")

    def spoil(spoilt: EntityRef) -> None:
        file = files[spoilt.key.partition("/")[0]]
        told = json.loads(file.read_bytes())
        told.pop("table-uuid", None)
        file.write_text(json.dumps(told), "utf-8")

    return Case(
        source=source,
        known=(
            *(ref("dataset", key) for key in tables),
            *(ref("dataset-version", f"media.plays/{snapshot}") for snapshot in plays),
        ),
        missing=(
            ref("dataset", "media.play"),
            ref("dataset", "no.such.namespace"),
            ref("dataset-version", "media.plays/1"),
            ref("dataset-version", f"media.empty/{plays[0]}"),
        ),
        changed=ref("dataset", "media.plays"),
        removed=ref("dataset", "media.empty"),
        change=change,
        take_down=lambda: lake.file.rename(folder / "away.db") and None,
        spoil=spoil,
        cut_listing=files[odd].unlink,
    )
