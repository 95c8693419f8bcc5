"""The read side's view of one entity: its facts, relations in both directions, and findings.

Reads a checkpoint, by the entity's own statements and those that point at it; labels come from
the vocabulary. Bounded: of each relation only the first few are named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from kg import iris
from kg.draft import DERIVED, Graphs
from kg.errors import BadIri, NotFound
from kg.facts import described, name_of
from kg.iris import EntityRef, Minter, graph
from kg.model import Finding
from kg.terms import Statement, datatype_of, iri_of, is_literal, language_of, node, text_of
from kg.views import EntityView, Fact, Named, Relation, Said, Value
from kg.vocabulary import Vocabulary

FIRST = 10
"""Items named of one relation; the rest is counted."""
MAX_COUNTED = 10_000

_HISTORY = graph("history")
_SHOWN_ELSEWHERE = frozenset({*iris.NAMES, iris.TYPE, iris.DESCRIPTION, iris.KEYWORD})


class Snapshot(Graphs, Protocol):
    """A state of the graph that can be looked at: a checkpoint, or one as it was earlier."""

    version: int

    def pointing(self, iri: str) -> Iterable[Statement]:
        """The statements whose value is this IRI."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrayer:
    """Makes views of entities out of one state of the graph."""

    checkpoint: Snapshot
    vocabulary: Vocabulary
    minter: Minter

    def view(
        self, ref: EntityRef, *, findings: Sequence[Finding], hydrated_at: datetime | None = None
    ) -> EntityView:
        """Everything to show of an entity. Raises `NotFound` if nothing mentions it."""
        iri = self.minter.mint(ref)
        about = described(self.checkpoint, iri)
        incoming = self._incoming(iri)
        if not about and not incoming:
            raise NotFound(f"<{iri}> is not in the graph; search for its name instead.", iri=iri)
        own = [statement for statement in about if statement[0] == iri]
        derived = {q[:3] for q in self.checkpoint.quads(subject=iri, graph=DERIVED)}
        types = [iri_of(value) for _, predicate, value in own if predicate == iris.TYPE]
        gone = iris.TOMBSTONE in types
        former = [iri_of(value) for _, predicate, value in own if predicate == iris.FORMER_TYPE]
        kind = self._kind(ref, former if gone else types)
        changed, enriched = self._times(iri)
        return EntityView(
            iri=iri,
            ref=ref,
            state="gone" if gone else "hydrated" if types else "awaiting",
            type=kind,
            name=name_of(self.checkpoint, iri) or ref.key,
            description=next(iter(_texts(own, iris.DESCRIPTION)), None),
            owners=self._named(own, iris.OWNED_BY),
            domains=self._named(own, iris.IN_DOMAIN),
            keywords=tuple(sorted(_texts(own, iris.KEYWORD))),
            facts=tuple(self._facts(iri, about, derived)),
            relations=(*self._outgoing(own, derived), *incoming),
            findings=tuple(findings),
            last_hydrated=hydrated_at,
            last_changed=changed,
            last_enriched=enriched,
            gone_since=_time(own, iris.INVALIDATED_AT),
        )

    def named(self, iri: str) -> Named:
        """An IRI with its name, and its place here if it is an entity."""
        try:
            ref = self.minter.parse(iri) if self.minter.is_entity(iri) else None
        except BadIri:
            ref = None
        if ref is None:
            return Named(iri=iri, name=self._term(iri))
        kind = self.vocabulary.label(iris.class_of_type(ref.type))
        return Named(iri=iri, name=name_of(self.checkpoint, iri) or ref.key, ref=ref, type=kind)

    def _term(self, iri: str) -> str:
        return self.vocabulary.label(iri) if self.vocabulary.is_term(iri) else iri

    def _kind(self, ref: EntityRef, types: list[str]) -> Named:
        known = [t for t in types if self.vocabulary.is_term(t)]
        own = iris.class_of_type(ref.type)
        iri = own if own in known or not known else min(known)
        return Named(iri=iri, name=self.vocabulary.label(iri), type=ref.type)

    def _named(self, own: Iterable[Statement], predicate: str) -> tuple[Named, ...]:
        values = [iri_of(value) for _, link, value in own if link == predicate]
        found = [self.named(iri) for iri in values if iri]
        return tuple(sorted(found, key=lambda n: n.name.lower()))

    def _facts(self, iri: str, about: set[Statement], derived: set[Statement]) -> Iterable[Fact]:
        """The statements whose value is not an entity, by property; parts are flattened in."""
        values: dict[tuple[str, bool], list[Value]] = defaultdict(list)
        for subject, predicate, value in about:
            if predicate in (_SHOWN_ELSEWHERE if subject == iri else (iris.TYPE,)):
                continue
            end = iri_of(value)
            if end.startswith(iri + "#"):
                parts = {s for s in about if s[0] == end}
                values[predicate, False].append(Value(text=self._part(parts)))
            elif subject == iri and not self.minter.is_entity(end):
                is_derived = (subject, predicate, value) in derived
                values[predicate, is_derived].append(self._value(value))
        for (predicate, is_derived), found in values.items():
            label = Named(iri=predicate, name=self.vocabulary.label(predicate))
            ordered = tuple(sorted(found, key=lambda v: v.text))
            yield Fact(property=label, values=ordered, derived=is_derived)

    def _part(self, statements: set[Statement]) -> str:
        """A part of an entity in one line: ``accuracy = 0.93``."""
        pairs, title = [], ""
        for _, predicate, value in sorted(statements):
            shown = self._value(value)
            if predicate in iris.NAMES:
                title = shown.text
            elif predicate != iris.TYPE:
                name = self.named(shown.iri).name if shown.iri else shown.text
                pairs.append(f"{self.vocabulary.label(predicate)} {name}")
        return ": ".join(filter(None, [title, ", ".join(pairs)]))

    def said(self, statement: Statement) -> Said:
        """A statement in words."""
        subject, predicate, value = statement
        end = iri_of(value)
        shown = Value(text=self.named(end).name, iri=end) if end else self._value(value)
        label = self.vocabulary.label(predicate)
        return Said(
            subject=self.named(subject),
            property=Named(iri=predicate, name=label),
            value=shown,
            target=self.named(end) if end else None,
        )

    def _value(self, value: str) -> Value:
        if iri := iri_of(value):
            return Value(text=self._term(iri), iri=iri)
        return Value(text=text_of(value), datatype=datatype_of(value), language=language_of(value))

    def _outgoing(self, own: Iterable[Statement], derived: set[Statement]) -> Iterable[Relation]:
        targets: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for statement in own:
            if self.minter.is_entity(end := iri_of(statement[2])):
                targets[statement[1], statement in derived].append(end)
        for (predicate, is_derived), found in sorted(targets.items()):
            items = sorted((self.named(i) for i in sorted(found)[:FIRST]), key=_by_name)
            yield Relation(
                property=Named(iri=predicate, name=self.vocabulary.label(predicate)),
                direction="out",
                items=tuple(items),
                total=len(found),
                derived=is_derived,
            )

    def _incoming(self, iri: str) -> list[Relation]:
        sources: dict[str, set[str]] = defaultdict(set)
        for subject, predicate, _ in islice(self.checkpoint.pointing(iri), MAX_COUNTED):
            if self.vocabulary.is_symmetric(predicate) and self.checkpoint.holds(
                (iri, predicate, node(subject))
            ):
                continue  # told already, from this side
            if (entity := subject.partition("#")[0]) != iri:
                sources[predicate].add(entity)
        found = []
        for predicate, subjects in sorted(sources.items()):
            shown = sorted(subjects)[:FIRST]
            derived = self.checkpoint.quads(
                subject=shown[0], predicate=predicate, value=node(iri), graph=DERIVED
            )
            label = self.vocabulary.label(predicate, inverse=True)
            found.append(
                Relation(
                    property=Named(iri=predicate, name=label),
                    direction="in",
                    items=tuple(sorted((self.named(s) for s in shown), key=_by_name)),
                    total=len(subjects),
                    derived=next(iter(derived), None) is not None,
                )
            )
        return found

    def _times(self, iri: str) -> tuple[datetime | None, datetime | None]:
        """When the graph last learned something of the entity, and last derived something."""
        latest: dict[bool, datetime] = {}
        for link in (iris.REVISES, iris.CREATES):
            for quad in self.checkpoint.quads(predicate=link, value=node(iri), graph=_HISTORY):
                about = [q[:3] for q in self.checkpoint.quads(subject=quad[0], graph=_HISTORY)]
                at = _time(about, iris.RECORDED_AT)
                layers = [value for _, predicate, value in about if predicate == iris.IN_LAYER]
                derived = node(iris.LAYER_DERIVED) in layers
                if at is not None and at > latest.get(derived, at.min.replace(tzinfo=at.tzinfo)):
                    latest[derived] = at
        return latest.get(False), latest.get(True)


def _by_name(named: Named) -> tuple[str, str]:
    return named.name.lower(), named.iri


def _texts(statements: Iterable[Statement], predicate: str) -> list[str]:
    return [text_of(o) for _, p, o in statements if p == predicate and is_literal(o)]


def _time(statements: Iterable[Statement], predicate: str) -> datetime | None:
    times = [datetime.fromisoformat(text) for text in _texts(statements, predicate)]
    return max(times, default=None)
