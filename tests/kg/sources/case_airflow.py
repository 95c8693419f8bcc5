"""Airflow as it was recorded, and its place in the contract."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from kg.iris import EntityRef
from kg.sources.airflow import AirflowSource
from tests.kg.sources.airflow_replay import PASSWORD, USER, Replay
from tests.kg.sources.source_contract import Case


def airflow(stack: ExitStack, folder: Path) -> Case:
    replay = stack.enter_context(Replay())
    source = AirflowSource("airflow", url=replay.url, username=USER, password=PASSWORD, page_size=2)
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "airflow", key)

    def spoil(spoilt: EntityRef) -> None:
        """An answer that is an object as expected, and lacks what the entity is known by."""
        if spoilt.type == "dataset":
            replay.answer("assets?", {"assets": [{"name": "no uri"}], "total_entries": 1})
        else:
            replay.answer(f"dags/{quote(spoilt.key.partition('/')[0])}/", {"state": "success"})

    return Case(
        source=source,
        known=(
            ref("dataset", "s3://aurora/media/plays"),
            ref("dataset", "x-models://home ranker/%1"),
            ref("step-run", "load_plays/first+1/read/1"),
            ref("step-run", "load_plays/first+1/store"),
            ref("pipeline-run", "load_plays/scheduled__2026-01-01T04:00:00+00:00"),
            ref("pipeline-run", "broken/first"),
            ref("pipeline-step", "load_plays/store"),
            ref("pipeline", "load_plays"),
            ref("pipeline", "train_ranker"),
        ),
        missing=(
            ref("pipeline", "no_such_dag"),
            ref("pipeline-step", "no_such_dag/read"),
            ref("pipeline-step", "load_plays/no_such_task"),
            ref("pipeline-run", "load_plays/no-such-run"),
            ref("pipeline-run", "no_such_dag/first"),
            ref("step-run", "load_plays/first+1/no_such_task"),
            ref("step-run", "load_plays/first+1/read"),
            ref("step-run", "load_plays/first+1/read/7"),
            ref("step-run", "load_plays/no-such-run/store"),
            ref("dataset", "s3://aurora/media"),
            ref("dataset", "no such asset"),
        ),
        changed=ref("pipeline", "load_plays"),
        removed=ref("step-run", "broken/first/fail"),
        change=lambda: replay.load("changed"),
        take_down=replay.close,
        spoil=spoil,
        cut_listing=lambda: replay.answer("assets?", {"detail": "oops"}, status=500),
    )
