"""What becomes of Airflow's DAGs, runs and assets, over the answers of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from kg.iris import EntityRef
from kg.sources.airflow import AirflowSource
from tests.kg.sources.airflow_replay import PASSWORD, USER, Replay
from tests.kg.sources.entity_facts import facts

PLAYS = "s3://aurora/media/plays"
RANKER = "x-models://home ranker/%1"


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[AirflowSource]:
    made = AirflowSource("airflow", url=replay.url, username=USER, password=PASSWORD, page_size=2)
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "airflow", key)


def told(source: AirflowSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    return facts(source, source.fetch(ref(entity_type, key)))


def values(found: set[tuple[str, str]], predicate: str) -> set[str]:
    return {value for name, value in found if name == predicate}


def trained(source: AirflowSource) -> str:
    """The key of a run that an asset's event started; Airflow makes its name up."""
    runs = (one.key for one in source.list() if one.type == "pipeline-run")
    return next(key for key in runs if key.startswith("train_ranker/asset_triggered__"))


def test_a_dag(source: AirflowSource, replay: Replay) -> None:
    assert told(source, "pipeline", "load_plays") == {
        ("rdf:type", "mlg:Pipeline"),
        ("dct:identifier", "load_plays"),
        ("mlg:recordedBy", "source-system/airflow/airflow"),
        ("dct:title", "load_plays"),
        ("dct:description", "Plays of the day before, without those of children."),
        ("mlg:ownedBy", "person/airflow/ada@aurora.example"),
        ("dcat:keyword", "daily"),
        ("dcat:keyword", "media"),
        ("mlg:schedule", "0 4 1 1 *"),
        ("mlg:isPaused", "false"),
        ("foaf:page", f"{replay.url}/dags/load_plays"),
    }


def test_nobody_owns_a_dag_for_which_no_owner_was_named(source: AirflowSource) -> None:
    assert not values(told(source, "pipeline", "train_ranker"), "mlg:ownedBy")


def test_a_dag_brings_its_tasks(source: AirflowSource) -> None:
    found = source.fetch(ref("pipeline", "load_plays")).documents
    assert [one.ref.key for one in found] == [
        "load_plays",
        *(f"load_plays/{task}" for task in ("parts", "read", "store")),
    ]
    read = told(source, "pipeline-step", "load_plays/read")
    assert values(read, "mlg:stepOf") == {"pipeline/airflow/load_plays"}
    assert values(read, "mlg:dependsOnStep") == {"pipeline-step/airflow/load_plays/parts"}


def test_a_run_that_somebody_triggered(source: AirflowSource) -> None:
    run = told(source, "pipeline-run", "load_plays/first+1")
    assert values(run, "mlg:executionOf") == {"pipeline/airflow/load_plays"}
    assert values(run, "mlg:runStatus") == {"mlgc:run-succeeded"}
    assert values(run, "prov:wasAssociatedWith") == {"person/airflow/graph"}
    assert len(values(run, "prov:startedAtTime")) == len(values(run, "prov:endedAtTime")) == 1
    assert not values(run, "mlg:usedDataset")


def test_a_run_brings_what_happened_in_it(source: AirflowSource) -> None:
    found = {one.ref for one in source.fetch(ref("pipeline-run", "load_plays/first+1")).documents}
    attempts = {one.key for one in found if one.type == "step-run"}
    assert attempts == {
        f"load_plays/first+1/{task}" for task in ("parts", "read/0", "read/1", "store")
    }
    assert ref("pipeline", "load_plays") in found


