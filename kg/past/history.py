"""An entity's history in words and as data: who changed what, when, because of which event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from kg import iris
from kg.draft import held_of
from kg.entity import Portrayer
from kg.errors import NotFound
from kg.iris import EntityRef
from kg.past.revisions import names_of_entity, of_entity
from kg.past.undo import Undone
from kg.revision import Revision
from kg.terms import Statement, datatype_of
from kg.views import HistoryPage, RevisionView, Said

_DERIVED: Final = "the ontology's rules"


def history_of(
    portrayer: Portrayer, ref: EntityRef, *, offset: int = 0, limit: int = 50
) -> HistoryPage:
    """Some revisions of an entity, the newest first. Raises `NotFound` if it has none.

    The one that made it lists what was stated then: what is left when all later ones are undone.
    """
    iri, graphs = portrayer.minter.mint(ref), portrayer.checkpoint
    total = len(names_of_entity(graphs, iri))
    if not total:
        raise no_history(iri)
    found: list[RevisionView] = []
    undone = Undone()
    for number, revision in enumerate(of_entity(graphs, iri)):
        if offset <= number < offset + limit:
            first: Iterable[Statement] = ()
            if revision.creates:
                first = undone.apply(held_of(iri, facts=graphs, graphs=graphs)).merged
            found.append(_view(portrayer, ref, revision, first))
        elif number >= offset + limit:
            break
        undone.undo(revision)
    return HistoryPage(
        iri=iri,
        ref=ref,
        name=portrayer.named(iri).name,
        total=total,
        offset=offset,
        revisions=tuple(found),
    )


def no_history(iri: str) -> NotFound:
    return NotFound(f"<{iri}> has no history; search for its name instead.", iri=iri)


def _view(
    portrayer: Portrayer, ref: EntityRef, revision: Revision, first: Iterable[Statement]
) -> RevisionView:
    stated = (*revision.asserted, *first)
    asserted, retracted = said_all(portrayer, stated), said_all(portrayer, revision.retracted)
    return RevisionView(
        version=revision.place[0],
        at=revision.at,
        layer=revision.layer,
        who=_who(revision, ref),
        event=revision.cause,
        creates=revision.creates,
        words=tuple(_words(portrayer.minter.mint(ref), asserted, retracted, revision)),
        asserted=asserted,
        retracted=retracted,
        happened=said_all(portrayer, (s for s in stated if datatype_of(s[2]) == iris.DATE_TIME)),
    )


def _who(revision: Revision, ref: EntityRef) -> str:
    if revision.layer == "source":
        return ref.source
    return revision.by or "a steward" if revision.layer == "steward" else _DERIVED


def said_all(portrayer: Portrayer, statements: Iterable[Statement]) -> tuple[Said, ...]:
    """Statements in words, in the order of their properties' names."""
    found = [portrayer.said(statement) for statement in statements]
    return tuple(sorted(found, key=lambda s: (s.subject.iri, s.property.name, s.value.text)))


def _words(
    iri: str, asserted: Iterable[Said], retracted: Iterable[Said], revision: Revision
) -> Iterator[str]:
    """What changed, property by property: "name is now Front page, was Home ranker"."""
    values: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, statements in enumerate((asserted, retracted)):
        for said in statements:
            part = said.subject.iri.removeprefix(iri).removeprefix("#")
            values[part, said.property.name][side].append(said.value.text)
    for (part, name), (now, was) in sorted(values.items()):
        label = f"{name} of {part}" if part else name
        if now and was:
            yield f"{label} is now {', '.join(now)}, was {', '.join(was)}"
        elif now:
            yield (
                f"{label} is {', '.join(now)}"
                if revision.creates
                else f"{label}: {_list(now)} came"
            )
        else:
            yield f"{label}: {_list(was)} went"
    if any(link == iris.REIFIES for _, link, _ in revision.reasons_gained):
        yield "an inferred fact has another reason"
    if any(link == iris.REIFIES for _, link, _ in revision.reasons_lost):
        yield "a reason of an inferred fact fell away"


def _list(values: list[str]) -> str:
    return ", ".join(values)
