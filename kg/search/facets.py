"""Facets: what the found entities are divided by, with counts, and the filters chosen in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import tantivy
from tantivy import Query

from kg.errors import BadInput, BadIri, TooLarge
from kg.iris import Minter
from kg.search.ranking import among, every
from kg.search.schema import FACETS, LINKED, SEPARATOR, split_label, type_label
from kg.search.words import literal
from kg.views import FacetCount

MAX_VALUES: Final = 100
"""Values that may be chosen in one facet."""
SHOWN_VALUES: Final = 50
"""Values that a facet shows: the most frequent ones, and all that are chosen."""

_LONGEST_VALUE = 8_000  # of an IRI
_COUNTED = 1_000
_COUNTED_PER_SEGMENT = 20_000


class Chosen:
    """The filters of one search: one condition for each facet in which something is chosen.

    Values of one facet are alternatives. An entity (an owner, a domain) is chosen by its IRI, its
    ``type/source/key`` or its name, which is looked up among what may be ``seen``. Raises
    `BadInput` for an unknown facet or too many values.
    """

    def __init__(
        self,
        searcher: tantivy.Searcher,
        schema: tantivy.Schema,
        filters: Mapping[str, Sequence[str]],
        *,
        seen: Query,
        minter: Minter,
    ) -> None:
        self.terms: dict[str, list[str]] = {}
        self._schema = schema
        for facet, values in filters.items():
            if facet not in FACETS:
                known = ", ".join(FACETS)
                raise BadInput(f"{facet!r} is nothing to filter by; there are {known}.")
            if len(values) > MAX_VALUES:
                raise BadInput(f"At most {MAX_VALUES} values of {facet} can be chosen at once.")
            if any(len(value) > _LONGEST_VALUE for value in values):
                raise TooLarge(f"A value of {facet} has at most {_LONGEST_VALUE:,} characters.")
            plain = [value.encode("utf-8", "replace").decode() for value in values]
            if facet in LINKED:
                asked = [_terms(searcher, facet, value, seen, minter) for value in plain]
                plain = [term for terms in asked for term in terms]
            if plain:
                self.terms[facet] = plain

    def conditions(self, *, but: str | None = None) -> Iterator[Query]:
        """What all that is chosen asks for, one facet left aside."""
        for facet, terms in self.terms.items():
            if facet != but:
                yield among(self._schema, facet, terms)


def counts(
    searcher: tantivy.Searcher,
    matched: Query,
    chosen: Chosen,
    *,
    schema: tantivy.Schema,
    labels: Mapping[str, str],
) -> dict[str, tuple[FacetCount, ...]]:
    """The counts of every facet, each without its own filter: so they say what a click gives."""
    free = [facet for facet in FACETS if facet not in chosen.terms]
    buckets = _ask(searcher, every(matched, *chosen.conditions()), free)
    for facet, terms in chosen.terms.items():
        others = every(matched, *chosen.conditions(but=facet))
        buckets |= _ask(searcher, others, [facet])
        for term in terms:  # one may be chosen that is not among the frequent ones
            if term not in buckets[facet]:
                with_it = every(others, among(schema, facet, [term]))
                buckets[facet][term] = count(searcher, with_it)
    return {
        facet: _shown(facet, buckets[facet], chosen.terms.get(facet, []), labels)
        for facet in FACETS
    }


def count(searcher: tantivy.Searcher, question: Query) -> int:
    found = searcher.search(question, limit=1, count=True)
    return int(found.count)  # type: ignore[attr-defined]  # missing from Tantivy's stub


def _terms(
    searcher: tantivy.Searcher, facet: str, value: str, seen: Query, minter: Minter
) -> list[str]:
    """The index's terms, ref and name, for an entity as it was chosen.

    Terms of what is deleted or may not be seen are in the index too; ``seen`` leaves them out.
    """
    try:
        prefix, wanted = str(minter.resolve(value)) + SEPARATOR, None
    except BadIri:
        prefix, wanted = "", literal(value)
    held = [term for term, _ in searcher.terms_with_prefix(facet, prefix, filter_query=seen)]
    found = [term for term in held if wanted in (None, literal(split_label(term)[1]))]
    return found or [value + SEPARATOR + value]


def _ask(
    searcher: tantivy.Searcher, question: Query, facets: Sequence[str]
) -> dict[str, dict[str, int]]:
    """The most frequent terms of each facet among what the question finds."""
    if not facets:
        return {}
    size = {"size": _COUNTED, "segment_size": _COUNTED_PER_SEGMENT}
    wanted = {facet: {"terms": {"field": facet, **size}} for facet in facets}
    answer: dict[str, Any] = searcher.aggregate(question, wanted)
    return {f: {b["key"]: b["doc_count"] for b in answer[f]["buckets"]} for f in facets}


def _shown(
    facet: str, buckets: Mapping[str, int], chosen: Sequence[str], labels: Mapping[str, str]
) -> tuple[FacetCount, ...]:
    """The frequent values and the chosen ones, the most frequent first.

    An entity may stand under an old name still (`entries.dependents`): its counts are one.
    """
    found: dict[str, FacetCount] = {}
    for term, held in sorted(buckets.items(), key=lambda bucket: -bucket[1]):
        value, label = _value(facet, term, labels)
        known = found.get(value)
        found[value] = FacetCount(
            value=value,
            label=known.label if known else label,
            count=held + (known.count if known else 0),
        )
    kept = {_value(facet, term, labels)[0] for term in chosen}
    ordered = sorted(found.values(), key=lambda c: (-c.count, c.label, c.value))
    return tuple(c for at, c in enumerate(ordered) if at < SHOWN_VALUES or c.value in kept)


def _value(facet: str, term: str, labels: Mapping[str, str]) -> tuple[str, str]:
    if facet in LINKED:
        return split_label(term)
    return term, type_label(term, labels) if facet == "type" else term
