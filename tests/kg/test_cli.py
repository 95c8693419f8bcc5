"""Each command on a real installation; what is data is on standard output, the rest is not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kg.cli import cli, run
from kg.config import SETTINGS, load
from kg.worker import Worker

ADA = {
    "type": "person",
    "key": "ada@example.com",
    "display_name": "Ada Okafor",
    "email": "ada@example.com",
    "active": True,
}
RANKER = {
    "type": "model",
    "key": "ranker",
    "name": "Home ranker",
    "description": "Orders the rows of the home page for each member.",
    "owner_emails": ["ada@example.com"],
    "created_at": "2026-01-01T00:00:00Z",
}
SUBMITTED = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
@prefix dct: <http://purl.org/dc/terms/> .
<model/test/ranker> dct:license <http://spdx.org/licenses/MIT> .
"""
INVALID = """
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
<model/test/nobodys> a mlg:Model .
"""

Mlg = Callable[..., int]


@pytest.fixture
def mlg(tmp_path: Path) -> Mlg:
    """Runs ``mlg`` with the settings of a new installation that has one source."""
    (tmp_path / "source.json").write_text(json.dumps([RANKER, ADA]))
    settings = tmp_path / "mlg.toml"
    settings.write_text(
        f"""
        data_dir = "{tmp_path / "data"}"
        [server]
        wait_seconds = 60.0
        [sources.test]
        kind = "memory"
        path = "{tmp_path / "source.json"}"
        """
    )
    return lambda *arguments: run(["--config", str(settings), *map(str, arguments)])


