"""What the index knows of one entity, read from the graph's facts.

An entry is built from the entity's own statements alone, and the names of what they point at. The
other direction is left out: it would cost a look-up for every edge, and a person or a domain with
ten thousand assets would be indexed again whenever one of them changes. Little is lost: searching
for a dataset's name finds the models trained on it, and the dataset's page has its incoming edges.

Entities that are awaited (no `rdf:type` yet) and tombstones have no entry: whoever keeps the
index takes what was asked for and not answered here as removed (`SearchIndex.update`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from kg import iris
from kg.errors import BadIri
from kg.facts import Facts, Properties
from kg.iris import EntityRef, Minter, term
from kg.terms import datatype_of, iri_of, is_literal, language_of, node, text_of

PUBLIC: Final = "public"
MAX_RELATED: Final = 50
"""Related names in one entry. A model instance may read thousands of features; one is not
looked for by each of them."""
MAX_VALUES: Final = 40
MAX_NAME: Final = 500
MAX_DEPENDENTS: Final = 1_000

_LONGEST_VALUE = 300
_MAX_LINKS = 50
_MAX_REMEMBERED = 200_000
_TEXT_TYPES: Final = frozenset({None, term("xsd:anyURI")})  # None: plain or in a language
_TOMBSTONE: Final = node(iris.TOMBSTONE)
_APART: Final = frozenset(
    {
        iris.TYPE,
        iris.RECORDED_BY,
        iris.FORMER_TYPE,
        iris.KEYWORD,
        iris.OWNED_BY,
        iris.IN_DOMAIN,
    }
)
"""What has a place of its own in an entry, or none."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entity that another one is filtered by: ``ref`` is ``type/source/key``."""

    ref: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entity as search sees it.

    ``related`` are the names of what it points at, ``values`` its other short texts (a framework,
    a table's location, a commit's hash, an alias), so a new property is found without any code.
    """

    iri: str
    ref: EntityRef
    name: str
    description: str | None = None
    owners: tuple[Link, ...] = ()
    domains: tuple[Link, ...] = ()
    keywords: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    visibility: str = PUBLIC


def entries(
    facts: Facts, entities: Iterable[str], *, minter: Minter, labels: Mapping[str, str]
) -> Iterator[Entry]:
    """The entries of the entities that have one, in their order; names are read once per call.

    ``labels`` has the names of what is not an entity: the concepts of the code lists, by IRI.
    """
    reader = _Reader(facts, minter, labels)
    for iri in entities:
        entry = reader.entry(iri)
        if entry is not None:
            yield entry


def dependents(facts: Facts, renamed: Iterable[str], *, minter: Minter) -> set[str]:
    """The entities whose entry holds the name of one that was named anew, created or removed.

    At most `MAX_DEPENDENTS` of each: past that, an entity is still found by its own words, and by
    the new name of the hub only once it changes itself or the index is built again.
    """
    found: set[str] = set()
    for iri in renamed:
        pointing = facts.subjects(None, node(iri))
        found.update(s for s in islice(pointing, MAX_DEPENDENTS) if minter.is_entity(s))
    return found


class _Reader:
    """Reads entries, and remembers the names that it has met."""

    def __init__(self, facts: Facts, minter: Minter, labels: Mapping[str, str]) -> None:
        self._facts = facts
        self._minter = minter
        self._labels = labels
        self._names: dict[str, str | None] = dict(labels)
        self._linked: dict[str, Link | None] = {}

    def entry(self, iri: str) -> Entry | None:
        said = self._facts.properties(iri)
        types = said.get(iris.TYPE)
        ref = self._ref(iri) if types and _TOMBSTONE not in types else None
        if ref is None:
            return None
        if len(self._names) > _MAX_REMEMBERED:  # a rebuild passes millions
            self._names = dict(self._labels)
        named_by, title = _name(said)
        name = self._names[iri] = (text_of(title) if title else ref.key)[:MAX_NAME]
        description = _shown(said.get(iris.DESCRIPTION, ()))
        tags = filter(is_literal, said.get(iris.KEYWORD, ()))
        keywords = {text_of(tag)[:_LONGEST_VALUE] for tag in tags}
        related, values = self._rest(said, {named_by: title, iris.DESCRIPTION: description})
        return Entry(
            iri=iri,
            ref=ref,
            name=name,
            description=text_of(description) if description else None,
            owners=self._links(said.get(iris.OWNED_BY, ())),
            domains=self._links(said.get(iris.IN_DOMAIN, ())),
            keywords=tuple(sorted(keywords)[:_MAX_LINKS]),
            related=related,
            values=values,
        )

    def _links(self, values: Iterable[str]) -> tuple[Link, ...]:
        pointed = sorted(filter(None, map(iri_of, values)))
        found = (self._link(iri) for iri in pointed[:_MAX_LINKS])
        return tuple(link for link in found if link is not None)

    def _link(self, iri: str) -> Link | None:
        if iri not in self._linked:
            name, ref = self._name(iri), self._ref(iri)
            self._linked[iri] = Link(str(ref), name) if ref and name else None
        return self._linked[iri]

    def _rest(
        self, said: Properties, shown: Mapping[str, str | None]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of what the other statements point at, and their short texts.

        ``shown`` has, by predicate, a value that has a place of its own; names and descriptions in
        other languages are texts like any other.
        """
        pointed: set[str] = set()
        values: set[str] = set()
        for predicate, held in said.items():
            if predicate in _APART:
                continue
            for value in held:
                if iri := iri_of(value):
                    pointed.add(iri)
                elif _is_text(value) and value != shown.get(predicate):
                    values.add(text_of(value)[:_LONGEST_VALUE])
        names = (self._name(iri) for iri in sorted(pointed))
        related = islice((name for name in names if name is not None), MAX_RELATED)
        return tuple(related), tuple(sorted(values)[:MAX_VALUES])

    def _name(self, iri: str) -> str | None:
        """What an IRI is called: an entity's name, or its key while it has none; else None."""
        if iri not in self._names:
            self._names[iri] = self._look_up(iri)
        return self._names[iri]

    def _look_up(self, iri: str) -> str | None:
        ref = self._ref(iri)
        if ref is None:
            return None
        for predicate in iris.NAMES:
            if title := _shown(self._facts.objects(iri, predicate)):
                return text_of(title)[:MAX_NAME]
        return ref.key[:MAX_NAME]

    def _ref(self, iri: str) -> EntityRef | None:
        """None for what names no entity, or a part of one; it must not stop the others."""
        try:
            return self._minter.parse(iri) if self._minter.is_entity(iri) else None
        except BadIri:
            return None


def _name(said: Properties) -> tuple[str, str | None]:
    """The first naming property that is present, and its value that people are shown."""
    for predicate in iris.NAMES:
        if title := _shown(said.get(predicate, ())):
            return predicate, title
    return iris.NAMES[0], None


def _shown(values: Iterable[str]) -> str | None:
    """The text that people are shown: without language or in English if there is a choice."""
    literals = [value for value in values if is_literal(value) and text_of(value).strip()]
    return literals[0] if len(literals) == 1 else min(literals, key=_preference, default=None)


def _preference(value: str) -> tuple[bool, str, str]:
    language = language_of(value) or ""
    return language not in ("", "en"), language, text_of(value)


def _is_text(value: str) -> bool:
    return is_literal(value) and datatype_of(value) in _TEXT_TYPES
