"""Property paths of SHACL: read from a shapes graph, written as text, written back as RDF.

The text is SPARQL's path syntax with full IRIs, except that a path of one predicate is just its
IRI. It is canonical: equal paths have equal text, whichever engine reported them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pyoxigraph import BlankNode, NamedNode, Triple

from kg.errors import BadRdf
from kg.iris import term
from kg.validate.graph import NIL, Graph, Node

_INVERSE: Final = term("sh:inversePath")
_ALTERNATIVE: Final = term("sh:alternativePath")
_REPEATS: Final[dict[str, Literal["*", "+", "?"]]] = {
    term("sh:zeroOrMorePath"): "*",
    term("sh:oneOrMorePath"): "+",
    term("sh:zeroOrOnePath"): "?",
}
_REPEAT_IRIS: Final = {symbol: iri for iri, symbol in _REPEATS.items()}
_FIRST, _REST = NamedNode(term("rdf:first")), NamedNode(term("rdf:rest"))
_TOKEN = re.compile(r"<([^<>\s]*)>|[()^|/*+?]")


@dataclass(frozen=True, slots=True)
class Predicate:
    iri: str


@dataclass(frozen=True, slots=True)
class Inverse:
    path: Path


@dataclass(frozen=True, slots=True)
class Sequence:
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    path: Path
    symbol: Literal["*", "+", "?"]


Path = Predicate | Inverse | Sequence | Alternative | Repeat


def read(graph: Graph, node: Node, *, _above: frozenset[Node] = frozenset()) -> Path:
    """The path that a node of a shapes graph stands for. Raises `BadRdf` if it is none."""
    if isinstance(node, NamedNode) and node != NIL:
        return Predicate(node.value)
    if node in _above:
        raise BadRdf("A path of the shapes contains itself.")
    above = _above | {node}

    def inner(item: object) -> Path:
        if not isinstance(item, NamedNode | BlankNode):
            raise BadRdf(f"A path of the shapes contains {item}, which is no property.")
        return read(graph, item, _above=above)

    for predicate, objects in graph.about(node).items():
        if predicate == _INVERSE:
            return Inverse(inner(objects[0]))
        if predicate in _REPEATS:
            return Repeat(inner(objects[0]), _REPEATS[predicate])
        if predicate == _ALTERNATIVE:
            return _joined(Alternative, [inner(item) for item in graph.members(objects[0])])
    items = [inner(item) for item in graph.members(node)]
    if not items:
        raise BadRdf("A path of the shapes is empty; give sh:path a property or a list of them.")
    return _joined(Sequence, items)


def _joined(kind: type[Sequence | Alternative], items: list[Path]) -> Path:
    """A sequence or alternative without others of its kind inside."""
    flat: list[Path] = []
    for item in items:
        flat += item.paths if isinstance(item, kind) else (item,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def text(path: Path) -> str:
    return path.iri if isinstance(path, Predicate) else _text(path)


def _text(path: Path) -> str:
    if isinstance(path, Predicate):
        return f"<{path.iri}>"
    if isinstance(path, Inverse):
        return "^" + _atom(path.path)
    if isinstance(path, Repeat):
        return _atom(path.path) + path.symbol
    if isinstance(path, Sequence):
        return "/".join(
            f"({_text(p)})" if isinstance(p, Alternative) else _text(p) for p in path.paths
        )
    return "|".join(map(_text, path.paths))


def _atom(path: Path) -> str:
    return _text(path) if isinstance(path, Predicate) else f"({_text(path)})"


def parse(path: str) -> Path:
    """The inverse of `text`; superfluous brackets do no harm. Raises `BadRdf`."""
    if not path.startswith(("<", "(", "^")):
        return Predicate(path)
    tokens = [match.group() for match in _TOKEN.finditer(path)]
    if "".join(tokens) != path:
        raise BadRdf(f"{path!r} is not a property path.")
    tokens.append("")
    found = _alternative(tokens)
    if tokens != [""]:
        raise BadRdf(f"{path!r} is not a property path: {tokens[0]!r} is not expected there.")
    return found


def _alternative(tokens: list[str]) -> Path:
    items = [_sequence(tokens)]
    while tokens[0] == "|":
        del tokens[0]
        items.append(_sequence(tokens))
    return _joined(Alternative, items)


def _sequence(tokens: list[str]) -> Path:
    items = [_element(tokens)]
    while tokens[0] == "/":
        del tokens[0]
        items.append(_element(tokens))
    return _joined(Sequence, items)


def _element(tokens: list[str]) -> Path:
    token = tokens.pop(0)
    if token == "^":
        return Inverse(_element(tokens))
    if token == "(":
        found = _alternative(tokens)
        if tokens.pop(0) != ")":
            raise BadRdf("A property path lacks a closing bracket.")
    elif token.startswith("<"):
        found = Predicate(token[1:-1])
    else:
        raise BadRdf(f"A property path has {token!r} where a property is expected.")
    while tokens[0] in ("*", "+", "?"):
        symbol: Literal["*", "+", "?"] = tokens.pop(0)  # type: ignore[assignment]
        found = Repeat(found, symbol)
    return found


def triples(path: Path) -> tuple[Node, list[Triple]]:
    """The path as RDF: the node that stands for it, and the statements about that node."""
    if isinstance(path, Predicate):
        return NamedNode(path.iri), []
    made: list[Triple] = []
    if isinstance(path, Sequence):
        return _list(path.paths, made), made
    node = BlankNode()
    if isinstance(path, Alternative):
        made.append(Triple(node, NamedNode(_ALTERNATIVE), _list(path.paths, made)))
    else:
        name = _INVERSE if isinstance(path, Inverse) else _REPEAT_IRIS[path.symbol]
        inside, more = triples(path.path)
        made += [Triple(node, NamedNode(name), inside), *more]
    return node, made


def _list(paths: tuple[Path, ...], made: list[Triple]) -> Node:
    tail: Node = NIL
    for path in reversed(paths):
        head = BlankNode()
        inside, more = triples(path)
        made += [Triple(head, _FIRST, inside), Triple(head, _REST, tail), *more]
        tail = head
    return tail


def predicates(path: Path, *, backwards: bool = False) -> Iterator[tuple[str, bool]]:
    """The predicates of a path, each with whether it is followed from object to subject."""
    if isinstance(path, Predicate):
        yield path.iri, backwards
    elif isinstance(path, Inverse):
        yield from predicates(path.path, backwards=not backwards)
    elif isinstance(path, Repeat):
        yield from predicates(path.path, backwards=backwards)
    else:
        for item in path.paths:
            yield from predicates(item, backwards=backwards)
