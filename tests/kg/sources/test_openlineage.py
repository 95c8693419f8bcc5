"""OpenLineage: what becomes of real events, that their order is nothing, and what is refused."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import BadEvent
from kg.iris import EntityRef
from kg.model import Payload
from kg.sources.airflow import AirflowSource
from kg.sources.dbt import DbtSource
from kg.sources.feast import FeastSource
from kg.sources.openlineage import OpenLineageSource
from kg.sources.openlineage.parsing import Name
from tests.kg.sources.airflow_replay import PASSWORD, USER
from tests.kg.sources.airflow_replay import Replay as Airflow
from tests.kg.sources.case_openlineage import BAD, GOOD, recorded
from tests.kg.sources.dbt_project import RECORDED as DBT
from tests.kg.sources.feast_replay import Replay as Feast

Graph = dict[EntityRef, Payload]
PLAYS = "id/dataset/lineage/s3:%2F%2Fplays%2Fraw%2Fplays"


@pytest.fixture
def source(tmp_path: Path) -> OpenLineageSource:
    return OpenLineageSource("lineage", data_dir=tmp_path)


def graph(source: OpenLineageSource) -> Graph:
    return {ref: source.fetch(ref).documents[0].payload for ref in source.list()}


def payload(source: OpenLineageSource, entity_type: str, key: str) -> Payload:
    return source.fetch(EntityRef(entity_type, "lineage", key)).documents[0].payload


def test_what_the_client_sends(source: OpenLineageSource) -> None:
    source.keep(recorded("client.jsonl"))
    assert payload(source, "pipeline", "scheduler/rank_titles") == {
        "name": "rank_titles",
        "description": "Ranks the titles of each member.",
        "teams": ["ranking"],
        "code": "https://git.example/ranking/rank_titles.py",
    }
    assert payload(source, "pipeline-run", GOOD) == {
        "name": f"rank_titles {GOOD}",
        "status": "succeeded",
        "started": "2026-11-01T04:00:00Z",
        "ended": "2026-11-01T04:05:00Z",
        "pipeline": "id/pipeline/lineage/scheduler/rank_titles",
        "used": [PLAYS],
    }
    failed = payload(source, "pipeline-run", BAD)
    assert failed["status"] == "failed"
    assert failed["error"] == "Partition 2026-11-01 is missing."
    assert payload(source, "dataset", "s3://plays/ranked/titles") == {
        "name": "ranked/titles",
        "inputs": [PLAYS],
        "plans": ["id/pipeline/lineage/scheduler/rank_titles"],
        "producedBy": f"id/pipeline-run/lineage/{GOOD}",
    }
    assert payload(source, "dataset", "s3://plays/raw/plays") == {
        "name": "raw/plays",
        "schema": "member_id: BIGINT, title_id: BIGINT",
        "location": "s3://plays",
    }
    assert payload(source, "dataset", "s3://plays/raw/titles")["people"] == ["ada@aurora.example"]
    assert payload(source, "dataset", "s3://plays/ranked/catalogue") == {
        "name": "ranked/catalogue",
        "inputs": ["id/dataset/lineage/s3:%2F%2Fplays%2Fraw%2Ftitles"],
        "plans": ["id/pipeline/lineage/scheduler/catalogue"],
    }


def test_what_dbt_sends(source: OpenLineageSource) -> None:
    """A run of dbt is one run; its models are steps, and what they read is used by the whole."""
    source.keep(recorded("dbt.jsonl"))
    found = graph(source)
    [(run, whole)] = [(ref, told) for ref, told in found.items() if ref.type == "pipeline-run"]
    assert whole["status"] == "failed"
    assert whole["pipeline"] == "id/pipeline/lineage/aurora/dbt-run-aurora"
    counts = "duckdb://warehouse.duckdb/warehouse.media.play_counts"
    assert f"id/{EntityRef('dataset', 'lineage', counts)}" in whole["used"]
    parts = [told for ref, told in found.items() if ref.type == "step-run"]
    assert len(parts) == 6
    assert {told["run"] for told in parts} == {f"id/{run}"}
    steps = [told for ref, told in found.items() if ref.type == "pipeline-step"]
    assert {told["stepOf"] for told in steps} == {"id/pipeline/lineage/aurora/dbt-run-aurora"}
    made = payload(source, "dataset", counts)
    assert made["producedBy"] == f"id/{run}"
    assert len(made["inputs"]) == 2


def test_what_belongs_to_another_source_is_not_kept(tmp_path: Path) -> None:
    source = OpenLineageSource(
        "lineage", data_dir=tmp_path, jobs={"aurora": "dbt"}, datasets={"s3://plays": "lake"}
    )
    told = source.keep(recorded("dbt.jsonl"))
    assert {ref for ref in told if ref.source == "dbt"} == {
        EntityRef("pipeline", "dbt", "aurora"),
        EntityRef("pipeline-run", "dbt", "ee896173-d385-4d62-9164-568a5599c1ee"),
    }
    assert {ref.type for ref in source.list()} == {"dataset"}
    told = source.keep(recorded("client.jsonl"))
    assert EntityRef("dataset", "lake", "ranked/titles") in told
    assert payload(source, "pipeline-run", GOOD)["used"] == ["id/dataset/lake/raw/plays"]
    assert not [ref for ref in source.list() if "plays" in ref.key and "s3" in ref.key]


def test_dbt_is_told_of_by_the_names_that_it_has_itself(tmp_path: Path) -> None:
    datasets = {"duckdb://warehouse.duckdb": "dbt"}
    source = OpenLineageSource(
        "lineage", data_dir=tmp_path, jobs={"aurora": "dbt"}, datasets=datasets
    )
    told = source.keep(recorded("dbt.jsonl"))
    assert list(source.list()) == []
    dbt = DbtSource("dbt", path=str(DBT))
    known = {ref for ref in told if not dbt.fetch(ref).gone}
    assert EntityRef("pipeline", "dbt", "aurora") in known
    assert EntityRef("dataset", "dbt", "warehouse.media.play_counts") in known


def test_what_airflow_sends(source: OpenLineageSource) -> None:
    """A DAG is a pipeline and its tasks are steps; the task that failed was tried twice."""
    source.keep(recorded("airflow.jsonl"))
    found = graph(source)
    assert {ref.key for ref in found if ref.type == "pipeline"} == {
        f"airflow/{dag}" for dag in ("broken", "load_plays", "train_ranker")
    }
    step = payload(source, "pipeline-step", "airflow/load_plays.store")
    assert step["stepOf"] == "id/pipeline/lineage/airflow/load_plays"
    states = [told["status"] for ref, told in found.items() if ref.type == "pipeline-run"]
    assert sorted(states) == ["failed", "succeeded", "succeeded", "succeeded"]
    failed = [told for told in found.values() if "broken.fail" in told["name"] and "run" in told]
    assert {told["status"] for told in failed} == {"failed"}


def test_airflow_is_told_of_by_the_names_that_it_has_itself(tmp_path: Path) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, jobs={"airflow": "airflow"})
    told = source.keep(recorded("airflow.jsonl"))
    assert list(source.list()) == []
    assert {ref.key for ref in told if ref.type == "step-run" and "first" in ref.key} == {
        "broken/first/fail",
        *(f"load_plays/first+1/{task}" for task in ("parts", "read/0", "read/1", "store")),
    }
    with Airflow() as replay:
        airflow = AirflowSource(
            "airflow", url=replay.url, username=USER, password=PASSWORD, page_size=2
        )
        # What an asset starts has a name of the moment, another in each recording.
        known = [ref for ref in told if "asset_triggered" not in ref.key]
        assert {ref.type for ref in known} == airflow.types - {"dataset"}
        assert not [ref for ref in known if airflow.fetch(ref).gone]


def test_what_feast_declares_is_no_run(source: OpenLineageSource) -> None:
    """At each apply it tells of all views and sources as outputs and inputs of one job."""
    source.keep(recorded("feast.jsonl"))
    assert [ref.key for ref in source.list() if ref.type == "pipeline"] == [
        "aurora/materialize_aurora"
    ]
    view = payload(source, "dataset", "aurora/member_activity")
    assert view == {
        "name": "member_activity",
        "description": "What each member did lately.",
        "schema": "plays_7d: Int64, hours_7d: Float64",
    }
    filled = payload(source, "dataset", "aurora/online_store_member_activity")
    assert "id/dataset/lineage/aurora/play_stats" in filled["inputs"]
    assert "id/dataset/lineage/aurora/catalogue" not in filled["inputs"]


def test_feast_is_told_of_by_the_names_that_it_has_itself(tmp_path: Path) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, datasets={"aurora": "feast"})
    told = [ref for ref in source.keep(recorded("feast.jsonl")) if ref.source == "feast"]
    assert {(ref.type, ref.key) for ref in told} == {
        *(
            ("feature-set", name)
            for name in (
                "catalogue_size",
                "member_activity",
                "member_context",
                "member_live",
                "member_stream",
                "service:billboard",
                "service:home_ranker",
                "title_vectors",
            )
        ),
        ("dataset", "data/catalogue.parquet"),
        ("dataset", "data/play_stats.parquet"),
        ("dataset", "data/title_stats.parquet"),
    }
    with Feast() as replay:
        feast = FeastSource("feast", url=replay.url, project="aurora", page_size=2)
        assert not [ref for ref in told if feast.fetch(ref).gone]


def test_a_run_of_feast_read_data_and_neither_views_nor_entities(tmp_path: Path) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, datasets={"aurora": "feast"})
    source.keep(recorded("feast.jsonl"))
    runs = {ref: data for ref, data in graph(source).items() if ref.type == "pipeline-run"}
    assert {(run["status"], *run["used"]) for run in runs.values()} == {
        ("succeeded", "id/dataset/feast/data/play_stats.parquet"),
        ("failed", "id/dataset/feast/data/title_stats.parquet"),
    }
    assert {ref.type for ref in source.list()} == {"pipeline", "pipeline-run"}


def test_a_dataset_that_gets_its_name_late_moves_what_leads_to_it(tmp_path: Path) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, datasets={"feast": "feast"})
    plays = {"namespace": "feast", "name": "plays"}
    run = WHOLE | {"inputs": [plays], "outputs": [{"namespace": "own", "name": "counts"}]}
    source.heard(source.keep([run]))
    run_ref = EntityRef("pipeline-run", "lineage", GOOD)
    assert graph(source)[run_ref]["used"] == ["id/dataset/feast/plays"]
    facet = {"feast_dataSource": {"source_type": "FileSource", "path": "s3://plays"}}
    event = {"eventTime": "2026-11-02T04:00:00Z", "dataset": plays | {"facets": facet}}
    told = source.keep([event])
    assert EntityRef("dataset", "feast", "s3://plays") in told
    assert graph(source)[run_ref]["used"] == ["id/dataset/feast/s3:%2F%2Fplays"]
    counts = EntityRef("dataset", "lineage", "own/counts")
    assert graph(source)[counts]["inputs"] == ["id/dataset/feast/s3:%2F%2Fplays"]
    assert {run_ref, counts} <= set(told)
    source.heard(told)
    assert source.keep([event]) == [EntityRef("dataset", "feast", "s3://plays")]


@pytest.mark.parametrize(
    "facets",
    [
        {"feast_featureView": 7},
        {"feast_featureView": {"name": ""}},
        {"feast_featureService": {"name": "line\nbreak"}},
        {"feast_dataSource": {"source_type": ["FileSource"], "path": "x"}},
        {"feast_dataSource": {"source_type": "PushSource", "name": "x"}},
        {"feast_dataSource": {"source_type": "RedshiftSource", "table": "half_a_name"}},
        {"feast_entity": {"name": "member"}},
        {"feast_new": {}},
    ],
)
def test_what_feast_has_no_entity_of_is_nothing_there(tmp_path: Path, facets: Any) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, datasets={"n": "feast"})
    thing = {"namespace": "n", "name": "x", "facets": facets}
    event = {"eventTime": "2026-11-01T04:00:00Z", "dataset": thing}
    assert source.keep([event]) == []
    assert source.keep([event | {"dataset": thing | {"facets": {}}}]) == [
        EntityRef("dataset", "feast", "x")
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"dbt_run": 7},
        {"dbt_run": {}},
        {"dbt_run": {"project_name": 7, "invocation_id": "x"}},
        {"airflow": {"dag": {"dag_id": "d"}, "dagRun": {}}},
        {"airflowDagRun": {"dag": [], "dagRun": {"run_id": "r"}}},
    ],
)
def test_an_odd_facet_of_a_tool_is_passed_over(tmp_path: Path, odd: Any) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, jobs={"n": "dbt"})
    told = source.keep([WHOLE | {"run": RUN | {"facets": odd}}])
    assert told == [EntityRef("pipeline", "dbt", "j"), EntityRef("pipeline-run", "dbt", GOOD)]


# --- datasets that go -----------------------------------------------------------------------------


def lifecycle(change: str, name: str, *, hour: int, before: str = "") -> dict[str, Any]:
    facet: dict[str, Any] = {"lifecycleStateChange": change}
    if before:
        facet["previousIdentifier"] = {"namespace": "n", "name": before}
    thing = {"namespace": "n", "name": name, "facets": {"lifecycleStateChange": facet}}
    return WHOLE | {"eventTime": f"2026-11-01T{hour:02}:00:00Z", "outputs": [thing]}


def test_what_is_dropped_is_gone_until_it_is_told_of_again(source: OpenLineageSource) -> None:
    plays = EntityRef("dataset", "lineage", "n/plays")
    source.keep([lifecycle("CREATE", "plays", hour=4)])
    assert plays in set(source.list())
    assert plays in source.keep([lifecycle("DROP", "plays", hour=5)])
    assert source.fetch(plays).gone
    assert plays not in set(source.list())
    source.keep([lifecycle("ALTER", "plays", hour=3)])  # late, and of the time before
    assert source.fetch(plays).gone
    assert plays in source.keep([lifecycle("OVERWRITE", "plays", hour=6)])
    assert not source.fetch(plays).gone


def test_what_is_renamed_takes_the_place_of_its_old_name(source: OpenLineageSource) -> None:
    old, new = (EntityRef("dataset", "lineage", f"n/{name}") for name in ("plays", "starts"))
    source.keep([lifecycle("CREATE", "plays", hour=4)])
    told = source.keep([lifecycle("RENAME", "starts", hour=5, before="plays")])
    assert {old, new} <= set(told)
    assert source.fetch(old).gone
    assert payload(source, "dataset", new.key)["supersedes"] == ["id/dataset/lineage/n/plays"]
    source.keep([lifecycle("ALTER", "starts", hour=6)])
    assert payload(source, "dataset", new.key)["supersedes"] == ["id/dataset/lineage/n/plays"]


def test_a_table_of_another_source_that_is_renamed_is_asked_for_by_both_names(
    tmp_path: Path,
) -> None:
    source = OpenLineageSource("lineage", data_dir=tmp_path, datasets={"n": "iceberg"})
    told = source.keep([lifecycle("RENAME", "starts", hour=5, before="plays")])
    assert {ref.key for ref in told if ref.source == "iceberg"} == {"plays", "starts"}


# --- the law: neither order nor repetition makes a difference -------------------------------------

RUNS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
names = st.sampled_from(["a", "b", "c"])


@st.composite
def run_events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of few runs that contradict each other, with parents that may go round in a circle."""
    run: dict[str, Any] = {"runId": draw(st.sampled_from(RUNS)), "facets": {}}
    if draw(st.booleans()):
        above = {"runId": draw(st.sampled_from(RUNS))}
        run["facets"]["parent"] = {"run": above, "job": {"namespace": "n", "name": draw(names)}}
    if draw(st.booleans()):
        run["facets"]["errorMessage"] = {"message": draw(names)}
    return {
        "eventTime": f"2026-11-01T04:00:0{draw(st.integers(0, 3))}Z",
        "eventType": draw(st.sampled_from(["START", "RUNNING", "OTHER", "COMPLETE", "FAIL"])),
        "run": run,
        "job": draw(things()),
        "inputs": draw(st.lists(things(), max_size=2)),
        "outputs": draw(st.lists(things(), max_size=2)),
    }


