"""What every source must do, as checks that can be run on any of them.

Each check takes a fresh `Case` and asserts. They are plain functions, so that sources that break
the contract on purpose can show that it notices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature

import pyoxigraph as ox
import pytest

from kg import iris
from kg.errors import BadPayload, SourceClosed, SourceUnavailable
from kg.iris import EntityRef, Minter
from kg.model import Snapshot
from kg.normalise import Contexts, normalise
from kg.resources import data_dir
from kg.sources import ListsWhole, Source
from kg.sources.remembered import new_enough_since
from kg.terms import Statement, iri_of

MINTER = Minter("http://kg.example")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A source with something in it, and the ways to trouble it.

    ``change`` alters ``changed`` and takes ``removed`` away, and nobody is told.
    """

    source: Source
    known: tuple[EntityRef, ...]
    missing: tuple[EntityRef, ...]
    changed: EntityRef
    removed: EntityRef
    change: Callable[[], None]
    take_down: Callable[[], None]
    spoil: Callable[[EntityRef], None]
    cut_listing: Callable[[], None]


def contexts_of(source: Source) -> Contexts:
    return Contexts(source.contexts, source=source.name, links={}, minter=MINTER)


def fetched(case: Case) -> list[Snapshot]:
    return [case.source.fetch(ref) for ref in case.source.list()]


def fetches_the_same_twice(case: Case) -> None:
    for ref in case.known:
        assert case.source.fetch(ref) == case.source.fetch(ref)


def answers_what_was_asked(case: Case) -> None:
    for ref in case.known:
        snapshot = case.source.fetch(ref)
        assert snapshot.ref == ref
        assert snapshot.documents[0].ref == ref
        told = [document.ref for document in snapshot.documents]
        assert len(set(told)) == len(told)
        assert {other.source for other in told} == {case.source.name}
        assert not case.source.types or {other.type for other in told} <= case.source.types


def says_what_is_gone(case: Case) -> None:
    for ref in case.missing:
        assert case.source.fetch(ref) == Snapshot(ref=ref, documents=())


def says_that_it_is_down(case: Case) -> None:
    """The worst confusion: if it looked like an answer, everything would be marked as gone."""
    case.take_down()
    for ref in (*case.known, *case.missing):
        with pytest.raises(SourceUnavailable):
            case.source.fetch(ref)
    with pytest.raises(SourceUnavailable):
        list(case.source.list())


def refuses_what_is_malformed(case: Case) -> None:
    for ref in case.known:
        case.spoil(ref)
        with pytest.raises(BadPayload):
            case.source.fetch(ref)


def lists_what_it_fetches(case: Case) -> None:
    listed = list(case.source.list())
    assert len(set(listed)) == len(listed)
    assert set(case.known) <= set(listed)
    told = set()
    for ref in listed:
        snapshot = case.source.fetch(ref)
        assert not snapshot.gone, ref
        told |= {document.ref for document in snapshot.documents}
    assert told == set(listed)


def shows_in_lists_what_it_fetches(case: Case) -> None:
    """A sweep takes the one for the other."""
    if isinstance(case.source, ListsWhole):
        whole = list(case.source.list_whole())
        shown = [found for found in whole if isinstance(found, Snapshot)]
        assert shown == [case.source.fetch(snapshot.ref) for snapshot in shown]
        named = [found.ref if isinstance(found, Snapshot) else found for found in whole]
        assert named == list(case.source.list())


def never_lists_half(case: Case) -> None:
    case.cut_listing()
    with pytest.raises((SourceUnavailable, BadPayload)):
        list(case.source.list())
    if isinstance(case.source, ListsWhole):
        with pytest.raises((SourceUnavailable, BadPayload)):
            list(case.source.list_whole())


def tells_the_same_wherever_it_tells(case: Case) -> None:
    """So the order of events does not matter, nor which of them tells of an entity first."""
    contexts = contexts_of(case.source)
    facts: dict[str, frozenset[Statement]] = {}
    for snapshot in fetched(case):
        for entity in normalise([snapshot], contexts=contexts).entities:
            assert facts.setdefault(entity.iri, entity.statements) == entity.statements, entity.iri


def tells_the_same_of_what_is_asked_for_together(case: Case) -> None:
    """Then an answer may serve several."""
    listed = list(case.source.list())
    one_by_one = [case.source.fetch(ref) for ref in listed]
    with new_enough_since(time.monotonic()):
        assert [case.source.fetch(ref) for ref in listed] == one_by_one


def asks_nobody_once_it_is_closed(case: Case) -> None:
    """Whoever waits for its turn would keep the worker from stopping."""
    if keeps_a_pace(type(case.source)):
        case.source.close()
        for ref in case.known:
            with pytest.raises(SourceClosed):
                case.source.fetch(ref)
        with pytest.raises(SourceClosed):
            list(case.source.list())


def keeps_a_pace(kind: type) -> bool:
    return "per_second" in signature(kind).parameters


def can_be_mapped(case: Case) -> None:
    """Every document becomes an entity, in terms of the ontology, with parts that it leads to."""
    result = normalise(fetched(case), contexts=contexts_of(case.source))
    assert not result.unusable
    declared = _declared()
    for entity in result.entities:
        assert _reached(entity.iri, entity.statements) == entity.statements, entity.iri
        for _, predicate, value in entity.statements:
            assert predicate in declared
            if target := iri_of(value):
                ours = target.startswith((iris.PREFIXES["mlg"], iris.PREFIXES["mlgc"]))
                if ours or predicate == iris.TYPE:
                    assert target in declared
                if target.startswith(MINTER.base):
                    assert MINTER.is_entity(target.partition("#")[0])


CHECKS = (
    fetches_the_same_twice,
    answers_what_was_asked,
    says_what_is_gone,
    says_that_it_is_down,
    refuses_what_is_malformed,
    lists_what_it_fetches,
    shows_in_lists_what_it_fetches,
    never_lists_half,
    tells_the_same_wherever_it_tells,
    tells_the_same_of_what_is_asked_for_together,
    asks_nobody_once_it_is_closed,
    can_be_mapped,
)


def _declared() -> frozenset[str]:
    """The terms and concepts of the ontology."""
    files = [*data_dir("ontology").glob("*.ttl"), *data_dir("ontology").glob("concepts/*.ttl")]
    subjects = {quad.subject for file in files for quad in ox.parse(path=file)}
    return frozenset(s.value for s in subjects if isinstance(s, ox.NamedNode)) | {iris.TYPE}


def _reached(iri: str, statements: Iterable[Statement]) -> set[Statement]:
    """What is found by following an entity to its parts: all else would never be replaced."""
    by_subject: dict[str, set[Statement]] = {}
    for statement in statements:
        by_subject.setdefault(statement[0], set()).add(statement)
    found: set[Statement] = set()
    waiting = [iri]
    while waiting:
        mine = by_subject.pop(waiting.pop(), set())
        found |= mine
        waiting += [iri_of(value) for _, _, value in mine]
    return found