@pytest.mark.parametrize(
    ("latest", "brought"), [("mine", True), ("another", False), ("not told", True)]
)
def test_a_run_brings_an_asset_of_which_it_sent_the_latest_event(
    source: AirflowSource, replay: Replay, latest: str, brought: bool
) -> None:
    """Otherwise each run of years would tell again of all runs that produced it."""
    asked = "assets/events?source_dag_id=load_plays&source_run_id=first%2B1"
    [event] = replay.answer_of(f"{asked}&order_by=timestamp&limit=2&offset=0")["asset_events"]
    path = f"assets?{urlencode({'uri_pattern': PLAYS})}"
    told = replay.answer_of(f"{path}&order_by=id&limit=2&offset=0")
    ids = {"mine": event["id"], "another": event["id"] + 1_000, "not told": None}
    told["assets"][0]["last_asset_event"] = {"id": ids[latest], "timestamp": None}
    replay.answer(path, told)
    found = source.fetch(ref("pipeline-run", "load_plays/first+1")).documents
    assert (ref("dataset", PLAYS) in {one.ref for one in found}) is brought


def test_a_run_used_the_asset_whose_event_started_it(source: AirflowSource) -> None:
    run = trained(source)
    used = values(told(source, "pipeline-run", run), "mlg:usedDataset")
    assert used == {"dataset/airflow/s3:%2F%2Faurora%2Fmedia%2Fplays"}


def test_an_asset_was_produced_by_the_runs_that_updated_it(source: AirflowSource) -> None:
    plays = told(source, "dataset", PLAYS)
    assert values(plays, "mlg:producedBy") == {
        "pipeline-run/airflow/load_plays/first+1",
        "pipeline-run/airflow/load_plays/scheduled__2026-01-01T04:00:00+00:00",
    }
    assert values(plays, "mlg:location") == {PLAYS}
    assert values(plays, "mlg:ownedBy") == {"person/airflow/ada@aurora.example"}
    ranker = told(source, "dataset", RANKER)
    assert f"pipeline-run/airflow/{trained(source)}" in values(ranker, "mlg:producedBy")
    assert values(ranker, "dcat:keyword") == {"model"}


def test_a_task_that_failed_was_tried_again(source: AirflowSource) -> None:
    failed = told(source, "step-run", "broken/first/fail")
    assert values(failed, "mlg:runStatus") == {"mlgc:run-failed"}
    assert values(failed, "mlg:attempt") == {"2"}
    assert values(failed, "mlg:partOfRun") == {"pipeline-run/airflow/broken/first"}
    assert values(failed, "mlg:executionOfStep") == {"pipeline-step/airflow/broken/fail"}
    after = told(source, "step-run", "broken/first/after")
    assert values(after, "mlg:runStatus") == {"mlgc:run-skipped"}


def test_only_runs_are_not_shown_whole_in_a_listing(source: AirflowSource) -> None:
    listed = list(source.list_whole())
    named = [one for one in listed if isinstance(one, EntityRef)]
    assert {one.type for one in named} == {"pipeline-run"}
    assert len(named) < len(listed)


def test_what_changed(source: AirflowSource, replay: Replay) -> None:
    before = set(source.list())
    replay.load("changed")
    owners = values(told(source, "pipeline", "load_plays"), "mlg:ownedBy")
    assert owners == {"person/airflow/grace@aurora.example"}
    gone = before - set(source.list())
    assert {one.key.partition("/")[0] for one in gone} == {"broken"}
    assert all(source.fetch(one).gone for one in gone)


def test_a_dag_without_its_file_is_retired(source: AirflowSource, replay: Replay) -> None:
    details = replay.answer_of("dags/broken/details")
    replay.answer("dags/broken/details", details | {"is_stale": True})
    found = told(source, "pipeline", "broken")
    assert values(found, "mlg:lifecycleStatus") == {"mlgc:lifecycle-retired"}


def test_a_state_that_is_not_known_is_left_out(source: AirflowSource, replay: Replay) -> None:
    run = replay.answer_of("dags/broken/dagRuns/first")
    replay.answer("dags/broken/dagRuns/first", run | {"state": "brand_new"})
    replay.answer(
        "dags/broken/dagRuns/first/",
        replay.answer_of("dags/broken/dagRuns/first/upstreamAssetEvents") | {"task_instances": []},
    )
    assert not values(told(source, "pipeline-run", "broken/first"), "mlg:runStatus")