@st.composite
def things(draw: st.DrawFn) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if draw(st.booleans()):
        taken_back = {"_deleted": True}
        facets["documentation"] = draw(st.sampled_from([taken_back, {"description": "d"}]))
    change = draw(st.sampled_from([None, "DROP", "CREATE", "RENAME"]))
    if change is not None:
        before = {"namespace": "n", "name": draw(names)}
        facets["lifecycleStateChange"] = {"lifecycleStateChange": change}
        facets["lifecycleStateChange"]["previousIdentifier"] = before
    if draw(st.booleans()):
        facets["feast_featureView"] = {"name": draw(names)}
    return {"namespace": "n", "name": draw(names), "facets": facets}


@st.composite
def other_events(draw: st.DrawFn) -> dict[str, Any]:
    told = draw(run_events())
    del told["run"], told["eventType"]
    if draw(st.booleans()):
        return {"eventTime": told["eventTime"], "dataset": draw(things())}
    return told


events = st.lists(st.one_of(run_events(), run_events(), other_events()), max_size=8)


def rows(folder: Path) -> list[list[tuple[Any, ...]]]:
    tables = ("thing", "fact", "moment", "ran", "parent", "edge")
    with closing(sqlite3.connect(folder / "openlineage.sqlite")) as db:
        return [sorted(db.execute(f"SELECT * FROM {table}")) for table in tables]


