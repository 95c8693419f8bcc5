"""Unleash's flags as experiments: what `context.jsonld` cannot say, in pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import date_time, inner, integer, part, records, required, text

_INSTANCE: Final = re.compile(r"models:/(m-[0-9A-Za-z_-]+)")
_VERSION: Final = re.compile(r"models:/([^/]+/[0-9]+)")


def is_experiment(flag: Payload) -> bool:
    """A flag of that type, or one that gives people different variants."""
    return text(flag, "type") == "experiment" or any(True for _ in _served(flag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one server, whose own pages are below ``pages``.

    ``control`` is the name of the variants with which the others are compared, and ``model_key``
    the member of a variant's payload that names the model it is served with.
    """

    source: str
    pages: str
    control: str
    model_key: str

    def experiment(self, flag: Payload, *, tags: list[Payload], owner: str) -> Iterator[Document]:
        """An experiment, its cells and who is put into them."""
        project, name = required(flag, "project"), required(flag, "name")
        key = f"{project}/{name}"
        yield self._document(
            "experiment",
            key,
            name=name,
            description=text(flag, "description"),
            status=_status(flag),
            created=date_time(flag, "createdAt"),
            owners=[owner] if owner else [],
            tags=sorted(_keyword(tag) for tag in tags),
            page=f"{self.pages}/projects/{quote(project, safe='')}/features/{quote(name, safe='')}",
        )
        models: dict[str, set[str]] = {}
        for _, _, variant in _served(flag):
            told = models.setdefault(required(variant, "name"), set())
            told.update(filter(None, [self._model(variant)]))
        for variant_name, named in sorted(models.items()):
            yield self._document(
                "experiment-cell",
                f"{key}/{variant_name}",
                name=f"{name} {variant_name}",
                experiment=key,
                control=True if variant_name == self.control else None,
                instances=sorted(m[1] for m in map(_INSTANCE.fullmatch, named) if m),
                versions=sorted(m[1] for m in map(_VERSION.fullmatch, named) if m),
            )
        for environment, strategy, variant in _served(flag):
            place, cell = required(environment, "name"), required(variant, "name")
            yield self._document(
                "allocation",
                f"{key}/{place}/{required(strategy, 'id')}/{cell}",
                name=f"{name} {cell} in {place}",
                cell=f"{key}/{cell}",
                environment=_environment(environment),
                share=_share(environment, strategy, variant),
                audience=_audience(strategy),
            )

    def _model(self, variant: Payload) -> str:
        """The model of a variant: its payload's member, or the payload itself if it is text."""
        payload = part(variant, "payload")
        if text(payload, "type") == "json":
            found = inner(payload, "value").get(self.model_key)
        else:
            found = payload.get("value")
        return found if isinstance(found, str) else ""

    def _document(self, entity_type: str, key: str, **payload: Any) -> Document:
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        return Document(ref=EntityRef(entity_type, self.source, key), payload=told)


def removed(strategy: Payload, *, flag: str, environment: str) -> Iterator[tuple[str, str]]:
    """The cells and allocations that an earlier form of a strategy had, by type and key."""
    for variant in records(strategy, "variants"):
        cell = required(variant, "name")
        yield "experiment-cell", f"{flag}/{cell}"
        if environment:
            yield "allocation", f"{flag}/{environment}/{required(strategy, 'id')}/{cell}"


def _served(flag: Payload) -> Iterator[tuple[Payload, Payload, Payload]]:
    """Environment, strategy and variant, for all variants of a flag."""
    for environment in records(flag, "environments"):
        for strategy in records(environment, "strategies"):
            for variant in records(strategy, "variants"):
                yield environment, strategy, variant


def _status(flag: Payload) -> str:
    if flag.get("stale") is True:
        return "completed"
    served = list(_served(flag))
    if any(_in_force(environment, strategy) for environment, strategy, _ in served):
        return "running"
    return "paused" if served else "draft"


def _in_force(environment: Payload, strategy: Payload) -> bool:
    return environment.get("enabled") is True and strategy.get("disabled") is not True


def _share(environment: Payload, strategy: Payload, variant: Payload) -> str:
    """Which part of all people gets a variant: rollout (per cent) times weight (per mille)."""
    if not _in_force(environment, strategy):
        return "0"
    rollout = text(part(strategy, "parameters"), "rollout") or "100"
    try:
        share = Decimal(rollout) * integer(variant, "weight") / 100_000
        possible = 0 <= share <= 1
    except InvalidOperation:
        possible = False
    if not possible:
        raise BadPayload(f"a share is not between 0 and 1: rollout {rollout!r} of {variant!r}.")
    return format(share.normalize(), "f")


def _audience(strategy: Payload) -> str:
    """Whom a strategy is for, as its constraints say."""
    told = [
        " ".join(
            [
                required(constraint, "contextName"),
                *(["NOT"] if constraint.get("inverted") is True else []),
                required(constraint, "operator"),
                _values(constraint),
            ]
        ).strip()
        for constraint in records(strategy, "constraints")
    ]
    segments = strategy.get("segments")
    if isinstance(segments, list):
        told += [f"segment {segment}" for segment in segments]
    return " and ".join(told)


def _values(constraint: Payload) -> str:
    values = constraint.get("values")
    if isinstance(values, list) and values:
        return ", ".join(v if isinstance(v, str) else json.dumps(v) for v in values)
    return text(constraint, "value")


def _environment(environment: Payload) -> str:
    kind = text(environment, "type")
    return kind if kind in ("development", "production", "preproduction", "pre-production") else ""


def _keyword(tag: Payload) -> str:
    kind, value = required(tag, "type"), required(tag, "value")
    return value if kind == "simple" else f"{kind}::{value}"
