"""A local HTTP server that answers by the rules of GrowthBook's public API description.

It is no recording: GrowthBook was not run. What it holds has every member that the description
requires, and it pages, asks for a key and says that something is missing as the description does.
"""

from __future__ import annotations

import json
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/v1/"
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


class Replay:
    """``held`` is what it holds now, by kind and id; ``answer`` overrides what a path answers."""

    def __init__(self) -> None:
        self.held = deepcopy(_held())
        self.asked: list[str] = []
        self._overrides: list[tuple[str, int, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: Any, *, status: int = 200) -> None:
        """Answers requests whose path starts so with this JSON, or these bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.insert(0, (path, status, data))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _find(self, path: str, authorization: str | None) -> tuple[int, Any]:
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Could not find API key"}
        for start, status, data in self._overrides:
            if path.startswith(start):
                return status, data
        parts = urlsplit(path)
        kind, _, id = parts.path.partition("/")
        if kind not in _MEMBERS:
            return 404, {"message": f"Unknown API endpoint {path}"}
        many, one, missing = _MEMBERS[kind]
        if id:
            found = self.held[kind].get(unquote(id))
            return (400, {"message": missing}) if found is None else (200, {one: found})
        asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        return 200, _page(many, list(self.held[kind].values()), **asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1  # one packet for one answer

            def do_GET(self) -> None:
                path = self.path.removeprefix(API)
                replay.asked.append(path)
                status, told = replay._find(path, self.headers.get("Authorization"))
                data = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler


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
