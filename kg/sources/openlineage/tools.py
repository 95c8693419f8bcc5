"""What tools call their runs themselves, in facets of their own: the keys of the sources for them.

Only another source is told by these names, which asks for what they are of; so a facet that is not
as expected is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kg.errors import BadIri
from kg.iris import EntityRef
from kg.model import Payload

Names = tuple[tuple[str, str], ...]
"""Types and keys."""


def by_tool(facets: Payload) -> Names:
    """By the facets of a run; empty if no tool that is known here has written them."""
    for read in (_by_dbt, _by_airflow):
        try:
            found = tuple(read(facets))
            for entity_type, key in found:
                EntityRef(entity_type, "tool", key)
        except (BadIri, AttributeError, KeyError, TypeError):
            continue
        if found:
            return found
    return ()


def _by_dbt(facets: Payload) -> Iterator[tuple[str, str]]:
    """``dbt-ol``: a run of a model is a part of the invocation."""
    told = facets["dbt_run"]
    yield "pipeline", _text(told["project_name"])
    yield "pipeline-run", _text(told["invocation_id"])


def _by_airflow(facets: Payload) -> Iterator[tuple[str, str]]:
    """Airflow's provider: ``airflowDagRun`` of a DAG's run, ``airflow`` of a task's."""
    told = facets.get("airflow") or facets["airflowDagRun"]
    dag, run = _text(told["dag"]["dag_id"]), _text(told["dagRun"]["run_id"])
    yield "pipeline", dag
    yield "pipeline-run", f"{dag}/{run}"
    if "task" in told:
        task, mapped = _text(told["task"]["task_id"]), told["taskInstance"].get("map_index")
        place = f"/{mapped}" if isinstance(mapped, int) and mapped >= 0 else ""
        yield "pipeline-step", f"{dag}/{task}"
        yield "step-run", f"{dag}/{run}/{task}{place}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(value)
    return value
