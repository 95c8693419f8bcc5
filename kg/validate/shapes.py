"""The rules: read from ``shapes/core`` (and a file or folder of one's own), checked, and explained.

A rule is a shape with an IRI: results, waivers, documentation and trends share that key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, serialize

from kg import formats, iris, terms
from kg.errors import BadRdf, BadSetting
from kg.iris import PREFIXES, term
from kg.model import Severity
from kg.resources import data_dir
from kg.terms import Statement
from kg.validate import clock, lint, paths
from kg.validate.graph import Graph, Node
from kg.vocabulary import Vocabulary

_BASE: Final = PREFIXES["mlgsh"]
_PROPERTY, _PATH = term("sh:property"), term("sh:path")
_SPARQL, _SELECT, _MESSAGE = term("sh:sparql"), term("sh:select"), term("sh:message")
_ANONYMOUS: Final = "urn:mlgraph:shape:"
SEVERITIES: Final[Mapping[str, Severity]] = {
    term("sh:Violation"): "violation",
    term("sh:Warning"): "warning",
    term("sh:Info"): "info",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What people are told about a rule.

    ``template`` is the message of a rule's query, with ``{?variables}`` that the engine fills.
    """

    iri: str
    severity: Severity
    message: str | None = None
    template: str | None = None
    id: str | None = None
    label: str | None = None
    comment: str | None = None
    remedy: str | None = None
    pack: str | None = None
    source: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """A shapes graph that has passed the lint, with what engines need beside it.

    ``text`` is the graph as N-Triples, and ``background`` the ontology's statements that go with
    all data: which class is a kind of which that a shape names.
    """

    triples: tuple[Triple, ...]
    text: str
    rules: Mapping[str, Rule]
    owners: Mapping[str, str]
    """Anonymous shapes (by the name that they are given here) to the nearest shape with an IRI."""
    instants: Mapping[str, timedelta]
    background: tuple[Triple, ...]

    def named(self, shape: str) -> str:
        """The rule that a shape belongs to."""
        return self.owners.get(shape, shape)

    def clock(self, at: datetime) -> list[Triple]:
        """The instants that queries name, when it is ``at``."""
        return clock.statements(self.instants, at)


def load_shapes(extra: Path | None = None, *, vocabulary: Vocabulary | None = None) -> Shapes:
    """The core rules, and those of a Turtle file or a folder of them.

    Raises `BadRdf` naming the file and what is wrong in it, `BadSetting` if ``extra`` is not there.
    """
    files = _files(data_dir("shapes") / "core")
    if extra is not None:
        if not extra.exists():
            raise BadSetting(f"There are no shapes at {extra}; name a Turtle file or a folder.")
        files += _files(extra)
    documents = {file.name: file.read_bytes() for file in files}
    return _shapes(documents, (vocabulary or Vocabulary()).statements, queries=True)


def core_statements() -> list[Statement]:
    """The core rules as they stand in their files."""
    found = []
    for file in _files(data_dir("shapes") / "core"):
        quads = formats.parse(file.read_bytes(), formats.by_name("turtle"), base=_BASE)
        found += [terms.statement(quad.triple) for quad in quads]
    return found


def shapes_of(statements: Iterable[Statement], *, ontology: Iterable[Statement]) -> Shapes:
    """Rules that were kept as statements, with the ontology of the same time. Raises `BadRdf`."""
    kept = terms.ntriples(statements).encode()
    return _shapes({"The shapes kept": kept}, tuple(ontology), queries=True)


def parse_shapes(data: bytes, *, vocabulary: Vocabulary | None = None) -> Shapes:
    """Shapes that somebody sent, alone and as Turtle: SHACL Core, no queries. Raises `BadRdf`."""
    return _shapes({"The shapes": data}, (vocabulary or Vocabulary()).statements, queries=False)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.ttl")) if path.is_dir() else [path]


def _shapes(
    documents: Mapping[str, bytes], ontology: Sequence[Statement], *, queries: bool
) -> Shapes:
    triples: list[Triple] = []
    for name, data in documents.items():
        quads = formats.parse(data, formats.by_name("turtle"), base=_BASE, name=name)
        mine = [quad.triple for quad in quads]
        lint.check(Graph(mine), mine, queries=queries, name=name)
        triples += mine
    triples, owners = _name_properties(triples)
    graph = Graph(triples)
    if not any(predicate in _TARGETS for s in graph.subjects() for predicate in graph.about(s)):
        raise BadRdf("The shapes target nothing, so nothing would be checked; add sh:targetClass.")
    declared = terms.triples(said for said in ontology if said[1] in _DECLARATION)
    asked = [
        query.value
        for subject in graph.subjects()
        for query in graph.objects(subject, _SELECT)
        if isinstance(query, Literal)
    ]
    return Shapes(
        triples=(*triples, *declared),
        text=ntriples([*triples, *declared]),
        rules={rule.iri: rule for rule in _rules(graph, owners)},
        owners=owners,
        instants=clock.named(asked),
        background=tuple(_kinds(ontology, _classes(graph))),
    )


