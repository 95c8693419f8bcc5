"""OpenLineage's events: checked, and taken apart into what the record keeps.

A run event says of a run, its job and datasets; a job event and a dataset event what holds without
any run (OpenLineage 2, of 2023). Anything malformed is a `BadEvent` with the JSON pointer to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from kg.errors import BadEvent, BadIri
from kg.iris import EntityRef
from kg.model import Payload
from kg.sources.openlineage import facets
from kg.sources.openlineage.facets import Malformed, pointer
from kg.sources.openlineage.tools import Names, by_tool, dataset_by_tool, is_declaration

NAMED: Final = "(named)"
"""Stands among a dataset's facets for `Thing.by_tool`."""
RENAMED: Final = "(renamed)"
"""Stands there for `Thing.before`, which later changes of the dataset do not take back."""
DROPPED: Final = '{"lifecycleStateChange":"DROP"}'
FINAL: Final = ("FAIL", "ABORT", "COMPLETE")
_TYPES: Final = ("START", "RUNNING", "OTHER", *FINAL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """How OpenLineage names a job or a dataset."""

    namespace: str
    name: str

    @property
    def key(self) -> str:
        """``namespace/name``, where a slash of the namespace is encoded, but for its scheme's.

        So no two names have the same key.
        """
        scheme = _SCHEME.match(self.namespace)
        start = scheme.group() if scheme else ""
        rest = self.namespace[len(start) :].replace("%", "%25").replace("/", "%2F")
        if not start and rest.endswith(":"):
            rest = rest[:-1] + "%3A"
        return f"{start}{rest}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A job, run or dataset, with those of its facets that are kept, as canonical JSON."""

    name: Name
    facets: dict[str, str] = field(default_factory=dict)
    by_tool: Names | None = None
    """Types and keys of what a dataset is to the tool that tells of it; None if it does not say."""
    before: Name | None = None
    """How a dataset was named before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    id: str
    type: str
    facets: dict[str, str]
    parent: str | None = None
    parent_job: Name | None = None
    by_tool: tuple[tuple[str, str], ...] = ()
    """Types and keys of what the run is and is of, where the tool says what it calls them itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event. ``time`` is in UTC with six digits, so that texts compare as moments do."""

    time: str
    job: Thing | None = None
    run: Run | None = None
    inputs: tuple[Thing, ...] = ()
    outputs: tuple[Thing, ...] = ()
    aside: tuple[Thing, ...] = ()
    """Datasets that are told of by themselves, and the names that others had before."""

    @property
    def datasets(self) -> Iterator[Thing]:
        yield from (*self.inputs, *self.outputs, *self.aside)


def parse(data: Any) -> Told:
    """One event from its JSON. Raises `BadEvent`, its details with ``pointer``."""
    try:
        return _event(data)
    except Malformed as error:
        where = error.pointer or "/"
        raise BadEvent(f"In an OpenLineage event {where} {error.problem}.", pointer=where) from None


def _event(data: Any) -> Told:
    if not isinstance(data, dict):
        raise Malformed("", "is not an object with eventTime and run, job or dataset")
    time = _time(data)
    if "dataset" in data and "job" not in data:
        dataset = _thing("dataset", facets.record(data, "dataset"), "dataset")
        return Told(time=time, aside=(dataset, *_before(dataset)))
    told = facets.record(data, "job")
    job = _thing("job", told, "job")
    run = _run(data, job.name) if "run" in data or "eventType" in data else None
    inputs, outputs = _datasets(data, "inputs"), _datasets(data, "outputs")
    if is_declaration(facets.part(told, "facets", "job")):
        aside = {thing.name: replace(thing, by_tool=thing.by_tool or ()) for thing in inputs}
        aside |= {thing.name: thing for thing in outputs}
        return Told(time=time, aside=tuple(aside.values()))
    before = tuple(old for thing in (*inputs, *outputs) for old in _before(thing))
    return Told(time=time, job=job, run=run, inputs=inputs, outputs=outputs, aside=before)


def _before(thing: Thing) -> Iterator[Thing]:
    """What is renamed is gone from where it was."""
    if thing.before is not None:
        yield Thing(name=thing.before, facets={facets.LIFECYCLE: DROPPED})


def _run(data: Payload, job: Name) -> Run:
    run = facets.record(data, "run")
    kind = facets.some_text(data, "eventType") or "OTHER"
    if kind not in _TYPES:
        raise Malformed("/eventType", f"is none of {', '.join(_TYPES)}")
    told = facets.part(run, "facets", "run")
    id, at = _run_id(run, "run"), ("run", "facets", "parent")
    kept = _facets("run", told, "run", "facets")
    found = Run(id=id, type=kind, facets=kept, by_tool=by_tool(told))
    parent = facets.part(told, "parent", "run", "facets")
    if not parent or parent.get("_deleted") is True:
        return found
    above = _run_id(facets.record(parent, "run", *at), *at, "run")
    named = _name("job", facets.record(parent, "job", *at), *at, "job")
    if above == id:
        return found
    return replace(found, parent=above, parent_job=named)


def _run_id(run: Payload, *at: str | int) -> str:
    told = facets.text(run, "runId", *at)
    try:
        return str(UUID(told))
    except ValueError:
        raise Malformed(pointer((*at, "runId")), "is not a UUID") from None


def _datasets(data: Payload, name: str) -> tuple[Thing, ...]:
    told = facets.records(data, name)
    return tuple(_thing("dataset", one, name, number) for number, one in enumerate(told))


def _thing(kind: str, told: Payload, *at: str | int) -> Thing:
    parts = facets.part(told, "facets", *at)
    name, kept = _name(kind, told, *at), _facets(kind, parts, *at, "facets")
    named = dataset_by_tool(parts) if kind == "dataset" else None
    if named is not None:
        kept[NAMED] = json.dumps(named)
    before = _renamed(parts, *at) if kind == "dataset" else None
    if before is None or before == name:
        return Thing(name=name, facets=kept, by_tool=named)
    kept[RENAMED] = json.dumps([before.namespace, before.name])
    return Thing(name=name, facets=kept, by_tool=named, before=before)


def _renamed(parts: Payload, *at: str | int) -> Name | None:
    if facets.renamed_from(parts) is None:
        return None
    here = (*at, "facets", facets.LIFECYCLE, "previousIdentifier")
    return _name("dataset", parts[facets.LIFECYCLE]["previousIdentifier"], *here)


def _name(kind: str, told: Payload, *at: str | int) -> Name:
    name = Name(facets.text(told, "namespace", *at), facets.text(told, "name", *at))
    try:
        EntityRef(kind, "openlineage", name.key)
        name.key.encode("utf-8")
    except (BadIri, UnicodeEncodeError):
        problem = "and its namespace are too long, or hold a character that no name has"
        raise Malformed(pointer((*at, "name")), problem) from None
    return name


def _facets(kind: str, told: Payload, *at: str | int) -> dict[str, str]:
    """The known ones that are there, each checked by reading it."""
    found = {}
    for name in facets.READERS[kind]:
        if told.get(name) is None:
            continue
        facet = facets.record(told, name, *at)
        try:
            facets.read(kind, name, facet)
        except Malformed as error:
            raise Malformed(pointer((*at, name)) + error.pointer, error.problem) from None
        kept = {key: value for key, value in facet.items() if key[:1] != "_" or key == "_deleted"}
        found[name] = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        try:
            found[name].encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed(pointer((*at, name)), "cannot be written as UTF-8") from None
    return found


def _time(data: Payload) -> str:
    told = facets.text(data, "eventTime")
    try:
        time = datetime.fromisoformat(told)
        if time.tzinfo is None:
            raise Malformed("/eventTime", "has no zone, as in 2026-11-26T08:00:00Z")
        return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise Malformed("/eventTime", "is not ISO 8601, as in 2026-11-26T08:00:00Z") from None
