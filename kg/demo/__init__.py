"""The demo universe: Aurora, a streaming company, as its six source systems tell of it.

``universe/{source}.json`` is what each source would answer, in JSON of its own and never in RDF;
the graph learns of it as of anything else, by thin events. Most of it is in order. What is not is
meant, so that every question has an answer: an owner who left, a dataset without a licence, a
feature that nobody reads, a running test on a model that nobody trains, a lost day of events
under the model of the home page, a reference that no source knows, and more. The orchestrator calls a
dataset and a person by names of its own: one is known to be the warehouse's, one may be Ada.

Anybody may edit the copies that `write_settings` lays out: a source reads its file anew when it
has changed, and an event makes the graph look.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kg.iris import EntityRef
from kg.model import Event, utc_now

TODAY: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""The Monday morning on which the story stands: the day after the home page got worse."""

UNIVERSE: Final = Path(__file__).parent / "universe"

LINKS: Final = {
    entity_type: source
    for source, entity_types in {
        "directory": ("business-domain", "person", "team"),
        "experiments": ("allocation", "experiment", "experiment-cell", "metric"),
        "features": ("feature", "feature-set", "feature-version"),
        "orchestrator": (
            "pipeline",
            "pipeline-request",
            "pipeline-run",
            "pipeline-step",
            "step-run",
        ),
        "registry": (
            "application",
            "approval",
            "deployment",
            "evaluation",
            "evaluation-result",
            "governance-document",
            "model",
            "model-instance",
            "model-version",
            "prompt",
            "prompt-version",
            "risk-assessment",
            "service",
        ),
        "warehouse": ("dataset", "dataset-version"),
    }.items()
    for entity_type in entity_types
}
"""Which source owns the entities of a type; where a foreign key in any of the sources leads."""

SOURCES: Final = tuple(sorted(set(LINKS.values())))

_SEED: Final = 12345
_EVERY: Final = 25


def write_settings(
    folder: Path, *, port: int | None = None, now: Callable[[], datetime] = utc_now
) -> Path:
    """Lays a demo out in ``folder`` and answers its settings file.

    The data goes to ``folder/data``; the six sources read copies of the universe in
    ``folder/universe``, which stay as they are when they are there already. With a port, IRIs
    begin with it, so that they can be followed. The demo's clock starts at `TODAY`: rules ask how
    long ago something was, so under the true date findings would gather that nobody meant.
    """
    copies = folder / "universe"
    copies.mkdir(parents=True, exist_ok=True)
    lines = [
        f"data_dir = {_text(folder / 'data')}",
        f"clock_offset_seconds = {(TODAY - now()).total_seconds()}",
    ]
    if port is not None:
        lines += [f'base = "http://localhost:{port}"', "", "[server]", f"port = {port}"]
    for source in SOURCES:
        copy = copies / f"{source}.json"
        if not copy.exists():
            shutil.copyfile(UNIVERSE / copy.name, copy)
        lines += ["", f"[sources.{source}]", 'kind = "memory"', f"path = {_text(copy)}"]
        lines += ["", f"[sources.{source}.links]"]
        lines += [f'{kind} = "{owner}"' for kind, owner in LINKS.items() if owner != source]
    file = folder / "mlg.toml"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def events() -> list[Event]:
    """One thin event for each entity, in no order, and a few twice, as a real bus has them."""
    refs = sorted(_entities())
    chance = random.Random(_SEED)
    chance.shuffle(refs)
    found = [
        Event(
            ref=ref,
            event_type=f"{ref.type.replace('-', '_')}.created",
            event_id=f"demo-{number:04}",
        )
        for number, ref in enumerate(refs, 1)
    ]
    for again in found[::_EVERY]:
        found.insert(chance.randrange(len(found)), again)
    return found


def _text(path: Path) -> str:
    """A path as TOML text, whose rules for escaping are those of JSON."""
    return json.dumps(str(path.absolute()), ensure_ascii=False)


def _entities() -> Iterator[EntityRef]:
    for source in SOURCES:
        for payload in json.loads((UNIVERSE / f"{source}.json").read_text("utf-8")):
            yield EntityRef(payload["type"], source, payload["key"])
