"""What entities refer to and the graph does not know yet: it is hydrated too, in the background."""

from __future__ import annotations

from collections.abc import Mapping

from kg import iris
from kg.errors import MlgError
from kg.events import Inbox
from kg.facts import Facts
from kg.iris import EntityRef, Minter
from kg.sources import Source
from kg.terms import iri_of

_REMEMBERED = 200_000


class References:
    """Finds them among new statements, and notes in the inbox how much hangs on each."""

    def __init__(self, inbox: Inbox, *, sources: Mapping[str, Source], minter: Minter) -> None:
        self._inbox = inbox
        self._sources = sources
        self._minter = minter
        self._settled: set[str] = set()
        """IRIs that need no asking: the graph knows them, or nobody can tell."""

    def follow(self, referred: Mapping[str, int], facts: Facts) -> None:
        """Notes what so many new statements refer to; ``facts`` is the graph with them."""
        settled, is_entity = self._settled, self._minter.is_entity
        awaited: dict[EntityRef, int] = {}
        for value, count in referred.items():
            if (iri := iri_of(value)) in settled or not is_entity(iri):
                continue
            if (ref := self._who_can_tell(iri)) and not facts.properties(iri).get(iris.TYPE):
                awaited[ref] = count
            else:
                settled.add(iri)
        if len(settled) > _REMEMBERED:
            settled.clear()
        if awaited:
            self._inbox.refer(awaited)

    def _who_can_tell(self, iri: str) -> EntityRef | None:
        """The name of an entity whose source is connected, and has entities of its type."""
        try:
            ref = self._minter.parse(iri)
        except MlgError:
            return None
        source = self._sources.get(ref.source)
        if source is None or (source.types and ref.type not in source.types):
            return None
        return ref
