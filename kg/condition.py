"""How an installation does, and how far each of its sources can be relied on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kg.config import Settings
from kg.errors import MlgError, StoreUnavailable
from kg.events import Inbox, Letters, SourceRow
from kg.iris import source_system
from kg.sources import Source
from kg.store import Checkpoint, writer_is_running
from kg.views import SearchPage, SourceStatus, Status

_ITSELF = source_system("any").type


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``everything`` is a page of the search for all, with its counts, or for what has some values;
    ``source`` connects one."""

    settings: Settings
    inbox: Inbox
    letters: Letters
    checkpoint: Callable[[], Checkpoint]
    everything: Callable[..., SearchPage]
    source: Callable[[str], Source]

    def sources(self) -> list[SourceStatus]:
        """How each configured source does."""
        names = sorted(self.settings.sources)
        return [self._status_of(name, entities=self._held_of(name)) for name in names]

    def _held_of(self, name: str) -> int:
        """The entities of a source. That which stands for the source itself is not one of them."""
        try:
            found = self.everything(source=[name])
        except StoreUnavailable:  # nothing is published yet
            return 0
        itself = (kind.count for kind in found.facets.get("type", ()) if kind.value == _ITSELF)
        return found.total - sum(itself)

    def status(self) -> Status:
        """How the installation does; never raises for what it would report."""
        worker, message = self._worker()
        try:
            checkpoint = self.checkpoint()
            version, triples = checkpoint.version, len(checkpoint)
            entities = self.everything().total
        except StoreUnavailable as error:
            version, triples, entities, message = 0, 0, 0, message or str(error)
        return Status(
            ready=worker == "running" and version > 0,
            worker=worker,
            version=version,
            triples=triples,
            entities=entities,
            pending=self.inbox.pending(),
            dead=len(self.inbox.dead()) + self.letters.count(),
            message=message,
        )

    def _worker(self) -> tuple[Any, str | None]:
        if not writer_is_running(self.settings.data_dir):
            return "stopped", "No worker runs; start one with `mlg serve` or `mlg worker`."
        try:
            said = json.loads((self.settings.data_dir / "worker.json").read_text("utf-8"))
        except (OSError, ValueError):
            return "running", None
        return ("write-dead" if said["state"] == "write-dead" else "running"), said["message"]

    def _status_of(self, name: str, *, entities: int) -> SourceStatus:
        row = self.inbox.source(name)
        state: Any = "down" if row.failing else "waiting" if row.retrying else "ok"
        error = row.last_error
        try:
            types = event_types(self.source(name).types)
        except MlgError as unusable:
            state, error, types = "unusable", str(unusable), ()
        return SourceStatus(
            name=name,
            kind=self.settings.sources[name].kind,
            state=state,
            event_types=types,
            pending=row.pending,
            retrying=row.retrying,
            dead=row.dead,
            entities=entities,
            last_event=row.last_event,
            last_success=row.last_success,
            last_sweep=row.last_sweep,
            completeness=min(1.0, entities / row.listed) if row.listed else None,
            lag_p50=_percentile(row, 0.50),
            lag_p95=_percentile(row, 0.95),
            healed=row.healed,
            refused=row.refused,
            last_error=error,
        )


def event_types(types: Iterable[str]) -> tuple[str, ...]:
    """The events of a source that owns these entity types; of one that owns any, any."""
    return tuple(f"{name.replace('-', '_')}.*" for name in sorted(types)) or ("*",)


def _percentile(row: SourceRow, part: float) -> float | None:
    """The wait that this part of the latest events did not pass."""
    waits = sorted(row.lags)
    return waits[min(len(waits) - 1, int(part * len(waits)))] if waits else None
