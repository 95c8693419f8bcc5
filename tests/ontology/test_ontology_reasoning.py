"""What the ontology implies is what the system will derive: every chain fires on the examples."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import owlrl
import pyoxigraph as ox
import rdflib

from kg.draft import Draft
from kg.infer import enrich, read_rules
from kg.store import EmbeddedStore
from kg.terms import Statement, statement
from tests.ontology.conftest import HERE, ONTOLOGY, read

STEPS = """
SELECT ?head ?list ?step ?inverse
WHERE {
  ?head owl:propertyChainAxiom ?list .
  ?list rdf:rest* ?cell .
  ?cell rdf:first ?step ;
    rdf:rest* ?tail .
  OPTIONAL { ?step owl:inverseOf ?inverse }
}
GROUP BY ?head ?list ?step ?inverse ?cell
ORDER BY ?head ?list DESC(COUNT(?tail))
"""


def chains(ontology: ox.Store, prefixes: dict[str, str]) -> list[tuple[str, str]]:
    """Each chain as its head and the SPARQL path of its steps; inverses are read backwards."""
    steps: dict[tuple[str, str], list[str]] = {}
    rows = ontology.query(STEPS, prefixes=prefixes)
    assert isinstance(rows, ox.QuerySolutions)
    for row in rows:
        step = f"^{row['inverse']}" if row["inverse"] else str(row["step"])
        steps.setdefault((str(row["head"]), str(row["list"])), []).append(step)
    return [(head, "/".join(path)) for (head, _), path in steps.items()]


def pairs(store: ox.Store, path: str) -> set[tuple[str, str]]:
    """What a path relates in a store."""
    rows = store.query(f"SELECT ?s ?o WHERE {{ ?s {path} ?o }}")
    assert isinstance(rows, ox.QuerySolutions)
    return {(str(row["s"]), str(row["o"])) for row in rows}


def test_there_are_eight_chains(ontology: ox.Store, prefixes: dict[str, str]) -> None:
    assert len(chains(ontology, prefixes)) == 8


def test_every_chain_fires(ontology: ox.Store, closure: ox.Store, prefixes: dict[str, str]) -> None:
    for head, path in chains(ontology, prefixes):
        expected = pairs(closure, path)
        assert expected, f"no example makes {head} fire by {path}"
        assert expected <= pairs(closure, head), f"{head} lacks pairs of {path}"


def test_derived_properties_hold_exactly_what_their_chains_give(
    ontology: ox.Store, closure: ox.Store, prefixes: dict[str, str]
) -> None:
    derived = ontology.query(
        "SELECT ?p WHERE { ?p mlg:isDerived true MINUS { ?p mlg:ringOf ?any } }", prefixes=prefixes
    )
    assert isinstance(derived, ox.QuerySolutions)
    heads = {str(row["p"]) for row in derived}
    assert heads
    for wanted in heads:
        given = [
            pairs(closure, path) for head, path in chains(ontology, prefixes) if head == wanted
        ]
        narrower = ontology.query(
            f"SELECT ?p WHERE {{ ?p rdfs:subPropertyOf {wanted} }}", prefixes=prefixes
        )
        assert isinstance(narrower, ox.QuerySolutions)
        closed = f"{wanted} mlg:isMaterialised true"
        more = "+" if ontology.query(f"ASK {{ {closed} }}", prefixes=prefixes) else ""
        given += [pairs(closure, str(row["p"]) + more) for row in narrower]
        assert given, f"{wanted} is derived and nothing gives it"
        assert pairs(closure, wanted) == set().union(*given), wanted


def test_the_system_derives_just_what_follows(
    ontology: ox.Store, closure: ox.Store, prefixes: dict[str, str], tmp_path: Path
) -> None:
    """All examples in a store of ours, derived by our rules, against the closure by owlrl."""
    rules = read_rules(statement(quad.triple) for quad in ontology)
    stated: dict[str, set[Statement]] = {}
    for quad in read(ONTOLOGY / "examples", HERE / "troubles"):
        said = statement(quad.triple)
        stated.setdefault(said[0].partition("#")[0], set()).add(said)
    with closing(EmbeddedStore(tmp_path, base="http://localhost:8080")) as store:
        draft = Draft(store)
        for entity, statements in stated.items():
            draft.create(entity, "source", frozenset(statements))
        enrich(draft, rules, at=datetime(2026, 1, 1, tzinfo=UTC))
        store.apply(draft.change())
        for name in rules.properties:
            held = {(f"<{s}>", o) for s, _, o, _ in store.quads(predicate=name, graph="")}
            assert held == pairs(closure, f"<{name}>"), name
    assert len(rules.properties) >= 8


def test_netflix_worked_example(closure: ox.Store, prefixes: dict[str, str]) -> None:
    """An instance produced by a run executed for a cell of a test is associated with the test."""
    question = """
    ASK { ?instance dct:title "Home ranker 2026-11-01" ; mlg:associatedWithTest/dct:title "Home rows reordered" }
    """
    assert closure.query(question, prefixes=prefixes)


def test_a_domain_is_inherited_over_two_levels(closure: ox.Store, prefixes: dict[str, str]) -> None:
    """The instance takes its domain from the derived domain of its version: a chain over a derived fact."""
    question = """
    ASK { ?instance a mlg:ModelInstance ; mlg:inDomain/skos:prefLabel "Personalisation" }
    """
    assert closure.query(question, prefixes=prefixes)


def test_dependency_is_transitive(ontology: ox.Store, prefixes: dict[str, str]) -> None:
    """From a deployment over an instance and its run to the data, over three different sub-properties."""
    axioms = ontology.query(
        "CONSTRUCT { ?p rdfs:subPropertyOf mlg:dependsOn . mlg:dependsOn a owl:TransitiveProperty }"
        " WHERE { mlg:dependsOn a owl:TransitiveProperty . ?p rdfs:subPropertyOf mlg:dependsOn }",
        prefixes=prefixes,
    )
    assert isinstance(axioms, ox.QueryTriples)
    graph = rdflib.Graph()
    graph.parse(data=axioms.serialize(format=ox.RdfFormat.N_TRIPLES), format="nt")
    mlg = rdflib.Namespace(prefixes["mlg"])
    node = rdflib.Namespace("urn:x:")
    graph.add((node.deployment, mlg.deploys, node.instance))
    graph.add((node.instance, mlg.producedBy, node.run))
    graph.add((node.run, mlg.usedDataset, node.data))
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    assert (node.deployment, mlg.dependsOn, node.data) in graph
    assert (node.data, mlg.dependsOn, node.deployment) not in graph
