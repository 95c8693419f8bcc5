"""Search by name in a past state, which has no index: each name is looked at.

A job of a query process, under its limits; half a million names take about a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import pyoxigraph as ox

from kg import iris
from kg.entity import Portrayer
from kg.errors import BadInput, LimitExceeded
from kg.query.process import Task
from kg.store import Checkpoint
from kg.terms import iri_of, is_literal, text_of
from kg.views import Hit, Named

FACETS: Final = ("type", "source")
"""What narrows a search of the past: what an IRI says."""
MOST: Final = 100_000
"""Names that are ranked; a text that finds more has to say more."""
_QUERY: Final = Path(__file__).with_name("names.rq")


def check_filters(filters: Mapping[str, Sequence[str]]) -> None:
    """Raises `BadInput` for a facet that the past cannot be asked by."""
    for name in filters:
        if name not in FACETS:
            raise BadInput(
                f"{name}= does not narrow a search of the past; {' and '.join(FACETS)} do.",
                parameter=name,
            )


def search_job(task: Task) -> dict[str, Any]:
    """The best hits, as IRIs, and how many there are."""
    given = task.arguments
    words: list[str] = given["text"].lower().split() or [""]
    filters: Mapping[str, Sequence[str]] = given["filters"]
    with Checkpoint(Path(given["path"])) as checkpoint:
        names: dict[str, str] = {}
        for entity, name in _named(checkpoint, max(words, key=len), given["prefix"]):
            if all(word in name for word in words) and _passes(entity, given["prefix"], filters):
                names[entity] = min(name, names.get(entity, name), key=len)
            if len(names) > MOST:
                raise LimitExceeded(
                    f"More than {MOST:,} names hold this text; add a word or a filter.",
                    limit="rows",
                )
    text = " ".join(words)
    ranked = sorted(names, key=lambda iri: _rank(names[iri], text, iri))
    first = given["offset"]
    return {"total": len(ranked), "iris": ranked[first : first + given["limit"]]}


def _named(checkpoint: Checkpoint, word: str, prefix: str) -> Iterator[tuple[str, str]]:
    bound: dict[ox.Variable, Any] = {
        ox.Variable("word"): ox.Literal(word),
        ox.Variable("prefix"): ox.Literal(prefix),
    }
    found = checkpoint.store.query(_QUERY.read_text("utf-8"), substitutions=bound)
    for solution in cast("ox.QuerySolutions", found):
        entity, name = cast("ox.NamedNode", solution["entity"]), solution["name"]
        yield entity.value, cast("ox.Literal", name).value.lower()


def _passes(entity: str, prefix: str, filters: Mapping[str, Sequence[str]]) -> bool:
    said = dict(zip(FACETS, entity.removeprefix(prefix).split("/", 2), strict=False))
    return all(said[name] in wanted for name, wanted in filters.items())


def _rank(name: str, text: str, iri: str) -> tuple[bool, bool, int, str, str]:
    return name != text, not name.startswith(text), len(name), name, iri


def hits(portrayer: Portrayer, found: Iterable[str]) -> tuple[Hit, ...]:
    """The hits as they were then."""
    return tuple(_hit(portrayer, iri) for iri in found)


def _hit(portrayer: Portrayer, iri: str) -> Hit:
    said = portrayer.checkpoint.properties(iri)
    ref = portrayer.minter.parse(iri)
    kind = iris.class_of_type(ref.type)

    def names(predicate: str) -> tuple[str, ...]:
        ends = (iri_of(value) for value in said.get(predicate, ()))
        return tuple(sorted(portrayer.named(end).name for end in ends if end))

    def texts(predicate: str) -> list[str]:
        return sorted(text_of(v) for v in said.get(predicate, ()) if is_literal(v))

    return Hit(
        iri=iri,
        ref=ref,
        name=portrayer.named(iri).name,
        type=Named(iri=kind, name=portrayer.vocabulary.label(kind), type=ref.type),
        description=next(iter(texts(iris.DESCRIPTION)), None),
        owners=names(iris.OWNED_BY),
        domains=names(iris.IN_DOMAIN),
        keywords=tuple(texts(iris.KEYWORD)),
    )
