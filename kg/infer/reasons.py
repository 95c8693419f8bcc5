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
from kg.terms import Statement, iri_of, literal, node, quoted, text_of, unquoted

MAX_SUPPORTS = 20
"""Paths kept as explanations of one derived statement."""

_PATH_COUNT, _CONFIRMED_AT = term("mlg:pathCount"), term("mlg:confirmedAt")
_INTEGER = term("xsd:integer")


class Reasons:
    """The derivations as a draft will leave them. ``at`` is the draft's moment, as a value."""

    def __init__(self, draft: Draft, *, at: str) -> None:
        self._draft = draft
        self._at = at
        self._known: dict[Statement, dict[str, list[Statement]]] = {}

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
            about = known[name] = [
                (name, iris.REIFIES, quoted(statement)),
                (name, iris.DERIVED_BY, node(statement[1])),
                (name, iris.RECORDED_AT, self._at),
            ]
            about += [(name, iris.SUPPORTED_BY, quoted(support)) for support in path]
            if not path:
                about.append((name, _PATH_COUNT, literal(str(len(ways)), _INTEGER)))
            self._draft.add_all(about, DERIVED)

    def _bring_in_line(self, known: dict[str, list[Statement]], wanted: Collection[str]) -> None:
        """Takes out what no longer holds; what stays is confirmed if anything comes or goes."""
        stale = [name for name in known if name not in wanted]
        if not stale and len(known) == len(wanted):
            return
        for name in stale:
            for said in known.pop(name):
                self._draft.remove((*said, DERIVED))
        for name, about in known.items():
            self._confirm(name, about)

    def _confirm(self, name: str, about: list[Statement]) -> None:
        confirmed = (name, _CONFIRMED_AT, self._at)
        if (name, iris.RECORDED_AT, self._at) in about or confirmed in about:
            return
        for said in [said for said in about if said[1] == _CONFIRMED_AT]:
            about.remove(said)
            self._draft.remove((*said, DERIVED))
        about.append(confirmed)
        self._draft.add((*confirmed, DERIVED))

    def _stored(self, statement: Statement) -> dict[str, list[Statement]]:
        if statement[0] in self._draft.created:
            return {}
        return stored(self._draft.store, statement)


def stored(graphs: Graphs, statement: Statement) -> dict[str, list[Statement]]:
    """The derivations of a statement in a store: what is said of each, by its name."""
    found = graphs.quads(predicate=iris.REIFIES, value=quoted(statement), graph=DERIVED)
    names = [quad[0] for quad in found]
    return {n: [q[:3] for q in graphs.quads(subject=n, graph=DERIVED)] for n in names}


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
    for about in stored(graphs, statement).values():
        said = {predicate: value for _, predicate, value in about}
        if _PATH_COUNT in said:
            count = int(text_of(said[_PATH_COUNT]))
            continue
        first, confirmed = said.get(iris.RECORDED_AT), said.get(_CONFIRMED_AT)
        found.append(
            Derivation(
                rule=iri_of(said[iris.DERIVED_BY]),
                supports=frozenset(unquoted(s[2]) for s in about if s[1] == iris.SUPPORTED_BY),
                first=text_of(first) if first else None,
                confirmed=text_of(confirmed) if confirmed else text_of(first) if first else None,
            )
        )
    found.sort(key=lambda derivation: (derivation.rule, sorted(derivation.supports)))
    return found, max(count, len(found))
