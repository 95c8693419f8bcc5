"""Stages 4 and 7: from what a layer now says of an entity to the difference, and its revision.

Only the difference is written. Each changed entity gets a revision in graph ``history``, for each
layer that changes, with the statements as triple terms; an entity's first revision says
`mlg:creates` and lists none, since what came first is what is left when all later revisions are
undone (it would cost two thirds of the write rate, and tell nothing). A revision of the derived layer
also says which reasons came, and all that went of others. `kg.past` undoes revisions. What is gone at its source becomes a tombstone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count

from kg import iris
from kg.draft import Draft, Graphs
from kg.facts import described
from kg.model import Change, Proposal
from kg.revision import Revision, of_version, packed
from kg.terms import Statement, iri_of, moment, node

_TOMBSTONE = node(iris.TOMBSTONE)
_KEPT_WHEN_GONE = frozenset({*iris.NAMES, iris.IDENTIFIER, iris.RECORDED_BY})


def propose(draft: Draft, proposal: Proposal, *, at: datetime) -> None:
    """Puts the difference between what a layer said of an entity and says now into the draft."""
    entity, layer = proposal.entity, proposal.layer
    if proposal.cause is not None:
        draft.causes[entity.iri] = proposal.cause
    held = draft.held(entity.iri)
    old = set(held.of(layer)) if held.merged else set()
    if proposal.replaces is not None:
        old = _replaced(old, entity.iri, proposal.replaces)
    new = _tombstone(entity.iri, old, at) if entity.gone else entity.statements
    new = draft.store.as_stored(new)
    if entity.iri in draft.created and not old:
        draft.create(entity.iri, layer, new)
        return
    for statement in old - new:
        draft.withdraw(entity.iri, layer, statement)
    for statement in new - old:
        draft.state(entity.iri, layer, statement)


def _replaced(old: set[Statement], iri: str, predicates: frozenset[str]) -> set[Statement]:
    """The old statements of these predicates, with the parts of the entity that they lead to."""
    frontier = {s for s in old if s[0] == iri and s[1] in predicates}
    found = set(frontier)
    while frontier:
        parts = {iri_of(value) for _, _, value in frontier}
        frontier = {s for s in old if s[0] in parts and s[0] != iri} - found
        found |= frontier
    return found


def _tombstone(iri: str, old: set[Statement], at: datetime) -> frozenset[Statement]:
    types = {value for subject, link, value in old if link == iris.TYPE and subject == iri}
    if not types or _TOMBSTONE in types:
        return frozenset(old)  # nothing was known, or it is gone already
    kept = {s for s in old if s[0] == iri and s[1] in _KEPT_WHEN_GONE}
    former = {(iri, iris.FORMER_TYPE, value) for value in types}
    gone = {(iri, iris.TYPE, _TOMBSTONE), (iri, iris.INVALIDATED_AT, moment(at))}
    return frozenset(kept | former | gone)


def commit(draft: Draft, *, version: int, at: datetime) -> Change:
    """The draft as one change, with a revision for each entity and layer that it touches.

    ``version`` is the version that the change will make; it stands for the cause of what has none
    of its own.
    """
    revisions = list(_revisions(draft, version, at))
    for revision in revisions:
        for quad in revision.quads():
            draft.add(quad)
    if revisions:
        draft.add(packed(revisions))
    return draft.change()


def _revisions(draft: Draft, version: int, at: datetime) -> Iterator[Revision]:
    records = (draft.asserted, draft.retracted)
    touched = {key for record in records for key, statements in record.items() if statements}
    gained, lost = draft.reasons_moved()
    touched.update((iri, "derived") for reasons in (gained, lost) for iri in reasons)
    numbers = count()
    for iri, layer in sorted(touched):
        first_layer = "source" if (iri, "source") in touched else "steward"
        created = iri in draft.created and (iri, first_layer) in touched
        creates = created and layer == first_layer
        if created and not creates:
            continue  # with what made an entity goes all that was said of it then
        moved: dict[str, tuple[Statement, ...]] = {}
        if not creates:
            moved["asserted"] = tuple(sorted(draft.asserted.get((iri, layer), ())))
            moved["retracted"] = tuple(sorted(draft.retracted.get((iri, layer), ())))
        if not creates and layer == "derived":
            moved["reasons_gained"] = tuple(sorted(gained.get(iri, ())))
            moved["reasons_lost"] = tuple(sorted(lost.get(iri, ())))
        yield Revision(
            version=version,
            number=next(numbers),
            of=iri,
            creates=creates,
            layer=layer,
            at=at,
            cause=draft.causes.get(iri, f"version:{version}"),
            by=draft.stated_by if layer == "steward" else None,
            **moved,
        )


def revised(store: Graphs, version: int) -> set[str]:
    """The entities that one version changed, read from its revisions."""
    return {revision.of for revision in of_version(store, version)}


def replay(store: Graphs, version: int) -> Iterator[tuple[bool, Statement]]:
    """The statements that one version touched, each with whether it holds now.

    For an entity that the version created, all that is stated of it now; so who replays all
    versions since, in their order, ends at what holds now. A layer may lose what another states.
    """
    for revision in of_version(store, version):
        if revision.creates:
            yield from ((True, said) for said in described(store, revision.of))
        for said in (*revision.asserted, *revision.retracted):
            yield store.holds(said), said
