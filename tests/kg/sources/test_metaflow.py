"""What becomes of Metaflow's flows and runs, over real runs in a real datastore."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.ingest import ingest_json
from kg.iris import EntityRef
from kg.sources.metaflow import MetaflowSource
from kg.sources.metaflow.documents import path_of
from tests.kg.sources.case_metaflow import ADA, Universe, flows_source, run_flow, universe
from tests.kg.sources.entity_facts import facts


@pytest.fixture
def store(tmp_path: Path) -> Universe:
    return universe().copy(tmp_path)


@pytest.fixture
def source(store: Universe) -> Iterator[MetaflowSource]:
    made = flows_source(store.folder)
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "flows", key)


def told(source: MetaflowSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    """What is said of an entity; moments are checked apart, since they differ at each run."""
    found = facts(source, source.fetch(ref(entity_type, key)))
    at = ("prov:startedAtTime", "prov:endedAtTime", "dct:created", "mlg:codeRevision")
    return {(predicate, value) for predicate, value in found if predicate not in at}


def ever(entity_type: str, key: str, class_name: str) -> set[tuple[str, str]]:
    return {
        ("rdf:type", f"mlg:{class_name}"),
        ("dct:identifier", key),
        ("mlg:recordedBy", "source-system/flows/flows"),
    }


def test_a_flow_brings_its_steps_in_their_order(source: MetaflowSource) -> None:
    snapshot = source.fetch(ref("pipeline", "HomeRanking"))
    steps = ["start", "train", "join", "end"]
    assert [document.ref for document in snapshot.documents] == [
        ref("pipeline", "HomeRanking"),
        *(ref("pipeline-step", f"HomeRanking/{step}") for step in steps),
    ]
    assert told(source, "pipeline", "HomeRanking") == {
        *ever("pipeline", "HomeRanking", "Pipeline"),
        ("dct:title", "HomeRanking"),
        ("dct:description", "Ranks the rows of the home page."),
    }
    assert told(source, "pipeline-step", "HomeRanking/join") == {
        *ever("pipeline-step", "HomeRanking/join", "PipelineStep"),
        ("dct:title", "join"),
        ("mlg:stepOf", "pipeline/flows/HomeRanking"),
        ("mlg:dependsOnStep", "pipeline-step/flows/HomeRanking/train"),
    }
    assert ("dct:description", "Reads the plays.") in told(
        source, "pipeline-step", "HomeRanking/start"
    )


def test_a_run_that_went_well(source: MetaflowSource, store: Universe) -> None:
    assert told(source, "pipeline-run", store.good) == {
        *ever("pipeline-run", store.good, "PipelineRun"),
        ("dct:title", store.good.replace("/", " ")),
        ("mlg:executionOf", "pipeline/flows/HomeRanking"),
        ("mlg:runStatus", "mlgc:run-succeeded"),
        ("prov:wasAssociatedWith", f"person/flows/{ADA}"),
        ("dcat:keyword", "nightly"),
        ("dcat:keyword", "team:media"),
        ("dcat:keyword", "project::aurora"),
        ("dcat:keyword", f"project_branch::user.{ADA}"),
        ("mlg:usedDataset", "dataset/flows/media.plays"),
        ("mlg:usedDataset", "dataset/flows/media.titles"),
        ("mlg:usedDataset", "dataset/flows/media.north"),
        ("mlg:usedDataset", "dataset/flows/media.south"),
        ("mlg:usedDataset", "dataset-version/flows/media.plays/1234567890"),
        ("mlg:hasParameter", f"pipeline-run/flows/{store.good}#parameter-rate"),
        ("#parameter-rate mlg:parameterName", "rate"),
        ("#parameter-rate mlg:parameterValue", "0.25"),
        ("mlg:hasParameter", f"pipeline-run/flows/{store.good}#parameter-audience"),
        ("#parameter-audience mlg:parameterName", "audience"),
        ("#parameter-audience mlg:parameterValue", "all"),
    }


def test_a_run_that_failed_says_why_and_what_it_had_read(
    source: MetaflowSource, store: Universe
) -> None:
    run = told(source, "pipeline-run", store.failed)
    why = "Partition 2026-10-31 of media.plays is missing."
    assert ("mlg:runStatus", "mlgc:run-failed") in run
    assert ("mlg:errorMessage", why) in run
    assert ("mlg:usedDataset", "dataset/flows/media.plays") in run
    join = store.task(store.failed, "join")
    assert told(source, "step-run", join) == {
        *ever("step-run", join, "StepRun"),
        ("dct:title", f"join 4 of {store.failed.replace('/', ' ')}"),
        ("mlg:partOfRun", f"pipeline-run/flows/{store.failed}"),
        ("mlg:executionOfStep", "pipeline-step/flows/HomeRanking/join"),
        ("mlg:runStatus", "mlgc:run-failed"),
        ("mlg:attempt", "1"),
        ("mlg:errorMessage", why),
    }


def test_of_a_task_made_twice_the_second_attempt_is_told(
    source: MetaflowSource, store: Universe
) -> None:
    north, south = (store.task(store.good, "train"), f"{store.good}/train/3")
    assert {("mlg:attempt", "2"), ("mlg:runStatus", "mlgc:run-succeeded")} <= told(
        source, "step-run", north
    )
    assert ("mlg:attempt", "1") in told(source, "step-run", south)
    assert not {p for p, _ in told(source, "step-run", north)} & {"mlg:errorMessage"}


def test_moments_are_those_that_metaflow_wrote_in_utc(
    source: MetaflowSource, store: Universe
) -> None:
    [document] = source.fetch(ref("step-run", f"{store.tidy}/end/2")).documents
    written = json.loads(store.itself(document.ref.key).read_text("utf-8"))["ts_epoch"]
    assert document.payload["started"].endswith("Z")
    assert _milliseconds(document.payload["started"]) == written
    assert _milliseconds(document.payload["ended"]) >= written
    run = source.fetch(ref("pipeline-run", store.tidy)).documents[0].payload
    assert _milliseconds(run["started"]) <= written
    assert run["ended"] == document.payload["ended"]


def test_a_run_without_an_end_is_running(source: MetaflowSource, store: Universe) -> None:
    folder = store.folder / ".metaflow" / store.tidy
    for note in (folder / "end" / "2" / "_meta").glob("sysmeta_attempt*"):
        note.unlink()
    run = told(source, "pipeline-run", store.tidy)
    assert ("mlg:runStatus", "mlgc:run-running") in run
    assert "ended" not in source.fetch(ref("pipeline-run", store.tidy)).documents[0].payload
    assert ("mlg:runStatus", "mlgc:run-running") in told(source, "step-run", f"{store.tidy}/end/2")


def test_a_run_brings_its_tasks_and_its_flow(source: MetaflowSource, store: Universe) -> None:
    snapshot = source.fetch(ref("pipeline-run", store.tidy))
    assert {str(document.ref) for document in snapshot.documents} == {
        f"pipeline-run/flows/{store.tidy}",
        f"step-run/flows/{store.tidy}/start/1",
        f"step-run/flows/{store.tidy}/end/2",
        "pipeline/flows/TidyUp",
        "pipeline-step/flows/TidyUp/start",
        "pipeline-step/flows/TidyUp/end",
    }


def test_without_settings_no_artefact_is_read(store: Universe) -> None:
    source = MetaflowSource("flows", datastore=str(store.folder))
    payload = source.fetch(ref("pipeline-run", store.good)).documents[0].payload
    source.close()
    assert not {"datasets", "datasetVersions", "parameters"} & payload.keys()


@pytest.mark.parametrize("artefact", ["secret", "strange", "rate"])
def test_an_artefact_that_is_no_list_of_texts_is_left_out(
    artefact: str, store: Universe, caplog: pytest.LogCaptureFixture
) -> None:
    source = MetaflowSource("flows", datastore=str(store.folder), dataset_artefact=artefact)
    with caplog.at_level(logging.WARNING):
        payload = source.fetch(ref("pipeline-run", store.good)).documents[0].payload
    source.close()
    assert "datasets" not in payload
    assert f"artefact {artefact!r} of {store.good} is no list of texts" in caplog.text


def test_reading_an_artefact_runs_none_of_its_code(store: Universe) -> None:
    """``secret`` makes a file when anybody unpickles it, as Metaflow's own client would."""
    witness = store.folder / "witness"
    key = f"HomeRanking/{run_flow(store.folder, 'ranking.py', '--witness', str(witness))}"
    witness.unlink(missing_ok=True)
    source = MetaflowSource("flows", datastore=str(store.folder), dataset_artefact="secret")
    assert not source.fetch(ref("pipeline-run", key)).gone
    source.close()
    assert not witness.exists()