_TARGETS: Final = frozenset(
    term(f"sh:target{kind}") for kind in ("Class", "Node", "SubjectsOf", "ObjectsOf")
)
_SHAPES: Final = frozenset(term(f"sh:{kind}") for kind in ("NodeShape", "PropertyShape"))
_REFERS_TO_CLASS: Final = (term("sh:targetClass"), term("sh:class"))


def _name_properties(triples: list[Triple]) -> tuple[list[Triple], dict[str, str]]:
    """Gives an IRI to each anonymous shape that can report, so that engines name it alike."""
    graph = Graph(triples)
    above: dict[Node, Node] = {}
    for subject in graph.subjects():
        for node in graph.nodes(subject, _PROPERTY):
            if isinstance(node, BlankNode):
                above[node] = cast(Node, subject)
    for subject in graph.subjects():
        if isinstance(subject, BlankNode) and _TARGETS & graph.about(subject).keys():
            above.setdefault(subject, subject)
    names = {node: NamedNode(f"{_ANONYMOUS}{n}") for n, node in enumerate(above, 1)}
    owners = {}
    for node, name in names.items():
        up: Node = node
        while isinstance(up, BlankNode) and above.get(up, up) != up:
            up = above[up]
        owners[name.value] = names.get(up, name).value if isinstance(up, BlankNode) else up.value
    renamed = [
        Triple(
            names.get(t.subject, t.subject) if isinstance(t.subject, BlankNode) else t.subject,
            t.predicate,
            names.get(t.object, t.object) if isinstance(t.object, BlankNode) else t.object,
        )
        for t in triples
    ]
    return renamed, owners


def _rules(graph: Graph, owners: Mapping[str, str]) -> Iterator[Rule]:
    for subject in graph.subjects():
        facts = graph.about(subject)
        types = {str(getattr(o, "value", o)) for o in facts.get(iris.TYPE, ())}
        if not isinstance(subject, NamedNode) or subject.value in owners:
            continue
        if not (types & _SHAPES or _TARGETS & facts.keys() or _PATH in facts):
            continue
        path = next(iter(graph.nodes(subject, _PATH)), None)
        queries = graph.nodes(subject, _SPARQL)
        yield Rule(
            iri=subject.value,
            severity=SEVERITIES.get(graph.text(subject, term("sh:severity")) or "", "violation"),
            message=graph.text(subject, _MESSAGE),
            template=next((text for c in queries if (text := graph.text(c, _MESSAGE))), None),
            id=graph.text(subject, term("mlg:ruleId")),
            label=graph.text(subject, iris.LABEL),
            comment=graph.text(subject, term("rdfs:comment")),
            remedy=graph.text(subject, term("mlg:remedy")),
            pack=graph.text(subject, term("rdfs:isDefinedBy")),
            source=graph.text(subject, term("dct:source")),
            path=paths.text(paths.read(graph, path)) if path is not None else None,
        )


def _classes(graph: Graph) -> set[str]:
    """The classes that the shapes name."""
    return {
        node.value
        for subject in graph.subjects()
        for predicate in _REFERS_TO_CLASS
        for node in graph.nodes(subject, predicate)
    }


def _kinds(ontology: Iterable[Statement], named: set[str]) -> list[Triple]:
    """The subclass statements that lead to the classes named."""
    above: dict[str, list[Triple]] = {}
    for said in ontology:
        if said[1] == iris.SUBCLASS_OF and (higher := terms.iri_of(said[2])):
            above.setdefault(higher, []).append(terms.triple(said))
    found: list[Triple] = []
    queue, seen = sorted(named), set(named)
    while queue:
        for triple in above.get(queue.pop(), ()):
            found.append(triple)
            lower = cast(NamedNode, triple.subject).value
            if lower not in seen:
                seen.add(lower)
                queue.append(lower)
    return found


def superclasses(background: Iterable[Triple]) -> dict[NamedNode, frozenset[NamedNode]]:
    """Of each class, those above it, by subclass statements."""
    direct: dict[NamedNode, set[NamedNode]] = {}
    for triple in background:
        if isinstance(triple.subject, NamedNode) and isinstance(triple.object, NamedNode):
            direct.setdefault(triple.subject, set()).add(triple.object)
    above = {}
    for name in direct:
        found: set[NamedNode] = set()
        queue = [name]
        while queue:
            new = direct.get(queue.pop(), set()) - found
            found |= new
            queue += new
        above[name] = frozenset(found)
    return above


_DECLARATION: Final = frozenset(term(f"sh:{name}") for name in ("declare", "prefix", "namespace"))


def ntriples(triples: Iterable[Triple]) -> str:
    return cast(bytes, serialize(triples, format=RdfFormat.N_TRIPLES)).decode()
