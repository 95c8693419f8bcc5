"""Reading the current view: what stages ask of the graph, before and after a change is written.

A stage never sees the store; it sees `Facts`. `Overlay` is the graph as it will be once a change
is committed, so inference and validation run before the one atomic update, and belong to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from kg import iris
from kg.terms import Statement, Statements, iri_of, is_literal, text_of

Properties = Mapping[str, Collection[str]]
"""What is stated of a subject: its values by predicate."""


class Facts(Protocol):
    """The statements of the default graph, by the patterns that the stages need."""

    def about(self, subject: str) -> Iterable[Statement]:
        """The statements with this subject; its parts have subjects of their own."""
        ...

    def properties(self, subject: str) -> Properties:
        """The same, as values by predicate. It is the caller's to read only."""
        ...

    def objects(self, subject: str, predicate: str) -> Iterable[str]:
        """The values that a subject has for a predicate."""
        ...

    def subjects(self, predicate: str | None, value: str) -> Iterable[str]:
        """IRIs that point at the value, which is an IRI, by the predicate, or by any if None."""
        ...

    def holds(self, statement: Statement) -> bool: ...


class Overlay:
    """Facts with a change laid over them. The change may grow while it is read.

    What lies below must not change meanwhile: each subject of it is read once and remembered.
    """

    def __init__(self, under: Facts) -> None:
        self._under = under
        self._said: dict[str, dict[str, set[str]]] = {}
        """All that holds of the subjects met so far, what lies below included."""
        self._added_at: defaultdict[str, Statements] = defaultdict(dict)
        self._removed: dict[str, set[Statement]] = {}
        self._removed_at: dict[str, set[Statement]] = {}
        self._pointing: dict[tuple[str | None, str], tuple[str, ...]] = {}
        self._pointed: dict[str, bool] = {}

    @classmethod
    def of(cls, statements: Collection[Statement]) -> Overlay:
        """Just these statements, over nothing."""
        found = cls(_NOTHING)
        for statement in statements:
            found.add(statement)
        return found

    def rest_on(self, under: Facts) -> None:
        """Lays the change over other facts, which say the same: what it was laid over has landed."""
        self._under = under

    def fresh(self, subject: str) -> None:
        """Says that the graph below holds nothing about the subject, which spares asking it."""
        self._said[subject] = {}

    def add(self, statement: Statement) -> None:
        subject, predicate, value = statement
        said = self._said.get(subject)
        if said is None:
            said = self._read(subject)
        values = said.get(predicate)
        if values is None:
            said[predicate] = {value}
        else:
            values.add(value)
        if value[0] == "<":
            self._added_at[value][statement] = None
        if subject in self._removed:
            self._removed[subject].discard(statement)
            self._removed_at.get(value, set()).discard(statement)

    def remove(self, statement: Statement) -> None:
        subject, predicate, value = statement
        said = self._said.get(subject) or self._read(subject)
        values = said.get(predicate, set())
        values.discard(value)
        if not values:
            said.pop(predicate, None)
        self._added_at.get(value, {}).pop(statement, None)
        self._removed.setdefault(subject, set()).add(statement)
        self._removed_at.setdefault(value, set()).add(statement)

    def added_at(self) -> Mapping[str, int]:
        """How many new statements have each value that is an IRI."""
        return {value: len(said) for value, said in self._added_at.items() if said}

    def either(self) -> Facts:
        """What holds before the change or after it: where to look for what a change may affect."""
        return _Either(self, self._removed, self._removed_at)

    def properties(self, subject: str) -> Properties:
        said = self._said.get(subject)
        return self._read(subject) if said is None else said

    def about(self, subject: str) -> list[Statement]:
        said = self.properties(subject)
        return [(subject, predicate, value) for predicate in said for value in said[predicate]]

    def objects(self, subject: str, predicate: str) -> list[str]:
        values = self.properties(subject).get(predicate)
        return list(values) if values else []

    def subjects(self, predicate: str | None, value: str) -> list[str]:
        added = self._added_at.get(value)
        below = self._referrers(predicate, value)
        if not added:
            seen: set[str] = set()
        elif predicate is None:
            seen = {statement[0] for statement in added}
        else:
            seen = {statement[0] for statement in added if statement[1] == predicate}
        if not below:
            return list(seen)
        return [*seen, *(s for s in below if s not in seen and self._still(s, predicate, value))]

    def holds(self, statement: Statement) -> bool:
        subject, predicate, value = statement
        return value in self.properties(subject).get(predicate, ())

    def _referrers(self, predicate: str | None, value: str) -> tuple[str, ...]:
        """Who points at a value below. Of most new values nobody does, so that is asked first."""
        known = self._pointed.get(value)
        if known is None:
            known = next(iter(self._under.subjects(None, value)), None) is not None
            self._pointed[value] = known
        if not known:
            return ()
        key = (predicate, value)
        found = self._pointing.get(key)
        if found is None:
            found = self._pointing[key] = tuple(self._under.subjects(predicate, value))
        return found

    def _read(self, subject: str) -> dict[str, set[str]]:
        below = self._under.properties(subject)
        said = self._said[subject] = {predicate: set(below[predicate]) for predicate in below}
        return said

    def _still(self, subject: str, predicate: str | None, value: str) -> bool:
        if not self._removed:
            return True
        if predicate is not None:
            return (subject, predicate, value) not in self._removed_at.get(value, ())
        return any(value in values for values in self.properties(subject).values())


class _Nothing:
    """No facts at all."""

    def about(self, subject: str) -> tuple[()]:
        return ()

    def properties(self, subject: str) -> Properties:
        return {}

    def objects(self, subject: str, predicate: str) -> tuple[()]:
        return ()

    def subjects(self, predicate: str | None, value: str) -> tuple[()]:
        return ()

    def holds(self, statement: Statement) -> bool:
        return False


_NOTHING: Facts = _Nothing()


class _Either:
    """An overlay together with what it removes, by subject and by value."""

    def __init__(
        self,
        after: Overlay,
        removed: Mapping[str, set[Statement]],
        removed_at: Mapping[str, set[Statement]],
    ) -> None:
        self._after = after
        self._removed = removed
        self._removed_at = removed_at

    def about(self, subject: str) -> list[Statement]:
        return [*self._after.about(subject), *self._removed.get(subject, ())]

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> list[str]:
        found = self._after.objects(subject, predicate)
        if removed := self._removed.get(subject):
            found += [value for _, link, value in removed if link == predicate]
        return found

    def subjects(self, predicate: str | None, value: str) -> list[str]:
        found = self._after.subjects(predicate, value)
        if removed := self._removed_at.get(value):
            wanted = {s for s, link, _ in removed if predicate is None or link == predicate}
            found += wanted.difference(found)
        return found

    def holds(self, statement: Statement) -> bool:
        return statement in self._removed.get(statement[0], ()) or self._after.holds(statement)


def grouped(statements: Iterable[Statement]) -> dict[str, list[str]]:
    """The statements about one subject, as values by predicate."""
    found: dict[str, list[str]] = {}
    for _, predicate, value in statements:
        found.setdefault(predicate, []).append(value)
    return found


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
    said = facts.properties(iri)
    for predicate in iris.NAMES:
        for value in said.get(predicate, ()):
            if is_literal(value):
                return text_of(value)
    return None