def test_two_sources_in_one_process_keep_apart(store: Universe, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".metaflow").mkdir(parents=True)
    run_flow(other, "tidy.py", user="tom")
    one, two = flows_source(store.folder), MetaflowSource("flows", datastore=str(other))
    mine, others = list(one.list()), list(two.list())
    assert list(one.list()) == mine
    assert {r.key for r in others if r.type == "pipeline"} == {"TidyUp"}
    assert not {r for r in others if r.type == "pipeline-run"} & set(mine)
    one.close()
    two.close()


def test_our_own_environment_does_not_count(
    store: Universe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(tmp_path / "nowhere"))
    monkeypatch.setenv("METAFLOW_DEFAULT_METADATA", "service")
    monkeypatch.setenv("METAFLOW_PROFILE", "no-such-profile")  # would stop Metaflow
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    source = flows_source(store.folder)
    [document] = source.fetch(ref("step-run", f"{store.tidy}/end/2")).documents
    source.close()
    written = json.loads(store.itself(document.ref.key).read_text("utf-8"))["ts_epoch"]
    assert _milliseconds(document.payload["started"]) == written


def test_what_was_deleted_is_gone(source: MetaflowSource, store: Universe) -> None:
    run = ref("pipeline-run", store.tidy)
    assert not source.fetch(run).gone
    (store.folder / ".metaflow" / store.tidy).rename(store.folder / "deleted")
    assert source.fetch(run).gone
    assert source.fetch(ref("step-run", f"{store.tidy}/end/2")).gone
    assert run not in list(source.list())


