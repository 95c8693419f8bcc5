"""What becomes of MLflow's records, over what a real server once answered."""

from __future__ import annotations

import json
from typing import Any

import pyoxigraph as ox
import pytest

from kg.config import SourceSettings
from kg.iris import PREFIXES
from kg.normalise import normalise
from kg.sources import Notifies, Source, connect
from kg.sources.mlflow import MlflowSource
from kg.terms import ntriples
from tests.kg.sources.entity_facts import compact, facts
from tests.kg.sources.mlflow_replay import Replay, recorded, ref
from tests.kg.sources.source_contract import contexts_of

MADE = recorded("restored", "universe")  # holds what was made and what went before
RUNS, INSTANCES, DATASETS = MADE["runs"], MADE["instances"], MADE["datasets"]
MIA = "person/mlflow/mia.lindqvist@aurora.example"
TOM = "person/mlflow/tom.reyes@aurora.example"


# --- what becomes of what -------------------------------------------------------------------------


def test_it_is_a_source_that_notifies() -> None:
    settings = SourceSettings(
        name="registry", kind="mlflow", options={"url": "http://127.0.0.1:1"}, links={}
    )
    source = connect(settings)
    assert isinstance(source, Source)
    assert isinstance(source, Notifies)
    assert source.name == "registry"
    source.close()


def test_a_registered_model(source: MlflowSource, replay: Replay) -> None:
    found = facts(source, source.fetch(ref("model", "home-ranker")))
    assert {
        ("rdf:type", "mlg:Model"),
        ("dct:identifier", "home-ranker"),
        ("dct:title", "home-ranker"),
        ("dct:description", "Orders the rows of the home page."),
        ("mlg:ownedBy", MIA),
        ("dcat:keyword", "domain::personalisation"),
        ("foaf:page", f"{replay.url}/#/models/home-ranker"),
    } <= found
    assert not any("owner" in value for name, value in found if name == "dcat:keyword")


def test_a_version_brings_what_nobody_else_tells_of(source: MlflowSource) -> None:
    snapshot = source.fetch(ref("model-version", "home-ranker/2"))
    assert {
        ("rdf:type", "mlg:ModelVersion"),
        ("dct:title", "home-ranker 2"),
        ("dcat:version", "2"),
        ("mlg:versionOf", "model/mlflow/home-ranker"),
        ("mlg:alias", "challenger"),
    } <= facts(source, snapshot)
    told = {document.ref for document in snapshot.documents}
    assert {
        ref("model-instance", INSTANCES["november"]),
        ref("pipeline-run", RUNS["november"]),
        ref("dataset-version", DATASETS["november"]),
        ref("dataset", "media.play_events"),
    } <= told


def test_a_logged_model_is_the_instance_of_its_versions(source: MlflowSource) -> None:
    november = ref("model-instance", INSTANCES["november"])
    found = facts(source, source.fetch(november))
    assert {
        ("rdf:type", "mlg:ModelInstance"),
        ("mlg:instanceOf", "model-version/mlflow/home-ranker/2"),
        ("mlg:producedBy", f"pipeline-run/mlflow/{RUNS['november']}"),
        ("mlg:ownedBy", MIA),
    } <= found
    [location] = [value for name, value in found if name == "mlg:artefactLocation"]
    assert location.startswith("mlflow-artifacts:/1/models/m-")


def test_a_copied_version_shares_the_instance(source: MlflowSource) -> None:
    snapshot = source.fetch(ref("model-version", "ad-click-scorer-live/1"))
    found = facts(source, snapshot, ref("model-instance", INSTANCES["clicks"]))
    assert {value for name, value in found if name == "mlg:instanceOf"} == {
        "model-version/mlflow/ad-click-scorer/1",
        "model-version/mlflow/ad-click-scorer-live/1",
    }


def test_a_version_without_a_logged_model_has_an_instance_all_the_same(
    source: MlflowSource,
) -> None:
    snapshot = source.fetch(ref("model-version", "title-embedder/1"))
    assert ("mlg:lifecycleStatus", "mlgc:lifecycle-retired") in facts(source, snapshot)
    assert {
        ("mlg:instanceOf", "model-version/mlflow/title-embedder/1"),
        ("mlg:producedBy", f"pipeline-run/mlflow/{RUNS['legacy']}"),
        ("mlg:artefactLocation", f"runs:/{RUNS['legacy']}/embedder"),
    } <= facts(source, snapshot, ref("model-instance", "title-embedder/1"))


