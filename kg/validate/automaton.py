"""What the rules read, compiled: from shapes to an automaton over statements.

A state is a place in some rule's reading: "at an owner of the focus node". A transition is a
predicate to follow, forwards or backwards. `kg.validate.reach` walks it in both directions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from pyoxigraph import NamedNode

from kg import iris
from kg.errors import BadRdf
from kg.iris import term
from kg.validate import paths
from kg.validate.graph import Graph, Term
from kg.validate.paths import Path, Predicate
from kg.validate.shapes import Shapes

ANY: Final = ""
"""Stands for every predicate: what a closed shape reads of a node."""

_PATH, _PROPERTY, _READS = term("sh:path"), term("sh:property"), term("mlg:reads")
_CLASS, _CLOSED, _SPARQL = term("sh:class"), term("sh:closed"), term("sh:sparql")
_MIN, _MAX = term("sh:minCount"), term("sh:maxCount")
_DEACTIVATED: Final = term("sh:deactivated")
_INSIDE: Final = (term("sh:node"), term("sh:not"), term("sh:qualifiedValueShape"))
_LISTED: Final = (term("sh:and"), term("sh:or"), term("sh:xone"))
_PAIRED: Final = tuple(
    term(f"sh:{name}") for name in ("equals", "disjoint", "lessThan", "lessThanOrEquals")
)
_REMARKS: Final = frozenset(
    {iris.TYPE, iris.LABEL, term("rdfs:comment"), term("rdfs:isDefinedBy"), term("dct:source")}
    | {term("mlg:ruleId"), term("mlg:remedy"), term("sh:path"), term("sh:message")}
    | {term("sh:severity"), term("sh:name"), term("sh:description"), term("sh:group")}
    | {term("sh:order"), term("sh:defaultValue")}
)
"""What is said of a shape without asking anything of the data."""

Kind = Literal["class", "node", "subjects", "objects"]
_TARGETS: Final[dict[str, Kind]] = {
    term("sh:targetClass"): "class",
    term("sh:targetNode"): "node",
    term("sh:targetSubjectsOf"): "subjects",
    term("sh:targetObjectsOf"): "objects",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Which nodes a rule is about."""

    kind: Kind
    iri: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition. ``predicate`` may be `ANY`; ``inverse`` goes from object to subject."""

    predicate: str
    inverse: bool
    to: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A path of which one value is enough to know: it is searched only until something is found."""

    start: int
    end: int