def lived_through(folder: Path, told: Sequence[Any]) -> tuple[Graph, OpenLineageSource]:
    """The graph of one who hears of each event, and asks for just what it is told of then."""
    source, known = OpenLineageSource("lineage", data_dir=folder), Graph()
    for event in told:
        for ref in (heard := source.keep([event])):
            known.pop(ref, None)
            for document in source.fetch(ref).documents:
                known[ref] = document.payload
        source.heard(heard)
    return known, source


def test_what_the_graph_did_not_hear_is_told_again(source: OpenLineageSource) -> None:
    """As when the process ends between the two: who sends the event once more is told less of it."""
    first = [WHOLE, WHOLE | {"run": RUN | {"runId": BAD}}]
    source.heard(source.keep(first))
    parent = {"run": {"runId": BAD}, "job": {"namespace": "n", "name": "above"}}
    moved = WHOLE | {"run": RUN | {"facets": {"parent": parent}}}
    told = set(source.keep([moved]))
    assert EntityRef("pipeline-run", "lineage", GOOD) in told, "it is a part now"
    assert told <= set(source.keep([moved]))
    source.heard(list(told))
    assert not told <= set(source.keep([moved]))


@settings(deadline=None, max_examples=50)
@given(told=events, data=st.data())
def test_any_order_and_any_repetition_give_the_same(
    told: list[dict[str, Any]], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=3)) if told else []
    shuffled = data.draw(st.permutations(told + again))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, source = lived_through(Path(one), told)
        second, _ = lived_through(Path(other), shuffled)
        assert rows(Path(one)) == rows(Path(other))
        assert first == second == graph(source)


