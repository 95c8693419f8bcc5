"""The default engine: PyPI ``shacl``, written in Rust. Patterns cannot hang it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final

import shacl
from pyoxigraph import NamedNode, Triple

from kg import iris, terms
from kg.errors import BadRdf
from kg.iris import term
from kg.model import Report
from kg.terms import Statement
from kg.validate import paths
from kg.validate.engine import Data, statements
from kg.validate.graph import Term
from kg.validate.results import Result, plain, report
from kg.validate.shapes import Shapes, ntriples, superclasses

_TARGET_CLASS: Final = NamedNode(term("sh:targetClass"))
_TARGET_OBJECTS_OF: Final = NamedNode(term("sh:targetObjectsOf"))
_FOCUS: Final = "urn:mlgraph:focus"


class RustEngine:
    """Shapes compiled once. Validation releases the interpreter's lock.

    The engine cannot be told which nodes to judge, and judging the context of a few nodes, cut off
    as it is, costs most of the time. So the shapes are compiled a second time with marks for
    target classes, and with a ``focus`` only the nodes that carry the mark of a class are judged.
    """

    name = "shacl"

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._whole = _compiled(shapes.text)
        self._background = ntriples(shapes.background)
        self._marks = _below(shapes)
        self._marked = _compiled(ntriples(self._by_mark(shapes.triples)))

    def _by_mark(self, triples: Iterable[Triple]) -> Iterator[Triple]:
        """The shapes with ``sh:targetClass C`` turned into "whatever is marked as C or below"."""
        for triple in triples:
            if triple.predicate == _TARGET_CLASS:
                for name in self._marks[triple.object]:
                    yield Triple(triple.subject, _TARGET_OBJECTS_OF, name)
            else:
                yield triple

    def validate(
        self,
        data: Data,
        *,
        at: datetime,
        focus: frozenset[str] | set[str] | None = None,
        max_results: int | None = None,
    ) -> Report:
        said = statements(data) if isinstance(data, bytes) else _plain(data)
        text = terms.ntriples(said)
        marks = _marks(said, focus) if focus is not None else ""
        text = "".join((self._background, ntriples(self.shapes.clock(at)), marks, text))
        rules = self._whole if focus is None else self._marked
        # With a focus, the first results may be about nodes that nobody asked for.
        stop = max_results if focus is None else None
        try:
            done = rules.validate_text(text, "ntriples", max_results=stop)
        except ValueError as error:
            raise BadRdf(f"The data cannot be validated: {error}") from error
        results = (
            Result(
                focus=result.focus_node,
                shape=plain(result.root_shape or result.source_shape or ""),
                component=result.component_iri,
                severity=result.severity_iri,
                path=_path(result.path) if result.path is not None else None,
                value=result.value,
                message=result.message,
            )
            for result in done.results
        )
        return report(results, self.shapes, engine=self.name, focus=focus, most=max_results)


def _marks(said: Iterable[Statement], focus: frozenset[str] | set[str]) -> str:
    """Marks each focus node with its classes; the class itself serves as the predicate."""
    return "".join(
        [
            f"<{_FOCUS}> {name} <{node}> .\n"
            for node, predicate, name in said
            if predicate == iris.TYPE and node in focus
        ]
    )


def _below(shapes: Shapes) -> dict[Term, list[NamedNode]]:
    """Each target class with the classes below it, itself included."""
    above = superclasses(shapes.background)
    found: dict[Term, list[NamedNode]] = {}
    for triple in shapes.triples:
        if triple.predicate == _TARGET_CLASS and isinstance(triple.object, NamedNode):
            kinds = [name for name, higher in above.items() if triple.object in higher]
            found[triple.object] = [triple.object, *kinds]
    return found


def _compiled(text: str) -> shacl.Shapes:
    try:
        return shacl.Shapes.from_text(text, "ntriples")
    except ValueError as error:
        raise BadRdf(f"The shapes cannot be used: {error}") from error


def _plain(data: Iterable[Statement]) -> list[Statement]:
    """The data without triple terms, which are beyond SHACL."""
    return [said for said in data if said[2][:2] != "<<"]


@lru_cache(maxsize=1000)
def _path(text: str) -> str:
    """The engine brackets paths more than needed."""
    return paths.text(paths.parse(text))
