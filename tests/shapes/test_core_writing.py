"""Rules are well told: what a form, a report, the README and a pack's author rely on."""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg import terms
from kg.errors import BadRdf
from kg.iris import PREFIXES, term
from kg.terms import iri_of
from kg.validate import Rule, Shapes, load_shapes, paths
from kg.validate.graph import Graph
from kg.vocabulary import Vocabulary
from tests.ontology.test_canonical_turtle import canonical
from tests.shapes.graphs import INVALID, SHAPES, triples

CORE = sorted((SHAPES / "core").glob("*.ttl"))
PREFIXED = re.compile(r"\b([a-z]+):([A-Za-z][\w-]*)")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(triples(*CORE))


@pytest.fixture(scope="module")
def rules(shapes: Shapes) -> dict[str, Rule]:
    return {rule.id: rule for rule in shapes.rules.values() if rule.id}


@pytest.mark.parametrize("path", [*CORE, *INVALID], ids=lambda path: path.stem)
def test_file_is_canonical(path: Path) -> None:
    """So that a diff shows facts only; the ontology's test tells how to rewrite a file."""
    text = path.read_text("utf-8")
    assert text == canonical(text)


def test_a_rule_says_what_why_and_what_to_do(rules: dict[str, Rule]) -> None:
    for rule in rules.values():
        assert rule.iri.startswith(PREFIXES["mlgsh"])
        assert rule.label and rule.comment and rule.remedy
        assert rule.pack == PREFIXES["mlgsh"] + "core"
        assert rule.message == rule.comment, rule.iri
        assert "so that" in rule.comment and ";" in rule.comment, rule.iri
        assert rule.comment.endswith(".") and rule.remedy.endswith("."), rule.iri


def test_ids_are_given_once(shapes: Shapes, rules: dict[str, Rule]) -> None:
    named = [rule.id for rule in shapes.rules.values() if rule.id]
    assert len(named) == len(rules) == len(set(named))


def test_severity_is_written_on_every_rule(graph: Graph, rules: dict[str, Rule]) -> None:
    for rule in rules.values():
        assert graph.objects(ox.NamedNode(rule.iri), term("sh:severity")), rule.iri


def test_parts_of_a_rule_have_its_severity(graph: Graph, rules: dict[str, Rule]) -> None:
    for rule in rules.values():
        node = ox.NamedNode(rule.iri)
        for part in graph.nodes(node, term("sh:property")):
            own = graph.objects(part, term("sh:severity"))
            assert own == graph.objects(node, term("sh:severity")), rule.iri


def test_properties_of_forms_are_grouped(graph: Graph, rules: dict[str, Rule]) -> None:
    properties = [rule for rule in rules.values() if rule.path]
    assert len(properties) > 10
    for rule in properties:
        facts = graph.about(ox.NamedNode(rule.iri))
        assert {term("sh:name"), term("sh:group"), term("sh:order")} <= facts.keys(), rule.iri


def test_shapes_are_open(graph: Graph) -> None:
    assert not any(graph.objects(node, term("sh:closed")) for node in graph.subjects())


def test_only_our_classes_are_targets(graph: Graph) -> None:
    targets = {
        target.value
        for node in graph.subjects()
        for target in graph.nodes(node, term("sh:targetClass"))
    }
    assert targets and all(iri.startswith(PREFIXES["mlg"]) for iri in targets)


def _about_entities(graph: Graph, vocabulary: Vocabulary, rule: str) -> set[str]:
    """The entity types that a rule's targets cover."""
    above: dict[str, set[str]] = {}
    for subject, predicate, value in vocabulary.statements:
        if predicate == term("rdfs:subClassOf"):
            above.setdefault(subject, set()).add(iri_of(value))
    targets = {n.value for n in graph.nodes(ox.NamedNode(rule), term("sh:targetClass"))}
    covered = targets | {name for name, higher in above.items() if higher & targets}
    return {iri.removeprefix(PREFIXES["mlg"]) for iri in covered}


NO_ENTITIES = {"Derivation", "Parameter", "PolicyPack", "Revision", "Tombstone"}
"""Classes whose members are records, parts of an entity, files or what is left of something."""


@pytest.mark.parametrize("rule", ["Entity-iri", "Entity-reference"])
def test_rules_for_all_entities_name_every_class(
    rule: str, graph: Graph, vocabulary: Vocabulary
) -> None:
    concrete = {"".join(word.capitalize() for word in t.split("-")) for t in vocabulary.types}
    covered = _about_entities(graph, vocabulary, PREFIXES["mlgsh"] + rule)
    assert covered - {"Asset"} == concrete - NO_ENTITIES


