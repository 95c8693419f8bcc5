"""A company of any size, as payloads of the memory source, for benchmarks.

Of each hundred entities, about forty are model instances, versions and their runs, forty are
features and datasets, the rest models, people and teams; each has 6 to 9 facts, as real ones do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kg import config
from kg.config import Settings, SourceSettings
from kg.model import Event
from kg.sources.memory import MemorySource

OWNERS = 50
DOMAINS = ("personalisation", "studio", "payments", "ads")


def payloads(count: int) -> Iterator[dict[str, Any]]:
    """``count`` payloads in which every reference resolves."""
    made = 0
    for payload in _people():
        yield payload
        made += 1
    number = 0
    while made < count:
        for payload in group(number):
            if made < count:
                yield payload
                made += 1
        number += 1


def source(count: int, *, name: str = "bench") -> MemorySource:
    filled = MemorySource(name)
    for payload in payloads(count):
        filled.put(payload)
    return filled


def events(filled: MemorySource) -> list[Event]:
    """One thin event for each of its entities."""
    return [
        Event(ref=ref, event_type=f"{ref.type}.created", event_id=str(number))
        for number, ref in enumerate(filled.list())
    ]


def settings(folder: Path, *, name: str = "bench") -> Settings:
    """The defaults, with data in ``folder`` and this one source."""
    found = config.load(environ={}, data_dir=str(folder))
    table = SourceSettings(name=name, kind="memory", options={}, links={})
    return Settings(values=found.values, sources={name: table})


def _people() -> Iterator[dict[str, Any]]:
    for name in DOMAINS:
        yield {
            "type": "business-domain",
            "key": name,
            "label": name.title(),
            "scheme": "business-domains",
        }
    yield {
        "type": "team",
        "key": "team",
        "display_name": "The team",
        "description": "Owns what there is.",
    }
    for number in range(OWNERS):
        mail = f"person{number}@example.com"
        yield {
            "type": "person",
            "key": mail,
            "display_name": f"Person {number}",
            "email": mail,
            "team_ids": ["team"],
            "active": True,
        }


def group(number: int) -> Iterator[dict[str, Any]]:
    """Twenty entities around one model."""

    def common(kind: str, key: str, **more: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "key": key,
            "name": f"{kind.replace('-', ' ').title()} {key}",
            "description": f"The {kind} {key}, which stands here for many like it.",
            "created_at": f"2026-01-{number % 28 + 1:02}T08:00:00Z",
            "owner_emails": [f"person{number % OWNERS}@example.com"],
            "domain": DOMAINS[number % len(DOMAINS)],
            **more,
        }

    licence = "CC-BY-4.0"
    yield common("model", f"m{number}", labels=[{"key": "tier", "value": str(number % 3)}])
    yield common("pipeline", f"p{number}")
    for d in range(4):
        yield common("dataset", f"d{number}-{d}", license=licence)
        yield common(
            "dataset-version", f"d{number}-{d}/1", dataset_id=f"d{number}-{d}", license=licence
        )
    for f in range(4):
        yield common("feature", f"f{number}-{f}", source_dataset_ids=[f"d{number}-{f}"])
    for v in range(2):
        yield common("model-version", f"m{number}/{v}", model_id=f"m{number}", version=str(v))
        yield common(
            "pipeline-run",
            f"r{number}-{v}",
            pipeline_id=f"p{number}",
            state="succeeded",
            started_at="2026-01-01T08:00:00Z",
            ended_at="2026-01-01T09:00:00Z",
            input_dataset_version_ids=[f"d{number}-{d}/1" for d in range(2)],
            input_feature_ids=[f"f{number}-{f}" for f in range(2)],
        )
        yield common(
            "model-instance",
            f"i{number}-{v}",
            model_version_id=f"m{number}/{v}",
            pipeline_run_id=f"r{number}-{v}",
            artifact_uri=f"s3://models/{number}/{v}",
            sha256=f"{number * 2 + v:064x}",
        )
