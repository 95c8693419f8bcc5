"""What the tests here serve: one source with a few entities, and a handle on the installation."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.config import Settings
from kg.ingest import ingest
from kg.service import Service
from kg.worker import Worker

BASE = "http://kg.example"
ODD_KEY = "odd key/../ä%2F?#<b>"
SCRIPT = "<script>alert('x')</script>"

PAYLOADS: tuple[Mapping[str, Any], ...] = (
    {
        "type": "model",
        "key": "home-ranker",
        "name": "Home ranker",
        "description": "Orders the rows of the home page for each member.",
        "owner_emails": ["ada@aurora.example"],
        "tags": ["ranking", "home"],
        "created_at": "2025-03-01T09:00:00Z",
    },
    {
        "type": "model-version",
        "key": "home-ranker/3",
        "name": "Home ranker 3",
        "description": "The third version of the home ranker.",
        "version": "3",
        "model_id": "home-ranker",
        "created_at": "2026-05-01T09:00:00Z",
    },
    {"type": "model", "key": ODD_KEY, "name": SCRIPT, "description": '"><img src=x onerror=x>'},
    {"type": "model", "key": "left-behind", "name": "Left behind", "description": "Soon gone."},
    {
        "type": "person",
        "key": "ada@aurora.example",
        "name": "Ada",
        "display_name": "Ada Aurora",
        "active": True,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A running installation; ``file`` is what its one source ``registry`` holds."""

    settings: Settings
    service: Service
    worker: Worker
    file: Path

    def put(self, payload: Mapping[str, Any]) -> None:
        """Changes an entity at the source. Nobody tells the graph."""
        kept = [p for p in self._payloads() if (p["type"], p["key"]) != _name(payload)]
        self._write([*kept, payload])

    def remove(self, type: str, key: str) -> None:
        self._write([p for p in self._payloads() if (p["type"], p["key"]) != (type, key)])

    def tell(self, *names: tuple[str, str]) -> None:
        """Tells the graph that entities changed, and waits until it shows them as they are."""
        self.service.publish(ingest(event(type, key)) for type, key in names)
        self.settle()

    def settle(self) -> None:
        """Waits until the graph shows all that is in the inbox."""
        while self.service.status().pending:
            time.sleep(0.01)
        while self.service.status().version < self.worker.store.version:
            time.sleep(0.01)

    def _payloads(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = json.loads(self.file.read_text("utf-8"))
        return found

    def _write(self, payloads: list[Mapping[str, Any]]) -> None:
        self.file.write_text(json.dumps(payloads), "utf-8")


def _name(payload: Mapping[str, Any]) -> tuple[str, str]:
    return payload["type"], payload["key"]


def event(type: str, key: str, verb: str = "changed") -> dict[str, Any]:
    """A thin event as JSON."""
    return {"event_type": f"{type.replace('-', '_')}.{verb}", "source": "registry", "id": key}
