"""Airflow's tokens, pages and names, and what the source says when they are not as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.airflow import AirflowSource
from tests.kg.sources.airflow_replay import PASSWORD, USER, Replay

RUNS = "dags/~/dagRuns"
LOAD = EntityRef("pipeline", "airflow", "load_plays")


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[AirflowSource]:
    made = AirflowSource("airflow", url=replay.url, username=USER, password=PASSWORD, page_size=2)
    yield made
    made.close()


def test_one_token_serves_until_it_has_expired(source: AirflowSource, replay: Replay) -> None:
    before = [source.fetch(LOAD), source.fetch(LOAD)]
    assert replay.signed_in == 1
    replay.expire()
    assert source.fetch(LOAD) == before[0]
    assert replay.signed_in == 2


def test_a_token_may_expire_in_the_middle_of_a_listing(
    source: AirflowSource, replay: Replay
) -> None:
    whole = list(source.list())
    listing = source.list()
    half = [next(listing) for _ in range(len(whole) // 2)]
    replay.expire()
    assert half + list(listing) == whole


def test_many_that_find_it_expired_renew_it_once(source: AirflowSource, replay: Replay) -> None:
    source.fetch(LOAD)
    replay.expire()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: source.fetch(LOAD).gone, range(16)))
    assert not any(found)
    assert replay.signed_in == 2


def test_a_wrong_password_is_a_source_that_is_down(replay: Replay) -> None:
    source = AirflowSource("airflow", url=replay.url, username=USER, password="wrong")
    with pytest.raises(SourceUnavailable, match="correct its credentials"):
        source.fetch(LOAD)
    assert not replay.asked
    source.close()


def test_a_token_of_the_settings_is_not_renewed(replay: Replay) -> None:
    source = AirflowSource("airflow", url=replay.url, token="an-old-one")
    with pytest.raises(SourceUnavailable, match="correct its credentials"):
        source.fetch(LOAD)
    assert (len(replay.asked), replay.signed_in) == (1, 0)
    source.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"token": "one", "username": "graph"},
        {"page_size": 0},
        {"page_size": True},
        {"timeout_seconds": 0},
        {"url": "ftp://airflow"},
        {"public_url": "airflow"},
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        AirflowSource("airflow", **({"url": "http://127.0.0.1:8080"} | settings))


@pytest.mark.parametrize(
    "key", ["..", ".", "a/../b", "load_plays/", "load_plays/first+1/..", "x?y", "%2e%2e"]
)
@pytest.mark.parametrize("entity_type", ["pipeline", "pipeline-step", "pipeline-run", "step-run"])
def test_no_key_leads_elsewhere(
    source: AirflowSource, replay: Replay, entity_type: str, key: str
) -> None:
    assert source.fetch(EntityRef(entity_type, "airflow", key)).gone
    assert set(replay.asked) <= {"dags/load_plays/details", "dags/load_plays/tasks"}


def test_a_tilde_is_no_dag(source: AirflowSource, replay: Replay) -> None:
    """Airflow takes it for all of them."""
    for entity_type, key in [("pipeline", "~"), ("pipeline-run", "~/~"), ("step-run", "~/~/~")]:
        assert source.fetch(EntityRef(entity_type, "airflow", key)).gone
    assert not replay.asked


def test_a_route_that_is_not_there_is_no_tombstone(replay: Replay) -> None:
    source = AirflowSource("airflow", url=f"{replay.url}", username=USER, password=PASSWORD)
    replay.answer("dags/", {"error": "API route not found"}, status=404)
    with pytest.raises(SourceUnavailable, match="url must be"):
        source.fetch(LOAD)
    replay.answer("dags/", {"detail": "Not Found"}, status=404)
    with pytest.raises(SourceUnavailable, match="url must be"):
        source.fetch(LOAD)
    source.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"total_entries": 0}, BadPayload),
        ({"dags": [], "total_entries": None}, BadPayload),
        ({"dags": [], "total_entries": 3}, BadPayload),
        ({"dags": {}, "total_entries": 0}, BadPayload),
        ([], BadPayload),
        (b"{", BadPayload),
    ],
)
def test_a_page_that_cannot_be_used_ends_the_listing(
    source: AirflowSource, replay: Replay, answer: Any, error: type[Exception]
) -> None:
    replay.answer("dags?", answer)
    with pytest.raises(error):
        list(source.list())


def test_an_airflow_without_cursors_is_listed_by_offsets(
    source: AirflowSource, replay: Replay
) -> None:
    """It answers as if there were no cursor, and does not tell of a next one."""
    whole = list(source.list())
    path = f"{RUNS}?order_by=id&limit=2&"
    first = replay.answer_of(f"{path}cursor=")
    second = replay.answer_of(f"{path}cursor={first['next_cursor']}")
    total = len(first["dag_runs"]) + len(second["dag_runs"])
    pages = [{"dag_runs": one["dag_runs"], "total_entries": total} for one in (first, second)]
    replay.answer(f"{path}cursor=", pages[0])
    for offset, page in zip((0, 2), pages, strict=True):
        replay.answer(f"{path}offset={offset}", page)
    replay.asked.clear()
    assert list(source.list()) == whole
    assert f"{path}offset=2" in replay.asked


@pytest.mark.parametrize("next_cursor", ["kQI", 1.5, ["kQI"], ""])
def test_a_cursor_that_leads_nowhere_ends_the_listing(
    source: AirflowSource, replay: Replay, next_cursor: Any
) -> None:
    first = replay.answer_of(f"{RUNS}?order_by=id&limit=2&cursor=")
    replay.answer(f"{RUNS}?", first | {"next_cursor": next_cursor})
    with pytest.raises(BadPayload):
        list(source.list())


def test_a_page_by_cursor_that_is_not_there_ends_the_listing(
    source: AirflowSource, replay: Replay
) -> None:
    first = replay.answer_of(f"{RUNS}?order_by=id&limit=2&cursor=")
    following = f"{RUNS}?order_by=id&limit=2&cursor={first['next_cursor']}"
    replay.answer(following, {"detail": "The DAG was not found"}, status=404)
    with pytest.raises(SourceUnavailable, match="does not exist"):
        list(source.list())


def test_what_is_deleted_during_a_listing_ends_it(source: AirflowSource, replay: Replay) -> None:
    path = "dags?exclude_stale=false&order_by=dag_id&limit=2&offset=2"
    replay.answer(path, replay.answer_of(path) | {"total_entries": 2})
    with pytest.raises(SourceUnavailable, match="lost dags"):
        list(source.list())


@pytest.mark.parametrize(
    "wrong",
    [
        {"owners": "ada"},
        {"owners": [1]},
        {"is_paused": "no"},
        {"tags": ["media"]},
        {"description": ["x"]},
    ],
)
def test_a_dag_that_cannot_be_used(
    source: AirflowSource, replay: Replay, wrong: dict[str, Any]
) -> None:
    details = replay.answer_of("dags/load_plays/details")
    replay.answer("dags/load_plays/details", details | wrong)
    with pytest.raises(BadPayload, match="pipeline/airflow/load_plays"):
        source.fetch(LOAD)


def test_it_has_no_models(source: AirflowSource) -> None:
    with pytest.raises(NotFound):
        source.fetch(EntityRef("model", "airflow", "ranker"))
