"""MLflow as a source when things are odd: keys, names, answers, networks and settings."""

from __future__ import annotations

import base64
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kg.config import SourceSettings
from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources import connect
from kg.sources.mlflow import MlflowSource
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.mlflow_replay import Replay, ref

# --- listing --------------------------------------------------------------------------------------


def test_small_pages_and_large_ones_list_the_same(replay: Replay) -> None:
    small = MlflowSource("mlflow", url=replay.url, page_size=2)
    large = MlflowSource("mlflow", url=replay.url, page_size=200)
    listed = set(small.list())
    pages = len(replay.asked)
    assert set(large.list()) == listed
    assert len(replay.asked) - pages < pages
    assert {known.type for known in listed} == MlflowSource.types
    small.close()
    large.close()


def test_a_page_that_comes_again_is_no_listing(source: MlflowSource, replay: Replay) -> None:
    again = {"registered_models": [{"name": "ranker"}], "next_page_token": "same"}
    replay.answer("registered-models/search", again)
    with pytest.raises(BadPayload, match="never end"):
        list(source.list())


def test_what_cannot_be_named_is_left_out(
    source: MlflowSource, replay: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    models = [{"name": "broken\nname"}, {"name": "home-ranker"}]
    replay.answer("registered-models/search", {"registered_models": models})
    listed = {known.key for known in source.list() if known.type == "model"}
    assert listed == {"home-ranker"}
    assert "broken" in caplog.text


# --- what is not asked, and whom is not asked -----------------------------------------------------


@pytest.mark.parametrize(
    ("entity_type", "key"),
    [
        ("model", "a/b"),
        ("model", ".."),
        ("model-version", "home-ranker"),
        ("model-version", "home-ranker/latest"),
        ("model-version", "home-ranker/1/x"),
        ("model-version", "../1"),
        ("model-instance", "m-1?x=y"),
        ("model-instance", ".."),
        ("pipeline", "1 OR 1"),
        ("pipeline-run", "../experiments/get"),
        ("evaluation-result", "accuracy"),
        ("metric", "a` > 0 AND metrics.`b"),
    ],
)
def test_a_key_that_mlflow_cannot_have_is_gone_unasked(
    source: MlflowSource, replay: Replay, entity_type: str, key: str
) -> None:
    assert source.fetch(ref(entity_type, key)).gone
    assert replay.asked == []


@pytest.mark.parametrize("name", ["it's", 'say "x"', 'it\'s "both"'])
def test_a_name_with_quotation_marks_stays_a_name(
    source: MlflowSource, replay: Replay, name: str
) -> None:
    replay.answer("registered-models/get", {"registered_model": {"name": name}})
    version = {"version": "1", "source": "s3://models/x"}
    others = [{**version, "name": "other"}, {**version, "name": name}]
    replay.answer("model-versions/search", {"model_versions": others})
    snapshot = source.fetch(ref("model", name))
    assert [d.ref.key for d in snapshot.documents] == [name, f"{name}/1"]


@pytest.mark.parametrize("wrong", [ref("team", "x"), EntityRef("model", "other", "home-ranker")])
def test_what_is_not_mlflows(source: MlflowSource, wrong: EntityRef) -> None:
    with pytest.raises(NotFound, match="mlflow"):
        source.fetch(wrong)


def test_another_spelling_is_another_entity(source: MlflowSource, replay: Replay) -> None:
    """Some databases compare names without case, and answer with what they have."""
    replay.answer("registered-models/get", {"registered_model": {"name": "home-ranker"}})
    replay.answer("model-versions/search", {})
    assert source.fetch(ref("model", "Home-Ranker")).gone
    assert not source.fetch(ref("model", "home-ranker")).gone


def test_a_prompt_is_not_a_model(source: MlflowSource) -> None:
    """MLflow has one namespace for both: each name is one of them, and not the other."""
    assert source.fetch(ref("model", "row-title")).gone
    assert source.fetch(ref("model-version", "row-title/1")).gone
    assert source.fetch(ref("prompt", "home-ranker")).gone
    assert source.fetch(ref("prompt-version", "home-ranker/1")).gone


@pytest.mark.parametrize(
    "note",
    ["", "no JSON", "[" * 100_000, "{}", "7", '["row-title/2"]', '[{"name": "line\\nbreak"}]'],
)
def test_a_note_of_prompts_that_says_nothing(
    source: MlflowSource, replay: Replay, note: str
) -> None:
    tags = [{"key": "mlflow.linkedPrompts", "value": note}]
    replay.answer("runs/get", {"run": {"info": {"run_id": "r1"}, "data": {"tags": tags}}})
    found = facts(source, source.fetch(ref("pipeline-run", "r1")))
    assert not any(name == "mlg:usedPrompt" for name, _ in found)


def test_what_is_malformed_spoils_no_listing(source: MlflowSource, replay: Replay) -> None:
    """It is named, so that fetching it tells what is wrong with it."""
    runs = [{"info": {"run_id": "odd", "start_time": "yesterday"}}, {"info": {"run_id": "even"}}]
    replay.answer("runs/search", {"runs": runs})
    listed = [
        found if isinstance(found, EntityRef) else found.ref.key
        for found in source.list_whole()
        if "run" in getattr(found, "ref", found).type
    ]
    assert listed == [ref("pipeline-run", "odd"), "even"]


def test_no_address_from_an_answer_is_called(source: MlflowSource, replay: Replay) -> None:
    with Replay() as elsewhere:
        version = {"name": "m", "version": "1", "source": f"{elsewhere.url}/model", "run_id": ""}
        replay.answer("model-versions/get", {"model_version": version})
        replay.answer("model-versions/search", {"model_versions": [version]})
        snapshot = source.fetch(ref("model-version", "m/1"))
        assert [d.ref.type for d in snapshot.documents] == ["model-version", "model-instance"]
        assert elsewhere.connections == 0


def test_a_redirect_is_not_followed(source: MlflowSource, replay: Replay) -> None:
    with Replay() as elsewhere:
        where = f"{elsewhere.url}/api/2.0/mlflow/registered-models/get?name=home-ranker"
        replay.answer("registered-models/get", b"", status=302, headers={"Location": where})
        with pytest.raises(SourceUnavailable, match="not followed; correct url"):
            source.fetch(ref("model", "home-ranker"))
        assert elsewhere.connections == 0


def test_copies_in_a_circle_end(source: MlflowSource, replay: Replay) -> None:
    circle = {"name": "m", "version": "1", "source": "models:/m/1"}
    replay.answer("model-versions/get", {"model_version": circle})
    with pytest.raises(BadPayload, match="circle"):
        source.fetch(ref("model-version", "m/1"))


# --- trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "says"),
    [(500, "answers 500"), (503, "answers 503"), (429, "answers 429"), (401, "refuses us")],
)
def test_a_server_in_trouble_is_unavailable(
    source: MlflowSource, replay: Replay, status: int, says: str
) -> None:
    replay.answer("registered-models/get", {"error_code": "INTERNAL_ERROR"}, status=status)
    with pytest.raises(SourceUnavailable, match=says):
        source.fetch(ref("model", "home-ranker"))


