"""The main job on real input: a real MLflow, its real webhooks, and the right answers.

The tests of this module tell one story, in this order: models are trained and registered while
webhooks arrive; then nobody listens while things change; then `mlg sync` puts it right. At last some of what was
deleted is restored.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from kg.iris import PREFIXES
from tests.integration.installation import Installation, eventually
from tests.integration.mlflow_server import MlflowServer

pytestmark = pytest.mark.sources

SECRET = "shared-secret"
MIA = "person/mlflow/mia.lindqvist@aurora.example"
TOM = "person/mlflow/tom.reyes@aurora.example"

FROM_VERSION_TO_OWNER = """
SELECT ?version ?run ?data ?owner WHERE {
  ?version a mlg:ModelVersion ; mlg:versionOf/mlg:ownedBy ?owner .
  ?instance mlg:instanceOf ?version ; mlg:producedBy ?run .
  ?run mlg:usedDataset ?data
}
"""
ALIASES = "SELECT ?alias ?version WHERE { ?version a mlg:ModelVersion ; mlg:alias ?alias }"
WORDINGS = """
SELECT ?version ?text WHERE { ?version mlg:versionOf/a mlg:Prompt ; mlg:promptText ?text }
"""
PROMPT_ALIASES = "SELECT ?alias ?v WHERE { ?v a mlg:PromptVersion ; mlg:alias ?alias }"
WHO_USES = "SELECT ?user ?version WHERE { ?user mlg:usesPrompt|mlg:usedPrompt ?version }"
OWNERS = "SELECT ?model ?owner WHERE { ?model a mlg:Model ; mlg:ownedBy ?owner }"


@dataclass(frozen=True, kw_only=True)
class Story:
    mlflow: MlflowServer
    site: Installation
    made: dict[str, Any]


@pytest.fixture(scope="module")
def story(
    mlflow_server: MlflowServer, installation: Callable[[str], Installation]
) -> Iterator[Story]:
    """Everything is trained and registered, and what webhooks told of is in the graph."""
    site = installation(
        f'[sources.mlflow]\nkind = "mlflow"\nurl = "{mlflow_server.url}"\n'
        f'webhook_secret = "{SECRET}"\ntimeout_seconds = 2\n'
    )
    site.start()
    receiver = f"{site.base}/webhooks/mlflow"
    mlflow_server.universe("webhooks", "--receiver", receiver, "--secret", SECRET)
    made = mlflow_server.universe("build")
    everything = {
        f"model-version/mlflow/{key}"
        for key in ("home-ranker/1", "home-ranker/2", "ad-click-scorer/1")
    } | {f"model-version/mlflow/{made['versions'][name]}" for name in ("legacy", "promoted")}
    eventually(lambda: {row[0] for row in site.select(FROM_VERSION_TO_OWNER)} >= owned(everything))
    eventually(lambda: len(site.select(WORDINGS)) == 3)
    eventually(lambda: settled(site))
    yield Story(mlflow=mlflow_server, site=site, made=made)
    site.stop()


def owned(versions: set[str]) -> set[str]:
    return {v for v in versions if "title-embedder" not in v and "live" not in v}


def settled(site: Installation) -> bool:
    """Nothing waits to be done."""
    done = site.mlg("status", "--json")
    return done.returncode == 0 and json.loads(done.stdout)["pending"] == 0


def knows_aliases(site: Installation, expected: Sequence[tuple[str, ...]]) -> bool:
    return [row for row in site.select(ALIASES) if row[0] == expected[0][0]] == expected


def post(url: str, body: dict[str, str]) -> None:
    data = json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    urllib.request.urlopen(asked, timeout=30).close()


def test_from_version_to_run_to_data_to_owner(story: Story) -> None:
    runs, data = story.made["runs"], story.made["datasets"]

    def row(version: str, run: str, dataset: str, owner: str) -> tuple[str, ...]:
        return (
            f"model-version/mlflow/{version}",
            f"pipeline-run/mlflow/{runs[run]}",
            f"dataset-version/mlflow/{data[dataset].replace(' ', '%20')}",
            owner,
        )

    assert story.site.select(FROM_VERSION_TO_OWNER) == sorted(
        [
            row("home-ranker/1", "october", "october", MIA),
            row("home-ranker/2", "november", "november", MIA),
            row("ad-click-scorer/1", "clicks", "clicks", MIA),
            row("ad-click-scorer/1", "clicks", "clicks", TOM),
        ]
    )


def test_what_follows_is_derived(story: Story) -> None:
    instance = story.made["instances"]["november"]
    rows = story.site.select(
        f"SELECT ?data WHERE {{ <{story.site.base}/id/model-instance/mlflow/{instance}> "
        "mlg:trainedOn ?data }"
    )
    assert rows == [(f"dataset-version/mlflow/{story.made['datasets']['november']}",)]


def test_aliases_are_known(story: Story) -> None:
    assert story.site.select(ALIASES) == [
        ("challenger", "model-version/mlflow/home-ranker/2"),
        ("champion", "model-version/mlflow/home-ranker/1"),
    ]


def test_prompts_are_known_by_their_notices(story: Story) -> None:
    wordings = dict(story.site.select(WORDINGS))
    assert wordings["prompt-version/mlflow/greeting/1"] == "Greet {{name}}."
    first = wordings["prompt-version/mlflow/row-title/1"]
    assert first == "Give a title to a row with these films: {{films}}"
    assert story.site.select(PROMPT_ALIASES) == [
        ("production", "prompt-version/mlflow/row-title/1")
    ]


def test_the_run_is_known_though_its_notice_did_not_name_it(story: Story) -> None:
    """`mlflow.register_model` sends ``run_id: null``; only asking back finds the run."""
    query = (
        f'SELECT ?name ?status WHERE {{ ?run dct:identifier "{story.made["runs"]["october"]}" ; '
        "dct:title ?name ; mlg:runStatus ?status }"
    )
    succeeded = f"{PREFIXES['mlgc']}run-succeeded"
    assert story.site.select(query) == [("october", succeeded)]


def test_the_page_of_a_version(story: Story) -> None:
    page = story.site.get("/e/model-version/mlflow/home-ranker/1")
    for expected in ("home-ranker 1", "champion", "validation::passed", "home-ranker"):
        assert expected in page
    assert f"{story.mlflow.url}/#/models/home-ranker/versions/1" in page


def test_search_finds_the_model_first(story: Story) -> None:
    found = json.loads(story.site.get("/api/v1/search?q=home-ranker", accept="application/json"))
    assert "/model/mlflow/home-ranker" in json.dumps(found["hits"][0])


def test_nothing_that_mlflow_says_breaks_a_rule_of_form(story: Story) -> None:
    """Findings about missing licences and owners are real; malformed IRIs and runs would be ours."""
    [result] = [json.loads(story.site.mlg("validate", "--format", "json").stdout)]
    text = json.dumps(result)
    for rule in ("core-06", "core-08", "core-09-times", "core-09-status"):
        assert f'"{rule}"' not in text, rule


def test_an_alias_that_moves_leaves_its_old_version(story: Story) -> None:
    """MLflow's notice names the new version only, and its times do not move."""
    url = f"{story.mlflow.url}/api/2.0/mlflow/registered-models/alias"
    for version in ("1", "2"):
        post(url, {"name": "home-ranker", "alias": "canary", "version": version})
        expected = [("canary", f"model-version/mlflow/home-ranker/{version}")]
        eventually(partial(knows_aliases, story.site, expected))


