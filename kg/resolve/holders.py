"""Who bears which name: graph ``names`` of the store, so that candidates are looked up.

A name is a statement ``entity rule "name as it is read"``. The graph is the stage's own, like an
index: it follows from the facts, and no query sees it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import islice

from kg.draft import Draft
from kg.iris import graph
from kg.terms import literal

NAMES = graph("names")
Key = tuple[str, str]
"""A rule's IRI, and a name as a value."""


class Holders:
    """The bearers of names, before a draft and after it; more than ``most`` stand for many."""

    def __init__(self, draft: Draft, *, most: int) -> None:
        self._draft = draft
        self._most = most
        self._added: dict[Key, set[str]] = defaultdict(set)
        self._removed: dict[Key, set[str]] = defaultdict(set)
        self._known: dict[Key, tuple[set[str], set[str]]] = {}

    def rename(self, iri: str, names: Mapping[str, Collection[str]]) -> set[Key]:
        """Makes these the names of an entity; answers all that it has or had."""
        new = {(rule, literal(name)) for rule in names for name in names[rule]}
        old = self._stored(iri)
        for rule, name in new - old:
            self._added[rule, name].add(iri)
            self._draft.add((iri, rule, name, NAMES))
        for rule, name in old - new:
            self._removed[rule, name].add(iri)
            self._draft.remove((iri, rule, name, NAMES))
        return old | new

    def _stored(self, iri: str) -> set[Key]:
        if iri in self._draft.created:
            return set()
        found: set[Key] = set()
        for _, rule, name, _ in self._draft.store.quads(subject=iri, graph=NAMES):
            found.add((rule, name))
        return found

    def of(self, key: Key) -> tuple[set[str], set[str]]:
        """Who bore a name and who will, once all are renamed."""
        known = self._known.get(key)
        if known is None:
            rule, name = key
            removed, added = self._removed.get(key, set()), self._added.get(key, set())
            found = self._draft.store.quads(predicate=rule, value=name, graph=NAMES)
            before = {quad[0] for quad in islice(found, self._most + 1 + len(removed))}
            known = self._known[key] = before, (before - removed) | added
        return known

    def crosses(self, key: Key) -> bool:
        """Whether many bore a name and few will, or the other way round."""
        before, after = self.of(key)
        return (len(before) > self._most) != (len(after) > self._most)

    def many(self, key: Key) -> bool:
        return len(self.of(key)[1]) > self._most
