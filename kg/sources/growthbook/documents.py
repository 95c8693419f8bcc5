"""GrowthBook's experiments and metrics: what `context.jsonld` cannot say, in pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import date_time, number, part, record, records, required, text

_INSTANCE: Final = re.compile(r"models:/(m-[0-9A-Za-z_-]+)")
_VERSION: Final = re.compile(r"models:/([^/]+/[0-9]+)")
_STATUSES: Final = {"draft": "draft", "running": "running", "stopped": "completed"}
_ENVIRONMENTS: Final = {
    "dev": "development",
    "development": "development",
    "staging": "staging",
    "prod": "production",
    "production": "production",
}
_RULE: Final = "experiment-ref"
_GROUP: Final = "mg_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Builds documents for one server, whose own pages are below ``pages`` (empty: none).

    ``model_key`` is the member of a variation's value that names the model it is served with.
    """

    source: str
    pages: str
    model_key: str

    def experiment(self, told: Payload, *, features: list[Payload]) -> Iterator[Document]:
        """An experiment, its cells and, for each phase, who is put into them."""
        key, phases = required(told, "id"), records(told, "phases")
        last = phases[-1] if phases else {}
        yield self._document(
            "experiment",
            key,
            name=required(told, "name"),
            description=text(told, "description"),
            hypothesis=text(told, "hypothesis"),
            status="archived" if told.get("archived") else _STATUSES.get(text(told, "status")),
            created=date_time(told, "dateCreated"),
            starts=date_time(phases[0], "dateStarted") if phases else None,
            ends=date_time(last, "dateEnded"),
            rollout=_share(last, "coverage") if "coverage" in last else None,
            audience=_audience(last),
            owners=_owners(told),
            tags=_texts(told, "tags"),
            goals=_goals(record(told, "settings")),
            page=self._page("experiment", key),
        )
        rules = [found for feature in features for found in _rules(feature, key)]
        for position, variation in enumerate(records(told, "variations")):
            id = required(variation, "variationId")
            named = {self._model(value) for _, rule in rules for value in _values(rule, id)}
            yield self._document(
                "experiment-cell",
                f"{key}/{id}",
                name=f"{required(told, 'name')}: {text(variation, 'name') or id}",
                description=text(variation, "description"),
                experiment=key,
                control=True if position == 0 else None,
                instances=sorted(m[1] for m in map(_INSTANCE.fullmatch, named) if m),
                versions=sorted(m[1] for m in map(_VERSION.fullmatch, named) if m),
            )
        served = {place for place, _ in rules if place}
        for position, phase in enumerate(phases):
            for split in records(phase, "trafficSplit"):
                cell = f"{key}/{required(split, 'variationId')}"
                yield self._document(
                    "allocation",
                    _allocation(key, position, split),
                    name=f"{text(phase, 'name') or 'phase'} {position + 1}: {cell}",
                    cell=cell,
                    share=_share(split, "weight"),
                    starts=date_time(phase, "dateStarted"),
                    ends=date_time(phase, "dateEnded"),
                    audience=_audience(phase),
                    environments=sorted(served) if phase is last else None,
                )

    def metric(self, told: Payload) -> Document:
        key = required(told, "id")
        return self._document(
            "metric",
            key,
            name=required(told, "name"),
            description=text(told, "description"),
            created=date_time(told, "dateCreated"),
            tags=_texts(told, "tags"),
            page=self._page("fact-metrics" if key.startswith("fact__") else "metric", key),
        )

    def _model(self, value: str) -> str:
        """The model that a value names: the member of an object, or the text itself."""
        try:
            told = json.loads(value)
        except (ValueError, RecursionError):
            return value
        found = told.get(self.model_key) if isinstance(told, dict) else told
        return found if isinstance(found, str) else ""

    def _page(self, kind: str, key: str) -> str:
        return f"{self.pages}/{kind}/{quote(key, safe='')}" if self.pages else ""

    def _document(self, entity_type: str, key: str, **payload: Any) -> Document:
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        return Document(ref=EntityRef(entity_type, self.source, key), payload=told)


def entities(told: Payload) -> Iterator[tuple[str, str]]:
    """An experiment, its cells and allocations by type and key, the experiment first."""
    key = required(told, "id")
    yield "experiment", key
    for variation in records(told, "variations"):
        yield "experiment-cell", f"{key}/{required(variation, 'variationId')}"
    for position, phase in enumerate(records(told, "phases")):
        for split in records(phase, "trafficSplit"):
            yield "allocation", _allocation(key, position, split)


def experiments_of(feature: Payload) -> Iterator[str]:
    """The experiments that a feature's rules give out, whether or not they are in force."""
    for _, rule in _all_rules(feature):
        if text(rule, "type") == _RULE:
            yield required(rule, "experimentId")


def _allocation(key: str, position: int, split: Payload) -> str:
    return f"{key}/{position + 1}/{required(split, 'variationId')}"


def _rules(feature: Payload, experiment: str) -> Iterator[tuple[str, Payload]]:
    """A feature's rules for an experiment; with each, the stage in which it is in force, if any."""
    for (name, place), rule in _all_rules(feature):
        if text(rule, "type") == _RULE and required(rule, "experimentId") == experiment:
            in_force = place.get("enabled") is True and rule.get("enabled") is True
            stage = _ENVIRONMENTS.get(name.lower(), "") if in_force else ""
            yield ("" if feature.get("archived") else stage), rule


def _all_rules(feature: Payload) -> Iterator[tuple[tuple[str, Payload], Payload]]:
    places = part(feature, "environments")
    for name in places:
        place = record(places, name)
        for rule in records(place, "rules"):
            yield (name, place), rule


def _values(rule: Payload, variation: str) -> Iterator[str]:
    for told in records(rule, "variations"):
        if required(told, "variationId") == variation:
            yield text(told, "value")


def _goals(settings: Payload) -> list[str]:
    """The goal metrics; a group of metrics is no metric."""
    goals = {required(goal, "metricId") for goal in records(settings, "goals")}
    return sorted(goal for goal in goals if not goal.startswith(_GROUP))


def _owners(told: Payload) -> list[str]:
    """The owner's e-mail address; older servers have it, a name or their own id as ``owner``."""
    for name in ("ownerEmail", "owner"):
        address = text(told, name).strip().lower()
        if "@" in address:
            return [address]
    return []


def _share(told: Payload, name: str) -> str:
    share = Decimal(repr(number(told, name)))
    if not 0 <= share <= 1:
        raise BadPayload(f"{name} is not between 0 and 1: {told!r:.200}")
    return format(share.normalize(), "f")


def _audience(phase: Payload) -> str:
    """Whom a phase is for: its condition as GrowthBook writes it, then its saved groups."""
    condition = text(phase, "targetingCondition").strip()
    told = [condition] if condition not in ("", "{}") else []
    for groups in records(phase, "savedGroupTargeting"):
        names = ", ".join(_texts(groups, "savedGroups"))
        told.append(f"in {required(groups, 'matchType')} of {names}")
    return " and ".join(told)


def _texts(told: Payload, name: str) -> list[str]:
    values = told.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadPayload(f"In an answer {name!r} is not a list of texts: {told!r:.200}")
    return sorted({value for value in values if value})