def test_a_thin_event_brings_what_no_notice_names(story: Story) -> None:
    """MLflow sends nothing about runs; whoever knows of one says so, and the facts are fetched."""
    run = story.made["runs"]["failed"]
    query = f'SELECT ?status WHERE {{ ?run dct:identifier "{run}" ; mlg:runStatus ?status }}'
    assert story.site.select(query) == []
    post(
        f"{story.site.base}/events",
        {"event_type": "pipeline_run.finished", "source": "mlflow", "id": run},
    )
    eventually(lambda: story.site.select(query) == [(f"{PREFIXES['mlgc']}run-failed",)])


def test_a_forged_notice_is_refused(story: Story) -> None:
    headers = {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": "forged",
        "X-MLflow-Timestamp": "1795424635",
        "X-MLflow-Signature": "v1,Zm9yZ2Vk",
    }
    asked = urllib.request.Request(f"{story.site.base}/webhooks/mlflow", b"{}", headers)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(asked, timeout=30)
    assert refusal.value.code == 401
    assert json.loads(refusal.value.read())["code"] == "not-authentic"


def test_sync_heals_what_no_notice_told(story: Story) -> None:
    site = story.site
    site.stop()
    changed = story.mlflow.universe("change")
    site.start()

    # Nobody listened: the graph is as it was.
    assert ("champion", "model-version/mlflow/home-ranker/1") in site.select(ALIASES)
    assert ("model/mlflow/ad-click-scorer", TOM) in site.select(OWNERS)

    done = site.mlg("sync", "mlflow")
    assert done.returncode == 0, done.stderr
    eventually(lambda: settled(site))

    aliases = [row for row in site.select(ALIASES) if row[0] != "canary"]
    assert aliases == [("champion", f"model-version/mlflow/{changed['champion']}")]
    assert ("model/mlflow/ad-click-scorer", MIA) in site.select(OWNERS)
    assert ("model/mlflow/ad-click-scorer", TOM) not in site.select(OWNERS)
    for kind, keys in changed["gone"].items():
        for key in keys:
            # What no notice told of and is gone before the first sweep was never here.
            assert site.status(f"/id/{kind}/mlflow/{key}") in (404, 410), (kind, key)
    assert site.status("/id/prompt/mlflow/greeting") == 410
    assert site.select(PROMPT_ALIASES) == [("production", "prompt-version/mlflow/row-title/2")]
    used = "prompt-version/mlflow/row-title/2"
    assert site.select(WHO_USES) == [
        (f"model-instance/mlflow/{story.made['instances']['titler']}", used),
        (f"pipeline-run/mlflow/{story.made['runs']['titles']}", used),
    ]
    kept = site.select(
        'SELECT ?run WHERE { ?version dct:identifier "ad-click-scorer-live/1" . '
        "?instance mlg:instanceOf ?version ; mlg:producedBy ?run }"
    )
    assert kept == [(f"pipeline-run/mlflow/{story.made['runs']['clicks']}",)]
    described = 'SELECT ?text WHERE { ?m dct:identifier "home-ranker" ; dct:description ?text }'
    assert site.select(described) == [("Orders the rows, and now the billboard too.",)]


