"""Six systems, each with a part of the story, and the one question that needs them all.

Who answers for what a test runs on? GrowthBook has the variants, a registry the model versions,
Metaflow their runs, Iceberg the data, a SCIM server the people and an LDAP directory the teams. No
two of them know each other; the worker is a process of its own, as are the last two and the
registry, and thin events come through a broker.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kg.events.kafka import KafkaPublisher
from kg.iris import EntityRef
from kg.model import Event
from kg.store import newest
from tests.benchmarks.processes import free_port, running, wait_until
from tests.integration.test_bus import worker
from tests.kg.events.brokers import Kafka, eventually, quiet_port
from tests.kg.sources.case_iceberg import Lake
from tests.kg.sources.case_metaflow import universe
from tests.kg.sources.growthbook_replay import TOKEN as GROWTHBOOK_TOKEN
from tests.kg.sources.growthbook_replay import Replay
from tests.kg.sources.scim_server import TOKEN as SCIM_TOKEN
from tests.kg.sources.scim_server import ScimServer, scim_server
from tests.kg.sources.slapd_server import BASES, LOGIN, Slapd, slapd

QUESTION = """
PREFIX mlg: <https://w3id.org/mlgraph/ns/>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX foaf: <http://xmlns.com/foaf/0.1/>
SELECT ?variant ?version ?run ?dataset ?owner ?team ?duty WHERE {
    ?cell a mlg:ExperimentCell ; dct:title ?variant ; mlg:dependsOn ?v .
    ?v a mlg:ModelVersion ; dct:title ?version ; mlg:producedBy ?r .
    ?r a mlg:PipelineRun ; dct:identifier ?run ; mlg:usedDataset ?d .
    ?d a mlg:Dataset ; dct:title ?dataset ; mlg:ownedBy ?o .
    ?o a mlg:Person ; foaf:name ?owner ; mlg:memberOfTeam ?t .
    ?t a mlg:Team ; foaf:name ?team ; dct:description ?duty .
}
"""
CONTEXT = {
    "@version": 1.1,
    "name": "dct:title",
    "run": {
        "@id": "mlg:producedBy",
        "@type": "@id",
        "@context": {"@base": "id/pipeline-run/{pipeline-run}/"},
    },
}
VERSION = EntityRef("model-version", "registry", "home-ranker/2")


@dataclass(frozen=True, kw_only=True)
class Company:
    """The systems of one company, and an installation of the graph that knows of them."""

    folder: Path
    growthbook: Replay
    people: ScimServer
    teams: Slapd
    broker: Kafka
    run: str
    failed_run: str

    @property
    def settings(self) -> Path:
        return self.folder / "mlg.toml"

    def version_by(self, run: str) -> None:
        """What the registry says of its model version from now on."""
        told = [{"name": "home-ranker/2", "run": run}]
        (self.folder / "registry" / "versions.json").write_text(json.dumps(told), "utf-8")

    def answers(self) -> set[tuple[str, ...]]:
        rows = self.mlg("query", "-", "--format", "json", asked=QUESTION)["results"]["bindings"]
        names = ("variant", "version", "run", "dataset", "owner", "team", "duty")
        return {tuple(row[name]["value"] for name in names) for row in rows}

    def mlg(self, *command: str, asked: str = "") -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "kg.cli", "--config", str(self.settings), *command],
            input=asked,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={k: v for k, v in os.environ.items() if not k.startswith("MLG_")},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def tell(self, ref: EntityRef) -> None:
        with KafkaPublisher(self.broker.parts("assets")) as publisher:
            publisher.publish([Event(ref=ref, event_type="model_version.changed", event_id="1")])


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A registry without events: files behind a web server, in a process of its own."""
    folder.mkdir()
    port = free_port()
    serve = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with running([*serve, "--directory", str(folder)]):
        wait_until("registry", lambda: _answers(("127.0.0.1", port)))
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with ExitStack() as stack:
        (tmp_path / "flows").mkdir()
        flows = universe().copy(tmp_path / "flows")
        lake = Lake(tmp_path / "lake")
        stack.callback(lake.close)
        lake.fill()
        (tmp_path / "slapd").mkdir()
        made = Company(
            folder=tmp_path,
            growthbook=stack.enter_context(Replay()),
            people=stack.enter_context(scim_server()),
            teams=stack.enter_context(slapd(tmp_path / "slapd")),
            broker=Kafka(port=quiet_port()),
            run=flows.good,
            failed_run=flows.failed,
        )
        url = stack.enter_context(registry(tmp_path / "registry"))
        (tmp_path / "registry" / "context.jsonld").write_text(json.dumps({"@context": CONTEXT}))
        made.settings.write_text(_settings(made, flows.folder, lake, url), "utf-8")
        stack.enter_context(made.broker.broker())
        made.broker.create("assets")
        yield made


