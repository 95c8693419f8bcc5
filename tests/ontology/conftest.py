"""What the tests of the ontology share: its files, read once."""

from __future__ import annotations

from pathlib import Path

import owlrl
import pyoxigraph as ox
import pytest
import rdflib

ROOT = Path(__file__).resolve().parents[2]
ONTOLOGY = ROOT / "ontology"
HERE = Path(__file__).parent

AXIOMS = """
CONSTRUCT { ?s ?p ?o }
WHERE {
  {
    VALUES ?p { owl:inverseOf rdfs:subPropertyOf owl:propertyChainAxiom rdf:first rdf:rest }
    ?s ?p ?o .
    FILTER NOT EXISTS { ?s rdf:first/rdf:type owl:Class }
  } UNION {
    ?s mlg:isMaterialised true ; ?p ?o .
    FILTER (?o = owl:TransitiveProperty)
  }
}
"""


def read(*folders: Path) -> ox.Store:
    """All Turtle files of the folders, not of those inside them, in one default graph."""
    store = ox.Store()
    for folder in folders:
        for path in sorted(folder.glob("*.ttl")):
            store.load(path=path, format=ox.RdfFormat.TURTLE)
    return store


def text(store: ox.Store) -> str:
    """A store as N-Triples."""
    return (store.dump(format=ox.RdfFormat.N_TRIPLES, from_graph=ox.DefaultGraph()) or b"").decode()


@pytest.fixture(scope="session")
def prefixes() -> dict[str, str]:
    """The shared prefixes, from the file that declares them."""
    query = """
    PREFIX sh: <http://www.w3.org/ns/shacl#>
    SELECT ?prefix ?namespace WHERE { ?ontology sh:declare [ sh:prefix ?prefix ; sh:namespace ?namespace ] }
    """
    rows = read(ONTOLOGY).query(query)
    assert isinstance(rows, ox.QuerySolutions)
    return {row["prefix"].value: row["namespace"].value for row in rows}


@pytest.fixture(scope="session")
def ontology() -> ox.Store:
    """The ontology with its concepts, without alignments."""
    return read(ONTOLOGY, ONTOLOGY / "concepts")


@pytest.fixture(scope="session")
def examples() -> ox.Store:
    """All examples as one graph, those in RDF 1.2 included."""
    return read(ONTOLOGY / "examples", ONTOLOGY / "examples" / "rdf-1.2")


@pytest.fixture(scope="session")
def closure(ontology: ox.Store, prefixes: dict[str, str]) -> ox.Store:
    """The examples and a few troubles with all that follows from them, by owlrl, an engine not ours.

    Only the property axioms take part, which keeps it at about a second. The transitivity of
    `dependsOn`, which is not materialised, has a test of its own: no query reads its closure, so none
    may come to rely on it here.
    """
    axioms = ox.Store()
    found = ontology.query(AXIOMS, prefixes=prefixes)
    assert isinstance(found, ox.QueryTriples)
    axioms.extend(ox.Quad(*triple) for triple in found)
    facts = read(ONTOLOGY / "examples", HERE / "troubles")
    graph = rdflib.Graph()
    graph.parse(data=text(axioms) + text(facts), format="nt")
    owlrl.DeductiveClosure(
        owlrl.OWLRL_Semantics, axiomatic_triples=False, datatype_axioms=False
    ).expand(graph)
    store = read(ONTOLOGY / "concepts")
    kept = (triple for triple in graph if isinstance(triple[0], rdflib.URIRef))
    store.load(
        "".join(f"{s.n3()} {p.n3()} {o.n3()} .\n" for s, p, o in kept).encode(),
        format=ox.RdfFormat.N_TRIPLES,
    )
    return store
