"""A dbt project that is built here and now tells what was recorded of it.

``MLG_TEST_DBT_PYTHON`` names a Python with ``dbt-core>=1.10,<1.11 dbt-duckdb<1.10``, in an
environment of its own, since their pins disagree with others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from kg.sources.dbt import DbtSource
from tests.integration.installed import installed
from tests.kg.sources.case_dbt import RUNS
from tests.kg.sources.dbt_project import RECORDED, build, trimmed


def test_a_build_made_now_tells_what_was_recorded(tmp_path: Path) -> None:
    target = build(str(installed("MLG_TEST_DBT_PYTHON")), tmp_path)
    built = DbtSource("dbt", path=str(target), results=RUNS)
    kept = DbtSource("dbt", path=str(RECORDED), results=RUNS)

    def tables(made: DbtSource) -> dict[EntityRef, Any]:
        told = made.fetch(EntityRef("pipeline", "dbt", "aurora"))
        return {document.ref: document.payload for document in told.documents}

    def runs(made: DbtSource) -> list[dict[str, Any]]:
        found = [made.fetch(ref).documents[0] for ref in made.list() if ref.type == "pipeline-run"]
        return [
            {name: value for name, value in run.payload.items() if name not in ("started", "ended")}
            for run in found
        ]

    assert tables(built) == tables(kept)
    assert runs(built) == runs(kept)  # what `dbt docs generate` wrote is not among them
    for name in ("manifest.json", "catalog.json"):
        assert trimmed(target, name).keys() == json.loads((RECORDED / name).read_bytes()).keys()