def test_a_new_run_is_seen(source: MetaflowSource, store: Universe) -> None:
    before = set(source.list())
    key = f"TidyUp/{run_flow(store.folder, 'tidy.py', user='tom')}"
    assert {r for r in set(source.list()) - before if r.type == "pipeline-run"} == {
        ref("pipeline-run", key)
    }
    assert ("prov:wasAssociatedWith", "person/flows/tom") in told(source, "pipeline-run", key)


def test_a_reader_that_broke_off_is_started_again(store: Universe) -> None:
    source = MetaflowSource("flows", datastore=str(store.folder), timeout_seconds=0.0001)
    with pytest.raises(SourceUnavailable, match="gave no answer in"):
        source.fetch(ref("pipeline", "TidyUp"))
    source.close()
    patient = flows_source(store.folder)
    assert not patient.fetch(ref("pipeline", "TidyUp")).gone
    patient.close()
    assert not patient.fetch(ref("pipeline", "TidyUp")).gone
    patient.close()


def test_a_source_that_is_back_is_read_again(source: MetaflowSource, store: Universe) -> None:
    away = store.folder / "away"
    (store.folder / ".metaflow").rename(away)
    with pytest.raises(SourceUnavailable, match="No such file"):
        source.fetch(ref("pipeline", "TidyUp"))
    away.rename(store.folder / ".metaflow")
    assert not source.fetch(ref("pipeline", "TidyUp")).gone


@pytest.mark.parametrize(("fail", "status"), [("false", "succeeded"), ("true", "failed")])
def test_a_flow_can_tell_the_graph_at_its_end(fail: str, status: str, store: Universe) -> None:
    bodies: list[bytes] = []

    class Inbox(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Inbox) as inbox:
        threading.Thread(target=inbox.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{inbox.server_port}/events"
        key = f"Telling/{run_flow(store.folder, 'telling.py', '--fail', fail, GRAPH_EVENTS=url)}"
        inbox.shutdown()
    [event] = [event for body in bodies for event in ingest_json(body)]
    assert event.ref == ref("pipeline-run", key)
    source = MetaflowSource("flows", datastore=str(store.folder))
    run = facts(source, source.fetch(event.ref))
    source.close()
    assert ("mlg:runStatus", f"mlgc:run-{status}") in run


def test_several_threads_may_ask(source: MetaflowSource) -> None:
    asked = [ref("pipeline", name) for name in ("TidyUp", "HomeRanking", "Missing") * 10]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(source.fetch, asked))
    assert [snapshot.ref for snapshot in found] == asked
    assert {snapshot.ref.key for snapshot in found if snapshot.gone} == {"Missing"}


@pytest.mark.parametrize("told", ["", "[]", "{", '{"flow_id": "TidyUp"}', "\0\0"])
def test_a_damaged_flow_is_unusable_and_not_gone(
    told: str, source: MetaflowSource, store: Universe
) -> None:
    store.itself("TidyUp").write_text(told, "utf-8")
    with pytest.raises(BadPayload, match="pipeline/flows/TidyUp"):
        source.fetch(ref("pipeline", "TidyUp"))
    with pytest.raises(BadPayload):
        list(source.list())


def test_damaged_data_makes_its_run_unusable(source: MetaflowSource, store: Universe) -> None:
    for blob in (store.folder / ".metaflow" / "TidyUp" / "data").glob("*/*"):
        blob.write_bytes(b"no gzip")
    with pytest.raises(BadPayload):
        source.fetch(ref("pipeline", "TidyUp"))


def test_other_types_and_sources_are_not_owned(source: MetaflowSource) -> None:
    for other in (EntityRef("model", "flows", "x"), EntityRef("pipeline", "other", "TidyUp")):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize(
    ("key", "names", "is_path"),
    [
        ("Flow", 1, True),
        ("Flow/1", 2, True),
        ("Flow/argo-x.y-1/train/t-1", 4, True),
        ("Flow/1", 1, False),
        ("Flow//1", 3, False),
        ("Flow/..", 2, False),
        ("Flow/[1]", 2, False),
        ("Flow/1/_parameters/0", 4, False),
        ("Flow/1\n", 2, False),
    ],
)
def test_only_plain_names_reach_the_file_system(key: str, names: int, is_path: bool) -> None:
    assert path_of(key, names=names) is is_path


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"datastore": ""}, "holds .metaflow"),
        ({"datastore": "here"}, "not an absolute path"),
        ({"datastore": os.sep, "dataset_artefact": "a b"}, "name of an artefact"),
        ({"datastore": os.sep, "parameters": "rate"}, "is a list"),
        ({"datastore": os.sep, "timeout_seconds": 0}, "above zero"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(BadSetting, match=what):
        MetaflowSource("flows", **options)


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
