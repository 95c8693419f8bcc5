"""What the record says as documents, in the words of `context.jsonld`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document
from kg.sources.openlineage import facets
from kg.sources.openlineage.facets import Malformed
from kg.sources.openlineage.parsing import FINAL, RENAMED, Name
from kg.sources.openlineage.record import Named, Reading

_STATUS = {"FAIL": "failed", "ABORT": "cancelled", "COMPLETE": "succeeded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """One reading of the record. ``owner`` names the source of a kind's things in a namespace."""

    source: str
    owner: Callable[[str, str], str]
    reading: Reading

    def refs(self, thing: Named) -> Iterator[EntityRef]:
        """The entities that a thing of the record is; of its names for others, none."""
        kind, key = thing
        if kind == "dataset":
            yield from self._dataset_refs(key)
        elif kind == "run":
            top = self.reading.top(key) == key
            yield EntityRef("pipeline-run" if top else "step-run", self.source, key)
        else:
            if self.reading.has_top_run(key):
                yield EntityRef("pipeline", self.source, key)
            if self.reading.step_run(key):
                yield EntityRef("pipeline-step", self.source, key)

    def all(self) -> Iterator[EntityRef]:
        for kind in ("job", "dataset"):
            for key, name in self.reading.names(kind):
                if self.owner(kind, name.namespace) == self.source:
                    if kind == "dataset" and self.reading.is_dropped(key):
                        continue
                    yield from self.refs((kind, key))
        for run in self.reading.runs():
            yield from self.refs(("run", run))

    def document(self, ref: EntityRef) -> Document | None:
        """The entity as it is now, if there is one of that type and key."""
        kinds = {"dataset": "dataset", "pipeline": "job", "pipeline-step": "job"}
        kind = kinds.get(ref.type, "run")
        name = self.reading.name(kind, ref.key)
        if kind == "run":
            known = self.reading.job_of(ref.key) is not None
        else:
            known = name is not None and self.owner(kind, name.namespace) == self.source
        if not known or ref not in self.refs((kind, ref.key)):
            return None
        if kind == "dataset" and self.reading.is_dropped(ref.key):
            return None
        told = self._facets(kind, ref.key)
        if kind == "dataset":
            told |= self._dataset(ref.key)
        elif ref.type == "pipeline-step":
            told |= {"stepOf": self._plan_of_step(ref.key)}
        elif kind == "run":
            told |= self._run(ref)
        if name is not None:
            told["name"] = name.name
        kept = {key: value for key, value in told.items() if value not in ("", None, [])}
        return Document(ref=ref, payload=kept)

    def _facets(self, kind: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            for name, told in self.reading.facets(kind, key):
                if name in facets.READERS[kind]:
                    found |= facets.read(kind, name, json.loads(told))
        except (Malformed, ValueError, AttributeError) as error:
            raise BadPayload(
                f"Source {self.source!r}: the record of {kind} {key[:200]!r} is damaged: {error}."
            ) from error
        for owners, entity_type in (("people", "person"), ("teams", "team")):
            found[owners] = [o for o in found.get(owners, ()) if _nameable(entity_type, o)]
        return found

    def _dataset(self, key: str) -> dict[str, Any]:
        """What it is computed from: what its writers' latest runs read, or read by design."""
        inputs: set[str] = set()
        plans: set[str] = set()
        produced: str | None = None
        seen: set[str] = set()
        for run, job in self.reading.writing_runs(key):
            if produced is None and self._state(run)[0] == "succeeded":
                produced = self.reading.top(run)
            if job not in seen:
                seen.add(job)
                inputs.update(self.reading.of_run(run, "input"))
                plans.add(self._plan(self.reading.top(run)))
        for job in self.reading.writing_jobs(key):
            inputs.update(self.reading.by_design(job, "input"))
            top = self.reading.has_top_run(job)
            plans.add(self._iri("pipeline", job) if top else self._plan_of_step(job))
        before = dict(self.reading.facets("dataset", key)).get(RENAMED)
        old = {Name(*json.loads(before)).key} if before else set()
        return {
            "supersedes": self._datasets(old),
            "inputs": self._datasets(inputs - {key}),
            "plans": sorted(filter(None, plans)),
            "producedBy": self._iri("pipeline-run", produced) if produced else "",
        }

    def _run(self, ref: EntityRef) -> dict[str, Any]:
        status, ended = self._state(ref.key)
        moments = self.reading.moments(ref.key)
        job = self.reading.job_of(ref.key) or ""
        name = self.reading.name("job", job)
        told: dict[str, Any] = {
            "name": f"{name.name if name else job} {ref.key}",
            "status": status,
            "started": _shortest(moments.get("START", "")),
            "ended": _shortest(ended),
        }
        if ref.type == "step-run":
            told["run"] = self._iri("pipeline-run", self.reading.top(ref.key))
            told["step"] = self._iri("pipeline-step", job)
        else:
            used = {d for r in self.reading.below(ref.key) for d in self.reading.of_run(r, "input")}
            told |= {"pipeline": self._plan(ref.key), "used": self._datasets(used)}
        return told

    def _state(self, run: str) -> tuple[str, str]:
        """How a run stands and since when it has ended: the first final state is final."""
        moments = self.reading.moments(run)
        ends = sorted((time, FINAL.index(t), t) for t, time in moments.items() if t in _STATUS)
        if ends:
            return _STATUS[ends[0][2]], ends[0][0]
        return ("running" if "START" in moments or "RUNNING" in moments else ""), ""

    def _plan(self, run: str) -> str:
        """The pipeline that a run at the top is an execution of."""
        job = self.reading.job_of(run)
        return self._iri("pipeline", job) if job else ""

    def _plan_of_step(self, job: str) -> str:
        run = self.reading.step_run(job)
        return self._plan(self.reading.top(run)) if run else ""

    def _datasets(self, keys: set[str]) -> list[str]:
        refs = {ref for key in keys for ref in self._dataset_refs(key)}
        return sorted(f"id/{ref}" for ref in refs if ref.type == "dataset")

    def _dataset_refs(self, key: str) -> list[EntityRef]:
        name = self.reading.name("dataset", key)
        if name is None or (owner := self.owner("dataset", name.namespace)) == self.source:
            return [EntityRef("dataset", self.source, key)]
        named = self.reading.named(key)
        return datasets_elsewhere(owner, name, json.loads(named) if named else None)

    def _iri(self, entity_type: str, key: str) -> str:
        return f"id/{EntityRef(entity_type, self.source, key)}"


def datasets_elsewhere(
    owner: str, name: Name, by_tool: Iterable[Sequence[str]] | None
) -> list[EntityRef]:
    """What a dataset is at another source: what its tool says, else its name without namespace."""
    if by_tool is None:
        return [EntityRef("dataset", owner, name.name)]
    return [EntityRef(entity_type, owner, key) for entity_type, key in by_tool]


def _nameable(entity_type: str, key: str) -> bool:
    try:
        EntityRef(entity_type, "openlineage", key)
    except BadIri:
        return False
    return True


def _shortest(time: str) -> str:
    """The one way to write a moment in ``xsd:dateTime``."""
    return time.removesuffix("Z").rstrip("0").rstrip(".") + "Z" if time else ""