def test_a_run(source: MlflowSource) -> None:
    found = facts(source, source.fetch(ref("pipeline-run", RUNS["november"])))
    assert {
        ("rdf:type", "mlg:PipelineRun"),
        ("dct:title", "november"),
        ("mlg:executionOf", f"pipeline/mlflow/{MADE['experiments']['ranking']}"),
        ("mlg:runStatus", "mlgc:run-succeeded"),
        ("prov:wasAssociatedWith", "person/mlflow/mia"),
        ("mlg:codeLocation", "https://git.aurora.example/home/ranker"),
        ("mlg:codeRevision", "9f2c1e7a5d3b4c6e8f0a1b2c3d4e5f6a7b8c9d0e"),
        ("dcat:keyword", "purpose::training"),
        ("#param-C mlg:parameterName", "C"),
        ("#param-C mlg:parameterValue", "1.0"),
    } <= found
    assert {name for name, _ in found} >= {"prov:startedAtTime", "prov:endedAtTime"}
    assert not any("mlflow." in value for name, value in found if name == "dcat:keyword")


def test_a_failed_run(source: MlflowSource) -> None:
    found = facts(source, source.fetch(ref("pipeline-run", RUNS["failed"])))
    assert ("mlg:runStatus", "mlgc:run-failed") in found


def test_a_model_is_not_trained_on_what_it_was_tested_with(source: MlflowSource) -> None:
    found = facts(source, source.fetch(ref("pipeline-run", RUNS["november"])))
    assert ("mlg:usedDataset", f"dataset-version/mlflow/{DATASETS['november']}") in found
    assert ("prov:used", f"dataset-version/mlflow/{DATASETS['october']}") in found
    assert ("mlg:usedDataset", f"dataset-version/mlflow/{DATASETS['october']}") not in found


