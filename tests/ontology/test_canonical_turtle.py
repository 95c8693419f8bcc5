"""Every Turtle file of the ontology is written in one canonical form, so that a diff shows facts only.

The form: an optional head of comment lines, the prefixes in use in order, then the subjects in
order, each with its type and names first and the rest sorted. Comments elsewhere would be lost by
tools and are therefore refused. Rewrite files with
`python tests/ontology/test_canonical_turtle.py FILE_OR_FOLDER…`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph as ox
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "ontology").rglob("*.ttl"))

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
FIRST = (
    "a",
    "rdfs:label",
    "skos:prefLabel",
    "skos:altLabel",
    "dct:title",
    "foaf:name",
    "skos:definition",
    "dct:description",
    "rdfs:comment",
    "skos:example",
)
LOCAL = re.compile(r"[A-Za-z_]([A-Za-z0-9_-]*[A-Za-z0-9_-])?")
SHORT = {
    XSD + "boolean": re.compile(r"true|false"),
    XSD + "integer": re.compile(r"[+-]?[0-9]+"),
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+"),
}

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple


class _Writer:
    """One graph and its prefixes; blank nodes are written inside the one statement that names them."""

    def __init__(self, triples: Iterable[ox.Triple], prefixes: dict[str, str]) -> None:
        self.prefixes = prefixes
        self.used: set[str] = set()
        self.facts: dict[Term, dict[ox.NamedNode, list[Term]]] = defaultdict(
            lambda: defaultdict(list)
        )
        mentions: Counter[Term] = Counter()
        for triple in set(triples):
            self.facts[triple.subject][triple.predicate].append(triple.object)
            if isinstance(triple.object, ox.BlankNode):
                mentions[triple.object] += 1
        self.inner = set(mentions)
        shared = [node for node, count in mentions.items() if count > 1]
        if shared:
            raise ValueError(f"{len(shared)} blank nodes are named twice: give them IRIs")

    def iri(self, iri: str) -> str:
        """The shortest prefixed name, or the IRI in angle brackets."""
        best = ""
        for prefix, namespace in self.prefixes.items():
            local = iri.removeprefix(namespace)
            if (
                local != iri
                and LOCAL.fullmatch(local)
                and len(namespace) > len(self.prefixes.get(best, ""))
            ):
                best = prefix
        if not best:
            return f"<{iri}>"
        self.used.add(best)
        return f"{best}:{iri.removeprefix(self.prefixes[best])}"

    def literal(self, literal: ox.Literal) -> str:
        """Numbers and booleans bare, text with line breaks in triple quotes."""
        datatype = literal.datatype.value
        if datatype in SHORT and SHORT[datatype].fullmatch(literal.value):
            return literal.value
        text = literal.value.replace("\\", "\\\\")
        if "\n" in text:
            quoted = '"""' + text.replace('"""', '\\"\\"\\"') + '"""'
        else:
            quoted = '"' + text.replace('"', '\\"').replace("\t", "\\t").replace("\r", "\\r") + '"'
        if literal.language:
            return f"{quoted}@{literal.language}"
        return quoted if datatype == XSD + "string" else f"{quoted}^^{self.iri(datatype)}"

    def term(self, term: Term, depth: int) -> str:
        """One object or subject; `depth` is the indent of the statement it stands in."""
        if isinstance(term, ox.NamedNode):
            return "()" if term.value == RDF + "nil" else self.iri(term.value)
        if isinstance(term, ox.Literal):
            return self.literal(term)
        if isinstance(term, ox.Triple):
            parts = (term.subject, term.predicate, term.object)
            return f"<<( {' '.join(self.term(part, depth) for part in parts)} )>>"
        if term not in self.facts:
            return "[]"
        if ox.NamedNode(RDF + "first") in self.facts[term]:
            return self.list(term, depth)
        return f"[\n{self.statements(term, depth + 1)}\n{'    ' * depth}]"

    def list(self, node: Term, depth: int) -> str:
        """A collection: on one line when short."""
        items = []
        while isinstance(node, ox.BlankNode):
            facts = self.facts[node]
            items.append(self.term(facts[ox.NamedNode(RDF + "first")][0], depth + 1))
            node = facts[ox.NamedNode(RDF + "rest")][0]
        if len(items) <= 4:
            return f"( {' '.join(items)} )"
        pad = "    " * (depth + 1)
        return "(\n" + "".join(f"{pad}{item}\n" for item in items) + "    " * depth + ")"

    def statements(self, subject: Term, depth: int) -> str:
        """Predicates and objects of one subject, without the final mark."""
        pad = "    " * depth
        lines = []
        for predicate, objects in self.facts[subject].items():
            name = "a" if predicate.value == RDF + "type" else self.iri(predicate.value)
            rank = FIRST.index(name) if name in FIRST else len(FIRST)
            values = f" ,\n{pad}    ".join(sorted(self.term(item, depth) for item in objects))
            lines.append((rank, name, f"{pad}{name} {values}"))
        return " ;\n".join(line for _, _, line in sorted(lines))

    def text(self) -> str:
        """The whole graph: the ontology header, named subjects, then unnamed ones."""
        blocks = []
        for subject in self.facts:
            if subject in self.inner:
                continue
            head = "[]" if isinstance(subject, ox.BlankNode) else self.term(subject, 0)
            body = self.statements(subject, 1)
            blocks.append(("a owl:Ontology" not in body, head == "[]", head, f"{head}\n{body} .\n"))
        ordered = [block for *_, block in sorted(blocks)]
        heads = [f"@prefix {name}: <{self.prefixes[name]}> .\n" for name in sorted(self.used)]
        return "".join(heads) + "\n" + "\n".join(ordered)


