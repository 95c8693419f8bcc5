"""A local HTTP server that answers by the rules of GrowthBook's public API description.

It is no recording: GrowthBook was not run. What it holds has every member that the description
requires, and it pages, asks for a key and says that something is missing as the description does.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kg.sources.replaying import Answer, Asked, Replaying, as_json

TOKEN = "secret_for_the_replay"
SECRET = "ewhk_for_the_replay"

ROWS, DRAFT, OLD = "exp_rows", "exp_draft", "exp_old"
HOURS, SKIPS = "met_hours", "fact__skips"
FLAG, GONE_FLAG = "home-rows", "gone-flag"

REQUIRED = {
    "experiments": "id trackingKey dateCreated dateUpdated name type project hypothesis description "
    "hashAttribute hashVersion tags owner archived status autoRefresh variations phases settings",
    "features": "id dateCreated dateUpdated archived description owner project valueType "
    "defaultValue tags environments revision",
    "metrics": "id managedBy dateCreated dateUpdated owner datasourceId name description type tags "
    "projects archived behavior",
    "fact-metrics": "id name description owner projects tags datasource metricType numerator inverse "
    "cappingSettings windowSettings priorSettings regressionAdjustmentSettings "
    "riskThresholdSuccess riskThresholdDanger minPercentChange maxPercentChange minSampleSize "
    "targetLift managedBy dateCreated dateUpdated",
}
"""The members that the description requires of each kind of record."""

_MEMBERS = {
    "experiments": ("experiments", "experiment", "Could not find experiment with that id"),
    "features": ("features", "feature", "Could not find a feature with that key"),
    "metrics": ("metrics", "metric", "Could not find metric with that id"),
    "fact-metrics": ("factMetrics", "factMetric", "Could not find factMetric with that id"),
}
_DATES = {"dateCreated": "2026-10-30T09:00:00.000Z", "dateUpdated": "2026-11-02T09:00:00.250Z"}


def phase(name: str, started: str, ended: str, *, coverage: float, **weights: float) -> Any:
    return {
        "name": name,
        "dateStarted": started,
        "dateEnded": ended,
        "reasonForStopping": "",
        "seed": "s",
        "coverage": coverage,
        "trafficSplit": [{"variationId": id, "weight": w} for id, w in weights.items()],
        "targetingCondition": "{}",
        "savedGroups": [],
        "savedGroupTargeting": [],
    }


def experiment(id: str, name: str, **over: Any) -> Any:
    told = {
        "id": id,
        "trackingKey": name.lower().replace(" ", "-"),
        **_DATES,
        "name": name,
        "type": "standard",
        "project": "",
        "hypothesis": "",
        "description": "",
        "hashAttribute": "id",
        "hashVersion": 2,
        "tags": [],
        "owner": "u_1",
        "archived": False,
        "status": "draft",
        "autoRefresh": True,
        "variations": [
            {
                "variationId": f"var_{i}",
                "key": str(i),
                "name": n,
                "description": "",
                "screenshots": [],
            }
            for i, n in enumerate(("Control", "New"))
        ],
        "phases": [],
        "settings": {
            "datasourceId": "ds_1",
            "assignmentQueryId": "user_id",
            "experimentId": id,
            "segmentId": "",
            "queryFilter": "",
            "inProgressConversions": "include",
            "attributionModel": "firstExposure",
            "statsEngine": "bayesian",
            "goals": [],
            "secondaryMetrics": [],
            "guardrails": [],
        },
        "linkedFeatures": [],
    }
    return {**told, **over}


def rule(experiment_id: str, *values: str, enabled: bool = True) -> Any:
    return {
        "id": f"fr_{experiment_id}",
        "description": "",
        "enabled": enabled,
        "type": "experiment-ref",
        "condition": "",
        "experimentId": experiment_id,
        "variations": [{"variationId": f"var_{i}", "value": v} for i, v in enumerate(values)],
    }


def feature(id: str, **environments: tuple[bool, list[Any]]) -> Any:
    return {
        "id": id,
        **_DATES,
        "archived": False,
        "description": "",
        "owner": "u_1",
        "project": "",
        "valueType": "json",
        "defaultValue": "{}",
        "tags": [],
        "environments": {
            name: {"enabled": enabled, "defaultValue": "{}", "rules": rules}
            for name, (enabled, rules) in environments.items()
        },
        "revision": {"version": 3, "comment": "", "date": _DATES["dateUpdated"], "publishedBy": ""},
    }


def metric(id: str, name: str) -> Any:
    return {
        "id": id,
        **_DATES,
        "managedBy": "",
        "owner": "u_1",
        "datasourceId": "ds_1",
        "name": name,
        "description": "Hours that a member watches in a week.",
        "type": "count",
        "tags": ["watching"],
        "projects": [],
        "archived": False,
        "behavior": {"goal": "increase", "windowSettings": {"type": "none"}},
    }


def fact_metric(id: str, name: str) -> Any:
    numbers = (
        "riskThresholdSuccess riskThresholdDanger minPercentChange maxPercentChange minSampleSize "
        "targetLift"
    )
    return {
        "id": id,
        **_DATES,
        **dict.fromkeys(numbers.split(), 0),
        "name": name,
        "description": "",
        "owner": "",
        "projects": [],
        "tags": [],
        "datasource": "ds_1",
        "metricType": "mean",
        "numerator": {"factTableId": "ft_1", "column": "skips", "filters": []},
        "inverse": True,
        "cappingSettings": {"type": "none"},
        "windowSettings": {"type": "none"},
        "priorSettings": {"override": False, "proper": False, "mean": 0, "stddev": 1},
        "regressionAdjustmentSettings": {"override": False},
        "managedBy": "",
    }


def _held() -> dict[str, dict[str, Any]]:
    models = ('{"model": "models:/m-00aa"}', '{"model": "models:/home-ranker/2", "rows": 3}')
    served = rule(ROWS, *models)
    rows = experiment(
        ROWS,
        "Home rows",
        hypothesis="Recent plays first raise the hours viewed.",
        description="Rows in the order of recent plays.",
        tags=["ranking", "home"],
        ownerEmail="Ada@aurora.example",
        status="running",
        phases=[
            phase("Ramp", "2026-11-01T09:00:00.000Z", "2026-11-02T09:00:00.000Z",
                  coverage=0.1, var_0=0.5, var_1=0.5),
            phase("Main", "2026-11-02T09:00:00.000Z", "", coverage=0.8, var_0=0.3333, var_1=0.6667),
        ],
        linkedFeatures=[FLAG, GONE_FLAG],
    )  # fmt: skip
    rows["settings"]["goals"] = [
        {"metricId": id, "overrides": {}} for id in (HOURS, SKIPS, "mg_group")
    ]
    rows["phases"][1]["targetingCondition"] = '{"country":"SE"}'
    rows["phases"][1]["savedGroupTargeting"] = [
        {"matchType": "any", "savedGroups": ["grp_b", "grp_a"]}
    ]
    old = experiment(OLD, "Old test", archived=True, status="stopped", owner="ben@aurora.example")
    return {
        "experiments": {e["id"]: e for e in (rows, experiment(DRAFT, "Only an idea"), old)},
        "features": {
            FLAG: feature(
                FLAG,
                production=(True, [served]),
                staging=(True, [rule(ROWS, *models, enabled=False)]),
                dev=(False, [served]),
                lab=(
                    True,
                    [served, {"id": "fr_x", "type": "force", "enabled": True, "value": "{}"}],
                ),
            )
        },
        "metrics": {HOURS: metric(HOURS, "Hours viewed")},
        "fact-metrics": {SKIPS: fact_metric(SKIPS, "Skips")},
    }


class Replay(Replaying):
    """``held`` is what it holds now, by kind and id."""

    api = "/api/v1/"

    def __init__(self) -> None:
        self.held = deepcopy(_held())
        super().__init__()

    def refused(self, asked: Asked) -> Answer | None:
        if asked.headers.get("Authorization") == f"Bearer {TOKEN}":
            return None
        return as_json(401, {"message": "Could not find API key"})

    def found(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        kind, _, id = parts.path.partition("/")
        if kind not in _MEMBERS:
            return as_json(404, {"message": f"Unknown API endpoint {asked.path}"})
        many, one, missing = _MEMBERS[kind]
        if id:
            told = self.held[kind].get(unquote(id))
            return as_json(400, {"message": missing}) if told is None else as_json(200, {one: told})
        page = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        return as_json(200, _page(many, list(self.held[kind].values()), **page))


def _page(member: str, records: list[Any], *, limit: int = 10, offset: int = 0) -> Any:
    page, following = records[offset : offset + limit], offset + limit
    more = following < len(records)
    return {
        member: page,
        "limit": limit,
        "offset": offset,
        "count": len(page),
        "total": len(records),
        "hasMore": more,
        "nextOffset": following if more else None,
    }
