"""The ontology and the shapes as the graph keeps them, so that the rules of any day are known.

Files on disk have no past; graphs ``ontology`` and ``shapes`` have one, by revisions like those of an
entity. Blank nodes get names there that depend on nothing but what they say and where they hang, so
that an edition differs from the one before by what was edited.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from kg.draft import Draft
from kg.iris import graph
from kg.terms import Statement, iri_of, node

ONTOLOGY: Final = graph("ontology")
SHAPES: Final = graph("shapes")
_NAMED: Final = "urn:mlgraph:node:"


def record(draft: Draft, editions: Mapping[str, Iterable[Statement]]) -> None:
    """Puts into a draft what differs between these graphs and what the store holds of them."""
    for name, statements in editions.items():
        draft.revise(name, draft.store.as_stored(named(statements)))


def named(statements: Iterable[Statement]) -> set[Statement]:
    """The statements with an IRI for each blank node. Raises `ValueError` for a ring of them."""
    about: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        about[statement[0]].append(statement)
    says: dict[str, str] = {}
    names: dict[str, str] = {}

    def digest(blank: str, above: tuple[str, ...] = ()) -> str:
        if blank in above:
            raise ValueError(f"blank node {blank} is part of itself")
        if blank not in says:
            said = sorted(
                f"{link} {digest(value, (*above, blank)) if _is_blank(value) else value}"
                for _, link, value in about[blank]
            )
            says[blank] = hashlib.sha1("\n".join(said).encode()).hexdigest()
        return says[blank]

    def name(subject: str) -> None:
        """Names the blank nodes below a subject, by its own name and what they say."""
        here = names.get(subject, subject)
        for _, link, value in sorted(about[subject], key=lambda s: s[1]):
            if _is_blank(value) and value not in names:
                text = f"{here} {link} {digest(value)}"
                names[value] = _NAMED + hashlib.sha1(text.encode()).hexdigest()
                name(value)

    held = {value for said in about.values() for _, _, value in said if _is_blank(value)}
    for root in sorted(subject for subject in tuple(about) if subject not in held):
        if _is_blank(root):
            names[root] = _NAMED + digest(root)
        name(root)
    for blank in held:
        digest(blank)  # a ring hangs from nothing
    return {
        (names.get(s, s), link, node(names[value]) if _is_blank(value) else value)
        for said in about.values()
        for s, link, value in said
    }


def unnamed(statements: Iterable[Statement]) -> list[Statement]:
    """The inverse of `named`: with blank nodes again, as engines and readers of shapes expect."""
    return [(_blank(s) or s, link, _blank(iri_of(value)) or value) for s, link, value in statements]


def _is_blank(value: str) -> bool:
    return value.startswith("_:")


def _blank(iri: str) -> str:
    return f"_:b{iri.removeprefix(_NAMED)}" if iri.startswith(_NAMED) else ""