@dataclass(slots=True)
class Automaton:
    """States are numbers; ``free`` are transitions that follow no statement."""

    edges: dict[int, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    free: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    probes: dict[int, list[Probe]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[Target, int] = field(default_factory=dict)
    timed: set[Target] = field(default_factory=set)
    """The targets of rules that ask what time it is."""
    size: int = 0

    def state(self) -> int:
        self.size += 1
        return self.size

    def edge(self, start: int, predicate: str, *, inverse: bool = False) -> int:
        """The state after a predicate. Reading the same thing twice leads to the same state."""
        for known in self.edges[start]:
            if known.predicate == predicate and known.inverse == inverse:
                return known.to
        end = self.state()
        self.edges[start].append(Edge(predicate, inverse, end))
        return end

    def path(self, path: Path, start: int, end: int, *, inverse: bool = False) -> None:
        """Adds the transitions of a path between two states."""
        if isinstance(path, Predicate):
            self.edges[start].append(Edge(path.iri, inverse, end))
        elif isinstance(path, paths.Inverse):
            self.path(path.path, start, end, inverse=not inverse)
        elif isinstance(path, paths.Alternative):
            for item in path.paths:
                self.path(item, start, end, inverse=inverse)
        elif isinstance(path, paths.Sequence):
            items = path.paths[::-1] if inverse else path.paths
            for item in items[:-1]:
                middle = self.state()
                self.path(item, start, middle, inverse=inverse)
                start = middle
            self.path(items[-1], start, end, inverse=inverse)
        else:
            self._repeat(path, start, end, inverse=inverse)

    def _repeat(self, path: paths.Repeat, start: int, end: int, *, inverse: bool) -> None:
        if path.symbol == "?":
            self.path(path.path, start, end, inverse=inverse)
            self.free[start].append(end)
            return
        again = self.state()
        if path.symbol == "*":
            self.free[start].append(again)
        else:
            self.path(path.path, start, again, inverse=inverse)
        self.path(path.path, again, again, inverse=inverse)
        self.free[again].append(end)

    def closure(self, states: frozenset[int]) -> frozenset[int]:
        """The states and all that free transitions lead to."""
        found, queue = set(states), list(states)
        while queue:
            for state in self.free.get(queue.pop(), ()):
                if state not in found:
                    found.add(state)
                    queue.append(state)
        return frozenset(found)


def compile_shapes(shapes: Shapes) -> Automaton:
    """The automaton of all shapes with a target.

    Raises `BadRdf` for what cannot be followed: a query that does not say what it reads, shapes
    that contain themselves, a property inside a property (it reports on another node).
    """
    return _Compiler(shapes).run()


class _Compiler:
    def __init__(self, shapes: Shapes) -> None:
        self._graph = Graph(shapes.triples)
        self._instants = tuple(f"<{iri}>" for iri in shapes.instants)
        self._made = Automaton()
        self._asks_time = False

    def run(self) -> Automaton:
        for shape in list(self._graph.subjects()):
            for target in self._targets(shape):
                start = self._made.starts.get(target)
                if start is None:
                    start = self._made.starts[target] = self._made.state()
                    self._target(target, start)
                self._asks_time = False
                self._shape(shape, start, above=(), reports=True)
                if self._asks_time:
                    self._made.timed.add(target)
        return self._made

    def _targets(self, shape: Term) -> Iterator[Target]:
        for predicate, kind in _TARGETS.items():
            for item in self._graph.nodes(shape, predicate):
                if isinstance(item, NamedNode):
                    yield Target(kind, item.value)
        classes = (term("rdfs:Class"), term("owl:Class"))
        types = {getattr(item, "value", "") for item in self._graph.objects(shape, iris.TYPE)}
        if isinstance(shape, NamedNode) and types.intersection(classes):
            yield Target("class", shape.value)

    def _target(self, target: Target, start: int) -> None:
        """To be a focus node is itself something that is read."""
        if target.kind == "class":
            self._made.edge(start, iris.TYPE)
        elif target.kind == "subjects":
            self._made.edge(start, target.iri)
        elif target.kind == "objects":
            self._probe(paths.Inverse(Predicate(target.iri)), start)

    def _shape(self, shape: Term, at: int, *, above: tuple[Term, ...], reports: bool) -> None:
        """Adds what a shape reads of a node at a state."""
        if shape in above:
            raise BadRdf(f"The shape {shape} contains itself; SHACL does not say what that means.")
        facts = self._graph.about(shape)
        if self._graph.text(shape, _DEACTIVATED) == "true":
            return
        above = (*above, shape)
        focus = at
        if _PATH in facts:
            found = self._property(shape, at)
            if found is None:
                return
            at = found
            if reports and facts.get(_PROPERTY):
                raise BadRdf(
                    f"{shape} is a property with sh:property inside, which reports on another "
                    "node than the rule's; use sh:node."
                )
        for predicate in _PAIRED:
            for item in self._graph.nodes(shape, predicate):
                self._made.edge(focus, item.value)
        if facts.get(_CLASS):
            self._made.edge(at, iris.TYPE)
        if self._graph.text(shape, _CLOSED) == "true":
            self._made.edge(at, ANY)
        self._queries(shape, focus)
        for item in self._graph.nodes(shape, _PROPERTY):
            self._shape(item, at, above=above, reports=reports)
        for predicate in _INSIDE:
            for item in self._graph.nodes(shape, predicate):
                self._shape(item, at, above=above, reports=False)
        for predicate in _LISTED:
            for head in self._graph.objects(shape, predicate):
                for member in self._graph.members(head):
                    self._shape(member, at, above=above, reports=False)

    def _property(self, shape: Term, at: int) -> int | None:
        """The state of the values of a property shape; None when only one value matters."""
        (node,) = self._graph.nodes(shape, _PATH)
        path = paths.read(self._graph, node)
        backwards = any(inverse for _, inverse in paths.predicates(path))
        if backwards and self._asks_existence(shape):
            self._probe(path, at)
            return None
        if isinstance(path, Predicate):
            return self._made.edge(at, path.iri)
        end = self._made.state()
        self._made.path(path, at, end)
        return end

    def _asks_existence(self, shape: Term) -> bool:
        """Whether a property shape asks no more than whether there is any value."""
        asks = self._graph.about(shape).keys() - _REMARKS
        if not asks or asks - {_MIN, _MAX}:
            return False
        least, most = self._graph.text(shape, _MIN), self._graph.text(shape, _MAX)
        return least in (None, "0", "1") and most in (None, "0")

    def _probe(self, path: Path, at: int) -> None:
        start, end = self._made.state(), self._made.state()
        self._made.path(path, start, end)
        self._made.probes[at].append(Probe(start, end))

    def _queries(self, shape: Term, focus: int) -> None:
        """A query reads what `mlg:reads` says, since its text is not taken apart here."""
        constraints = self._graph.objects(shape, _SPARQL)
        reads = self._graph.nodes(shape, _READS)
        if constraints and not reads:
            raise BadRdf(
                f"{shape} has a query and does not say what it reads; add mlg:reads with a "
                "property shape for each path from $this that the query follows."
            )
        for item in reads:
            if not self._graph.nodes(item, _PATH):
                raise BadRdf(f"mlg:reads of {shape} names {item}, which has no sh:path.")
            self._shape(item, focus, above=(shape,), reports=False)
        for constraint in constraints:
            text = self._graph.text(constraint, term("sh:select")) or ""
            if any(instant in text for instant in self._instants):
                self._asks_time = True
