"""What the recorder and the integration test put into a real Unleash, and how it then changes."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.unleash_server import UnleashServer

SECRET = "Bearer recorded-hook"
ADA = "ada@example.com"
FLAGS = "/api/admin/projects/default/features"
EVENTS = (
    "feature-created",
    "feature-updated",
    "feature-metadata-updated",
    "feature-archived",
    "feature-revived",
    "feature-stale-on",
    "feature-stale-off",
    "feature-environment-enabled",
    "feature-environment-disabled",
    "feature-strategy-add",
    "feature-strategy-update",
    "feature-strategy-remove",
    "feature-tagged",
    "feature-untagged",
)


def variant(name: str, weight: int, *, model: str = "", text: str = "") -> dict[str, Any]:
    """``weight`` is per mille; those of a strategy are fixed, so that they stay as given."""
    made: dict[str, Any] = {
        "name": name,
        "weight": weight,
        "weightType": "variable",
        "stickiness": "default",
    }
    if model:
        made["payload"] = {"type": "json", "value": json.dumps({"model": model, "rows": 40})}
    if text:
        made["payload"] = {"type": "string", "value": text}
    return made


def strategy(flag: str, rollout: int, *variants: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"rollout": str(rollout), "stickiness": "default", "groupId": flag}
    return {
        "name": "flexibleRollout",
        "constraints": [],
        "parameters": parameters,
        "variants": list(variants),
        **more,
    }


def subscribe(server: UnleashServer, url: str) -> None:
    server.call(
        "POST",
        "/api/admin/addons",
        {
            "provider": "webhook",
            "enabled": True,
            "description": "The graph's",
            "parameters": {"url": url, "authorization": SECRET},
            "events": list(EVENTS),
            "projects": [],
            "environments": [],
        },
    )


def build(server: UnleashServer) -> dict[str, str]:
    """Fills an empty server, as Ada; answers the ids of the strategies by what they are for."""
    server.log_in(email=ADA, username="ada", password="Analytical-Engine-1843!")

    def ask(method: str, path: str, body: Any = None) -> Any:
        return server.call(method, path, body, as_person=True)

    def flag(name: str, kind: str = "experiment", **more: Any) -> None:
        ask("POST", FLAGS, {"name": name, "type": kind, **more})

    def serve(name: str, environment: str, body: dict[str, Any]) -> str:
        made = ask("POST", f"{FLAGS}/{name}/environments/{environment}/strategies", body)
        return str(made["id"])

    flag("home-rows", description="Rows in the order of recent plays.")
    both = (
        variant("control", 500, model="models:/m-00aa"),
        variant("new-ranker", 500, model="models:/home-ranker/2"),
    )
    swedes = {"contextName": "country", "operator": "IN", "values": ["SE", "NO"]}
    strategies = {
        "try": serve("home-rows", "development", strategy("home-rows", 100, *both)),
        "swedes": serve(
            "home-rows", "production", strategy("home-rows", 25, *both, constraints=[swedes])
        ),
    }
    ask("POST", f"{FLAGS}/home-rows/environments/production/on")
    ask("POST", "/api/admin/features/home-rows/tags", {"type": "simple", "value": "media"})
    flag("by-release", "release")
    strategies["thirds"] = serve(
        "by-release",
        "production",
        strategy(
            "by-release",
            50,
            variant("a", 333, text="models:/m-11bb"),
            variant("b", 333, text="models:/home-ranker@champion"),
            variant("c.3", 334),
        ),
    )
    flag("draft")
    flag("finished")
    strategies["finished"] = serve(
        "finished", "production", strategy("finished", 10, variant("only", 1000))
    )
    ask("POST", f"{FLAGS}/finished/environments/production/on")
    ask("PATCH", f"{FLAGS}/finished", [{"op": "replace", "path": "/stale", "value": True}])
    flag("switch", "kill-switch")
    serve("switch", "production", {"name": "default", "constraints": [], "parameters": {}})
    flag("given-up")
    ask("DELETE", f"{FLAGS}/given-up")
    server.call("POST", FLAGS, {"name": "by-token", "type": "experiment"})
    return strategies


def change(server: UnleashServer, strategies: dict[str, str]) -> None:
    """Takes a variant away, switches an experiment off and another into the archive."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        return server.call(method, path, body, as_person=True)

    path = f"{FLAGS}/home-rows/environments/production/strategies/{strategies['swedes']}"
    ask("PUT", path, strategy("home-rows", 25, variant("control", 1000, model="models:/m-00aa")))
    path = f"{FLAGS}/home-rows/environments/development/strategies/{strategies['try']}"
    ask("DELETE", path)
    ask("POST", f"{FLAGS}/home-rows/environments/production/off")
    ask("DELETE", f"{FLAGS}/by-release")