@pytest.fixture
def filled(mlg: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Mlg:
    """The same, with both entities in the graph."""
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"event_type": "model.created", "source": "test", "id": "ranker"}\n\n'
        '{"event_type": "person.created", "source": "test", "id": "ada@example.com"}\n'
    )
    assert mlg("publish", events, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"published": 2}
    assert mlg("drain", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 2
    return mlg


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_query_prints_tables_and_formats(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    select = file(
        tmp_path, "q.rq", "SELECT ?s ?o { ?s <http://purl.org/dc/terms/title> ?o } ORDER BY ?o"
    )
    assert filled("query", select) == 0
    table = capsys.readouterr()
    assert table.out.splitlines()[0].split() == ["s", "o"]
    assert "Home ranker" in table.out
    assert filled("query", select, "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[0] == "s,o"
    assert filled("query", file(tmp_path, "a.rq", "ASK { ?s ?p ?o }")) == 0
    assert capsys.readouterr().out == "yes\n"
    construct = file(tmp_path, "c.rq", "CONSTRUCT { ?s a ?t } { ?s a ?t }")
    assert filled("query", construct, "--format", "nt") == 0
    assert capsys.readouterr().out.count("\n") >= 2
    assert filled("query", construct, "--format", "csv") == 2
    assert filled("query", select, "--format", "turtle") == 2
    assert filled("query", file(tmp_path, "bad.rq", "SELECT * {")) == 2
    assert "line 1" in capsys.readouterr().err.lower()
    assert filled("query", file(tmp_path, "s.rq", "SELECT * { SERVICE <http://x> {} }")) == 2


def test_show_names_an_entity_in_three_ways(
    filled: Mlg, capsys: pytest.CaptureFixture[str]
) -> None:
    iri = "http://localhost:8080/id/model/test/ranker"
    for name in ("model/test/ranker", "aip://model/test/ranker", iri):
        assert filled("show", name, "--json") == 0
        assert printed(capsys)["iri"] == iri
    assert filled("show", "model/test/ranker") == 0
    text = capsys.readouterr().out
    assert "Home ranker" in text and "Ada Okafor" in text
    assert filled("show", "model/test/unknown") == 1
    assert filled("show", "http://elsewhere/x") == 2


def test_submit_accepts_or_says_why_not(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = file(tmp_path, "good.ttl", SUBMITTED), file(tmp_path, "bad.ttl", INVALID)
    assert filled("submit", good, "--json") == 0
    assert printed(capsys)["state"] == "done"
    assert filled("submit", good, bad) == 1
    said = capsys.readouterr()
    assert "violation" in said.out and "1 of 2" in said.err
    assert filled("submit", file(tmp_path, "x.ttl", "<a> <b> oops .")) == 2
    assert filled("submit", tmp_path / "missing.ttl") == 2
    assert filled("submit", file(tmp_path, "x.docx", "")) == 2
    unusable = file(tmp_path, "x.ttl", "<a> <b> oops .")
    capsys.readouterr()
    assert filled("submit", unusable, good, "--json") == 2, "the other is taken nevertheless"
    said = capsys.readouterr()
    assert [one["state"] for one in json.loads(said.out)] == ["unusable", "done"]
    assert f"{unusable}: " in said.err


def test_a_running_worker_does_the_work(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = threading.Event()
    with Worker(load(tmp_path / "mlg.toml", environ={})) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            assert filled("submit", file(tmp_path, "good.ttl", SUBMITTED)) == 0
            assert filled("sync", "test") == 0
            assert filled("status", "--json") == 0
            assert filled("drain") == 3, "one worker at a time"
        finally:
            stop.set()
            thread.join()
    assert "Another process" in capsys.readouterr().err


def test_validate_judges_files_and_the_graph(
    filled: Mlg,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = file(tmp_path, "bad.ttl", INVALID)
    for engine in ("shacl", "pyshacl"):
        assert filled("validate", bad, "--format", "json", "--engine", engine) == 1
        found = printed(capsys)
        assert found["engine"] == engine
    for form in ("text", "turtle", "sarif", "junit"):
        assert filled("validate", bad, "--format", form) == 1
        assert capsys.readouterr().out
    assert filled("validate") == 0
    capsys.readouterr()
    assert filled("validate", bad, file(tmp_path, "x.ttl", "<a> <b> oops .")) == 2
    assert "x.ttl: " in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(INVALID.encode())))
    assert filled("validate", "-", "--format", "json") == 1
    assert filled("validate", tmp_path) == 2


def test_what_the_system_refuses_is_said_without_a_traceback(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filled("dump", tmp_path / "nowhere" / "x.nq") == 3
    assert filled("--data-dir", "/dev/null", "status") == 3
    assert "/dev/null" in capsys.readouterr().err
    (tmp_path / "latin.rq").write_bytes(b'SELECT ("\xff" AS ?x) {}')
    assert filled("query", tmp_path / "latin.rq") == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_sync_finds_what_no_event_told(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "source.json").write_text(json.dumps([{**RANKER, "name": "Renamed"}]))
    assert filled("sync", "--json") == 0
    assert printed(capsys) == {"test": {"listed": 1, "hydrated": 2, "dead": 0}}
    filled("show", "model/test/ranker", "--json")
    assert printed(capsys)["name"] == "Renamed"
    filled("show", "person/test/ada@example.com", "--json")
    assert printed(capsys)["state"] == "gone"
    assert filled("sync", "unknown") == 1
    (tmp_path / "source.json").unlink()
    assert filled("sync", "--json") == 3
    assert "error" in printed(capsys)["test"]
    assert filled("sources", "--json") == 0
    assert printed(capsys)[0]["state"] == "down"


def test_a_dump_is_loaded_into_a_new_folder(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.nq"
    assert filled("dump", dump) == 0
    again = ["--data-dir", str(tmp_path / "again")]
    assert run([*again, "load", str(dump)]) == 0
    assert run([*again, "dump", str(tmp_path / "second.nq")]) == 0
    one, other = (set(p.read_text().splitlines()) for p in (dump, tmp_path / "second.nq"))
    assert {line for line in one - other if "urn:mlgraph:graph:meta" not in line} == set()
    assert run([*again, "load", str(dump)]) == 3, "only into an empty store"
    assert filled("dump", tmp_path / "dump.ttl") == 2


def test_only_a_dump_of_the_same_base_is_loaded(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filled("dump", tmp_path / "all.nq") == 0
    again = ["--data-dir", str(tmp_path / "again"), "load"]
    other = file(tmp_path, "other.ttl", '<http://e.example/a> <http://e.example/b> "c" .')
    assert run([*again, str(other)]) == 2
    assert "no dump" in capsys.readouterr().err
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("MLG_BASE", "http://other.example")
        assert run(["--data-dir", str(tmp_path / "wrong"), "load", str(tmp_path / "all.nq")]) == 2
    assert "another base than http://other.example" in capsys.readouterr().err
    assert run([*again, str(tmp_path / "all.nq")]) == 0, "nothing of the others is in it"


def test_a_dump_in_parts_is_loaded_whole_or_not_at_all(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.nq"
    assert filled("dump", dump) == 0
    lines = dump.read_text().splitlines(keepends=True)
    first, second, broken = (tmp_path / f"{name}.nq" for name in ("first", "second", "broken"))
    first.write_text("".join(lines[::2]))
    second.write_text("".join(lines[1::2]))
    broken.write_text("<urn:a> <urn:b>\n")
    again = ["--data-dir", str(tmp_path / "again")]
    assert run([*again, "load", str(tmp_path / "missing.nq")]) == 2
    assert run([*again, "load", str(first), str(broken)]) == 2
    assert "broken.nq cannot be loaded, so nothing is" in capsys.readouterr().err
    assert run([*again, "load", str(first), str(second)]) == 0, "the folder is still new"
    assert "3 entities loaded" in capsys.readouterr().err


def test_the_index_is_built_again(filled: Mlg, capsys: pytest.CaptureFixture[str]) -> None:
    assert filled("rebuild", "links") == 0
    assert "0 statements" in capsys.readouterr().err
    assert filled("rebuild", "derived") == 0
    assert "0 statements" in capsys.readouterr().err
    assert filled("rebuild", "search") == 0
    assert "3 entities" in capsys.readouterr().err


def test_config_lists_every_setting_and_no_secret(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "mlg.toml").open("a") as settings:
        settings.write(
            '\n[sources.m]\nkind = "mlflow"\nurl = "http://x"\nwebhook_secret = "hidden"'
        )
    for form in ([], ["--json"]):
        assert filled("config", *form) == 0
        text = capsys.readouterr().out
        assert "hidden" not in text
        assert all(setting.name in text for setting in SETTINGS)


def test_status_is_not_ready_without_a_worker(
    filled: Mlg, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filled("status") == 3
    assert "mlg serve" in capsys.readouterr().out


def test_a_line_that_is_no_event_is_named_and_nothing_is_kept(
    mlg: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = '{"event_type": "model.created", "source": "test", "id": "x"}'
    assert mlg("publish", file(tmp_path, "e.jsonl", f"{good}\n{{}}\n")) == 2
    assert "line 2" in capsys.readouterr().err
    unknown = good.replace('"test"', '"nobody"')
    assert mlg("publish", file(tmp_path, "u.jsonl", f"{good}\n{unknown}\n")) == 1
    assert mlg("drain", "--json") == 0
    assert printed(capsys)["hydrated"] == 0


def commands() -> Iterator[str]:
    yield from cli.commands


@pytest.mark.parametrize("command", [None, *commands()])
def test_every_command_has_help(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*([command] if command else []), "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_wrong_use_is_2(mlg: Mlg) -> None:
    assert mlg("no-such-command") == 2
    assert mlg("show") == 2
    assert run(["--config", "/not/there.toml", "status"]) == 2


def test_mlg_is_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kg.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mlg, version")


def test_a_question_may_be_about_the_past(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = file(tmp_path, "ask.rq", "ASK { ?s ?p ?o }")
    assert filled("query", ask, "--as-of", "2020-01-01T00:00:00Z") == 0
    told = capsys.readouterr()
    assert told.out == "no\n"
    assert "Nothing was recorded by 2020-01-01T00:00:00Z" in told.err
    assert filled("query", ask, "--as-of", datetime.now(UTC).isoformat()) == 0
    told = capsys.readouterr()
    assert told.out == "yes\n"
    assert "As the graph knew it" in told.err
    for wrong in ("2020-01-01", "2999-01-01T00:00:00Z", "yesterday"):
        assert filled("query", ask, "--as-of", wrong) == 2
        assert wrong in capsys.readouterr().err


def test_what_changed_is_told(
    filled: Mlg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = datetime.now(UTC).isoformat()
    assert filled("submit", file(tmp_path, "s.ttl", SUBMITTED), "--by", "mia") == 0
    now = datetime.now(UTC).isoformat()
    capsys.readouterr()
    assert filled("history", "model/test/ranker") == 0
    text = capsys.readouterr().out
    assert "mia" in text and "name is Home ranker" in text
    assert filled("history", "model/test/ranker", "--json", "--limit", "1") == 0
    (latest,) = printed(capsys)["revisions"]
    assert (latest["who"], latest["layer"]) == ("mia", "steward")
    assert filled("history", "model/test/unknown") == 1
    capsys.readouterr()

    assert filled("diff", then, now, "model/test/ranker") == 0
    told = capsys.readouterr()
    assert told.out.startswith("+ model/test/ranker") and "MIT" in told.out
    assert "1 statements differ" in told.err
    assert filled("diff", then, now, "--format", "patch") == 0
    patch = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in patch] == ["TX", "A ", "TC"]
    assert filled("diff", now, then, "--format", "json") == 0
    assert printed(capsys)["retracted_total"] == 1
    assert filled("diff", "yesterday", now) == 2

    assert filled("show", "model/test/ranker", "--as-of", then, "--json") == 0
    shown = capsys.readouterr()
    assert "As the graph knew it" in shown.err
    assert "MIT" not in shown.out
    assert filled("show", "model/test/ranker", "--as-of", now) == 0
    assert "MIT" in capsys.readouterr().out
    assert filled("show", "model/test/ranker", "--as-of", "2020-01-01T00:00:00Z") == 1
    assert "It came on" in capsys.readouterr().err


def test_the_graph_of_the_past_is_validated(
    filled: Mlg, capsys: pytest.CaptureFixture[str]
) -> None:
    then = datetime.now(UTC).isoformat()
    assert filled("validate", "--format", "json") in (0, 1)
    today = printed(capsys)
    for rules in ("then", "now"):
        filled("validate", "--as-of", then, "--rules", rules, "--format", "json")
        assert printed(capsys)["findings"] == today["findings"]
    assert filled("validate", "--as-of", "2020-01-01T00:00:00Z") == 1
    assert "--rules now" in capsys.readouterr().err
    assert filled("validate", "--as-of", "2020-01-01T00:00:00Z", "--rules", "now") == 0
    assert filled("validate", __file__, "--as-of", then) == 2