def test_a_404_that_is_not_mlflows_is_no_deletion(source: MlflowSource, replay: Replay) -> None:
    replay.answer("registered-models/get", b"<h1>Not Found</h1>", status=404)
    with pytest.raises(SourceUnavailable, match="url must be that of MLflow"):
        source.fetch(ref("model", "home-ranker"))


def test_a_parameter_that_mlflow_refuses_is_no_deletion(
    source: MlflowSource, replay: Replay
) -> None:
    problem = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Missing value for 'nom'."}
    replay.answer("registered-models/get", problem, status=400)
    with pytest.raises(BadPayload, match=r"model/mlflow/home-ranker.*Missing value for 'nom'"):
        source.fetch(ref("model", "home-ranker"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>hello</html>",
        b'{"registered_model": {"name": "home-ranker"',
        b"\xff\xfe\xff",
        b"[" * 100_000,
        [],
        {},
        {"registered_model": None},
        {"registered_model": {}},
        {"registered_model": []},
        {"registered_model": {"name": 1.5}},
        {"registered_model": {"name": True}},
        {"registered_model": {"name": "home-ranker", "tags": {"owner": "mia"}}},
        {"registered_model": {"name": "home-ranker", "tags": [{"value": "x"}]}},
        {"registered_model": {"name": "home-ranker", "creation_timestamp": "today"}},
        {"registered_model": {"name": "home-ranker", "creation_timestamp": 10**20}},
        {"registered_model": {"name": "home-ranker", "aliases": [{"alias": "x"}]}},
        {"registered_model": {"name": "home-ranker", "description": ["x"]}},
    ],
)
def test_an_unusable_answer(source: MlflowSource, replay: Replay, answer: Any) -> None:
    replay.answer("registered-models/get", answer)
    with pytest.raises(BadPayload, match="Source 'mlflow' on model/mlflow/home-ranker: "):
        source.fetch(ref("model", "home-ranker"))