KEPT_BY_THE_GRAPH = {
    "about",
    "creates",
    "differentThingFrom",
    "formerType",
    "recordedBy",
    "retractsLinkTo",
    "revises",
    "sameThingAs",
    "waives",
}
PARTS = {"hasParameter"}


def test_references_are_checked_along_every_property(graph: Graph, vocabulary: Vocabulary) -> None:
    """A relation that the ontology gains has to be added to core-07."""
    facts = Graph(terms.triples(vocabulary.statements))
    inverse = {s for s, predicate, _ in vocabulary.statements if predicate == term("owl:inverseOf")}
    relations = set()
    for node in facts.subjects():
        types = facts.nodes(node, term("rdf:type"))
        if ox.NamedNode(term("owl:ObjectProperty")) not in types:
            continue
        if not isinstance(node, ox.NamedNode) or node.value in inverse:
            continue
        if facts.text(node, term("mlg:isDerived")) or facts.objects(node, term("mlg:codeList")):
            continue
        ends = facts.nodes(node, term("rdfs:range")) + facts.nodes(node, term("mlg:rangeIncludes"))
        entity = any(end.value.startswith(PREFIXES["mlg"]) for end in ends)
        if entity or node.value.startswith(PREFIXES["mlg"]):
            relations.add(node.value)
    skipped = {PREFIXES["mlg"] + name for name in KEPT_BY_THE_GRAPH | PARTS | {"dependsOn"}}
    rule = ox.NamedNode(PREFIXES["mlgsh"] + "Entity-reference")
    checked = {
        path.value
        for part in graph.nodes(rule, term("sh:property"))
        for path in graph.nodes(part, term("sh:path"))
    }
    of_any_range = {term("dqv:computedOn")}
    assert checked - of_any_range == relations - skipped


def _reads(graph: Graph, shape: object) -> set[str]:
    """The predicates on the paths that a query's shape declares."""
    assert isinstance(shape, ox.NamedNode)
    found: set[str] = set()
    for item in graph.nodes(shape, term("mlg:reads")):
        (path,) = graph.nodes(item, term("sh:path"))
        found |= {iri for iri, _ in paths.predicates(paths.read(graph, path))}
    return found


def test_a_query_reads_no_more_and_no_less_than_it_says(graph: Graph) -> None:
    asked = 0
    for shape in graph.subjects():
        for constraint in graph.nodes(shape, term("sh:sparql")):
            (query,) = graph.objects(constraint, term("sh:select"))
            assert isinstance(query, ox.Literal)
            named = {
                PREFIXES[prefix] + local
                for prefix, local in PREFIXED.findall(query.value)
                if prefix not in ("mlgc", "urn")
            }
            assert named - {term("mlg:moment")} == _reads(graph, shape), str(shape)
            assert "NOW()" not in query.value.upper(), str(shape)
            asked += 1
    assert asked >= 6


def test_queries_run_in_the_store(graph: Graph) -> None:
    """Each is plain SPARQL: bind $this and ask."""
    store = ox.Store()
    store.extend(ox.Quad(*triple) for triple in triples(*INVALID))
    for shape in graph.subjects():
        for constraint in graph.nodes(shape, term("sh:sparql")):
            (query,) = graph.objects(constraint, term("sh:select"))
            assert isinstance(query, ox.Literal)
            rows = store.query(query.value, prefixes=PREFIXES)
            assert isinstance(rows, ox.QuerySolutions)
            assert rows.variables[0].value == "this"


def test_readme_lists_the_rules(rules: dict[str, Rule]) -> None:
    table = re.findall(
        r"^\| `(core-[\w-]+)` \| `mlgsh:([\w-]+)` \| (\w+) \| (.+?) \|$",
        (SHAPES / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    told = {(id, PREFIXES["mlgsh"] + name, severity, label) for id, name, severity, label in table}
    assert told == {(rule.id, rule.iri, rule.severity, rule.label) for rule in rules.values()}
    assert [row[0] for row in table] == sorted(rules)


def test_a_typing_error_in_a_copy_is_found(tmp_path: Path) -> None:
    text = (SHAPES / "core" / "identity.ttl").read_text("utf-8")
    file = tmp_path / "identity.ttl"
    file.write_text(text.replace("sh:minCount", "sh:minCounts", 1), "utf-8")
    with pytest.raises(BadRdf, match=r"identity\.ttl: sh:minCounts .* Did you mean sh:minCount\?"):
        load_shapes(file)
