"""A shapes graph, indexed by subject: what the readers of shapes look things up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from kg.errors import BadRdf
from kg.iris import term

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal | Triple

NIL: Final = NamedNode(term("rdf:nil"))
_FIRST, _REST = term("rdf:first"), term("rdf:rest")


class Graph:
    """Statements by subject and predicate. Predicates are plain IRIs, the rest terms."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._about: dict[Term, dict[str, list[Term]]] = {}
        for triple in triples:
            facts = self._about.setdefault(triple.subject, {})
            facts.setdefault(triple.predicate.value, []).append(triple.object)

    def subjects(self) -> Iterator[Term]:
        yield from self._about

    def about(self, subject: Term) -> Mapping[str, list[Term]]:
        return self._about.get(subject, {})

    def objects(self, subject: Term, predicate: str) -> list[Term]:
        return self._about.get(subject, {}).get(predicate, [])

    def nodes(self, subject: Term, predicate: str) -> list[Node]:
        """The objects that are not literals."""
        found = self.objects(subject, predicate)
        return [item for item in found if isinstance(item, NamedNode | BlankNode)]

    def text(self, subject: Term, predicate: str) -> str | None:
        """One object as plain text; of several, the English one, else the first."""
        found = self.objects(subject, predicate)
        for item in found:
            if isinstance(item, Literal) and (item.language or "").startswith("en"):
                return item.value
        return None if not found else str(getattr(found[0], "value", found[0]))

    def members(self, head: Term) -> list[Term]:
        """The members of an RDF list. Raises `BadRdf` if it is broken or runs in a ring."""
        found: list[Term] = []
        seen: set[Term] = set()
        while head != NIL:
            first, rest = self.objects(head, _FIRST), self.objects(head, _REST)
            if head in seen or len(first) != 1 or len(rest) != 1:
                raise BadRdf("The shapes have a list that is broken or contains itself.")
            seen.add(head)
            found.append(first[0])
            head = rest[0]
        return found
