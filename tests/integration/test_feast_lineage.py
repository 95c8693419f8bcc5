"""A real Feast whose own OpenLineage emitter says where to look: nothing is swept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.feast_server import running_feast
from tests.integration.installation import Installation, eventually
from tests.integration.installed import installed

pytestmark = pytest.mark.sources

SETTINGS = """
[sources.feast]
kind = "feast"
url = "{feast}"
project = "aurora"
[sources.lineage]
kind = "openlineage"
[sources.lineage.datasets]
aurora = "feast"
"""
EMITTER = """
openlineage:
  enabled: true
  transport_type: http
  transport_url: {base}
  transport_endpoint: api/v1/lineage
"""
SETS = "SELECT ?set WHERE { ?set a mlg:FeatureSet }"
DESCRIBED = """
SELECT ?text WHERE { ?f dct:identifier "member_activity:plays_7d" ; dct:description ?text }
"""
JOBS = "SELECT ?job WHERE { ?job a mlg:Pipeline }"


def test_an_apply_says_what_to_ask_for(
    installation: Callable[[str], Installation], tmp_path: Path
) -> None:
    with running_feast(installed("MLG_TEST_FEAST_PYTHON"), tmp_path) as feast:
        site = installation(SETTINGS.format(feast=feast.url))
        site.start()
        assert site.select(SETS) == []
        repository = tmp_path / "aurora" / "feature_store.yaml"
        with repository.open("a", encoding="utf-8") as file:
            file.write(EMITTER.format(base=site.base))

        feast.apply("built")
        names = ["member_activity", "member_context", "service:home_ranker", "title_vectors"]
        eventually(
            lambda: (
                {row[0] for row in site.select(SETS)} >= {f"feature-set/feast/{n}" for n in names}
            )
        )
        eventually(lambda: site.select(DESCRIBED) == [("Plays in a week.",)])

        feast.apply("changed")
        eventually(lambda: site.select(DESCRIBED) == [("Titles started in the last week.",)])
        assert site.select(JOBS) == [], "what is declared is no run of anything"
