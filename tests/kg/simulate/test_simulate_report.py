"""What a simulation says: its view, its reports, the command and its exit codes, the route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kg import demo
from kg.cli import run
from kg.config import load
from kg.formats import FORMATS
from kg.service import Service
from kg.simulate.render import _MarkdownStyle, render
from kg.worker import Worker
from server.application import build

PLAYS = "feature/features/member_activity:plays_7d"
ADA = "person/directory/ada.okafor@aurora.example"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of the demo, worked through."""
    file = demo.write_settings(tmp_path_factory.mktemp("company"))
    with Worker(load(file, environ={})) as worker:
        worker.inbox.publish(demo.events())
        worker.drain()
    return file


@pytest.fixture(scope="module")
def service(config: Path) -> Iterator[Service]:
    with Service(load(config, environ={})) as opened:
        yield opened


def changes(*listed: dict[str, str]) -> bytes:
    return json.dumps(listed).encode()


def test_what_depends_on_the_changes_is_told_with_paths(service: Service) -> None:
    found = service.simulate(changes({"delete": PLAYS}), None)
    assert found.breaks and found.impact is not None
    assert {group.thing.name for group in found.impact.tests.first} == {
        "Home rows reordered",
        "Continue watching first",
    }
    assert [group.thing.name for group in found.impact.by_team.first] == ["Home personalisation"]
    assert (found.models_total, found.production_total) == (4, 5)
    phones = next(r for r in found.production if "phones" in r.entity.name)
    assert [step.to.name for step in phones.path] == [
        "Home ranker small 2026-10-05",
        "Home ranker small on phones",
    ]
    assert all(failing.entity.ref for failing in found.fails)


def test_several_changes_have_one_impact(service: Service) -> None:
    other = "feature/features/member_activity:last_play_age"
    one, two, both = (
        service.simulate(changes(*({"delete": name} for name in names)), None)
        for names in ([PLAYS], [other], [PLAYS, other])
    )
    assert one.impact and two.impact and both.impact
    totals = [found.impact.trace.total for found in (one, two, both) if found.impact]
    assert max(totals[:2]) <= totals[2] < totals[0] + totals[1]


def test_who_leaves_has_nothing_depend_on_them(service: Service) -> None:
    found = service.simulate(changes({"leave": ADA}), None)
    assert found.impact is None and not found.breaks
    assert found.counts["warnings"] == len(found.fails) == 15
    assert render(found, "text").endswith("and violate no rule; 15 new warnings.\n")


def test_markdown_keeps_names_as_text(service: Service) -> None:
    statement = "<feature/features/x> <http://purl.org/dc/terms/title> '[a](b) <i>*c*</i>' ."
    base = f"@base <{service.minter.prefix}> . "
    kind = "a <https://w3id.org/mlgraph/ns/Feature> ."
    data = f"{base}{statement} <feature/features/x> {kind}".encode()
    found = service.simulate(data, next(f for f in FORMATS if f.name == "turtle"))
    report = render(found, "markdown")
    assert "- [x](" in report and "is described anew" in report
    assert _MarkdownStyle().text("[a](b)\n<i>*c*") == "\\[a\\](b) \\<i\\>\\*c\\*".replace(
        "(b)", "\\(b\\)"
    )
    deleted = render(service.simulate(changes({"delete": PLAYS}), None), "markdown")
    assert "### Running tests: 2" in deleted
    assert f"]({service.minter.prefix}{PLAYS})" in deleted


@pytest.mark.parametrize(
    ("change", "options", "code"),
    [
        ({"delete": PLAYS}, (), 1),
        ({"delete": PLAYS}, ("--fail-on", "violation"), 0),
        ({"delete": PLAYS}, ("--fail-on", "warning"), 1),
        ({"delete": PLAYS}, ("--fail-on", "never"), 0),
        ({"leave": ADA}, (), 0),
        ({"delete": "feature/features/member_activity:plays7d"}, (), 1),
        ({"deleted": PLAYS}, (), 2),
    ],
)
def test_exit_codes(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    options: tuple[str, ...],
    code: int,
) -> None:
    file = tmp_path / "changes.json"
    file.write_bytes(changes(change))
    arguments = ["--config", str(config), "simulate", str(file), "--format", "json", *options]
    assert run(arguments) == code
    said = capsys.readouterr()
    if "plays7d" in str(change):
        assert PLAYS in said.err, "the nearest names"
    elif code < 2:
        assert json.loads(said.out)["counts"]["changes"] == 1


@pytest.fixture(scope="module")
def client(service: Service) -> FlaskClient:
    return build(service).test_client()


def test_the_route_answers_programs(client: FlaskClient) -> None:
    route, body = "/api/v1/simulate", changes({"delete": PLAYS})
    told = client.post(route, data=body, content_type="application/json")
    assert told.status_code == 200 and told.json is not None and told.json["breaks"] is True
    report = client.post(
        route, data=body, content_type="application/json", headers={"Accept": "text/markdown"}
    )
    assert report.text.startswith("**This would hit 5 deployments in production, 2 running tests")
    turtle = f"<{PLAYS}> <http://purl.org/dc/terms/title> 'Plays' ."
    stated = client.post(route, data=turtle, content_type="text/turtle")
    assert stated.json is not None and stated.json["changes"][0]["kind"] == "state"


def test_the_route_refuses(client: FlaskClient) -> None:
    route = "/api/v1/simulate"
    unknown = changes({"delete": "feature/features/member_activity:plays7d"})
    missing = client.post(route, data=unknown, content_type="application/json")
    assert missing.status_code == 404 and missing.json is not None
    assert PLAYS in missing.json["nearest"]
    assert client.post(route, data=b"{}", content_type="application/json").status_code == 400
    assert client.post(route, data=b"[]", content_type="text/plain").status_code == 415
    assert client.get(route).status_code == 405
