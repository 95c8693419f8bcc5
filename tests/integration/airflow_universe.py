"""Pipelines of a made-up company, as a DAG file of Airflow 3: read by Airflow, not by the tests.

It is changed once there is a file ``changed`` beside it: another owner, and no DAG ``broken``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, task

CHANGED = Path(__file__).with_name("changed").exists()
START = datetime(2026, 1, 1)
plays = Asset(uri="s3://aurora/media/plays", name="plays", extra={"owner": "ada@aurora.example"})
ranker = Asset(uri="x-models://home ranker/%1", name="ranker", group="model")

with DAG(
    "load_plays",
    schedule="0 4 1 1 *",
    start_date=START,
    catchup=False,
    description="Plays of the day before, without those of children.",
    default_args={"owner": "grace@aurora.example" if CHANGED else "ada@aurora.example"},
    tags=["media", "daily"],
):

    @task
    def parts() -> list[int]:
        """Which parts of the log there are."""
        return [1, 2]

    @task
    def read(part: int) -> int:
        return part

    @task(outlets=[plays])
    def store(found: list[int]) -> int:
        return len(list(found))

    store(read.expand(part=parts()))

with DAG("train_ranker", schedule=[plays], start_date=START, default_args={"owner": "airflow"}):

    @task(outlets=[ranker])
    def train() -> None: ...

    train()

if not CHANGED:
    with DAG("broken", schedule=None, start_date=START, default_args={"retries": 1}):

        @task(retry_delay=timedelta(seconds=0))
        def fail() -> None:
            raise ValueError("There is nothing to load.")

        @task
        def after() -> None: ...

        fail() >> after()
