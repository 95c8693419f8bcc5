"""The derivations in graph ``derived``: which statements stand under a derived one, and why.

Each path that leads to a statement by a chain is a derivation of its own, at most `MAX_SUPPORTS` of
them; if there are more, one that has no supports keeps their number. A derivation is written
when its path first holds (`mlg:recordedAt`), and touched again only when the statement was derived
again because something under it changed (`mlg:confirmedAt`): what a source merely repeats writes
nothing. What a sub-property implies has no derivation; the reason is that axiom.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kg import iris
from kg.draft import DERIVATIONS, DERIVED, Draft, Graphs
from kg.iris import term
from kg.terms import Quad, Statement, iri_of, literal, node, quoted, text_of, unquoted

MAX_SUPPORTS = 20
"""Paths kept as explanations of one derived statement."""

_PATH_COUNT, _CONFIRMED_AT = term("mlg:pathCount"), term("mlg:confirmedAt")
_INTEGER = term("xsd:integer")


class Reasons:
    """The derivations as a draft will leave them. ``at`` is the draft's moment, as a value."""

    def __init__(self, draft: Draft, *, at: str) -> None:
        self._draft = draft
        self._at = at
        self._known: dict[Statement, dict[str, list[Quad]]] = {}

    def set(self, statement: Statement, paths: Sequence[tuple[Statement, ...]]) -> None:
        """Makes these the reasons of a statement, the first `MAX_SUPPORTS` of them."""
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = self._stored(statement)
        ways = sorted(paths) if len(paths) > 1 else paths
        wanted = {_name(statement, path): path for path in ways[:MAX_SUPPORTS]}
        if len(ways) > MAX_SUPPORTS:
            wanted[_name(statement, (), f"{len(ways)} paths")] = ()
        if known:
            self._bring_in_line(known, wanted)
        for name, path in wanted.items():
            if name in known:
                continue
            quads = known[name] = [
                (name, iris.REIFIES, quoted(statement), DERIVED),
                (name, iris.DERIVED_BY, node(statement[1]), DERIVED),
                (name, iris.RECORDED_AT, self._at, DERIVED),
            ]
            quads += [(name, iris.SUPPORTED_BY, quoted(support), DERIVED) for support in path]
            if not path:
                quads.append((name, _PATH_COUNT, literal(str(len(ways)), _INTEGER), DERIVED))
            self._draft.add_all(quads)

    def _bring_in_line(self, known: dict[str, list[Quad]], wanted: Collection[str]) -> None:
        """Takes out what no longer holds; what stays is confirmed if anything comes or goes."""
        stale = [name for name in known if name not in wanted]
        if not stale and len(known) == len(wanted):
            return
        for name in stale:
            for quad in known.pop(name):
                self._draft.remove(quad)
        for name, quads in known.items():
            self._confirm(name, quads)

    def _confirm(self, name: str, quads: list[Quad]) -> None:
        confirmed = (name, _CONFIRMED_AT, self._at, DERIVED)
        if (name, iris.RECORDED_AT, self._at, DERIVED) in quads or confirmed in quads:
            return
        for quad in [quad for quad in quads if quad[1] == _CONFIRMED_AT]:
            quads.remove(quad)
            self._draft.remove(quad)
        quads.append(confirmed)
        self._draft.add(confirmed)

    def _stored(self, statement: Statement) -> dict[str, list[Quad]]:
        if statement[0] in self._draft.created:
            return {}
        return stored(self._draft.store, statement)


def stored(graphs: Graphs, statement: Statement) -> dict[str, list[Quad]]:
    """The derivations of a statement in a store: what is said of each, by its name."""
    found = graphs.quads(predicate=iris.REIFIES, value=quoted(statement), graph=DERIVED)
    return {q[0]: list(graphs.quads(subject=q[0], graph=DERIVED)) for q in list(found)}


def _name(statement: Statement, supports: tuple[Statement, ...], more: str = "") -> str:
    """A derivation's IRI: the same for the same statement and path, whenever it is derived."""
    text = "\n".join("\t".join(one) for one in (statement, *supports)) + more
    return DERIVATIONS + hashlib.sha1(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """One reason of a statement, as it is kept. ``rule`` is a property or an identity rule."""

    rule: str
    supports: frozenset[Statement]
    first: str | None
    """The moment at which it was first drawn, in ISO 8601; links have none."""
    confirmed: str | None
    """The latest moment at which it was drawn again."""


def derivations(graphs: Graphs, statement: Statement) -> tuple[list[Derivation], int]:
    """The kept derivations of a statement, and how many there are in all."""
    found, count = [], 0
    for quads in stored(graphs, statement).values():
        said = {predicate: value for _, predicate, value, _ in quads}
        if _PATH_COUNT in said:
            count = int(text_of(said[_PATH_COUNT]))
            continue
        first, confirmed = said.get(iris.RECORDED_AT), said.get(_CONFIRMED_AT)
        found.append(
            Derivation(
                rule=iri_of(said[iris.DERIVED_BY]),
                supports=frozenset(unquoted(q[2]) for q in quads if q[1] == iris.SUPPORTED_BY),
                first=text_of(first) if first else None,
                confirmed=text_of(confirmed) if confirmed else text_of(first) if first else None,
            )
        )
    found.sort(key=lambda derivation: (derivation.rule, sorted(derivation.supports)))
    return found, max(count, len(found))
