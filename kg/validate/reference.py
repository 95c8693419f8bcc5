"""The reference engine: pySHACL, pure Python and slow. It is handed graphs, never text.

(Given text, it would take an address or a file name for one and read that.) Literals are kept as
written: rdflib would rewrite ``"01"^^xsd:integer`` before the rule that forbids it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyoxigraph as ox
import pyshacl
from pyoxigraph import BlankNode, NamedNode, Triple
from pyshacl.errors import ReportableRuntimeError, ShapeLoadError
from rdflib import RDF, SH, XSD, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from kg import terms
from kg.errors import BadRdf
from kg.model import Report
from kg.validate import graph, paths
from kg.validate.engine import Data, statements
from kg.validate.graph import Term
from kg.validate.results import Result, report
from kg.validate.shapes import Shapes


class ReferenceEngine:
    """Shapes as an rdflib graph. Not for patterns that strangers send: they can hang it."""

    name = "pyshacl"

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._shapes = _graph(shapes.triples)

    def validate(
        self,
        data: Data,
        *,
        at: datetime,
        focus: frozenset[str] | set[str] | None = None,
        max_results: int | None = None,
    ) -> Report:
        judged = terms.triples(statements(data))
        held = _graph([*self.shapes.background, *self.shapes.clock(at), *judged])
        try:
            _, found, text = pyshacl.validate(
                held,
                shacl_graph=self._shapes,
                advanced=False,
                inference="none",
                do_owl_imports=False,
                inplace=True,
            )
        except (ReportableRuntimeError, ShapeLoadError) as error:
            raise BadRdf(f"The shapes cannot be used: {error}") from error
        if not isinstance(found, Graph):
            raise BadRdf(f"The data cannot be validated: {text}")
        results = _results(found)
        return report(results, self.shapes, engine=self.name, focus=focus, most=max_results)


def _results(found: Graph) -> Iterator[Result]:
    for node in found.objects(None, SH.result):  # not sh:detail, what inner shapes say
        path, value = found.value(node, SH.resultPath), found.value(node, SH.value)
        messages = list(found.objects(node, SH.resultMessage))
        english = [m for m in messages if isinstance(m, Literal) and m.language in ("en", None)]
        yield Result(
            focus=_ntriples(found.value(node, SH.focusNode)),
            shape=str(found.value(node, SH.sourceShape)),
            component=str(found.value(node, SH.sourceConstraintComponent)),
            severity=str(found.value(node, SH.resultSeverity)),
            path=_path(found, path) if path is not None else None,
            value=_ntriples(value) if value is not None else None,
            message=str((english or messages)[0]) if messages else None,
        )


def _path(found: Graph, node: Node) -> str:
    """The path as text. Its structure is copied into the report."""
    held = graph.Graph(
        Triple(_term(subject), NamedNode(str(predicate)), _term(value))
        for subject, predicate, value in found
        if predicate in _STRUCTURE
    )
    return paths.text(paths.read(held, _term(node)))


_STRUCTURE = frozenset(
    {RDF.first, RDF.rest, SH.inversePath, SH.alternativePath}
    | {SH.zeroOrMorePath, SH.oneOrMorePath, SH.zeroOrOnePath}
)


def _graph(triples: Iterable[Triple]) -> Graph:
    made = Graph()
    for triple in triples:
        made.add((_node(triple.subject), URIRef(triple.predicate.value), _node(triple.object)))
    return made


def _node(term: Term) -> Node:
    if isinstance(term, NamedNode):
        return URIRef(term.value)
    if isinstance(term, BlankNode):
        return BNode(term.value)
    if isinstance(term, Triple):
        raise BadRdf("A shape holds a triple term; those are beyond SHACL.")
    if term.language:
        return Literal(term.value, lang=term.language)
    datatype = URIRef(term.datatype.value)
    return Literal(
        term.value, datatype=None if datatype == XSD.string else datatype, normalize=False
    )


def _term(node: Node) -> BlankNode | NamedNode:
    if isinstance(node, BNode):
        return BlankNode(str(node))
    return NamedNode(str(node))


def _ntriples(node: Node | None) -> str:
    """A term as N-Triples; rdflib's own form has line breaks in literals."""
    if isinstance(node, Literal):
        if node.language:
            return str(ox.Literal(str(node), language=node.language))
        return str(ox.Literal(str(node), datatype=NamedNode(node.datatype or XSD.string)))
    return "" if node is None else node.n3()
