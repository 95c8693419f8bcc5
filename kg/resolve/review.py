"""What people decide of pairs, and what waits for them.

A decision is what a steward states, in both directions: `mlg:sameThingAs` or
`mlg:differentThingFrom`. Undoing it takes the statements back, and the rules speak again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Literal, get_args

from kg import iris
from kg.draft import DERIVED, STEWARD, Draft, Graphs
from kg.errors import BadInput, NotFound
from kg.iris import EntityRef, Minter, graph
from kg.resolve.links import REVIEW
from kg.terms import Statement, iri_of, node, quoted, text_of, unquoted

Choice = Literal["accept", "reject", "undo"]
CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)
DECISION: Final = "decision"
"""The kind of a request that holds one."""

_HISTORY = graph("history")
_STATED: Final[dict[Choice, str]] = {
    "accept": iris.SAME_THING_AS,
    "reject": iris.DIFFERENT_THING_FROM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person says of two entities. Raises `BadInput` for those that cannot be one thing."""

    one: EntityRef
    other: EntityRef
    choice: Choice

    def __post_init__(self) -> None:
        if self.choice not in CHOICES:
            raise BadInput(f"{self.choice!r} is no decision; choose of {', '.join(CHOICES)}.")
        if self.one == self.other:
            raise BadInput(f"{self.one} is named twice; a decision is about two entities.")
        if self.one.type != self.other.type:
            raise BadInput(f"{self.one} and {self.other} are of different types.")

    def encode(self) -> bytes:
        """As the inbox keeps it."""
        return json.dumps([self.choice, str(self.one), str(self.other)]).encode()


def decision(body: bytes, *, minter: Minter) -> Decision:
    """The inverse of `Decision.encode`."""
    choice, one, other = json.loads(body)
    return Decision(one=minter.resolve(one), other=minter.resolve(other), choice=choice)


def apply(draft: Draft, decided: Decision, *, minter: Minter) -> tuple[str, str]:
    """Puts a decision into the steward layer of a draft, and answers the IRIs that it is about.

    Raises `NotFound` when the graph does not know one of them.
    """
    one, other = minter.mint(decided.one), minter.mint(decided.other)
    for iri in (one, other):
        if iris.TYPE not in draft.facts.properties(iri):
            raise NotFound(f"<{iri}> is not in the graph; look at `mlg review list`.", iri=iri)
    for subject, value in ((one, other), (other, one)):
        for choice, predicate in _STATED.items():
            statement = (subject, predicate, node(value))
            if choice == decided.choice:
                draft.state(subject, "steward", statement)
            else:
                draft.withdraw(subject, "steward", statement)
    return one, other


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What speaks for two entities being one thing, by which rule, and what speaks against it."""

    agreed: Mapping[str, AbstractSet[Statement]]
    against: AbstractSet[Statement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A pair of which a steward spoke; who and when, where a revision tells."""

    one: str
    other: str
    choice: Choice
    by: str | None
    at: str | None


def waiting(graphs: Graphs) -> list[tuple[str, str]]:
    """The pairs that wait for a decision, in the order of IRIs.

    Graph ``review`` has the decided ones as well. It has none that is linked by rules, so a link in
    the merged view is what a source or steward says.
    """
    reified = {q[2] for q in graphs.quads(predicate=iris.REIFIES, graph=REVIEW)}
    proposed = {(one, iri_of(other)) for one, _, other in map(unquoted, reified)}
    return sorted(pair for pair in proposed if not _is_settled(graphs, *pair))


def _is_settled(graphs: Graphs, one: str, other: str) -> bool:
    return any(
        graphs.holds((subject, predicate, node(value)))
        for predicate in _STATED.values()
        for subject, value in ((one, other), (other, one))
    )


def grounds(graphs: Graphs, one: str, other: str) -> Grounds:
    """The evidence about a pair in either order, as the facts are now, decided or not."""
    one, other = sorted((one, other))
    link = quoted((one, iris.SAME_THING_AS, node(other)))
    agreed: dict[str, set[Statement]] = {}
    against: set[Statement] = set()
    for name in (REVIEW, DERIVED):
        for derivation, *_ in list(graphs.quads(predicate=iris.REIFIES, value=link, graph=name)):
            about = [q[1:3] for q in graphs.quads(subject=derivation, graph=name)]
            supports = {unquoted(v) for p, v in about if p == iris.SUPPORTED_BY}
            for rule in [iri_of(v) for p, v in about if p == iris.DERIVED_BY]:
                agreed.setdefault(rule, set()).update(supports)
            against.update(unquoted(v) for p, v in about if p == iris.OPPOSED_BY)
    return Grounds(agreed=agreed, against=against)


def decided(graphs: Graphs) -> list[Decided]:
    """What stewards have said of pairs, in the order of IRIs."""
    return sorted(_decided(graphs), key=lambda found: (found.one, found.other))


def _decided(graphs: Graphs) -> Iterator[Decided]:
    for choice, predicate in _STATED.items():
        for subject, _, value, _ in list(graphs.quads(predicate=predicate, graph=STEWARD)):
            other = iri_of(value)
            if not other:
                continue  # a text names no other thing
            back = (other, predicate, node(subject), STEWARD)
            if subject > other and graphs.has(back):
                continue  # told from its other end
            by, at = _stated(graphs, (subject, predicate, value))
            yield Decided(one=subject, other=other, choice=choice, by=by, at=at)


def _stated(graphs: Graphs, statement: Statement) -> tuple[str | None, str | None]:
    """Who made a statement last, and when."""
    latest: tuple[str | None, str | None] = (None, None)
    made = graphs.quads(predicate=iris.ASSERTS, value=quoted(statement), graph=_HISTORY)
    for revision in [q[0] for q in made]:
        about = {q[1]: text_of(q[2]) for q in graphs.quads(subject=revision, graph=_HISTORY)}
        at = about.get(iris.RECORDED_AT)
        if latest[1] is None or (at is not None and at > latest[1]):
            latest = about.get(iris.STATED_BY), at
    return latest
