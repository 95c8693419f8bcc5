"""What somebody supposes of entities, in a small JSON or as the statements that would hold.

::

    {"changes": [
        {"delete": "feature/features/member_activity:plays_7d"},
        {"leave": "person/directory/ada@example.com"},
        {"drop": "title_id", "from": "dataset/warehouse/media.play_events"}
    ]}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from kg import iris
from kg.commit import propose
from kg.draft import Draft
from kg.errors import BadInput, NotFound
from kg.iris import EntityRef, Minter, term
from kg.model import Entity, Layer, Proposal
from kg.terms import Statement, literal, node, text_of

MAX_CHANGES: Final = 10_000

_ACTIVE, _LEFT_ON = term("mlg:active"), term("mlg:leftOn")
_SCHEMA, _PERSON = term("mlg:schemaDefinition"), term("mlg:Person")
_FALSE = literal("false", term("xsd:boolean"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """One thing that is supposed of an entity.

    ``delete``: its source no longer has it. ``leave``: a person leaves. ``drop``: a dataset loses
    its column ``what``. ``state``: somebody submits ``statements`` about it.
    """

    kind: Literal["delete", "leave", "drop", "state"]
    ref: EntityRef
    what: str | None = None
    statements: frozenset[Statement] = frozenset()

    @property
    def reaches_downstream(self) -> bool:
        """Whether what depends on the entity can break by it."""
        return self.kind != "leave"


def read_changes(data: bytes, *, minter: Minter) -> tuple[Supposed, ...]:
    """The changes of a JSON file: an object with ``changes``, or just the list of them.

    Raises `BadInput`, which says the number of the change that it is about.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The changes are not JSON: {error}.") from error
    changes = told.get("changes") if isinstance(told, Mapping) else told
    if not isinstance(changes, list) or not changes:
        raise BadInput('Write the changes as {"changes": [{"delete": "type/source/key"}, …]}.')
    if len(changes) > MAX_CHANGES:
        raise BadInput(f"{len(changes)} changes are too many at once; {MAX_CHANGES} is the most.")
    return tuple(_read(change, number, minter) for number, change in enumerate(changes))


def _read(change: Any, number: int, minter: Minter) -> Supposed:
    names = set(change) if isinstance(change, Mapping) else set()
    if not all(isinstance(change[name], str) for name in names):
        names = set()
    if names == {"drop", "from"}:
        return Supposed(kind="drop", ref=minter.resolve(change["from"]), what=change["drop"])
    if names == {"delete"}:
        return Supposed(kind="delete", ref=minter.resolve(change["delete"]))
    if names == {"leave"}:
        return Supposed(kind="leave", ref=minter.resolve(change["leave"]))
    raise BadInput(
        f'Change {number} is none that is known; they are {{"delete": ENTITY}}, '
        '{"leave": PERSON} and {"drop": COLUMN, "from": DATASET}.',
        index=number,
    )


def supposed_statements(entities: Iterable[Entity]) -> tuple[Supposed, ...]:
    """What a submission says, as supposed."""
    return tuple(
        Supposed(kind="state", ref=entity.ref, statements=entity.statements) for entity in entities
    )


def suppose(draft: Draft, supposed: Iterable[Supposed], *, minter: Minter, at: datetime) -> None:
    """Lays what is supposed over the graph, as hydration and submissions would.

    Raises `NotFound` for an entity that the graph does not know, with its name in the details, and
    `BadInput` for a change that it cannot have.
    """
    for one in supposed:
        iri = minter.mint(one.ref)
        known = set(draft.facts.properties(iri).get(iris.TYPE, ()))
        if one.kind != "state" and not known - {node(iris.TOMBSTONE)}:
            raise NotFound(f"{one.ref} is not in the graph.", entity=str(one.ref))
        for layer, statements, gone in _LAID[one.kind](draft, iri, one, at):
            entity = Entity(ref=one.ref, iri=iri, statements=statements, gone=gone)
            whole = gone or not statements
            replaces = None if whole else frozenset(link for _, link, _ in statements)
            propose(draft, Proposal(entity=entity, layer=layer, replaces=replaces), at=at)


_Layers = list[tuple[Layer, frozenset[Statement], bool]]
"""What a layer says of the entity now, and whether that is all since the entity is gone."""


def _deleted(draft: Draft, iri: str, one: Supposed, at: datetime) -> _Layers:
    of_source = bool(draft.held(iri).of("source"))
    return [("source" if of_source else "steward", frozenset(), of_source)]


def _left(draft: Draft, iri: str, one: Supposed, at: datetime) -> _Layers:
    if node(_PERSON) not in draft.facts.objects(iri, iris.TYPE):
        raise BadInput(f"{one.ref} is no person, who alone can leave.", entity=str(one.ref))
    day = literal(at.date().isoformat(), term("xsd:date"))
    return _whoever_says(frozenset({(iri, _ACTIVE, _FALSE), (iri, _LEFT_ON, day)}))


def _dropped(draft: Draft, iri: str, one: Supposed, at: datetime) -> _Layers:
    schemas = [text_of(value) for value in draft.facts.objects(iri, _SCHEMA)]
    for schema in schemas:
        if (left := _without(schema, one.what or "")) is not None:
            return _whoever_says(frozenset({(iri, _SCHEMA, literal(left))}))
    known = f"its schema is: {schemas[0]}" if schemas else "no schema of it is known"
    raise BadInput(f"{one.ref} has no column {one.what!r}; {known}.", entity=str(one.ref))


def _stated(draft: Draft, iri: str, one: Supposed, at: datetime) -> _Layers:
    return [("steward", one.statements, False)]


def _whoever_says(statements: frozenset[Statement]) -> _Layers:
    """In place of what any layer says by these properties."""
    return [(layer, statements, False) for layer in ("source", "steward")]


_LAID: Final[Mapping[str, Callable[[Draft, str, Supposed, datetime], _Layers]]] = {
    "delete": _deleted,
    "leave": _left,
    "drop": _dropped,
    "state": _stated,
}


def _without(schema: str, column: str) -> str | None:
    """A schema, ``name: type, …``, without one of its columns; None if it is not among them."""
    columns = _parted(schema)
    kept = [text for text in columns if text.partition(":")[0].strip() != column]
    return ", ".join(kept) if len(kept) < len(columns) else None


def _parted(schema: str) -> list[str]:
    """The columns of a schema; the commas inside of a type part nothing."""
    found, depth = [""], 0
    for character in schema:
        depth += (character in "<([{") - (character in ">)]}")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [text.strip() for text in found]