@given(st.lists(st.tuples(st.text("s:/%a", min_size=1), st.text("s:/%a", min_size=1)), unique=True))
def test_no_two_names_have_the_same_key(told: list[tuple[str, str]]) -> None:
    assert len({Name(*one).key for one in told}) == len(told)


# --- what is refused ------------------------------------------------------------------------------

RUN = {"runId": GOOD}
JOB = {"namespace": "n", "name": "j"}
WHOLE: dict[str, Any] = {"eventTime": "2026-11-01T04:00:00Z", "eventType": "START"}
WHOLE |= {"run": RUN, "job": JOB}


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ("text", "/"),
        ({}, "/eventTime"),
        (WHOLE | {"eventTime": "soon"}, "/eventTime"),
        (WHOLE | {"eventTime": "2026-11-01T04:00:00"}, "/eventTime"),
        (WHOLE | {"eventType": "start"}, "/eventType"),
        (WHOLE | {"run": {"runId": "7"}}, "/run/runId"),
        (WHOLE | {"run": None}, "/run"),
        (WHOLE | {"job": {"name": "j"}}, "/job/namespace"),
        (WHOLE | {"job": {"namespace": "n", "name": "a\0"}}, "/job/name"),
        (WHOLE | {"job": {"namespace": "n", "name": "x" * 2000}}, "/job/name"),
        (WHOLE | {"inputs": {}}, "/inputs"),
        (WHOLE | {"inputs": [JOB, 7]}, "/inputs/1"),
        (WHOLE | {"outputs": [{"namespace": "n"}]}, "/outputs/0/name"),
        (
            WHOLE | {"outputs": [JOB | {"facets": {"schema": {"fields": [{"name": 7}]}}}]},
            "/outputs/0/facets/schema/fields/0/name",
        ),
        (
            WHOLE
            | {
                "outputs": [
                    JOB
                    | {
                        "facets": {
                            "lifecycleStateChange": {
                                "lifecycleStateChange": "RENAME",
                                "previousIdentifier": {"namespace": "n"},
                            }
                        }
                    }
                ]
            },
            "/outputs/0/facets/lifecycleStateChange/previousIdentifier/name",
        ),
        (
            WHOLE | {"run": RUN | {"facets": {"parent": {"run": RUN}}}},
            "/run/facets/parent/job",
        ),
        (
            WHOLE | {"job": JOB | {"facets": {"documentation": {"description": "\ud800"}}}},
            "/job/facets/documentation",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_malformed_events_are_refused(source: OpenLineageSource, event: Any, pointer: str) -> None:
    with pytest.raises(BadEvent) as refused:
        source.keep([WHOLE, event])
    assert refused.value.details == {"index": 1, "pointer": pointer}
    assert list(source.list()) == []


def test_unknown_facets_are_no_matter(source: OpenLineageSource) -> None:
    odd: dict[str, Any] = {"spark_plan": [[[7]]], "columnLineage": None, "x": {"fields": 7}}
    event = json.loads(json.dumps(WHOLE | {"inputs": [JOB | {"facets": odd}], "more": 1}))
    source.keep([event])
    assert payload(source, "dataset", "n/j") == {"name": "j"}
