"""Why a fact is in the graph: who states it, or by which axiom it follows from which other facts.

An explanation goes down to what is stated: each step of a path is explained in turn, as deep as
`DEEPEST` and `MOST` in all. A fact that is explained already stands there once; so rings end.
Of a fact that does not hold it is said what is missing. What somebody decided of a pair that may be
one thing is told with what the identity rules find of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from kg import iris
from kg.draft import DERIVED, DOUBLED, STEWARD
from kg.entity import Portrayer
from kg.errors import BadInput, BadIri, MlgError, NotFound
from kg.facts import Overlay
from kg.infer import Derivation, Rule, Rules, Step, derivations, missing_step, shortest, walk
from kg.iris import PREFIXES, EntityRef, compact, graph
from kg.resolve import grounds
from kg.terms import Quad, Statement, iri_of, literal, node, quoted, term, text_of
from kg.views import Explanation, Named, Statedness, Way

DEEPEST: Final = 12
"""Derivations on top of each other that are followed."""
MOST: Final = 200
"""Facts that one explanation shows; then it only counts the ways that are left."""

_HISTORY = graph("history")
_NEAR: Final = 5
"""Objects, paths or names offered to somebody who asked for another."""


def why(
    portrayer: Portrayer, rules: Rules, *, subject: str, predicate: str, value: str
) -> Explanation:
    """Explains a fact, named as people name things. An inverse name is turned round.

    Raises `BadInput` for names that mean nothing, and `NotFound`, which says what does hold or
    what is missing, for a fact that does not.
    """
    asked = _Question(portrayer).statement(subject, predicate, value)
    facts = portrayer.checkpoint
    if facts.holds(asked):
        return _Explainer(portrayer, rules).explain(asked)
    start, name, end = asked[0], asked[1], iri_of(asked[2])
    mirrored = (end, name, node(start))
    if end and portrayer.vocabulary.is_symmetric(name) and facts.holds(mirrored):
        return _Explainer(portrayer, rules).explain(mirrored)
    if portrayer.vocabulary.is_transitive(name) and (path := shortest(facts, name, start, end)):
        return _Explainer(portrayer, rules).along(asked, path)
    raise _why_not(portrayer, rules, asked)


# --- what is asked ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """Reads a fact as people write it."""

    portrayer: Portrayer

    def statement(self, subject: str, predicate: str, value: str) -> Statement:
        link = self._property(predicate)
        stored = self.portrayer.vocabulary.inverse_of(link)
        if stored is not None:
            return self._iri(value), stored, node(self._iri(subject))
        start = self._iri(subject)
        return start, link, self._value(start, link, value)

    def _property(self, text: str) -> str:
        """A property by its IRI, its compact name, or its name in our ontology alone.

        One of another vocabulary may be unknown to ours, and stated all the same.
        """
        vocabulary = self.portrayer.vocabulary
        name = text.removeprefix("<").removesuffix(">")
        prefix, colon, local = name.partition(":")
        if colon and prefix in PREFIXES:
            name = PREFIXES[prefix] + local
        elif not colon:
            name = PREFIXES["mlg"] + name
        foreign = not name.startswith(PREFIXES["mlg"])
        if vocabulary.is_term(name) or (foreign and (prefix in PREFIXES or "://" in name)):
            return _valid(name)
        known = {known.removeprefix(PREFIXES["mlg"]) for known in vocabulary.properties}
        near = difflib.get_close_matches(text.rpartition(":")[2], sorted(known), n=_NEAR)
        hint = f"; did you mean {', '.join(near)}?" if near else "."
        raise BadInput(f"{text!r} is no property of the ontology{hint}", predicate=text)

    def _iri(self, text: str) -> str:
        """An entity, or a part of one; or any other thing by its IRI or compact name."""
        name = text.removeprefix("<").removesuffix(">")
        prefix, _, local = name.partition(":")
        if prefix in PREFIXES and not local.startswith("//"):
            return _valid(PREFIXES[prefix] + local)
        minter = self.portrayer.minter
        if "://" in name and not name.startswith(("aip://", minter.prefix)):
            return _valid(name)
        entity, _, part = name.partition("#")
        found = minter.mint(minter.resolve(entity))
        return _valid(f"{found}#{part}") if part else found

    def _value(self, subject: str, link: str, text: str) -> str:
        """The value that is meant: one that the subject has with this text, else a thing."""
        for value in self.portrayer.checkpoint.objects(subject, link):
            if not iri_of(value) and text_of(value) == text:
                return value
        try:
            return node(self._iri(text))
        except BadInput:
            return literal(text.encode("utf-8", "replace").decode())


def _valid(iri: str) -> str:
    try:
        term(node(iri))
    except ValueError as error:
        raise BadIri(f"{iri!r} is no IRI: {error}.", iri=iri) from error
    return iri


# --- why ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Explainer:
    """Explains one fact and all that is under it, each once."""

    portrayer: Portrayer
    rules: Rules
    _met: set[Statement] = field(default_factory=set)
    _shown: int = 0

    def explain(self, statement: Statement, depth: int = 0) -> Explanation:
        said = self.portrayer.said(statement)
        self._shown += 1
        if statement in self._met:
            return Explanation(fact=said, again=True)
        if depth > DEEPEST or self._shown > MOST:
            return Explanation(fact=said, cut=True)
        self._met.add(statement)
        graphs = self.portrayer.checkpoint
        derived = graphs.has((*statement, DERIVED))
        kept, paths = derivations(graphs, statement) if derived else ([], 0)
        narrower = self._narrower(statement) if derived else []
        since = self._since(statement) if derived else None
        ways = [self._narrow(rule, under, since, depth) for rule, under in narrower]
        ways.extend(self._way(statement, d, since, depth) for d in kept if self._shown <= MOST)
        agreed, against = ((), ()) if derived else self._weighed(statement, depth)
        return Explanation(
            fact=said,
            stated=tuple(self._stated(statement, derived=derived)),
            derived=derived,
            ways=tuple(ways),
            paths=paths + len(narrower),
            agreed=agreed,
            against=against,
        )

    def along(self, statement: Statement, path: list[Statement]) -> Explanation:
        """Of a transitive property whose closure is not stored: a shortest way."""
        name = statement[1]
        label = self._label(name)
        rule = Named(iri=name, name=f"{label} → {label} ⇒ {label}, by a shortest path")
        way = Way(
            rule=rule,
            axiom=str(Rule(derives=name, path=(Step(predicate=name),) * 2)),
            steps=tuple(self.explain(step, 1) for step in path),
        )
        return Explanation(fact=self.portrayer.said(statement), derived=True, ways=(way,), paths=1)

    def _narrower(self, statement: Statement) -> list[tuple[Rule, Statement]]:
        """The facts that imply this one by being said with a narrower property."""
        subject, name, value = statement
        found = [
            (rule, (subject, rule.path[0].predicate, value))
            for rule in self.rules.of(name)
            if rule.is_narrower
        ]
        return sorted(
            ((r, s) for r, s in found if self.portrayer.checkpoint.holds(s)), key=lambda x: x[1]
        )

    def _since(self, statement: Statement) -> datetime | None:
        """When the graph first held a derived fact, by its history: the least that is known."""
        about = self._revision(statement, statement[0].partition("#")[0], "derived")
        return next((_moment(text_of(q[2])) for q in about if q[1] == iris.RECORDED_AT), None)

    def _narrow(self, rule: Rule, under: Statement, since: datetime | None, depth: int) -> Way:
        label = self._label(rule.path[0].predicate)
        return Way(
            rule=Named(iri=rule.derives, name=f"{label} ⇒ {self._label(rule.derives)}"),
            axiom=str(rule),
            steps=(self.explain(under, depth + 1),),
            first=since,
            confirmed=since,
        )

    def _way(
        self, statement: Statement, derivation: Derivation, since: datetime | None, depth: int
    ) -> Way:
        rule, path = self._path(statement, derivation)
        ring = self.rules.rings.get(derivation.rule)
        if ring is not None:
            name = f"{self._label(ring.of)}, round a ring ⇒ {self._label(ring.derives)}"
        elif rule is None:
            name = self._label(derivation.rule)
        else:
            steps = " → ".join(self._label(s.predicate, inverse=s.inverse) for s in rule.path)
            name = f"{steps} ⇒ {self._label(rule.derives)}"
        return Way(
            rule=Named(iri=derivation.rule, name=name),
            axiom=str(rule or ring) if rule or ring else None,
            steps=tuple(self.explain(step, depth + 1) for step in path),
            first=_moment(derivation.first) or since,
            confirmed=_moment(derivation.confirmed) or since,
        )

    def _weighed(
        self, statement: Statement, depth: int
    ) -> tuple[tuple[Way, ...], tuple[Explanation, ...]]:
        """What the identity rules find of a pair of which somebody says what it is."""
        subject, name, other = statement[0], statement[1], iri_of(statement[2])
        if not other or name not in (iris.SAME_THING_AS, iris.DIFFERENT_THING_FROM):
            return (), ()
        found = grounds(self.portrayer.checkpoint, subject, other)
        agreed = tuple(
            Way(
                rule=Named(iri=rule, name=self._label(rule)),
                steps=tuple(self.explain(fact, depth + 1) for fact in sorted(facts)),
            )
            for rule, facts in sorted(found.agreed.items())
        )
        return agreed, tuple(self.explain(fact, depth + 1) for fact in sorted(found.against))

    def _path(
        self, statement: Statement, derivation: Derivation
    ) -> tuple[Rule | None, Iterable[Statement]]:
        """The chain that leads over just these supports, and their order along it; or round a ring.

        Links have rules that are no chains; their facts stand side by side.
        """
        subject, name, value = statement
        over = Overlay.of(derivation.supports)
        if ring := self.rules.rings.get(derivation.rule):
            edge, back = (subject, ring.of, value), shortest(over, ring.of, iri_of(value), subject)
            return None, [edge, *(back or ())]
        for rule in self.rules.chains(name) if derivation.rule == name else ():
            for path in walk(over, rule.path, subject, iri_of(value)):
                if set(path) == derivation.supports:
                    return rule, path
        return None, sorted(derivation.supports)

    def _label(self, name: str, *, inverse: bool = False) -> str:
        return self.portrayer.vocabulary.label(name, inverse=inverse)

    # --- who states it ---

    def _stated(self, statement: Statement, *, derived: bool) -> Iterator[Statedness]:
        graphs = self.portrayer.checkpoint
        by_steward = graphs.has((*statement, STEWARD))
        if graphs.has((*statement, DOUBLED)) or not (by_steward or derived):
            yield self._from("source", statement)
        if by_steward:
            yield self._from("steward", statement)

    def _from(self, layer: str, statement: Statement) -> Statedness:
        """Who states a fact in a layer, with the revision by which the graph learned it."""
        entity = statement[0].partition("#")[0]
        about = self._revision(statement, entity, layer)
        said = {predicate: value for _, predicate, value, _ in about}
        text = {p: text_of(said[p]) for p in said}
        return Statedness(
            layer=layer,
            source=self._source(entity) if layer == "source" else None,
            by=text.get(iris.STATED_BY),
            revision=about[0][0] if about else None,
            recorded_at=_moment(text.get(iris.RECORDED_AT)),
            caused_by=text.get(iris.CAUSED_BY),
        )

    def _source(self, entity: str) -> Named | None:
        """The system that records an entity, or that its IRI names as its owner."""
        for value in self.portrayer.checkpoint.objects(entity, iris.RECORDED_BY):
            return self.portrayer.named(iri_of(value))
        minter = self.portrayer.minter
        try:
            source = iris.source_system(minter.parse(entity).source)
        except BadIri:
            return None
        return self.portrayer.named(minter.mint(source))

    def _revision(self, statement: Statement, entity: str, layer: str) -> list[Quad]:
        """The latest revision that asserts a statement, in this layer if any does; or, since the
        first of an entity lists none, the one that created it."""
        quads = self.portrayer.checkpoint.quads
        found = [
            q[0] for q in quads(predicate=iris.ASSERTS, value=quoted(statement), graph=_HISTORY)
        ] or [q[0] for q in quads(predicate=iris.CREATES, value=node(entity), graph=_HISTORY)]
        about = [list(quads(subject=name, graph=_HISTORY)) for name in found]
        wanted = node(PREFIXES["mlgc"] + f"layer-{layer}")
        of_layer = [a for a in about if any(q[1:3] == (iris.IN_LAYER, wanted) for q in a)]
        return max(of_layer or about, key=_when, default=[])


def _when(about: list[Quad]) -> str:
    return next((q[2] for q in about if q[1] == iris.RECORDED_AT), "")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# --- why not ------------------------------------------------------------------------------------


def _why_not(portrayer: Portrayer, rules: Rules, asked: Statement) -> NotFound:
    """What to say of a fact that does not hold: of what it holds, and where each chain ends."""
    subject, name, value = asked
    facts, label = portrayer.checkpoint, portrayer.vocabulary.label(name)
    wanted = _shown(portrayer, value)
    said = f"{_shown(portrayer, node(subject))} is not said to be {label!r} {wanted}"
    others = sorted(facts.objects(subject, name))
    if others:
        more = f" and {len(others) - _NEAR} more" if len(others) > _NEAR else ""
        near = ", ".join(_shown(portrayer, other) for other in others[:_NEAR])
        said += f"; it holds for {near}{more}"
    elif not any(True for _ in facts.about(subject)):
        said += "; the graph states nothing of the former"
    gaps = []
    for rule in rules.chains(name):
        reached, step = missing_step(facts, rule.path, subject)
        if step is None:
            gaps.append(f"{rule} leads from it elsewhere")
        else:
            ends = ", ".join(_shown(portrayer, node(end)) for end in reached[:_NEAR])
            gaps.append(f"{rule} would give it, but {step} leads nowhere from {ends}")
    message = ". ".join([said, *gaps]) + "."
    return NotFound(
        message,
        subject=subject,
        predicate=name,
        object=value,
        holds_for=[text_of(other) for other in others[:_NEAR]],
        missing=gaps,
    )


def _shown(portrayer: Portrayer, value: str) -> str:
    iri = iri_of(value)
    if not iri:
        return repr(text_of(value))
    try:
        ref: EntityRef | None = portrayer.minter.parse(iri)
    except MlgError:
        ref = None
    return str(ref) if ref and "#" not in iri else compact(iri)
