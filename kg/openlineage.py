"""OpenLineage events, wherever they come from: kept in the record, and the graph hears of them.

They come over HTTP, by the service, and from a broker, by the worker's bridge. Either way they are in
the record, synced, before the sender is told so, and what the graph is to be told of is on the bus
before it is noted as told: a crash between any two steps loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from kg.config import Settings
from kg.errors import BadSetting, UnknownSource
from kg.ingest import MAX_LINEAGE_DEPTH, parse_json
from kg.model import Event
from kg.sources import OPENLINEAGE_FILE, KeepsLineage, Source

__all__ = ["OPENLINEAGE_FILE", "Intake", "intake_of", "read_events", "record_name", "record_of"]

_KIND: Final = "openlineage"
_OWNERS: Final[Mapping[str, frozenset[str]]] = {
    "jobs": frozenset({"pipeline", "pipeline-run"}),
    "datasets": frozenset({"dataset"}),
}
"""By setting, the entity types of which a source must hear to which it gives namespaces."""


def read_events(data: bytes) -> list[Any]:
    """The events of one JSON document, an event or a list. Raises `BadEvent`."""
    told = parse_json(data, deepest=MAX_LINEAGE_DEPTH)
    return told if isinstance(told, list) else [told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The way in. ``publish`` puts thin events on the bus; they are on disk when it returns.

    ``source`` is a look-up by name. An entity that its source cannot have is no event: a tool names
    what it likes, and which source has a namespace is a setting.
    """

    record: KeepsLineage
    publish: Callable[[Iterable[Event]], int]
    source: Callable[[str], Source]

    def keep(self, events: Sequence[Any]) -> int:
        """All of them or none; answers how many. Raises `BadEvent`, or `SystemFailure`."""
        refs = self.record.keep(events)
        cause, at = f"openlineage:{uuid4()}", _earliest(events)
        self.publish(
            Event(ref=ref, event_type=ref.type.replace("-", "_") + ".told", event_id=cause, time=at)
            for ref in refs
            if not (types := self.source(ref.source).types) or ref.type in types
        )
        self.record.heard(refs)
        return len(events)

    def keep_messages(self, messages: Sequence[list[Any]]) -> int:
        """The events of several messages, as `read_events` read them."""
        return self.keep([event for events in messages for event in events])


def _earliest(events: Sequence[Any]) -> datetime | None:
    """When the first of the events happened, by their `eventTime`; all have one that can be read."""
    return min((datetime.fromisoformat(event["eventTime"]) for event in events), default=None)


def intake_of(
    settings: Settings,
    *,
    source: Callable[[str], Source],
    publish: Callable[[Iterable[Event]], int],
) -> Intake:
    """Raises `UnknownSource` if no source keeps such events, `BadSetting`."""
    return Intake(record=record_of(settings, source), publish=publish, source=source)


def record_name(settings: Settings) -> str | None:
    """The source that keeps them, if one is configured. Raises `BadSetting` if two are."""
    names = [name for name, table in settings.sources.items() if table.kind == _KIND]
    if len(names) > 1:
        raise BadSetting(f"Two sources of kind {_KIND!r}, {', '.join(names)}; keep one.")
    return names[0] if names else None


def record_of(settings: Settings, source: Callable[[str], Source]) -> KeepsLineage:
    """The source that keeps them, once it is sure that those to which it gives namespaces can hear.

    ``source`` is a look-up by name. Raises `UnknownSource` if none keeps them, `BadSetting`.
    """
    name = record_name(settings)
    if name is None:
        raise UnknownSource(
            'No source keeps OpenLineage events; add [sources.lineage] kind = "openlineage".'
        )
    record = source(name)
    assert isinstance(record, KeepsLineage)
    for setting, told_of in _OWNERS.items():
        for owner in settings.sources[name].options.get(setting, {}).values():
            types = source(owner).types
            if missing := types and told_of - types:
                raise BadSetting(
                    f"[sources.{name}.{setting}] names the source {owner!r}, which has no "
                    f"entities of type {', '.join(sorted(missing))}."
                )
    return record
