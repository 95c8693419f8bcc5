"""A small machine-learning department in a real MLflow, made with MLflow's own client.

Runs in an environment that has ``mlflow`` and ``scikit-learn`` (not the project's own)::

    python mlflow_universe.py --tracking http://127.0.0.1:5000 webhooks \
        --receiver http://127.0.0.1:8080/webhooks/mlflow --secret S
    python mlflow_universe.py --tracking http://127.0.0.1:5000 build
    python mlflow_universe.py --tracking http://127.0.0.1:5000 change
    python mlflow_universe.py --tracking http://127.0.0.1:5000 restore

``build`` trains and registers the models and writes the prompts, ``change`` does what nobody is
told of or what is told while nobody listens: aliases move, an owner changes, and of each kind
something is deleted. ``restore`` brings back what MLflow can bring back. Each prints the keys of
what it made as one JSON object, on its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.entities.webhook import WebhookEvent
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

RANKER, SCORER, LEGACY = "home-ranker", "ad-click-scorer", "title-embedder"
ROW_TITLE, GREETING = "row-title", "greeting"
SIDE_LINE = "Side line"
PLAYS = "media.play_events"
PLAYS_AT = "s3://warehouse/media/play_events"
CLICKS = "ads/click events"  # a slash and a blank, as in real catalogues
CLICKS_AT = "https://data.aurora.example/ads/clicks.csv"
MIA, TOM = "mia.lindqvist@aurora.example", "tom.reyes@aurora.example"

BY = {  # what MLflow would note of the machine that it runs on
    "mlflow.user": "mia",
    "mlflow.source.name": "train.py",
    "mlflow.source.git.repoURL": "https://git.aurora.example/home/ranker",
    "mlflow.source.git.commit": "9f2c1e7a5d3b4c6e8f0a1b2c3d4e5f6a7b8c9d0e",
}

EVENTS = (
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version.created",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
)


def subscribe(client: MlflowClient, *, receiver: str, secret: str) -> dict[str, Any]:
    hook = client.create_webhook(
        name="graph",
        url=receiver,
        events=[WebhookEvent.from_str(event) for event in EVENTS],
        secret=secret,
    )
    return {"webhook": hook.webhook_id}


def build(client: MlflowClient) -> dict[str, Any]:
    """Three models: one with a healthy history, one whose training failed, one of the old kind."""
    ranking = experiment(
        client, "Home ranking", owner=MIA, about="Trains what orders the home page."
    )
    ads = experiment(client, "Ad clicks", owner=TOM, about="Predicts clicks on ads.")

    client.create_registered_model(
        RANKER, {"owner": MIA, "domain": "personalisation"}, "Orders the rows of the home page."
    )
    october, november = plays(seed=10), plays(seed=11)
    first = train(ranking, "october", data=october, depth=0.1)
    second = train(ranking, "november", data=november, depth=1.0, held_out=october)
    versions = [
        mlflow.register_model(f"models:/{made['instance']}", RANKER) for made in (first, second)
    ]
    client.update_model_version(RANKER, versions[0].version, "The first to beat the old order.")
    client.set_model_version_tag(RANKER, versions[0].version, "validation", "passed")
    client.set_registered_model_alias(RANKER, "champion", versions[0].version)
    client.set_registered_model_alias(RANKER, "challenger", versions[1].version)

    client.create_registered_model(SCORER, {"owner": f"{TOM}, {MIA}"})
    clicks = dataset(frame(seed=12), name=CLICKS, at=CLICKS_AT)
    scored = train(ads, "clicks", data=clicks, depth=0.5)
    mlflow.register_model(f"models:/{scored['instance']}", SCORER, tags={"owner": TOM})
    failed = fail(ads, data=clicks)

    given_up = client.create_experiment("Given up")
    orphan = client.create_logged_model(given_up, name="orphan", tags=BY)
    client.delete_experiment(given_up)

    legacy = legacy_version(client, ads, data=october)
    promoted = client.copy_model_version(f"models:/{SCORER}/1", f"{SCORER}-live")
    prompts(client)
    agent = titler(ranking)
    side_line = client.create_experiment(SIDE_LINE)
    weekend = fail(side_line, data=october)
    return {
        "experiments": {
            "ranking": ranking,
            "ads": ads,
            "given up": given_up,
            "side line": side_line,
        },
        "runs": {
            "october": first["run"],
            "november": second["run"],
            "clicks": scored["run"],
            "failed": failed,
            "legacy": legacy["run"],
            "titles": agent["run"],
            "weekend": weekend,
        },
        "instances": {
            "october": first["instance"],
            "november": second["instance"],
            "clicks": scored["instance"],
            "orphan": orphan.model_id,
            "titler": agent["instance"],
        },
        "datasets": {
            "october": f"{PLAYS}/{october.digest}",
            "november": f"{PLAYS}/{november.digest}",
            "clicks": f"{CLICKS}/{clicks.digest}",
        },
        "versions": {
            "first": f"{RANKER}/{versions[0].version}",
            "second": f"{RANKER}/{versions[1].version}",
            "legacy": f"{LEGACY}/{legacy['version']}",
            "promoted": f"{promoted.name}/{promoted.version}",
        },
    }


def change(client: MlflowClient) -> dict[str, Any]:
    """Changes of every kind that a webhook may miss, or that MLflow sends none for."""
    client.set_registered_model_alias(RANKER, "champion", "2")
    client.delete_registered_model_alias(RANKER, "challenger")
    client.set_registered_model_tag(SCORER, "owner", MIA)
    client.update_registered_model(RANKER, "Orders the rows, and now the billboard too.")
    client.delete_model_version(LEGACY, "1")
    client.delete_model_version(SCORER, "1")  # of which a promoted copy lives on
    ads = client.get_experiment_by_name("Ad clicks")
    assert ads is not None
    [failed] = client.search_runs([ads.experiment_id], "attributes.status = 'FAILED'")
    client.delete_run(failed.info.run_id)
    side_line = client.get_experiment_by_name(SIDE_LINE)
    assert side_line is not None
    [weekend] = client.search_runs([side_line.experiment_id])
    client.delete_experiment(side_line.experiment_id)  # and its runs with it
    given_up = client.get_experiment_by_name("Given up")
    assert given_up is not None
    [orphan] = client.search_logged_models([given_up.experiment_id])
    client.delete_logged_model(orphan.model_id)
    client.set_prompt_alias(ROW_TITLE, "production", 2)
    client.delete_prompt_version(ROW_TITLE, "1")
    client.delete_prompt(GREETING)
    return {
        "champion": f"{RANKER}/2",
        "gone": {
            "model-version": [f"{LEGACY}/1", f"{SCORER}/1"],
            "model-instance": [f"{LEGACY}/1", orphan.model_id],
            "pipeline": [side_line.experiment_id],
            "pipeline-run": [failed.info.run_id, weekend.info.run_id],
            "prompt": [GREETING],
            "prompt-version": [f"{ROW_TITLE}/1", f"{GREETING}/1"],
        },
    }


def restore(client: MlflowClient) -> dict[str, Any]:
    """MLflow only marks experiments and runs as deleted; no notice tells that one is back."""
    [ads, side_line] = [client.get_experiment_by_name(name) for name in ("Ad clicks", SIDE_LINE)]
    assert ads is not None
    assert side_line is not None
    client.restore_experiment(side_line.experiment_id)
    [weekend] = client.search_runs([side_line.experiment_id])
    [failed] = client.search_runs(
        [ads.experiment_id], "attributes.status = 'FAILED'", run_view_type=ViewType.DELETED_ONLY
    )
    client.restore_run(failed.info.run_id)
    return {
        "restored": {
            "pipeline": [side_line.experiment_id],
            "pipeline-run": [failed.info.run_id, weekend.info.run_id],
        }
    }


def prompts(client: MlflowClient) -> None:
    """One with a history, whose second wording is a conversation with settings, and a short one."""
    client.register_prompt(
        ROW_TITLE,
        "Give a title to a row with these films: {{films}}",
        commit_message="Asks for the title of a row.",
        tags={"owner": MIA, "language": "en"},
    )
    client.register_prompt(
        ROW_TITLE,
        [
            {"role": "system", "content": "You answer in at most four words."},
            {"role": "user", "content": "Give a title to a row with these films: {{films}}"},
        ],
        commit_message="Shorter, for the television.",
        model_config={"model_name": "small", "temperature": 0.2, "stop_sequences": ["."]},
    )
    client.set_prompt_alias(ROW_TITLE, "production", 1)
    client.set_prompt_alias(ROW_TITLE, "candidate", 2)
    client.delete_prompt_alias(ROW_TITLE, "candidate")
    client.register_prompt(GREETING, "Greet {{name}}.")
    client.set_prompt_tag(GREETING, "language", "en")
    client.delete_prompt_tag(GREETING, "language")
    client.set_prompt_version_tag(GREETING, "1", "tone", "warm")
    client.delete_prompt_version_tag(GREETING, "1", "tone")


def titler(experiment_id: str) -> dict[str, str]:
    """An agent whose code is elsewhere: MLflow notes by itself which prompt it and its run loaded."""
    with mlflow.start_run(experiment_id=experiment_id, run_name="titles", tags=BY) as run:
        agent = mlflow.create_external_model(name="row-titler", tags={"owner": MIA})
        mlflow.genai.load_prompt(f"prompts:/{ROW_TITLE}/2", model_id=agent.model_id)
    wait_for_link(agent.model_id)
    return {"run": run.info.run_id, "instance": agent.model_id}


def wait_for_link(model_id: str) -> None:
    """MLflow notes it in a thread of its own."""
    until = time.monotonic() + 30
    while "mlflow.linkedPrompts" not in mlflow.get_logged_model(model_id).tags:
        if time.monotonic() > until:
            raise TimeoutError(f"{model_id} has no note of its prompt")
        time.sleep(0.2)


def experiment(client: MlflowClient, name: str, *, owner: str, about: str) -> str:
    tags = {"owner": owner, "mlflow.note.content": about}
    created: str = client.create_experiment(name, tags=tags)
    return created


def frame(*, seed: int, rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.normal(size=(rows, 2)), columns=["plays_7d", "hours_7d"])
    table["kept"] = (table["plays_7d"] + 0.3 * random.normal(size=rows) > 0).astype(int)
    return table


def dataset(table: pd.DataFrame, *, name: str, at: str) -> Any:
    return mlflow.data.from_pandas(table, source=at, name=name, targets="kept")


def plays(*, seed: int) -> Any:
    return dataset(frame(seed=seed), name=PLAYS, at=PLAYS_AT)


def train(
    experiment_id: str, name: str, *, data: Any, depth: float, held_out: Any = None
) -> dict[str, str]:
    """One finished run with parameters, metrics on named data, and a logged model."""
    inputs = data.df[["plays_7d", "hours_7d"]]
    model = LogisticRegression(C=depth).fit(inputs, data.df["kept"])
    tags = {**BY, "purpose": "training"}
    with mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags) as run:
        mlflow.log_input(data, context="training")
        mlflow.log_params({"C": depth, "penalty": "l2"})
        logged = mlflow.sklearn.log_model(
            model, name="model", pip_requirements=[], tags={**BY, "owner": MIA}
        )
        for tested in filter(None, (data, held_out)):
            guess = model.predict_proba(tested.df[["plays_7d", "hours_7d"]])
            mlflow.log_metrics(
                {
                    "accuracy": accuracy_score(tested.df["kept"], guess[:, 1] > 0.5),
                    "log loss": log_loss(tested.df["kept"], guess),
                },
                dataset=tested,
                model_id=logged.model_id,
            )
        mlflow.log_metric("drift", float("nan"))
    return {"run": run.info.run_id, "instance": logged.model_id}


def fail(experiment_id: str, *, data: Any) -> str:
    with mlflow.start_run(
        experiment_id=experiment_id, run_name="too little memory", tags=BY
    ) as run:
        mlflow.log_input(data, context="training")
        mlflow.end_run("FAILED")
    run_id: str = run.info.run_id
    return run_id


def legacy_version(client: MlflowClient, experiment_id: str, *, data: Any) -> dict[str, str]:
    """A version as MLflow 2 registered them: a path of a run's artefacts, and no logged model."""
    with mlflow.start_run(experiment_id=experiment_id, run_name="embedder", tags=BY) as run:
        mlflow.log_input(data, context="training")
        mlflow.log_dict({"weights": [0.1, 0.2]}, "embedder/weights.json")
    client.create_registered_model(LEGACY)
    version = client.create_model_version(
        LEGACY, f"runs:/{run.info.run_id}/embedder", run_id=run.info.run_id
    )
    client.transition_model_version_stage(LEGACY, version.version, "Archived")
    return {"run": run.info.run_id, "version": version.version}


def main() -> None:
    parser = argparse.ArgumentParser(description="Fills a real MLflow server.")
    parser.add_argument("--tracking", required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    webhooks = verbs.add_parser("webhooks")
    webhooks.add_argument("--receiver", required=True)
    webhooks.add_argument("--secret", required=True)
    verbs.add_parser("build")
    verbs.add_parser("change")
    verbs.add_parser("restore")
    given = parser.parse_args()

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    mlflow.set_tracking_uri(given.tracking)
    client = MlflowClient()
    if given.verb == "webhooks":
        made = subscribe(client, receiver=given.receiver, secret=given.secret)
    else:
        made = {"build": build, "change": change, "restore": restore}[given.verb](client)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
