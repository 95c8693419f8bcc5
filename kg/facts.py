"""Reading the current view: what stages ask of the graph, before and after a change is written.

A stage never sees the store; it sees `Facts`. `Overlay` is the graph as it will be once a change
is committed, so inference and validation run before the one atomic update, and belong to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

from kg import iris
from kg.terms import Statement, iri_of, is_literal, text_of


class Facts(Protocol):
    """The statements of the default graph, by the patterns that the stages need."""

    def about(self, subject: str) -> Iterable[Statement]:
        """The statements with this subject; its parts have subjects of their own."""
        ...

    def objects(self, subject: str, predicate: str) -> Iterable[str]:
        """The values that a subject has for a predicate."""
        ...

    def subjects(self, predicate: str | None, value: str) -> Iterable[str]:
        """IRIs that point at the value by the predicate, or by any when it is None."""
        ...

    def holds(self, statement: Statement) -> bool: ...


class Overlay:
    """Facts with a change laid over them. The change may grow while it is read.

    What lies below must not change meanwhile: each subject of it is read once and remembered.
    """

    def __init__(self, under: Facts) -> None:
        self._under = under
        self._added: dict[str, _ByPredicate] = {}
        self._added_at: dict[str, set[Statement]] = defaultdict(set)
        self._removed: set[Statement] = set()
        self._known: dict[str, _ByPredicate] = {}
        self._pointing: dict[tuple[str | None, str], tuple[str, ...]] = {}
        self._pointed: dict[str, bool] = {}

    def fresh(self, subject: str) -> None:
        """Says that the graph below holds nothing about the subject, which spares asking it."""
        self._known[subject] = {}

    def add(self, statement: Statement) -> None:
        self._removed.discard(statement)
        subject, predicate, value = statement
        about = self._added.get(subject)
        if about is None:
            about = self._added[subject] = {}
        found = about.get(predicate)
        if found is None:
            about[predicate] = {value}
        else:
            found.add(value)
        self._added_at[value].add(statement)

    def remove(self, statement: Statement) -> None:
        subject, predicate, value = statement
        self._added.get(subject, {}).get(predicate, set()).discard(value)
        self._added_at[value].discard(statement)
        self._removed.add(statement)

    def either(self) -> Overlay:
        """What holds before the change or after it: where to look for what a change may affect."""
        view = Overlay(self._under)
        view._added, view._added_at = self._added, self._added_at
        view._known, view._pointing = self._known, self._pointing
        view._pointed = self._pointed
        return view

    def about(self, subject: str) -> Iterator[Statement]:
        added = self._added.get(subject, {})
        for predicate, values in tuple(added.items()):
            for value in tuple(values):
                yield subject, predicate, value
        for predicate, values in self._below(subject).items():
            new = added.get(predicate, ())
            for value in values:
                if value not in new and (subject, predicate, value) not in self._removed:
                    yield subject, predicate, value

    def objects(self, subject: str, predicate: str) -> list[str]:
        new = self._added.get(subject, {}).get(predicate, ())
        below = self._below(subject).get(predicate, ())
        if not below:
            return list(new)
        removed = self._removed
        kept = [v for v in below if v not in new and (subject, predicate, v) not in removed]
        return [*new, *kept]

    def subjects(self, predicate: str | None, value: str) -> list[str]:
        added = self._added_at.get(value, ())
        seen = {s for s, p, _ in added if predicate is None or p == predicate}
        pointing = self._referrers(predicate, value)
        kept = [s for s in pointing if s not in seen and self._still(s, predicate, value)]
        return [*seen, *kept]

    def holds(self, statement: Statement) -> bool:
        subject, predicate, value = statement
        if value in self._added.get(subject, {}).get(predicate, ()):
            return True
        below = self._below(subject).get(predicate, ())
        return value in below and statement not in self._removed

    def _referrers(self, predicate: str | None, value: str) -> tuple[str, ...]:
        """Who points at a value below. Of most new values nobody does, so that is asked first."""
        key = (predicate, value)
        found = self._pointing.get(key)
        if found is None:
            known = self._pointed.get(value)
            if known is None:
                known = next(iter(self._under.subjects(None, value)), None) is not None
                self._pointed[value] = known
            found = tuple(self._under.subjects(predicate, value)) if known else ()
            self._pointing[key] = found
        return found

    def _below(self, subject: str) -> _ByPredicate:
        known = self._known.get(subject)
        if known is None:
            known = self._known[subject] = {}
            for _, predicate, value in self._under.about(subject):
                known.setdefault(predicate, set()).add(value)
        return known

    def _still(self, subject: str, predicate: str | None, value: str) -> bool:
        if not self._removed:
            return True
        if predicate is not None:
            return (subject, predicate, value) not in self._removed
        return any(v == value for _, _, v in self.about(subject))


_ByPredicate = dict[str, set[str]]


def described(facts: Facts, iri: str) -> set[Statement]:
    """All statements about an entity: those with its IRI as subject, and those of its parts."""
    found = set(facts.about(iri))
    prefix, queue, seen = f"<{iri}#", [value for _, _, value in found], {iri}
    while queue:
        value = queue.pop()
        if value.startswith(prefix) and (part := iri_of(value)) not in seen:
            seen.add(part)
            about = list(facts.about(part))
            found.update(about)
            queue.extend(v for _, _, v in about)
    return found


def name_of(facts: Facts, iri: str) -> str | None:
    """The entity's name, by the first naming property that it has."""
    names = {predicate: value for _, predicate, value in facts.about(iri)}
    for predicate in iris.NAMES:
        value = names.get(predicate)
        if value is not None and is_literal(value):
            return text_of(value)
    return None
