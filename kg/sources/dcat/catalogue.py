"""What RDF files say, as one graph that is asked node by node.

RDF from outside is read by `kg.formats`, which refuses what is known to hurt a parser and fetches
nothing. Graph names are passed over: they say where something was said and not what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import pyoxigraph as ox

from kg import formats, iris
from kg.errors import BadPayload, BadRdf, SourceUnavailable, TooLarge, UnsupportedFormat
from kg.iris import term
from kg.sources.files import half_written

Node = ox.NamedNode | ox.BlankNode
Value = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
_BASE: Final = "urn:mlgraph:dcat:"


def parse(name: str, data: bytes) -> list[ox.Triple]:
    """A file's statements. Raises `SourceUnavailable` where it may be half written, `BadPayload`."""
    try:
        quads = formats.parse(data, formats.of_file(name), base=_BASE, name=name)
    except BadRdf as error:
        if "line" in error.details:
            raise half_written(name, error, line=error.details["line"]) from error
        raise BadPayload(str(error)) from error
    except (TooLarge, UnsupportedFormat) as error:
        raise BadPayload(str(error)) from error
    if not quads:
        raise SourceUnavailable(f"{name} says nothing; it may be half written.")
    return [quad.triple for quad in quads]


class Catalogue:
    """The statements of all files. Values come in an order that does not depend on the files'."""

    def __init__(self, files: Iterable[list[ox.Triple]]) -> None:
        about: defaultdict[Node, defaultdict[str, set[Value]]]
        about = defaultdict(lambda: defaultdict(set))
        for triples in files:
            for triple in triples:
                if isinstance(triple.subject, Node):
                    about[triple.subject][triple.predicate.value].add(triple.object)
        self._about = {node: dict(said) for node, said in about.items()}

    def of_type(self, *names: str) -> list[Node]:
        """The nodes of a class, sorted; blank ones last."""
        classes = {ox.NamedNode(term(name)) for name in names}
        found = [n for n, said in self._about.items() if classes & said.get(iris.TYPE, set())]
        return sorted(found, key=lambda node: (isinstance(node, ox.BlankNode), node.value))

    def types(self, node: Node) -> set[str]:
        return {
            local(one.value) for one in self._said(node, iris.TYPE) if isinstance(one, ox.NamedNode)
        }

    def nodes(self, node: Node, *names: str) -> list[Node]:
        """What a node refers to by the first of these properties that it has."""
        return [one for one in self._first(node, names) if isinstance(one, Node)]

    def all_nodes(self, node: Node, *names: str) -> list[Node]:
        """What a node refers to by any of these properties."""
        found = (one for name in names for one in self._said(node, term(name)))
        return [one for one in found if isinstance(one, Node)]

    def pairs(self, *names: str) -> Iterator[tuple[Node, Node]]:
        """Every subject and object of these properties."""
        for node in self._about:
            yield from ((node, one) for one in self.all_nodes(node, *names))

    def literals(self, node: Node, *names: str) -> list[ox.Literal]:
        return [one for one in self._first(node, names) if isinstance(one, ox.Literal)]

    def by_local_name(self, node: Node, name: str) -> list[Value]:
        """Values of a property whose vocabulary has no prefix here, such as vCard's ``hasEmail``."""
        predicates = sorted(p for p in self._about.get(node, {}) if local(p) == name)
        return [one for predicate in predicates for one in self._said(node, predicate)]

    def text(self, node: Node, *names: str, language: str) -> str:
        """The one text to show: in the language asked for, else in none, else in any."""

        def rank(one: ox.Literal) -> tuple[int, str, str]:
            told = (one.language or "").lower()
            wanted = told.partition("-")[0] == language
            return (0 if wanted else 1 if not told else 2), told, one.value

        for name in names:
            if told := sorted(self.literals(node, name), key=rank):
                return told[0].value.strip()
        return ""

    def texts(self, node: Node, *names: str, language: str) -> list[str]:
        """The texts in a language or in none; all if there are only others."""
        told = self.literals(node, *names)
        wanted = [
            t for t in told if not t.language or t.language.lower().partition("-")[0] == language
        ]
        return sorted({one.value.strip() for one in wanted or told} - {""})

    def _first(self, node: Node, names: Iterable[str]) -> list[Value]:
        return next((said for name in names if (said := self._said(node, term(name)))), [])

    def _said(self, node: Node, predicate: str) -> list[Value]:
        return sorted(self._about.get(node, {}).get(predicate, ()), key=str)


def local(iri: str) -> str:
    """The name at the end of an IRI."""
    return iri.replace("#", "/").rpartition("/")[2]