def _settings(company: Company, flows: Path, lake: Lake, registry: str) -> str:
    tables: dict[str, dict[str, Any]] = {
        "growthbook": {
            "url": company.growthbook.url,
            "token": GROWTHBOOK_TOKEN,
            "links": {"model-version": "registry", "model-instance": "registry"},
        },
        "registry": {
            "kind": "rest",
            "url": registry,
            "contexts": str(company.folder / "registry"),
            "links": {"pipeline-run": "flows"},
            "types": {"model-version": {"all": "versions.json", "key": "name"}},
        },
        "flows": {
            "kind": "metaflow",
            "datastore": str(flows),
            "dataset_artefact": "datasets",
            "links": {"dataset": "lake"},
        },
        "lake": {"kind": "iceberg", "url": lake.url, "catalog": "lake"},
        "people": {
            "kind": "scim",
            "url": company.people.url,
            "token": SCIM_TOKEN,
            "links": {"team": "teams"},
        },
        "teams": {"kind": "ldap", "url": company.teams.url, **LOGIN, **BASES},
    }
    everyone = {"person": "people"}
    lines = [f"data_dir = {json.dumps(str(company.folder / 'data'))}"]
    lines += ["[events]", f"url = {json.dumps(company.broker.url('assets'))}"]
    for name, table in tables.items():
        table = {"kind": name, **table, "links": {**everyone, **table.get("links", {})}}
        lines += [f"[sources.{name}]", *(f"{key} = {_toml(v)}" for key, v in table.items())]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def _answers(address: tuple[str, int]) -> bool:
    with socket.create_connection(address, timeout=1):
        return True


def test_one_question_over_six_systems(company: Company) -> None:
    ada = company.people.user(
        "ada", displayName="Ada Okafor", emails=[{"value": "ada@aurora.example", "primary": True}]
    )
    data = company.people.group("Media data", ada)
    company.teams.group("Media data", description="Keeps what was played.")
    company.teams.group("Plays", description="Counts plays.")
    company.version_by(company.run)
    expected = (
        "Home rows: New",
        "home-ranker/2",
        company.run,
        "media.plays",
        "Ada Okafor",
        "Media data",
        "Keeps what was played.",
    )
    with worker(company.settings):
        eventually("the worker runs", lambda: newest(company.folder / "data" / "checkpoints"))
        swept = company.mlg("sync", "--json")
        assert {name: told.get("error") for name, told in swept.items()} == dict.fromkeys(swept)
        assert company.answers() == {expected}
        company.version_by(company.failed_run)
        company.tell(VERSION)
        moved = (*expected[:2], company.failed_run, *expected[3:])
        eventually("the event moved the version", lambda: company.answers() == {moved})
        company.people.delete(f"/Groups/{data}")
        company.people.group("Plays", ada)
        assert company.mlg("sync", "people", "--json")["people"]["hydrated"] >= 1
        changed = (*moved[:5], "Plays", "Counts plays.")
        assert company.answers() == {changed}, "no event told of it"
