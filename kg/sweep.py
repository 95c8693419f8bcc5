"""The reconcile sweep: finds what no event told of, by asking a source for all that it has.

Every entity that the source lists, or that the graph has from it, is put on the bus; hydration
then tells what changed and what is gone. Nothing is put there when the listing ends in an error,
so that half a list never looks like a deletion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

from kg import iris
from kg.errors import BadPayload, SourceUnavailable
from kg.events import FIRST_SWEEP, SWEEP, Inbox
from kg.facts import Facts
from kg.iris import EntityRef, Minter
from kg.model import Event
from kg.sources import Source
from kg.terms import node


def sweep(
    source: Source,
    *,
    facts: Facts,
    inbox: Inbox,
    minter: Minter,
    progress: Callable[[int], None] = lambda listed: None,
) -> int:
    """Puts a source's entities on the bus and answers how many. Raises `SourceUnavailable`, `BadPayload`."""
    refs: dict[EntityRef, None] = {}
    try:
        for ref in source.list():
            refs[ref] = None
            progress(len(refs))
    except (SourceUnavailable, BadPayload) as error:
        inbox.failed(source.name, str(error))
        raise
    listed = len(refs)
    for ref in _recorded_by(source, facts, minter):
        refs[ref] = None
    is_first = inbox.source(source.name).last_sweep is None
    sweep_id = f"{FIRST_SWEEP if is_first else SWEEP}{uuid4()}"
    inbox.publish(
        Event(ref=ref, event_type=ref.type.replace("-", "_") + ".swept", event_id=sweep_id)
        for ref in refs
    )
    inbox.swept(source.name, listed=listed)
    return len(refs)


def _recorded_by(source: Source, facts: Facts, minter: Minter) -> Iterator[EntityRef]:
    """What the graph has from a source, and the source can be asked for."""
    recorder = node(minter.mint(iris.source_system(source.name)))
    for iri in facts.subjects(iris.RECORDED_BY, recorder):
        ref = minter.parse(iri)
        gone = node(iris.TOMBSTONE) in facts.objects(iri, iris.TYPE)
        if not gone and (not source.types or ref.type in source.types):
            yield ref
