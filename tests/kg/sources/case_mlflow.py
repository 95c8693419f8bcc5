"""MLflow as it was recorded, and its place in the contract."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from kg.sources.mlflow import MlflowSource
from kg.sources.mlflow.keys import IS_PROMPT
from tests.kg.sources.mlflow_replay import Replay, recorded, ref
from tests.kg.sources.source_contract import Case


def mlflow(stack: ExitStack, _: Path) -> Case:
    replay = stack.enter_context(Replay())
    source = MlflowSource("mlflow", url=replay.url, page_size=2)
    stack.callback(source.close)
    made = recorded("built", "universe")
    clicks = made["datasets"]["clicks"]

    def spoil(spoilt: EntityRef) -> None:
        """An answer that is an object as expected, and lacks what the entity is known by."""
        empty: dict[str, Any] = {"registered_model": {}, "model_version": {"version": "1"}}
        empty |= {"model": {"info": {}}, "run": {"info": {}}, "experiment": {}}
        empty |= {"experiments": [{"name": "no id"}]}
        if spoilt.type.startswith("prompt"):
            tags = [{"key": IS_PROMPT, "value": "true"}]
            empty |= {"registered_model": {"tags": tags}, "model_version": {"tags": tags}}
        for call in ("registered-models", "model-versions", "logged-models", "runs"):
            replay.answer(f"{call}/", empty)
        replay.answer("experiments/", empty)

    return Case(
        source=source,
        known=(
            ref("model", "home-ranker"),
            ref("model-version", made["versions"]["first"]),
            ref("model-version", made["versions"]["promoted"]),
            ref("model-instance", made["instances"]["november"]),
            ref("model-instance", made["versions"]["legacy"]),
            ref("model-instance", made["instances"]["orphan"]),
            ref("prompt", "row-title"),
            ref("prompt-version", "row-title/2"),
            ref("pipeline", made["experiments"]["ranking"]),
            ref("pipeline-run", made["runs"]["failed"]),
            ref("dataset", clicks.rpartition("/")[0]),
            ref("dataset-version", clicks),
            ref("metric", "log loss"),
        ),
        missing=(
            ref("model", "no-such-model"),
            ref("model-version", "home-ranker/99"),
            ref("model-instance", "m-00000000000000000000000000000000"),
            ref("model-instance", "home-ranker/99"),
            ref("prompt", "no-such-prompt"),
            ref("prompt", "home-ranker"),
            ref("model", "row-title"),
            ref("prompt-version", "row-title/99"),
            ref("prompt-version", "home-ranker/1"),
            ref("model-version", "row-title/1"),
            ref("pipeline", "999"),
            ref("pipeline-run", "0" * 32),
            ref("dataset", "no.such.dataset"),
            ref("dataset-version", "no.such.dataset/00000000"),
            ref("metric", "no such metric"),
        ),
        changed=ref("model", "home-ranker"),
        removed=ref("prompt", "greeting"),
        change=lambda: replay.load("changed"),
        take_down=replay.close,
        spoil=spoil,
        cut_listing=lambda: replay.answer("runs/search", {"message": "oops"}, status=500),
    )
