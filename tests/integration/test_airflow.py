"""The source beside a real Airflow: what it reads, what changes, and what it says when it is down.

Runs if ``MLG_TEST_AIRFLOW_PYTHON`` names an interpreter with Airflow 3.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.errors import SourceUnavailable
from kg.iris import EntityRef
from kg.sources.airflow import AirflowSource
from tests.integration.airflow_server import PASSWORD, USER, running_airflow
from tests.integration.installation import eventually
from tests.integration.installed import installed
from tests.kg.sources.entity_facts import facts

pytestmark = pytest.mark.sources


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "airflow", key)


def _is_refused(source: AirflowSource) -> bool:
    try:
        source.fetch(ref("pipeline", "no_such_dag"))
    except SourceUnavailable as error:
        return "refuses us (401)" in str(error)
    return False


def test_a_real_airflow(tmp_path: Path) -> None:
    with running_airflow(installed("MLG_TEST_AIRFLOW_PYTHON"), tmp_path / "airflow") as server:
        source = AirflowSource(
            "airflow", url=server.url, username=USER, password=PASSWORD, page_size=2
        )
        assert source.fetch(ref("pipeline", "no_such_dag")).gone
        token = server.token()  # younger than the one that the source has now
        old = AirflowSource("airflow", url=server.url, token=token)
        server.build()
        eventually(lambda: _is_refused(old))
        old.close()

        before = list(source.list())
        assert len(set(before)) == len(before)
        snapshots = {one: source.fetch(one) for one in before}
        assert not [one for one, snapshot in snapshots.items() if snapshot.gone]
        assert {d.ref for s in snapshots.values() for d in s.documents} == set(before)

        plays = ref("dataset", "s3://aurora/media/plays")
        produced = ("mlg:producedBy", "pipeline-run/airflow/load_plays/first+1")
        assert produced in facts(source, snapshots[plays])
        started = [one for one in before if one.key.startswith("train_ranker/asset_triggered__")]
        for run in (one for one in started if one.type == "pipeline-run"):
            used = ("mlg:usedDataset", "dataset/airflow/s3:%2F%2Faurora%2Fmedia%2Fplays")
            assert used in facts(source, snapshots[run])
        assert started
        failed = ref("step-run", "broken/first/fail")
        assert {("mlg:runStatus", "mlgc:run-failed"), ("mlg:attempt", "2")} <= facts(
            source, snapshots[failed]
        )

        listing, listed = source.list(), list[EntityRef]()
        while [one.type for one in listed].count("step-run") < 2:  # the first page of them
            listed.append(next(listing))
        for one in listed[-2:]:
            dag, run, task, *_ = one.key.split("/")
            server.try_again(dag, run, task)
        assert {*listed, *listing} == set(before)

        server.change()
        after = set(source.list())
        gone = set(before) - after
        assert ref("pipeline", "broken") in gone and failed in gone
        assert all(source.fetch(one).gone for one in gone)
        owner = ("mlg:ownedBy", "person/airflow/grace@aurora.example")
        assert owner in facts(source, source.fetch(ref("pipeline", "load_plays")))

        stranger = AirflowSource("airflow", url=server.url, username=USER, password="wrong")
        with pytest.raises(SourceUnavailable):
            stranger.fetch(plays)
        stranger.close()
    with pytest.raises(SourceUnavailable):
        source.fetch(plays)
    source.close()
