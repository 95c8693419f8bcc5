"""The views as JSON: at once, or piece by piece where a view may have a million items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from kg.iris import EntityRef
from kg.views.lineage import ImpactView, Trace


def as_json(value: Any) -> Any:
    """Any of these as JSON-ready data: tuples to lists, times to ISO 8601, None left out."""
    if isinstance(value, EntityRef):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {name: as_json(item) for name, item in pairs if item is not None}
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, Iterator)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def json_chunks(value: Any) -> Iterator[str]:
    """The same as JSON text, piece by piece; what an iterator makes is one on a line, unbounded."""
    if isinstance(value, Iterator):
        before = chain(["\n"], repeat(",\n"))
        yield "["
        yield from (next(before) + _text(item) for item in value)
        yield "\n]"
    elif isinstance(value, dict):
        before = chain(["{"], repeat(", "))
        for name, item in value.items():
            yield f"{next(before)}{_text(name)}: "
            yield from json_chunks(item)
        yield "}"
    elif isinstance(value, (Trace, ImpactView)):
        yield from json_chunks({f.name: getattr(value, f.name) for f in fields(value)})
    else:
        yield _text(value)


def _text(value: Any) -> str:
    return json.dumps(as_json(value), ensure_ascii=False)
