"""What people decide of pairs, and what waits for them.

A decision is what a steward states, in both directions: `mlg:sameThingAs` or
`mlg:differentThingFrom`. Undoing it takes the statements back, and the rules speak again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from kg import iris
from kg.draft import STEWARD, Draft, Graphs
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


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A pair that nobody has decided: what speaks for it by which rule, and what against."""

    one: str
    other: str
    evidence: dict[str, set[Statement]] = field(default_factory=lambda: defaultdict(set))
    against: set[Statement] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A pair of which a steward spoke; who and when, where a revision tells."""

    one: str
    other: str
    choice: Choice
    by: str | None
    at: str | None


def waiting(graphs: Graphs) -> list[Waiting]:
    """The review list, in the order of IRIs."""
    found: dict[tuple[str, str], Waiting] = {}
    for derivation, _, value, _ in graphs.quads(predicate=iris.REIFIES, graph=REVIEW):
        one, _, link = unquoted(value)
        other = iri_of(link)
        pair = found.setdefault((one, other), Waiting(one=one, other=other))
        about = [q[1:3] for q in graphs.quads(subject=derivation, graph=REVIEW)]
        rules = [iri_of(v) for p, v in about if p == iris.DERIVED_BY]
        for predicate, said in about:
            if predicate == iris.SUPPORTED_BY:
                for rule in rules:
                    pair.evidence[rule].add(unquoted(said))
            elif predicate == iris.OPPOSED_BY:
                pair.against.add(unquoted(said))
    return [found[pair] for pair in sorted(found)]


def decided(graphs: Graphs) -> list[Decided]:
    """What stewards have said of pairs, in the order of IRIs."""
    return sorted(_decided(graphs), key=lambda found: (found.one, found.other))


def _decided(graphs: Graphs) -> Iterator[Decided]:
    for choice, predicate in _STATED.items():
        for subject, _, value, _ in list(graphs.quads(predicate=predicate, graph=STEWARD)):
            other = iri_of(value)
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
