"""What tools call things themselves, in facets of their own: the keys of the sources for them.

Only another source is told by these names, which asks for what they are of; so a facet that is not
as expected is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kg.errors import BadIri
from kg.iris import EntityRef
from kg.model import Payload

Names = tuple[tuple[str, str], ...]
"""Types and keys."""

_FEAST: Final = "feast_"
_FEAST_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "FileSource": ("path",),
    "SparkSource": ("table", "path"),
    "BigQuerySource": ("table",),
    "TrinoSource": ("table",),
}


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


def dataset_by_tool(facets: Payload) -> Names | None:
    """What a dataset is to the tool that wrote its facets; None if no tool says that is known here.

    Feast tells of its views, services, entities and online stores as of datasets, too: a view or a
    service is a feature set, and the others are nothing to ask for, since its entities are swept and
    its registry has no online stores.
    """
    if not any(name.startswith(_FEAST) for name in facets):
        return None
    try:
        found = tuple(_by_feast(facets))
        for entity_type, key in found:
            EntityRef(entity_type, "tool", key)
    except (BadIri, AttributeError, KeyError, TypeError):
        return ()
    return found


def is_declaration(job: Payload) -> bool:
    """Whether the facets of a job say that nothing ran: Feast tells so of what it was applied.

    Such an event has everything that was applied as inputs and outputs of one job, so that each of
    its views would seem to be computed from the sources of all.
    """
    told = job.get("feast_jobKind")
    return isinstance(told, Mapping) and told.get("kind") == "definition"


def _by_feast(facets: Payload) -> Iterator[tuple[str, str]]:
    """A data source is known by where its data is, if the facet of its kind tells all of that."""
    if "feast_featureView" in facets:
        yield "feature-set", _text(facets["feast_featureView"]["name"])
    elif "feast_featureService" in facets:
        yield "feature-set", "service:" + _text(facets["feast_featureService"]["name"])
    elif "feast_dataSource" in facets:
        told = facets["feast_dataSource"]
        for place in _FEAST_PLACES.get(told["source_type"], ()):
            if told.get(place):
                yield "dataset", _text(told[place])
                return


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(value)
    return value
