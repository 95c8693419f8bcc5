"""Stage 2: asks the source that owns an entity for its complete current state.

Only the source named in the entity's IRI is asked, at the address in its settings. A source that
does not answer is not asked again within the batch: its other entities wait with the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from kg.errors import BadPayload, MlgError, NotFound, SourceUnavailable, UnknownSource
from kg.iris import EntityRef
from kg.model import Snapshot
from kg.sources import Source, not_owned


@dataclass(frozen=True, slots=True, kw_only=True)
class Hydrated:
    """What a batch of entities came to: snapshots, and the errors of those that have none."""

    snapshots: Mapping[EntityRef, Snapshot]
    unavailable: Mapping[EntityRef, SourceUnavailable]
    unusable: Mapping[EntityRef, MlgError]


def hydrate(
    refs: Iterable[EntityRef], *, sources: Mapping[str, Source], executor: Executor
) -> Hydrated:
    """Fetches each entity once. Several are asked for at a time where the source allows it."""
    snapshots: dict[EntityRef, Snapshot] = {}
    unavailable: dict[EntityRef, SourceUnavailable] = {}
    unusable: dict[EntityRef, MlgError] = {}
    for name, batch in _by_source(refs).items():
        source = sources.get(name)
        if source is None:
            error = UnknownSource(f"No source {name!r} is configured; `mlg sources` lists them.")
            unusable |= dict.fromkeys(batch, error)
            continue
        for start in range(0, len(batch), source.in_flight):
            group = batch[start : start + source.in_flight]
            for ref, answer in zip(group, _fetch_all(source, group, executor), strict=True):
                if isinstance(answer, Snapshot):
                    snapshots[ref] = answer
                elif isinstance(answer, SourceUnavailable):
                    unavailable[ref] = answer
                else:
                    unusable[ref] = answer
            if down := next((unavailable[ref] for ref in group if ref in unavailable), None):
                unavailable |= dict.fromkeys(batch[start + len(group) :], down)
                break
    return Hydrated(snapshots=snapshots, unavailable=unavailable, unusable=unusable)


def _by_source(refs: Iterable[EntityRef]) -> dict[str, list[EntityRef]]:
    batches: dict[str, list[EntityRef]] = {}
    for ref in refs:
        batches.setdefault(ref.source, []).append(ref)
    return batches


def _fetch_all(
    source: Source, refs: list[EntityRef], executor: Executor
) -> Iterable[Snapshot | MlgError]:
    if len(refs) == 1:
        return [_fetch(source, refs[0])]
    return executor.map(partial(_fetch, source), refs)


def _fetch(source: Source, ref: EntityRef) -> Snapshot | MlgError:
    if source.types and ref.type not in source.types:
        return not_owned(source, ref)
    try:
        return source.fetch(ref)
    except (SourceUnavailable, BadPayload, NotFound) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault in a connector stops only its own
        return BadPayload(f"Source {source.name!r} failed on {ref}: {error!r}.")