def canonical(text: str) -> str:
    """The canonical form of a Turtle document; equal graphs with equal prefixes give equal text."""
    head = re.match(r"(#[^\n]*\n)*", text)
    comment = head.group() if head else ""
    parser = ox.parse(text.encode(), format=ox.RdfFormat.TURTLE)
    triples = [quad.triple for quad in parser]
    body = _Writer(triples, dict(parser.prefixes)).text()
    return f"{comment}\n{body}" if comment else body


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_canonical(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == canonical(text), (
        f"run: python {Path(__file__).relative_to(ROOT)} {path.relative_to(ROOT)}"
    )


def test_order_and_spacing_do_not_matter() -> None:
    one = "@prefix e: <urn:e:> .\n@prefix z: <urn:z:> .\ne:b e:p 1 , 2 . e:a e:q [ e:p (1 2) ; e:o 'x' ] ."
    two = '@prefix e: <urn:e:> .\n\ne:a e:q [ e:o "x" ; e:p (1 2) ] .\ne:b e:p 2 .\ne:b e:p 1 .'
    assert canonical(one) == canonical(two)


def test_canonical_is_a_fixed_point_and_keeps_the_graph() -> None:
    text = (
        "# Head.\n@prefix e: <urn:e:> .\n"
        'e:a e:p "a\\nb\\"c\\\\" , """q""" , "x"@en , 1.50 , <<( e:a e:p "v" )>> , () , [] ; a e:C .\n[] e:p e:a .'
    )
    once = canonical(text)
    assert canonical(once) == once
    before, after = (
        ox.Dataset(ox.parse(item.encode(), format=ox.RdfFormat.TURTLE)) for item in (text, once)
    )
    for dataset in (before, after):
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert before == after


def test_a_comment_inside_is_refused() -> None:
    text = "@prefix e: <urn:e:> .\n\ne:a\n    e:p e:b . # why\n"
    assert text != canonical(text)


def main(arguments: list[str]) -> None:
    """Rewrite the files, or every Turtle file of the folders, that are named."""
    for argument in arguments:
        path = Path(argument)
        for file in sorted(path.rglob("*.ttl")) if path.is_dir() else [path]:
            text = file.read_text(encoding="utf-8")
            file.write_text(canonical(text), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
