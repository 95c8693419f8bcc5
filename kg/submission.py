"""What people submit: RDF about entities of this graph, and what becomes of it.

A submission states, property by property, what a steward says of an entity: for each entity and
property that it names, the steward's earlier values are replaced. Facts of sources stay.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Triple

from kg import formats, iris
from kg.errors import BadIri, BadRdf, MlgError
from kg.events import Request
from kg.iris import Minter
from kg.model import Entity, Finding
from kg.terms import Statement, node, statement
from kg.views import as_json

MAX_ENTITIES = 10_000
MAX_TEXT = 1_000_000
"""Characters of one value: whoever reads an entity reads each of them whole."""
_ITS_OWN = frozenset({iris.RECORDED_BY, iris.FORMER_TYPE, iris.INVALIDATED_AT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request, read: the entities that it describes, or the problem that it has."""

    id: str
    sha256: str
    entities: tuple[Entity, ...] = ()
    problem: MlgError | None = None

    def outcome(self, findings: Iterable[Finding] = ()) -> dict[str, Any]:
        """The decision as the inbox keeps it."""
        found: dict[str, Any] = {
            "iris": [entity.iri for entity in self.entities],
            "findings": as_json(tuple(findings)),
        }
        if self.problem is not None:
            found["problem"] = {
                "code": self.problem.code,
                "detail": str(self.problem),
                **self.problem.details,
            }
        return found


def decode(request: Request, minter: Minter) -> Submission:
    """Reads a request from the inbox; what is wrong with it becomes its ``problem``."""
    sha256 = hashlib.sha256(request.body).hexdigest()
    try:
        found = read(request.body, formats.by_name(request.format), minter=minter)
    except MlgError as error:
        return Submission(id=request.id, sha256=sha256, problem=error)
    return Submission(id=request.id, sha256=sha256, entities=found)


def read(data: bytes, form: formats.Format, *, minter: Minter) -> tuple[Entity, ...]:
    """The entities that a document describes.

    Blank nodes become parts of the entity that refers to them, named by what they say, so that
    the same document read twice says the same. Raises `BadRdf`, `BadIri`.
    """
    quads = formats.parse(data, form, base=minter.prefix)
    named = next((q for q in quads if not isinstance(q.graph_name, DefaultGraph)), None)
    if named is not None:
        raise BadRdf(f"The submission names the graph {named.graph_name}; submit plain statements.")
    parts = _Parts(quad.triple for quad in quads)
    facts: dict[str, set[Statement]] = defaultdict(set)
    for subject in parts.subjects():
        iri = subject.value.partition("#")[0]
        minter.parse(subject.value)  # refuses what lies outside the base
        facts[iri].update(_said(triple) for triple in parts.statements(subject, of=iri))
    if not facts:
        raise BadRdf("The submission states nothing about any entity.")
    if len(facts) > MAX_ENTITIES:
        raise BadRdf(f"The submission describes {len(facts)} entities; {MAX_ENTITIES} is the most.")
    parts.refuse_unused()
    return tuple(_entity(iri, said, minter) for iri, said in sorted(facts.items()))


def _said(triple: Triple) -> Statement:
    """A triple as a statement. Raises `BadRdf` for what the graph itself says, and for a huge value."""
    said = statement(triple)
    if said[1] in _ITS_OWN or said[1:] == (iris.TYPE, node(iris.TOMBSTONE)):
        raise BadRdf(
            f"<{said[0]}> {iris.compact(said[1])} {said[2]} is for the graph to say, which learns it from "
            "the sources; leave it out."
        )
    if len(said[2]) > MAX_TEXT:
        raise BadRdf(
            f"<{said[0]}> {iris.compact(said[1])} has a value of {len(said[2]):,} characters; "
            f"{MAX_TEXT:,} is the most. Keep such texts elsewhere and link to them."
        )
    return said


def _entity(iri: str, statements: set[Statement], minter: Minter) -> Entity:
    ref = minter.parse(iri)
    if minter.mint(ref) != iri:
        raise BadIri(f"<{iri}> is written <{minter.mint(ref)}> in this graph.", iri=iri)
    return Entity(ref=ref, iri=iri, statements=frozenset(statements))


class _Parts:
    """The statements of a document, with blank nodes to be named after what they say.

    Each blank node is named once and belongs to one entity, so that the work grows with the
    document and no faster, however its nodes refer to each other.
    """

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._about: dict[NamedNode | BlankNode, list[Triple]] = defaultdict(list)
        for triple in triples:
            if isinstance(triple.object, Triple):
                raise BadRdf("The submission holds a triple term; those are the graph's own.")
            self._about[cast("NamedNode | BlankNode", triple.subject)].append(triple)
        self._owners: dict[BlankNode, str] = {}
        self._named: dict[BlankNode, tuple[str, int]] = {}
        """By node: its name within its entity, and how deep the nodes under it nest."""

    def subjects(self) -> list[NamedNode]:
        return [node for node in self._about if isinstance(node, NamedNode)]

    def statements(self, node: NamedNode, *, of: str) -> set[Triple]:
        """What is said of a node and of its blank nodes, named as parts of the entity ``of``."""
        found: set[Triple] = set()
        waiting: list[NamedNode | BlankNode] = [node]
        while waiting:
            subject = waiting.pop()
            named = self._part(subject, of) if isinstance(subject, BlankNode) else subject
            for triple in self._about.get(subject, ()):
                value = triple.object
                if isinstance(value, BlankNode):
                    if self._is_new(value, of):
                        waiting.append(value)
                    value = self._part(value, of)
                found.add(Triple(named, triple.predicate, value))
        return found

    def _is_new(self, blank: BlankNode, of: str) -> bool:
        if blank not in self._owners:
            self._owners[blank] = of
            return True
        if (owner := self._owners[blank]) != of:
            raise BadRdf(f"A blank node belongs to <{owner}> and to <{of}>; give it an IRI.")
        return False

    def _part(self, blank: BlankNode, of: str) -> NamedNode:
        name, _ = self._name(blank)
        return NamedNode(f"{of}#{name}")

    def _name(self, blank: BlankNode, within: tuple[BlankNode, ...] = ()) -> tuple[str, int]:
        if blank in self._named:
            return self._named[blank]
        if blank in within:
            raise BadRdf("Blank nodes of the submission form a ring; give them IRIs.")
        said, depth = [], 0
        for triple in self._about.get(blank, ()):
            value = str(triple.object)
            if isinstance(triple.object, BlankNode):
                name, below = self._deeper(triple.object, (*within, blank))
                value, depth = f"_:{name}", max(depth, below)
            said.append(f"{triple.predicate} {value}")
        digest = hashlib.sha1("\n".join(sorted(said)).encode()).hexdigest()[:16]
        self._named[blank] = f"part-{digest}", depth + 1
        return self._named[blank]

    def _deeper(self, blank: BlankNode, within: tuple[BlankNode, ...]) -> tuple[str, int]:
        if len(within) < formats.MAX_DEPTH:
            name, depth = self._name(blank, within)
            if len(within) + depth <= formats.MAX_DEPTH:
                return name, depth
        raise BadRdf(f"Blank nodes of the submission nest over {formats.MAX_DEPTH} deep.")

    def refuse_unused(self) -> None:
        loose = [n for n in self._about if isinstance(n, BlankNode) and n not in self._owners]
        if loose:
            raise BadRdf("A blank node of the submission belongs to no entity; give it an IRI.")
