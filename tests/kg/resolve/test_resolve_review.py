"""Accept, reject and undo, through the inbox and a real worker, and by the command."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kg.cli import run
from kg.config import Settings, load
from kg.errors import BadInput
from kg.iris import EntityRef
from kg.model import Event
from kg.resolve import Choice, Decision
from kg.service import Service
from kg.views import ReviewPair
from kg.worker import Worker

ONE = EntityRef("dataset", "warehouse", "media.plays")
OTHER = EntityRef("dataset", "dbt", "media.plays")
LINK = "same thing as"


def dataset(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "dataset", "key": key, "name": key, **more}


SOURCES = {
    "warehouse": [
        dataset("media.plays"),
        dataset("x", location_uri="s3://lake/x/y"),
        dataset("dev.media.skips", location_uri="s3://lake/media/skips"),
        dataset("prod.media.skips", location_uri="s3://lake/media/skips"),
    ],
    "dbt": [dataset("media.plays"), dataset("z", location_uri="s3a://lake/x/y/")],
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    lines = [f'data_dir = "{tmp_path / "data"}"', "[server]", "wait_seconds = 60.0"]
    for name, payloads in SOURCES.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(payloads), "utf-8")
        lines += [f"[sources.{name}]", 'kind = "memory"', f'path = "{file}"']
    config = tmp_path / "mlg.toml"
    config.write_text("\n".join(lines), "utf-8")
    with Worker(load(config, environ={})) as worker:
        worker.inbox.publish(
            Event(
                ref=EntityRef("dataset", s, p["key"]), event_type="dataset.seen", event_id=p["key"]
            )
            for s, payloads in SOURCES.items()
            for p in payloads
        )
        worker.drain()
    return config


@pytest.fixture
def settings(config: Path) -> Settings:
    return load(config, environ={})


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(settings))
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        yield stack.enter_context(Service(settings))


def decide(service: Service, choice: Choice, by: str = "mia") -> None:
    outcome = service.decide(Decision(one=ONE, other=OTHER, choice=choice), by=by)
    assert outcome.state == "done", outcome.problem


def linked(service: Service, ref: EntityRef) -> set[EntityRef | None]:
    relations = service.entity(ref).relations
    assert len([r for r in relations if r.property.name == LINK]) <= 1, "told once"
    return {i.ref for r in relations if r.property.name == LINK for i in r.items}


def only(service: Service, *, decided: bool = False) -> ReviewPair:
    page = service.review(state="decided" if decided else "open")
    assert page.total == len(page.pairs) == 1
    return page.pairs[0]


def test_the_list_tells_why(service: Service) -> None:
    pair = only(service)
    assert {pair.one.ref, pair.other.ref} == {ONE, OTHER}
    (evidence,) = pair.evidence
    assert evidence.rule.name == "table name of a dataset"
    assert {(f.property.name, f.value.text) for f in evidence.facts} >= {("name", "media.plays")}
    assert service.review(offset=1).pairs == ()


def test_accept_and_undo(service: Service) -> None:
    decide(service, "accept")
    assert linked(service, ONE) == {OTHER}
    assert linked(service, OTHER) == {ONE}
    assert service.review().total == 0
    pair = only(service, decided=True)
    assert (pair.decision, pair.by) == ("accept", "mia")
    assert pair.at is not None
    decide(service, "undo", by="ada")
    assert linked(service, ONE) == linked(service, OTHER) == set()
    assert service.review(state="decided").total == 0
    assert {only(service).one.ref, only(service).other.ref} == {ONE, OTHER}


def test_reject_holds_against_a_conclusive_rule_and_undo_gives_it_back(service: Service) -> None:
    one, other = EntityRef("dataset", "warehouse", "x"), EntityRef("dataset", "dbt", "z")
    assert linked(service, one) == {other}
    service.decide(Decision(one=one, other=other, choice="reject"), by="mia")
    assert linked(service, one) == linked(service, other) == set()
    assert (only(service, decided=True).decision, only(service, decided=True).by) == (
        "reject",
        "mia",
    )
    service.decide(Decision(one=other, other=one, choice="undo"))
    assert linked(service, one) == {other}


@pytest.mark.parametrize("choice", ["accept", "reject"])
def test_a_decision_keeps_its_evidence_and_undo_lists_the_pair_again(
    service: Service, choice: Choice
) -> None:
    before = only(service)
    decide(service, choice)
    assert service.review().total == 0
    pair = only(service, decided=True)
    assert pair.decision == choice
    assert (pair.evidence, pair.against) == (before.evidence, before.against) != ((), ())
    decide(service, "undo")
    assert only(service) == before
    assert service.review(state="decided").total == 0


def test_what_the_rules_link_anyhow_keeps_its_evidence_however_it_is_decided(
    service: Service,
) -> None:
    one, other = EntityRef("dataset", "warehouse", "x"), EntityRef("dataset", "dbt", "z")
    choices: tuple[Choice, ...] = ("accept", "reject")
    for choice in choices:
        service.decide(Decision(one=one, other=other, choice=choice))
        rules = {evidence.rule.name for evidence in only(service, decided=True).evidence}
        assert "storage location of a dataset" in rules
        assert linked(service, one) == ({other} if choice == "accept" else set())


def test_why_tells_who_decided_when_and_the_evidence(service: Service) -> None:
    evidence = only(service).evidence
    said: dict[Choice, str] = {"accept": "sameThingAs", "reject": "differentThingFrom"}
    for choice, name in said.items():
        decide(service, choice)
        for one, other in ((ONE, OTHER), (OTHER, ONE)):
            found = service.why(str(one), name, str(other))
            (stated,) = found.stated
            assert (stated.layer, stated.by) == ("steward", "mia")
            assert stated.recorded_at is not None
            assert not found.derived and not found.ways
            assert [(w.rule, tuple(s.fact for s in w.steps)) for w in found.agreed] == [
                (e.rule, e.facts) for e in evidence
            ]
            assert all(step.stated for way in found.agreed for step in way.steps)


def test_what_speaks_against_a_decision_is_told_with_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = "dataset/warehouse/dev.media.skips", "dataset/warehouse/prod.media.skips"
    assert run(["--config", str(config), "review"]) == 0
    assert "skips" not in capsys.readouterr().out, "their source and their names keep them apart"
    assert run(["--config", str(config), "review", "accept", *pair]) == 0
    assert run(["--config", str(config), "review", "list", "--decided"]) == 0
    assert "  against:\n    dataset/warehouse/dev.media.skips" in capsys.readouterr().out
    assert run(["--config", str(config), "why", pair[0], "sameThingAs", pair[1]]) == 0
    told = capsys.readouterr().out
    assert "for one thing, storage location of a dataset" in told
    assert "  against one thing\n    dataset/warehouse/dev.media.skips" in told


def test_why_a_link_of_the_rules_needs_no_more_evidence(service: Service) -> None:
    one, other = EntityRef("dataset", "warehouse", "x"), EntityRef("dataset", "dbt", "z")
    service.decide(Decision(one=one, other=other, choice="accept"))
    found = service.why(str(one), "sameThingAs", str(other))
    assert found.derived and found.stated and len(found.ways) == 1
    assert found.agreed == found.against == ()


def test_the_last_decision_counts(service: Service) -> None:
    decide(service, "accept")
    decide(service, "reject", by="ada")
    assert linked(service, ONE) == set()
    pair = only(service, decided=True)
    assert (pair.decision, pair.by) == ("reject", "ada")


def test_what_is_unknown_is_refused_and_leaves_no_trace(service: Service) -> None:
    nobody = EntityRef("dataset", "dbt", "nothing")
    outcome = service.decide(Decision(one=ONE, other=nobody, choice="accept"))
    assert outcome.state == "refused"
    assert outcome.problem is not None and outcome.problem["code"] == "not-found"
    assert linked(service, ONE) == set()


def test_what_cannot_be_one_thing_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="twice"):
        Decision(one=ONE, other=ONE, choice="accept")
    with pytest.raises(BadInput, match="types"):
        Decision(one=ONE, other=EntityRef("model", "dbt", "x"), choice="accept")
    with pytest.raises(BadInput, match="maybe"):
        Decision(one=ONE, other=OTHER, choice="maybe")  # type: ignore[arg-type]


def test_a_decision_without_evidence_says_so(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = str(ONE), "dataset/dbt/z"
    assert run(["--config", str(config), "review", "accept", *pair]) == 0
    assert run(["--config", str(config), "review", "list", "--decided"]) == 0
    assert "no evidence is on record" in capsys.readouterr().out


OPEN = """PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX mlg: <https://w3id.org/mlgraph/ns/>
SELECT DISTINCT ?one ?other {
  GRAPH <urn:mlgraph:graph:review> { ?why rdf:reifies <<( ?one mlg:sameThingAs ?other )>> }
  FILTER NOT EXISTS {
    ?one mlg:sameThingAs|^mlg:sameThingAs|mlg:differentThingFrom|^mlg:differentThingFrom ?other
  }
}"""


@pytest.mark.parametrize("choice", ["accept", "reject"])
def test_a_query_tells_open_pairs_from_decided_ones(
    choice: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = tmp_path / "open.rq"
    query.write_text(OPEN, "utf-8")

    def found() -> int:
        capsys.readouterr()
        assert run(["--config", str(config), "query", str(query), "--format", "json"]) == 0
        return len(json.loads(capsys.readouterr().out)["results"]["bindings"])

    assert found() == 1
    assert run(["--config", str(config), "review", choice, str(ONE), str(OTHER)]) == 0
    assert found() == 0


def test_the_command(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def mlg(*arguments: str) -> int:
        return run(["--config", str(config), "review", *arguments])

    assert mlg() == 0
    assert "table name of a dataset:\n    dataset/dbt/media.plays" in capsys.readouterr().out
    assert mlg("list", "--json") == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["total"], page["state"]) == (1, "open")
    assert mlg("accept", str(ONE), f"aip://{OTHER}", "--by", "mia", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert mlg("list", "--decided") == 0
    listed = capsys.readouterr().out
    assert "accept by mia" in listed and "no rule" not in listed
    assert "table name of a dataset:\n    dataset/dbt/media.plays" in listed
    assert mlg("list", "--decided", "--json") == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["decision"] == "accept" and pair["evidence"][0]["facts"]
    assert run(["--config", str(config), "why", str(ONE), "sameThingAs", str(OTHER)]) == 0
    told = capsys.readouterr().out
    assert "stated by steward mia" in told and "for one thing, table name of a dataset" in told
    assert mlg("undo", str(ONE), str(OTHER)) == 0
    assert capsys.readouterr().out == f"undo: {ONE} and {OTHER}\n"
    assert mlg("accept", str(ONE)) == 2
    assert mlg("list", str(ONE)) == 2
    assert mlg("accept", str(ONE), str(ONE)) == 2
    assert mlg("reject", str(ONE), "dataset/dbt/nothing") == 1
    assert "is not in the graph" in capsys.readouterr().err