def test_an_answer_over_the_limit(replay: Replay) -> None:
    source = MlflowSource("mlflow", url=replay.url, max_answer_mb=0.0001)
    with pytest.raises(BadPayload, match="more than 104 bytes"):
        source.fetch(ref("model", "home-ranker"))
    source.close()


def test_a_server_that_never_answers_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        source = MlflowSource("mlflow", url=url, timeout_seconds=0.1)
        with pytest.raises(SourceUnavailable, match="timed out"):
            source.fetch(ref("model", "home-ranker"))
        source.close()


def test_an_answer_that_breaks_off_is_unavailable(replay: Replay) -> None:
    """Half an answer is the network's fault, and worth another try."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

        thread = threading.Thread(target=answer)
        thread.start()
        source = MlflowSource("mlflow", url=f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(SourceUnavailable, match="does not answer"):
            source.fetch(ref("model", "home-ranker"))
        thread.join()
        source.close()


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "127.0.0.1:5000"}, "is not like"),
        ({"url": "ftp://host"}, "is not like"),
        ({"url": "http://"}, "is not like"),
        ({"url": "http://host:port"}, "is not like"),
        ({"url": "http://host/?x=y"}, "is not like"),
        ({"url": "http://host name"}, "is not like"),
        ({"url": "http://mia:secret@host"}, "username and password"),
        ({"url": 5000}, "is text"),
        ({"url": "http://host", "public_url": "javascript:alert(1)"}, "is not like"),
        ({"url": "http://host", "timeout_seconds": 0}, "above zero"),
        ({"url": "http://host", "timeout_seconds": "10"}, "above zero"),
        ({"url": "http://host", "page_size": -1}, "between 1 and 1000"),
        ({"url": "http://host", "token": "t", "username": "mia"}, "one of them"),
        ({"url": "http://host", "owner": "x"}, "unexpected keyword"),
        ({}, "missing 1 required"),
    ],
)
def test_a_wrong_setting_is_named(options: dict[str, Any], says: str) -> None:
    settings = SourceSettings(name="registry", kind="mlflow", options=options, links={})
    with pytest.raises(BadSetting, match=says) as refusal:
        connect(settings)
    assert "[sources.registry]" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, None),
        ({"token": "t0ken"}, "Bearer t0ken"),
        (
            {"username": "mia", "password": "pä:ss"},
            "Basic " + base64.b64encode("mia:pä:ss".encode()).decode(),
        ),
    ],
)
def test_credentials(replay: Replay, options: dict[str, Any], sent: str | None) -> None:
    source = MlflowSource("mlflow", url=replay.url, **options)
    source.fetch(ref("pipeline", "1"))
    next(source.list())
    assert {headers.get("Authorization") for headers in replay.headers} == {sent}
    source.close()


def test_people_open_mlflow_at_its_public_address(replay: Replay) -> None:
    source = MlflowSource("mlflow", url=replay.url, public_url="https://ml.aurora.example/mlflow/")
    found = facts(source, source.fetch(ref("model-version", "home-ranker/1")))
    page = "https://ml.aurora.example/mlflow/#/models/home-ranker/versions/1"
    assert ("foaf:page", page) in found
    source.close()


def test_connections_are_kept_and_shared(replay: Replay) -> None:
    source = MlflowSource("mlflow", url=replay.url, page_size=2)
    listed = list(source.list())
    assert replay.connections == 1
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(source.fetch, listed))
    assert replay.connections <= source.in_flight
    assert together == [source.fetch(known) for known in listed]
    source.close()
