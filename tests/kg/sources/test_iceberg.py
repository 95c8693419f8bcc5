"""What becomes of Iceberg's tables, over a real catalogue with real files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, MissingExtra, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources import Source
from kg.sources.iceberg import IcebergSource
from kg.sources.iceberg.documents import identifier_of, table_key
from tests.kg.sources.case_iceberg import FIRST, SECOND, Lake, lake_source
from tests.kg.sources.entity_facts import facts

ADA = "person/lake/ada@aurora.example"
TOM = "person/lake/tom@aurora.example"
ODD = ("deep", "er", "x.y/50%")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path / "lake")
    made.fill()
    yield made
    made.close()


@pytest.fixture
def source(lake: Lake) -> Iterator[IcebergSource]:
    made = lake_source(lake.url)
    yield made
    made.close()


def dataset(key: str) -> EntityRef:
    return EntityRef("dataset", "lake", key)


def version(key: str, snapshot_id: int | str) -> EntityRef:
    return EntityRef("dataset-version", "lake", f"{key}/{snapshot_id}")


def iso(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def moment_of(found: set[tuple[str, str]], name: str) -> datetime:
    [value] = [value for predicate, value in found if predicate == name]
    return datetime.fromisoformat(value)


# --- what becomes of what -------------------------------------------------------------------------


def test_a_table(source: IcebergSource, lake: Lake) -> None:
    metadata = lake.catalog.load_table("media.plays").metadata
    found = facts(source, source.fetch(dataset("media.plays")))
    assert {
        ("rdf:type", "mlg:Dataset"),
        ("dct:identifier", "media.plays"),
        ("dct:identifier", str(metadata.table_uuid)),
        ("dct:title", "media.plays"),
        ("dct:description", "One row for each start of a title."),
        ("mlg:ownedBy", ADA),
        ("mlg:ownedBy", TOM),
        ("dcat:keyword", "domain::media"),
        ("dcat:keyword", "certified"),
        ("mlg:location", metadata.location),
        ("mlg:schemaDefinition", "member_id: long, title: string"),
        ("mlg:recordCount", "1"),
    } <= found
    assert len([value for name, value in found if name == "dcat:keyword"]) == 2
    assert moment_of(found, "dct:modified") == iso(metadata.last_updated_ms)
    assert moment_of(found, "dct:created") == iso(metadata.metadata_log[0].timestamp_ms)


def test_a_table_without_anything(source: IcebergSource, lake: Lake) -> None:
    metadata = lake.catalog.load_table("media.empty").metadata
    snapshot = source.fetch(dataset("media.empty"))
    assert len(snapshot.documents) == 1
    found = facts(source, snapshot)
    assert {name for name, _ in found}.isdisjoint(
        {"mlg:recordCount", "mlg:ownedBy", "dct:description", "dcat:keyword"}
    )
    assert moment_of(found, "dct:created") == iso(metadata.last_updated_ms)


def test_snapshots_are_versions(source: IcebergSource, lake: Lake) -> None:
    """An append, an append, and an overwrite, which Iceberg writes as two snapshots."""
    snapshots = lake.catalog.load_table("media.plays").metadata.snapshots
    first, second, third, fourth = snapshots
    ids = [str(snapshot.snapshot_id) for snapshot in snapshots]
    told = source.fetch(dataset("media.plays"))
    assert [d.ref for d in told.documents[1:]] == [version("media.plays", i) for i in ids]

    found = facts(source, source.fetch(version("media.plays", ids[0])))
    assert {
        ("rdf:type", "mlg:DatasetVersion"),
        ("dct:identifier", f"media.plays/{ids[0]}"),
        ("dct:title", f"media.plays {ids[0]}"),
        ("dcat:version", ids[0]),
        ("mlg:versionOf", "dataset/lake/media.plays"),
        ("mlg:producedBy", "pipeline-run/lake/plays_hourly/manual%201"),
        ("mlg:recordCount", "3"),
        ("mlg:schemaDefinition", "member_id: long, title: string"),
        ("mlg:location", first.manifest_list),
        ("dcat:keyword", "tag::audited"),
    } <= found
    assert moment_of(found, "dct:created") == iso(first.timestamp_ms)
    assert "mlg:supersedes" not in {name for name, _ in found}

    found = facts(source, source.fetch(version("media.plays", ids[1])))
    assert ("mlg:supersedes", f"dataset-version/lake/media.plays/{ids[0]}") in found
    assert ("mlg:recordCount", "4") in found
    assert ("dcat:keyword", "branch::try") in found
    assert "mlg:producedBy" not in {name for name, _ in found}

    found = facts(source, source.fetch(version("media.plays", ids[2])))
    assert third.parent_snapshot_id == second.snapshot_id
    assert ("mlg:recordCount", "0") in found

    found = facts(source, source.fetch(version("media.plays", ids[3])))
    assert fourth.parent_snapshot_id == third.snapshot_id
    assert ("mlg:supersedes", f"dataset-version/lake/media.plays/{ids[2]}") in found
    assert ("mlg:producedBy", "pipeline-run/lake/plays_hourly/manual%202") in found
    assert ("dcat:keyword", "branch::main") in found


def test_without_the_setting_no_run_is_named(lake: Lake) -> None:
    made = IcebergSource("lake", url=lake.url, catalog="lake")
    first = Lake.snapshots(lake.catalog.load_table("media.plays"))[0]
    assert "run" not in made.fetch(version("media.plays", first)).documents[0].payload
    made.close()


def test_a_version_keeps_the_schema_that_it_was_written_with(
    source: IcebergSource, lake: Lake
) -> None:
    table = lake.catalog.load_table("media.plays")
    last = Lake.snapshots(table)[-1]
    with table.update_schema() as update:
        update.rename_column("title", "title_name")
    found = facts(source, source.fetch(dataset("media.plays")))
    assert ("mlg:schemaDefinition", "member_id: long, title_name: string") in found
    found = facts(source, source.fetch(version("media.plays", last)))
    assert ("mlg:schemaDefinition", "member_id: long, title: string") in found


# --- what changes ---------------------------------------------------------------------------------


def test_a_rename_keeps_the_uuid(source: IcebergSource, lake: Lake) -> None:
    before = source.fetch(dataset("media.plays")).documents[0].payload["uuid"]
    lake.catalog.rename_table("media.plays", "media.starts")
    assert source.fetch(dataset("media.plays")).gone
    after = source.fetch(dataset("media.starts"))
    assert after.documents[0].payload["uuid"] == before
    listed = {ref.key.partition("/")[0] for ref in source.list()}
    assert listed == {"media.starts", "media.empty", table_key(ODD)}


def test_a_dropped_table_is_gone_with_its_versions(source: IcebergSource, lake: Lake) -> None:
    snapshots = Lake.snapshots(lake.catalog.load_table("media.plays"))
    lake.catalog.drop_table("media.plays")
    assert source.fetch(dataset("media.plays")).gone
    assert all(source.fetch(version("media.plays", one)).gone for one in snapshots)
    assert not any(ref.key.startswith("media.plays") for ref in source.list())


def test_a_dropped_namespace_is_gone(source: IcebergSource, lake: Lake) -> None:
    lake.catalog.drop_table(ODD)
    lake.catalog.drop_namespace(("deep", "er"))
    assert source.fetch(dataset(table_key(ODD))).gone
    assert {ref.key for ref in source.list() if ref.type == "dataset"} == {
        "media.plays",
        "media.empty",
    }


def test_an_expired_snapshot_is_gone_and_nothing_supersedes_it(
    source: IcebergSource, lake: Lake
) -> None:
    table = lake.catalog.load_table(ODD)
    table.append(SECOND)
    first, second = Lake.snapshots(table)
    key = table_key(ODD)
    assert source.fetch(version(key, second)).documents[0].payload["previous"] == f"{key}/{first}"
    table.maintenance.expire_snapshots().by_id(first).commit()
    assert source.fetch(version(key, first)).gone
    assert "previous" not in source.fetch(version(key, second)).documents[0].payload


def test_nothing_supersedes_a_parent_that_other_engines_still_name(
    source: IcebergSource, lake: Lake
) -> None:
    file = lake.metadata_file(ODD)
    told = json.loads(file.read_bytes())
    told["snapshots"][0]["parent-snapshot-id"] = 1
    file.write_text(json.dumps(told), "utf-8")
    _, snapshot = source.fetch(dataset(table_key(ODD))).documents
    assert "previous" not in snapshot.payload


def test_an_append_is_seen_at_once(source: IcebergSource, lake: Lake) -> None:
    assert len(source.fetch(dataset("media.empty")).documents) == 1
    lake.catalog.load_table("media.empty").append(FIRST)
    table, snapshot = source.fetch(dataset("media.empty")).documents
    assert (table.payload["records"], snapshot.payload["records"]) == (3, 3)


def test_a_file_that_was_replaced_is_seen(
    source: IcebergSource, lake: Lake, tmp_path: Path
) -> None:
    assert not source.fetch(dataset("media.plays")).gone
    other = Lake(tmp_path / "other")
    other.file.replace(lake.file)
    other.close()
    assert source.fetch(dataset("media.plays")).gone
    assert list(source.list()) == []


def test_a_count_that_delete_files_make_a_guess_is_left_out(
    source: IcebergSource, lake: Lake
) -> None:
    file = lake.metadata_file(("media", "plays"))
    told = json.loads(file.read_bytes())
    for snapshot in told["snapshots"]:
        snapshot["summary"]["total-delete-files"] = "1"
    file.write_text(json.dumps(told), "utf-8")
    snapshot = source.fetch(dataset("media.plays"))
    assert not any("records" in document.payload for document in snapshot.documents)


def test_many_ask_at_once(source: IcebergSource, lake: Lake) -> None:
    refs = list(source.list()) * 4
    with ThreadPoolExecutor(source.in_flight) as threads:
        told = list(threads.map(source.fetch, refs))
    assert told == [source.fetch(ref) for ref in refs]


# --- trouble --------------------------------------------------------------------------------------


def test_a_missing_file_is_a_source_that_is_down_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "none.db"
    made = lake_source(f"sqlite:///{file}")
    with pytest.raises(SourceUnavailable, match="no file"):
        made.fetch(dataset("media.plays"))
    assert not file.exists()


def test_a_database_without_the_tables_of_a_catalogue_is_down_and_left_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "other.db"
    sqlite3.connect(file).close()
    file.touch()
    made = lake_source(f"sqlite:///{file}")
    with pytest.raises(SourceUnavailable):
        list(made.list())
    with pytest.raises(SourceUnavailable):
        made.fetch(dataset("media.plays"))
    made.close()
    assert file.stat().st_size == 0


def test_it_recovers(source: IcebergSource, lake: Lake) -> None:
    whole = lake.file.read_bytes()
    source.fetch(dataset("media.plays"))
    lake.file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(SourceUnavailable, match="lake"):
        source.fetch(dataset("media.plays"))
    lake.file.write_bytes(whole)
    assert not source.fetch(dataset("media.plays")).gone


def test_an_older_catalogue_that_comes_back_is_looked_at_anew(
    source: IcebergSource, lake: Lake
) -> None:
    """pyiceberg takes a database without tables for one of the newest form."""
    with sqlite3.connect(lake.file) as database:
        database.execute("ALTER TABLE iceberg_tables DROP COLUMN iceberg_type")
    database.close()
    whole = lake.file.read_bytes()
    lake.file.write_bytes(b"")
    with pytest.raises(SourceUnavailable):
        source.fetch(dataset("media.plays"))
    lake.file.write_bytes(whole)
    assert not source.fetch(dataset("media.plays")).gone


def test_a_missing_metadata_file_is_not_a_missing_table(source: IcebergSource, lake: Lake) -> None:
    lake.metadata_file(("media", "plays")).unlink()
    with pytest.raises(SourceUnavailable):
        source.fetch(dataset("media.plays"))
    assert not source.fetch(dataset("media.empty")).gone


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format-version": 2}', '{"format-version": 99}'])
def test_a_metadata_file_that_is_no_metadata_is_unusable(
    source: IcebergSource, lake: Lake, text: str
) -> None:
    lake.metadata_file(("media", "plays")).write_text(text, "utf-8")
    with pytest.raises(BadPayload, match=r"dataset/lake/media\.plays"):
        source.fetch(dataset("media.plays"))


def test_a_table_that_is_listed_and_cannot_be_loaded_is_not_gone(
    source: IcebergSource, lake: Lake
) -> None:
    with sqlite3.connect(lake.file) as database:
        database.execute("UPDATE iceberg_tables SET metadata_location = NULL")
    database.close()
    with pytest.raises(BadPayload, match="cannot load"):
        source.fetch(dataset("media.plays"))


@pytest.mark.parametrize("key", ["plays", "media.", ".plays", "media..plays", "media%2Eplays", "%"])
def test_a_key_that_no_table_can_have(source: IcebergSource, key: str) -> None:
    assert source.fetch(dataset(key)).gone
    assert identifier_of(key) is None


def test_a_key_of_the_other_type(source: IcebergSource, lake: Lake) -> None:
    first = Lake.snapshots(lake.catalog.load_table("media.plays"))[0]
    assert source.fetch(dataset(f"media.plays/{first}")).gone
    assert source.fetch(version("media.plays", "")).gone
    assert source.fetch(version("media.plays", f"0{first}")).gone
    assert source.fetch(EntityRef("dataset-version", "lake", "media.plays")).gone


def test_other_types_are_refused(source: IcebergSource) -> None:
    with pytest.raises(NotFound):
        source.fetch(EntityRef("model", "lake", "media.plays"))
    with pytest.raises(NotFound):
        source.fetch(EntityRef("dataset", "elsewhere", "media.plays"))


@pytest.mark.parametrize("identifier", [("a", "b"), ODD, ("ä", "%2E"), ("a.b", "c")])
def test_keys_lead_back_to_the_table(identifier: tuple[str, ...]) -> None:
    assert identifier_of(table_key(identifier)) == identifier


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "needs a url"),
        ({"url": "ftp://x"}, "needs a url"),
        ({"properties": {"type": "floppy"}}, "floppy"),
        ({"properties": "type = rest"}, "is a table"),
        ({"url": "http://x", "timeout_seconds": 0}, "timeout_seconds = 0"),
        ({"url": "sqlite://", "properties": {"nested": {}}}, "nested"),
        ({"url": "sqlite://", "properties": {"uri": "sqlite://"}}, "repeats"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(BadSetting, match=match):
        IcebergSource("lake", **options)


def test_a_catalogue_that_needs_another_library_says_which() -> None:
    made = IcebergSource("lake", url="postgresql+asyncpg://127.0.0.1:1/lake")
    with pytest.raises(MissingExtra, match=r"\[sources\.lake\].*pyiceberg"):
        made.fetch(dataset("media.plays"))


def test_it_is_a_source_of_one_catalogue_in_the_database(lake: Lake) -> None:
    made = IcebergSource("lake", url=lake.url, properties={"pool_pre_ping": True})
    assert isinstance(made, Source)
    assert list(made.list()) == []  # what is there belongs to another catalogue's name
    made.close()