@pytest.mark.parametrize(
    ("contexts", "learned", "tested"),
    [
        (["training", None], "0", "1"),
        (["train", "eval"], "0", "1"),
        (["Training", "TEST", "validation", "holdout"], "0", "123"),
        ([None, None], "01", ""),
        ([None, "eval"], "0", "1"),
        (["pretraining", "fine-tuning"], "01", ""),
        (["training", "custom"], "01", ""),
        (["eval"], "", "0"),
    ],
)
def test_which_data_a_run_learned_from(
    source: MlflowSource,
    replay: Replay,
    contexts: list[str | None],
    learned: str,
    tested: str,
) -> None:
    inputs = [
        {
            "dataset": {"name": "data", "digest": str(number)},
            "tags": [{"key": "mlflow.data.context", "value": word}] if word else [],
        }
        for number, word in enumerate(contexts)
    ]
    run = {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": inputs}}
    replay.answer("runs/get", {"run": run})
    found = facts(source, source.fetch(ref("pipeline-run", "r1")))

    def named(predicate: str) -> set[str]:
        return {value[-1] for name, value in found if name == predicate}

    assert named("mlg:usedDataset") == set(learned)
    assert named("prov:used") == set(tested)


def test_data_that_a_run_learned_from_and_tested_with(source: MlflowSource, replay: Replay) -> None:
    inputs = [
        {
            "dataset": {"name": "data", "digest": "1"},
            "tags": [{"key": "mlflow.data.context", "value": word}],
        }
        for word in ("training", "eval")
    ]
    run = {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": inputs}}
    replay.answer("runs/get", {"run": run})
    found = facts(source, source.fetch(ref("pipeline-run", "r1")))
    assert {name for name, value in found if value.endswith("data/1")} == {"mlg:usedDataset"}


@pytest.mark.parametrize(
    ("kind", "where", "location"),
    [
        ("s3", '{"uri": "s3://bucket/data"}', "s3://bucket/data"),
        ("http", '{"url": "https://host/data.csv"}', "https://host/data.csv"),
        ("delta", '{"path": "/mnt/data", "delta_table_version": 3}', "/mnt/data"),
        ("code", '{"tags": {"mlflow.source.name": "train.py"}, "uri": "train.py"}', None),
        ("s3", "s3://not/json", None),
        ("s3", "", None),
    ],
)
def test_where_a_dataset_is(
    source: MlflowSource, replay: Replay, kind: str, where: str, location: str | None
) -> None:
    dataset = {"name": "data", "digest": "1", "source_type": kind, "source": where}
    run = {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": [{"dataset": dataset}]}}
    replay.answer("runs/get", {"run": run})
    snapshot = source.fetch(ref("pipeline-run", "r1"))
    found = facts(source, snapshot, ref("dataset-version", "data/1"))
    assert [value for name, value in found if name == "mlg:location"] == (
        [location] if location else []
    )


def test_a_dataset_that_cannot_be_named_does_not_spoil_its_run(
    source: MlflowSource, replay: Replay
) -> None:
    inputs = [{"dataset": {"name": name, "digest": "1"}} for name in ("line\nbreak", "data")]
    run = {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": inputs}}
    replay.answer("runs/get", {"run": run})
    snapshot = source.fetch(ref("pipeline-run", "r1"))
    assert [d.ref.key for d in snapshot.documents] == ["r1", "data", "data/1"]


def test_a_dataset_is_told_of_by_runs(source: MlflowSource) -> None:
    key = DATASETS["clicks"]
    assert key.startswith("ads/click events/")
    found = facts(source, source.fetch(ref("dataset-version", key)))
    assert {
        ("mlg:versionOf", "dataset/mlflow/ads/click%20events"),
        ("mlg:digest", key.rpartition("/")[2]),
        ("mlg:location", "https://data.aurora.example/ads/clicks.csv"),
        ("mlg:recordCount", "200"),
        ("mlg:schemaDefinition", "plays_7d: double, hours_7d: double, kept: long"),
    } <= found


def test_an_experiment_is_a_pipeline(source: MlflowSource) -> None:
    found = facts(source, source.fetch(ref("pipeline", MADE["experiments"]["ads"])))
    assert {
        ("dct:title", "Ad clicks"),
        ("dct:description", "Predicts clicks on ads."),
        ("mlg:ownedBy", TOM),
    } <= found


def test_a_metric_on_data_is_the_result_of_an_evaluation(source: MlflowSource) -> None:
    instance, data = INSTANCES["november"], DATASETS["october"]
    key = f"{instance}/{data}"
    assert {
        ("mlg:evaluates", f"model-instance/mlflow/{instance}"),
        ("mlg:evaluatedOn", f"dataset-version/mlflow/{data}"),
        ("mlg:runStatus", "mlgc:run-succeeded"),
    } <= facts(source, source.fetch(ref("evaluation", key)))
    found = facts(source, source.fetch(ref("evaluation-result", f"{instance}/accuracy@{data}")))
    assert {
        ("dct:title", f"accuracy 0.885 on {data}"),
        ("dqv:isMeasurementOf", "metric/mlflow/accuracy"),
        ("dqv:computedOn", f"model-instance/mlflow/{instance}"),
        ("mlg:resultOf", f"evaluation/mlflow/{key}"),
        ("dqv:value", "0.885"),
    } <= found


def test_what_is_no_number_is_no_result(source: MlflowSource) -> None:
    """MLflow shows it as NaN in the run and as 0.0 in the logged model."""
    instance = INSTANCES["november"]
    assert source.fetch(ref("evaluation-result", f"{instance}/drift")).gone
    assert source.fetch(ref("metric", "drift")).gone
    told = {d.ref for d in source.fetch(ref("model-instance", instance)).documents}
    assert ref("metric", "accuracy") in told
    assert not any("drift" in other.key for other in told)


def test_the_latest_value_by_data_and_by_run(source: MlflowSource, replay: Replay) -> None:
    def metric(name: str, value: Any, *, at: int = 1, **more: Any) -> dict[str, Any]:
        return {"key": name, "value": value, "timestamp": at, "step": 0, "run_id": "r1", **more}

    on_data: dict[str, Any] = {"dataset_name": "data", "dataset_digest": "1"}
    metrics = [
        metric("auc", 0.9, at=2),
        metric("auc", 0.1, at=1),
        metric("auc", 0.8, **on_data),
        metric("auc", 0.7, run_id="r2", **on_data),
        metric("loss", "Infinity"),
        metric("gap", "NaN"),
        metric("system/memory", 7),
    ]
    info = {"model_id": "m-1", "source_run_id": "r1"}
    replay.answer("logged-models/m-1", {"model": {"info": info, "data": {"metrics": metrics}}})
    replay.answer("model-versions/search", {})
    snapshot = source.fetch(ref("model-instance", "m-1"))
    values = {
        d.ref.key: d.payload["value"]
        for d in snapshot.documents
        if d.ref.type == "evaluation-result"
    }
    assert values == {
        "m-1/auc": "0.9",
        "m-1/auc@data/1": "0.8",
        "m-1/auc@data/1!r2": "0.7",
        "m-1/loss": "INF",
    }
    evaluations = {d.ref.key for d in snapshot.documents if d.ref.type == "evaluation"}
    assert evaluations == {"m-1/data/1", "m-1/data/1!r2"}


def test_a_status_that_is_new_to_us_stays_outside_the_code_list(
    source: MlflowSource, replay: Replay
) -> None:
    """So that validation finds it, in place of a made-up reference."""
    replay.answer("runs/get", {"run": {"info": {"run_id": "r1", "status": "DREAMING"}}})
    found = facts(source, source.fetch(ref("pipeline-run", "r1")))
    assert ("mlg:runStatus", "mlgc:run-DREAMING") in found


def test_several_owners(source: MlflowSource) -> None:
    found = facts(source, source.fetch(ref("model", "ad-click-scorer")))
    assert {value for name, value in found if name == "mlg:ownedBy"} == {MIA, TOM}


def test_from_version_to_owner_by_sparql(source: MlflowSource) -> None:
    """The main question: which data is behind a version, and who answers for its model?"""
    store = ox.Store()
    snapshots = [source.fetch(listed) for listed in source.list()]
    for entity in normalise(snapshots, contexts=contexts_of(source)).entities:
        store.load(ntriples(entity.statements), ox.RdfFormat.N_TRIPLES)
    rows = store.query(
        """
        SELECT ?data ?owner WHERE {
          ?version dct:identifier "home-ranker/1" ; mlg:versionOf/mlg:ownedBy ?owner .
          ?version ^mlg:instanceOf/mlg:producedBy/mlg:usedDataset/mlg:versionOf/dct:title ?data
        }
        """,
        prefixes=PREFIXES,
    )
    assert isinstance(rows, ox.QuerySolutions)
    assert [(row["data"].value, compact(row["owner"].value)) for row in rows] == [
        ("media.play_events", MIA)
    ]


# --- prompts --------------------------------------------------------------------------------------


def test_a_prompt_and_its_versions(source: MlflowSource, replay: Replay) -> None:
    snapshot = source.fetch(ref("prompt", "row-title"))
    assert {
        ("rdf:type", "mlg:Prompt"),
        ("dct:identifier", "row-title"),
        ("dct:title", "row-title"),
        ("dct:description", "Asks for the title of a row."),
        ("mlg:ownedBy", MIA),
        ("dcat:keyword", "language::en"),
        ("foaf:page", f"{replay.url}/#/prompts/row-title"),
    } <= facts(source, snapshot)
    assert {
        ("rdf:type", "mlg:PromptVersion"),
        ("dct:title", "row-title 1"),
        ("dcat:version", "1"),
        ("mlg:versionOf", "prompt/mlflow/row-title"),
        ("mlg:alias", "production"),
        ("mlg:promptText", "Give a title to a row with these films: {{films}}"),
    } <= facts(source, snapshot, ref("prompt-version", "row-title/1"))


def test_a_conversation_with_settings(source: MlflowSource, replay: Replay) -> None:
    found = facts(source, source.fetch(ref("prompt-version", "row-title/2")))
    assert {
        ("dct:description", "Shorter, for the television."),
        ("#param-temperature mlg:parameterName", "temperature"),
        ("#param-temperature mlg:parameterValue", "0.2"),
        ("#param-model_name mlg:parameterValue", "small"),
        ("#param-stop_sequences mlg:parameterValue", '["."]'),
        ("foaf:page", f"{replay.url}/#/prompts/row-title?promptVersion=2"),
    } <= found
    [words] = [value for name, value in found if name == "mlg:promptText"]
    assert [turn["role"] for turn in json.loads(words)] == ["system", "user"]


def test_tags_of_mlflows_own_are_no_keywords(source: MlflowSource) -> None:
    snapshot = source.fetch(ref("prompt", "row-title"))
    told = {value for d in snapshot.documents for value in d.payload.get("tags", [])}
    assert told == {"language::en"}


def test_what_loaded_a_prompt_leads_to_it(source: MlflowSource) -> None:
    version = "prompt-version/mlflow/row-title/2"
    run = facts(source, source.fetch(ref("pipeline-run", RUNS["titles"])))
    assert ("mlg:usedPrompt", version) in run
    agent = facts(source, source.fetch(ref("model-instance", INSTANCES["titler"])))
    assert {
        ("mlg:usesPrompt", version),
        ("mlg:producedBy", f"pipeline-run/mlflow/{RUNS['titles']}"),
    } <= agent


def test_a_prompt_tells_which_version_lost_its_alias(source: MlflowSource, replay: Replay) -> None:
    replay.load("changed")
    snapshot = source.fetch(ref("prompt", "row-title"))
    assert [document.ref.key for document in snapshot.documents] == ["row-title", "row-title/2"]
    found = facts(source, snapshot, ref("prompt-version", "row-title/2"))
    assert ("mlg:alias", "production") in found


# --- changes --------------------------------------------------------------------------------------


def test_a_model_tells_which_version_lost_its_alias(source: MlflowSource, replay: Replay) -> None:
    first, second = ref("model-version", "home-ranker/1"), ref("model-version", "home-ranker/2")
    before = source.fetch(ref("model", "home-ranker"))
    assert ("mlg:alias", "champion") in facts(source, before, first)
    replay.load("changed")
    after = source.fetch(ref("model", "home-ranker"))
    assert not any(name == "mlg:alias" for name, _ in facts(source, after, first))
    assert {v for n, v in facts(source, after, second) if n == "mlg:alias"} == {"champion"}
    modified = [
        {value for name, value in facts(source, snapshot, second) if name == "dct:modified"}
        for snapshot in (before, after)
    ]
    assert modified[0] == modified[1]  # MLflow's own time does not move


@pytest.mark.parametrize(
    ("entity_type", "key"),
    [(kind, key) for kind, keys in MADE["gone"].items() for key in keys],
)
def test_what_is_deleted_is_gone(
    source: MlflowSource, replay: Replay, entity_type: str, key: str
) -> None:
    assert not source.fetch(ref(entity_type, key)).gone
    assert ref(entity_type, key) in set(source.list())
    replay.load("changed")
    assert source.fetch(ref(entity_type, key)).gone
    assert ref(entity_type, key) not in set(source.list())


@pytest.mark.parametrize(
    ("entity_type", "key"),
    [(kind, key) for kind, keys in MADE["restored"].items() for key in keys],
)
def test_what_is_restored_is_there_as_before(
    source: MlflowSource, replay: Replay, entity_type: str, key: str
) -> None:
    before = source.fetch(ref(entity_type, key))
    replay.load("restored")
    after = source.fetch(ref(entity_type, key))
    moved = {"modified"}  # MLflow notes when an experiment was restored
    for old, new in zip(before.documents, after.documents, strict=True):
        assert old.ref == new.ref
        assert {k: v for k, v in old.payload.items() if k not in moved} == {
            k: v for k, v in new.payload.items() if k not in moved
        }
    assert ref(entity_type, key) in set(source.list())


def test_a_logged_model_outlives_its_experiment(source: MlflowSource) -> None:
    assert source.fetch(ref("pipeline", MADE["experiments"]["given up"])).gone
    orphan = ref("model-instance", INSTANCES["orphan"])
    assert not source.fetch(orphan).gone
    assert orphan in set(source.list())


def test_a_copy_outlives_its_original(source: MlflowSource, replay: Replay) -> None:
    """Nothing leads from it to the logged model any more; its run is still known."""
    copy, own = (
        ref(kind, "ad-click-scorer-live/1") for kind in ("model-version", "model-instance")
    )
    assert source.fetch(own).gone
    assert own not in set(source.list())
    replay.load("changed")
    snapshot = source.fetch(copy)
    assert {
        ("mlg:instanceOf", f"model-version/mlflow/{copy.key}"),
        ("mlg:producedBy", f"pipeline-run/mlflow/{RUNS['clicks']}"),
    } <= facts(source, snapshot, own)
    assert own in set(source.list())
    logged = facts(source, source.fetch(ref("model-instance", INSTANCES["clicks"])))
    assert not any(name == "mlg:instanceOf" for name, _ in logged)
