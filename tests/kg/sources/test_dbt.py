"""What becomes of dbt's artefacts, over what a real build left, and over a build made here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources import Source
from kg.sources.dbt import DbtSource
from tests.kg.sources.case_dbt import COUNTS, RUNS, recorded_run
from tests.kg.sources.dbt_project import FAILED, RECORDED
from tests.kg.sources.entity_facts import facts


@pytest.fixture
def target(tmp_path: Path) -> Path:
    shutil.copytree(RECORDED, tmp_path / "target")
    return tmp_path / "target"


@pytest.fixture
def source(target: Path) -> Iterator[DbtSource]:
    made = DbtSource("dbt", path=str(target))
    yield made
    made.close()


def dataset(key: str) -> EntityRef:
    return EntityRef("dataset", "dbt", key)


def run(key: str) -> EntityRef:
    return EntityRef("pipeline-run", "dbt", key)


def person(name: str) -> str:
    return f"person/dbt/{name}@aurora.example"


def values(source: DbtSource, key: str, name: str) -> set[str]:
    return {value for told, value in facts(source, source.fetch(dataset(key))) if told == name}


def edit(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    told = json.loads(file.read_bytes())
    change(told)
    file.write_text(json.dumps(told), "utf-8")


# --- what becomes of what -------------------------------------------------------------------------


def test_a_model(source: DbtSource) -> None:
    assert facts(source, source.fetch(dataset(COUNTS))) == {
        ("rdf:type", "mlg:Dataset"),
        ("dct:identifier", COUNTS),
        ("dct:identifier", "model.aurora.play_counts"),
        ("mlg:recordedBy", "source-system/dbt/dbt"),
        ("dct:title", "play_counts"),
        ("dct:description", "How often each member has played something."),
        ("mlg:ownedBy", person("ada")),
        ("mlg:ownedBy", person("tom")),
        ("dcat:keyword", "certified"),
        ("dcat:keyword", "daily"),
        ("mlg:computedFrom", "dataset/dbt/warehouse.crm.members"),
        ("mlg:computedFrom", "dataset/dbt/warehouse.media.staged_plays"),
        ("mlg:computedBy", "pipeline/dbt/aurora"),
        ("mlg:schemaDefinition", "member_id: INTEGER, plays: BIGINT, country: VARCHAR"),
    }


def test_a_source_table_is_not_computed_by_the_project(source: DbtSource) -> None:
    found = facts(source, source.fetch(dataset("warehouse.crm.members")))
    assert {
        ("dct:identifier", "source.aurora.crm.members"),
        ("dct:description", "One row for each member."),
        ("mlg:ownedBy", person("ben")),
        ("mlg:schemaDefinition", "member_id: BIGINT, country: VARCHAR"),
    } <= found
    assert not {"mlg:computedBy", "mlg:computedFrom"} & {name for name, _ in found}


def test_everything_that_has_a_table(source: DbtSource) -> None:
    """The ephemeral model has none, the test is none, and a table of two nodes is one."""
    assert {(ref.type, ref.key) for ref in source.list()} == {
        ("pipeline", "aurora"),
        ("pipeline-run", recorded_run("run_results.json")),
        ("dataset", COUNTS),
        ("dataset", "warehouse.crm.members"),
        ("dataset", "warehouse.media.recent_plays"),
        ("dataset", "warehouse.media.report"),
        ("dataset", "warehouse.media.staged_plays"),
        ("dataset", "warehouse.media_history.plays_history"),
        ("dataset", "warehouse.media_raw.plays"),
    }


def test_what_is_computed_from_what(source: DbtSource) -> None:
    def inputs(key: str) -> set[str]:
        return values(source, f"warehouse.{key}", "mlg:computedFrom")

    staged = {"dataset/dbt/warehouse.media.staged_plays"}
    assert inputs("media.staged_plays") == {"dataset/dbt/warehouse.media_raw.plays"}
    assert inputs("media.recent_plays") == staged  # through the ephemeral model
    assert inputs("media_history.plays_history") == staged
    assert inputs("media_raw.plays") == set()
    assert inputs("media.report") == {f"dataset/dbt/{COUNTS}"}  # a source that is a model's table


def test_a_model_that_reads_its_own_table_is_not_its_own_input(
    source: DbtSource, target: Path
) -> None:
    def loop(told: dict[str, Any]) -> None:
        node = told["nodes"]["model.aurora.play_counts"]
        node["depends_on"]["nodes"] += ["source.aurora.shared.counts", "model.gone.away"]

    edit(target / "manifest.json", loop)
    assert len(values(source, COUNTS, "mlg:computedFrom")) == 2


def test_owners_are_those_of_meta_else_of_the_group_else_of_the_exposures(
    source: DbtSource, target: Path
) -> None:
    def owners(made: DbtSource, key: str) -> set[str]:
        return values(made, f"warehouse.{key}", "mlg:ownedBy")

    assert owners(source, "media.staged_plays") == {person("lea"), "person/dbt/ops"}
    assert owners(source, "media.recent_plays") == {person("media")}
    assert owners(source, "media.report") == {person("mia")}
    assert owners(source, "media_raw.plays") == set()
    careful = DbtSource("dbt", path=str(target), exposure_owners=False)
    assert owners(careful, "media.report") == set()
    assert owners(DbtSource("dbt", path=str(target), owner_key="team"), "crm.members") == set()


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"email": "ada@aurora.example", "name": "Ada"}, {person("ada")}),
        (["ada@aurora.example", 3, "a\nb"], {person("ada"), "person/dbt/a", "person/dbt/b"}),
        (3, {person("mia")}),
        ("", {person("mia")}),
        ({"name": "Ada"}, {person("mia")}),
    ],
)
def test_owners_in_every_form(source: DbtSource, target: Path, told: Any, known: set[str]) -> None:
    """What names nobody leaves the word to the exposure."""

    def own(manifest: dict[str, Any]) -> None:
        node = manifest["nodes"]["model.aurora.play_counts"]
        node["meta"], node["config"]["meta"] = {}, {"owner": told}

    edit(target / "manifest.json", own)
    assert values(source, COUNTS, "mlg:ownedBy") == known


def test_the_project_brings_all_its_tables(source: DbtSource) -> None:
    told = source.fetch(EntityRef("pipeline", "dbt", "aurora"))
    assert ("dct:title", "aurora") in facts(source, told)
    assert {d.ref for d in told.documents[1:]} == {r for r in source.list() if r.type == "dataset"}


def test_runs(target: Path) -> None:
    made = DbtSource("dbt", path=str(target), results=RUNS)
    told = json.loads((RECORDED / "run_results.json").read_bytes())["metadata"]
    found = facts(made, made.fetch(run(told["invocation_id"])))
    assert {
        ("rdf:type", "mlg:PipelineRun"),
        ("dct:title", "aurora build"),
        ("mlg:executionOf", "pipeline/dbt/aurora"),
        ("mlg:runStatus", "mlgc:run-succeeded"),
        ("prov:startedAtTime", told["invocation_started_at"].rstrip("Z").rstrip("0") + "Z"),
        ("prov:endedAtTime", told["generated_at"].rstrip("Z").rstrip("0") + "Z"),
    } <= found
    assert "mlg:errorMessage" not in {name for name, _ in found}
    found = facts(made, made.fetch(run(recorded_run(FAILED))))
    assert ("mlg:runStatus", "mlgc:run-failed") in found
    [message] = [value for name, value in found if name == "mlg:errorMessage"]
    assert message.startswith("model.aurora.report: Runtime Error in model report")
    assert "\nmodel.aurora.recent_plays: Runtime Error" in message


def test_results_of_other_commands_are_no_runs(source: DbtSource, target: Path) -> None:
    edit(target / "run_results.json", lambda told: told["args"].update(which="generate"))
    assert not [ref for ref in source.list() if ref.type == "pipeline-run"]
    assert source.fetch(run(recorded_run("run_results.json"))).gone


def test_results_that_were_copied_are_one_run(target: Path) -> None:
    shutil.copy(target / "run_results.json", target / "copy_run_results.json")
    made = DbtSource("dbt", path=str(target), results=RUNS)
    assert len([ref for ref in made.list() if ref.type == "pipeline-run"]) == 2


def test_moments_of_older_versions(source: DbtSource, target: Path) -> None:
    """They do not note when the command began, and may leave the zone out."""

    def age(told: dict[str, Any]) -> None:
        del told["metadata"]["invocation_started_at"]
        told["metadata"]["generated_at"] = "2026-11-26T03:00:00+01:00"
        for number, result in enumerate(told["results"]):
            result["timing"] = [{"name": "compile", "started_at": f"2026-11-26T01:00:0{number}"}]

    edit(target / "run_results.json", age)
    found = facts(source, source.fetch(run(recorded_run("run_results.json"))))
    assert ("prov:startedAtTime", "2026-11-26T01:00:00Z") in found
    assert ("prov:endedAtTime", "2026-11-26T02:00:00Z") in found


def test_without_a_catalogue_and_results(source: DbtSource, target: Path) -> None:
    (target / "catalog.json").unlink()
    (target / "run_results.json").unlink()
    assert values(source, COUNTS, "mlg:schemaDefinition") == {"member_id, plays"}
    staged = values(source, "warehouse.media.staged_plays", "mlg:schemaDefinition")
    assert staged == {"title: varchar, member_id"}
    assert not [ref for ref in source.list() if ref.type == "pipeline-run"]


def test_keys_and_pages_as_the_settings_say(target: Path) -> None:
    made = DbtSource(
        "dbt",
        path=str(target),
        dataset_key="schema.name",
        lower_case=False,
        docs_url="http://docs.example/aurora/",
    )
    assert "media.Recent_Plays" in {ref.key for ref in made.list()}
    page = ("foaf:page", "http://docs.example/aurora/#!/model/model.aurora.play_counts")
    assert page in facts(made, made.fetch(dataset("media.play_counts")))


def test_a_database_without_a_level(source: DbtSource, target: Path) -> None:
    edit(
        target / "manifest.json",
        lambda told: told["nodes"]["model.aurora.play_counts"].update(database=None),
    )
    assert not source.fetch(dataset("media.play_counts")).gone


def test_a_change_is_seen(source: DbtSource, target: Path) -> None:
    assert not source.fetch(dataset(COUNTS)).gone
    edit(target / "manifest.json", lambda told: told["nodes"].pop("model.aurora.play_counts"))
    told = source.fetch(dataset(COUNTS))  # the other node of that table is left
    assert told.documents[0].payload["uniqueId"] == "source.aurora.shared.counts"
    edit(target / "manifest.json", lambda told: told["sources"].pop("source.aurora.shared.counts"))
    assert source.fetch(dataset(COUNTS)).gone


# --- trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "catalog.json", "run_results.json"])
@pytest.mark.parametrize("text", ["", '{"metadata": {', "\x00", '{"metadata": "\ud800"}'])
def test_a_half_written_file_is_a_source_that_is_down(
    source: DbtSource, target: Path, name: str, text: str
) -> None:
    source.fetch(dataset(COUNTS))
    whole = (target / name).read_bytes()
    (target / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=name):
            source.fetch(dataset(COUNTS))
    with pytest.raises(SourceUnavailable):
        list(source.list())
    (target / name).write_bytes(whole)
    assert not source.fetch(dataset(COUNTS)).gone


def test_no_manifest_is_a_source_that_is_down(source: DbtSource, target: Path) -> None:
    source.fetch(dataset(COUNTS))
    (target / "manifest.json").unlink()
    with pytest.raises(SourceUnavailable, match=r"manifest\.json"):
        source.fetch(dataset(COUNTS))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "[]"),
        ("manifest.json", "{}"),
        ("manifest.json", '{"metadata": {"project_name": "aurora"}}'),
        ("manifest.json", '{"nodes": {}, "sources": {}}'),
        ("manifest.json", '{"metadata": {}, "nodes": {}}'),
        ("manifest.json", '{"metadata": {"project_name": "a"}, "nodes": {"a": {}}}'),
        ("manifest.json", '{"metadata": {"project_name": "a"}, "nodes": []}'),
        ("catalog.json", '{"metadata": {}}'),
        ("run_results.json", '{"results": []}'),
        ("run_results.json", '{"metadata": {}, "results": []}'),
        ("run_results.json", '{"metadata": {"invocation_id": "a"}, "results": [3]}'),
    ],
)
def test_a_file_of_another_form_is_unusable(
    source: DbtSource, target: Path, name: str, text: str
) -> None:
    (target / name).write_text(text, "utf-8")
    for _ in range(2):
        with pytest.raises(BadPayload, match="'dbt'"):
            source.fetch(dataset(COUNTS))
    with pytest.raises(BadPayload):
        list(source.list())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", None),
        ("tags", 3),
        ("depends_on", {"nodes": {}}),
        ("columns", []),
        ("alias", "a\nb"),
        ("description", ["x"]),
    ],
)
def test_a_node_of_another_form_is_unusable(
    source: DbtSource, target: Path, key: str, value: Any
) -> None:
    def spoil(told: dict[str, Any]) -> None:
        node = told["nodes"]["model.aurora.report"]
        node[key] = value
        if key == "name":
            node["alias"] = None

    (target / "catalog.json").unlink()
    edit(target / "manifest.json", spoil)
    with pytest.raises(BadPayload):
        source.fetch(dataset("warehouse.media.report"))


def test_a_moment_of_another_form_is_unusable(source: DbtSource, target: Path) -> None:
    edit(target / "run_results.json", lambda told: told["metadata"].update(generated_at="noon"))
    with pytest.raises(BadPayload, match="noon"):
        list(source.list())


def test_other_types_are_refused(source: DbtSource) -> None:
    assert isinstance(source, Source)
    with pytest.raises(NotFound):
        source.fetch(EntityRef("model", "dbt", COUNTS))
    with pytest.raises(NotFound):
        source.fetch(EntityRef("dataset", "elsewhere", COUNTS))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dataset_key": "database.schema"}, "name among them"),
        ({"dataset_key": "table.name"}, "name among them"),
        ({"results": "/etc/*.json"}, "below the folder"),
        ({"results": "../*.json"}, "below the folder"),
        ({"results": ""}, "below the folder"),
        ({"docs_url": "javascript:x"}, "url"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(BadSetting, match=match):
        DbtSource("dbt", path="target", **options)