def test_a_second_sync_changes_nothing(story: Story) -> None:
    revisions = "SELECT (COUNT(?r) AS ?n) WHERE { GRAPH ?g { ?r a mlg:Revision } }"
    before = story.site.select(revisions)
    assert story.site.mlg("sync", "mlflow").returncode == 0
    assert story.site.select(revisions) == before


def test_what_is_restored_comes_back(story: Story) -> None:
    """No notice tells of it, and the graph has a tombstone of the run."""
    failed = story.made["runs"]["failed"]
    status = f'SELECT ?status WHERE {{ ?run dct:identifier "{failed}" ; mlg:runStatus ?status }}'
    assert story.site.status(f"/id/pipeline-run/mlflow/{failed}") == 410
    restored = story.mlflow.universe("restore")["restored"]
    assert failed in restored["pipeline-run"]
    assert story.site.mlg("sync", "mlflow").returncode == 0
    eventually(lambda: settled(story.site))
    assert story.site.select(status) == [(f"{PREFIXES['mlgc']}run-failed",)]
    for kind, keys in restored.items():
        for key in keys:
            assert story.site.status(f"/id/{kind}/mlflow/{key}") == 200


def test_a_source_that_is_down_is_said_to_be(story: Story, mlflow_server: MlflowServer) -> None:
    known = story.site.select(OWNERS)
    mlflow_server.pause()
    try:
        assert story.site.mlg("sync", "mlflow").returncode == 3
        assert story.site.select(OWNERS) == known
    finally:
        mlflow_server.resume()
    assert story.site.mlg("sync", "mlflow").returncode == 0
