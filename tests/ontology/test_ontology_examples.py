"""Examples are true to the ontology, to the code lists and to each other, and leave no term without one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyoxigraph as ox
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "ontology" / "examples").rglob("*.ttl"))
ENTITY = re.compile(
    r"http://localhost:8080/id/([a-z-]+)/([a-z0-9-]+)/([^#?%]+)(#[A-Za-z0-9._~%-]+)?"
)


def rows(store: ox.Store, query: str, prefixes: dict[str, str]) -> list[list[str]]:
    """The result of a SELECT as bare text."""
    found = store.query(query, prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    return [[getattr(value, "value", "") for value in row] for row in found]


def load(path: Path) -> ox.Store:
    """One file alone."""
    store = ox.Store()
    store.load(path=path, format=ox.RdfFormat.TURTLE)
    return store


def predicates(store: ox.Store) -> set[str]:
    """All predicates, those inside triple terms included."""
    found: set[str] = set()

    def note(triple: ox.Triple | ox.Quad) -> None:
        found.add(triple.predicate.value)
        if isinstance(triple.object, ox.Triple):
            note(triple.object)

    for quad in store:
        note(quad)
    return found


def kebab(name: str) -> str:
    """ModelVersion → model-version."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


@pytest.fixture(scope="session")
def concrete(ontology: ox.Store, prefixes: dict[str, str]) -> set[str]:
    """Local names of the classes that have members."""
    query = "SELECT ?c WHERE { ?c a owl:Class FILTER NOT EXISTS { ?c mlg:isAbstract true } }"
    ours = prefixes["mlg"]
    return {
        iri.removeprefix(ours) for (iri,) in rows(ontology, query, prefixes) if iri.startswith(ours)
    }


@pytest.fixture(scope="session")
def declared(ontology: ox.Store, prefixes: dict[str, str]) -> set[str]:
    """Everything that the ontology declares, and the two terms of RDF that need no declaration."""
    subjects = {quad.subject.value for quad in ontology if isinstance(quad.subject, ox.NamedNode)}
    return subjects | {
        prefixes["rdf"] + "type",
        prefixes["rdfs"] + "label",
        prefixes["rdfs"] + "comment",
    }


def test_every_concrete_class_has_an_example_of_its_name(
    concrete: set[str], prefixes: dict[str, str]
) -> None:
    files = {path.stem: path for path in EXAMPLES}
    for name in concrete:
        assert kebab(name) in files, f"no example for {name}"
        types = {
            iri
            for (iri,) in rows(load(files[kebab(name)]), "SELECT ?t WHERE { ?s a ?t }", prefixes)
        }
        assert prefixes["mlg"] + name in types


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_only_declared_terms_are_used(
    path: Path, declared: set[str], prefixes: dict[str, str]
) -> None:
    store = load(path)
    types = {iri for (iri,) in rows(store, "SELECT ?t WHERE { ?s a ?t }", prefixes)}
    assert predicates(store) | types <= declared


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_only_stored_properties_are_stated(
    path: Path, ontology: ox.Store, prefixes: dict[str, str]
) -> None:
    query = "SELECT ?p WHERE { { ?p mlg:isDerived true } UNION { ?p owl:inverseOf ?q } }"
    assert not {iri for (iri,) in rows(ontology, query, prefixes)} & {
        quad.predicate.value for quad in load(path)
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_names_of_entities_follow_their_class(path: Path, prefixes: dict[str, str]) -> None:
    for subject, kind in rows(
        load(path), "SELECT ?s ?t WHERE { ?s a ?t FILTER STRSTARTS(STR(?s), 'http') }", prefixes
    ):
        match = ENTITY.fullmatch(subject)
        assert match, subject
        if match[4] is None and not kind.endswith("Tombstone"):
            assert match[1] == kebab(kind.removeprefix(prefixes["mlg"]))


@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if path.parent.name == "examples" and path.stem != "finding"],
    ids=lambda path: path.stem,
)
def test_every_entity_that_is_named_is_there(path: Path, prefixes: dict[str, str]) -> None:
    query = "SELECT ?o WHERE { ?s ?p ?o FILTER (STRSTARTS(STR(?o), 'http://localhost') && NOT EXISTS { ?o a ?t }) }"
    assert rows(load(path), query, prefixes) == []


def test_codes_come_from_their_list(
    ontology: ox.Store, examples: ox.Store, prefixes: dict[str, str]
) -> None:
    query = "SELECT ?property ?concept WHERE { ?property mlg:codeList ?list . ?concept skos:inScheme ?list }"
    allowed = {tuple(row) for row in rows(ontology, query, prefixes)}
    properties = {name for name, _ in allowed}
    used = {
        (quad.predicate.value, quad.object.value)
        for quad in examples
        if quad.predicate.value in properties
    }
    assert used and used <= allowed


def test_literals_have_the_datatype_of_their_property(
    ontology: ox.Store, examples: ox.Store, prefixes: dict[str, str]
) -> None:
    query = "SELECT ?p ?t WHERE { ?p rdfs:range|mlg:rangeIncludes ?t FILTER STRSTARTS(STR(?t), STR(xsd:)) }"
    wanted = dict(rows(ontology, query, prefixes))
    for quad in examples:
        if (
            isinstance(quad.object, ox.Literal)
            and quad.predicate.value in wanted
            and not quad.object.language
        ):
            assert quad.object.datatype.value == wanted[quad.predicate.value], quad


def test_domains_and_ranges_are_kept(
    ontology: ox.Store, examples: ox.Store, prefixes: dict[str, str]
) -> None:
    """Axioms and notes alike, read as closed: an example shows a property only where it is said to belong."""
    supers = "SELECT ?c ?s WHERE { ?c rdfs:subClassOf* ?s . ?c a owl:Class }"
    above: dict[str, set[str]] = {}
    for low, high in rows(ontology, supers, prefixes):
        above.setdefault(low, {low}).add(high)
    types: dict[str, set[str]] = {}
    for subject, kind in rows(
        examples, "SELECT ?s ?t WHERE { ?s a ?t FILTER ISIRI(?s) }", prefixes
    ):
        types.setdefault(subject, set()).update(above.get(kind, {kind}))
    ends: dict[tuple[str, str], set[str]] = {}
    for end in ("domain", "range"):
        query = f"SELECT ?p ?c WHERE {{ ?p rdfs:{end}|mlg:{end}Includes ?c . ?c a owl:Class }}"
        for name, kind in rows(ontology, query, prefixes):
            ends.setdefault((name, end), set()).add(kind)
    checked = 0
    for quad in examples:
        for end, node in (("domain", quad.subject), ("range", quad.object)):
            wanted = ends.get((quad.predicate.value, end), set())
            found = types.get(getattr(node, "value", ""), set())
            if (
                wanted
                and found
                and not (
                    quad.predicate.value.startswith(prefixes["dct"]) or "Tombstone" in str(found)
                )
            ):
                checked += 1
                assert wanted & found, (end, quad)
    assert checked


def test_no_two_classes_for_one_entity(examples: ox.Store, prefixes: dict[str, str]) -> None:
    query = "SELECT ?s ?a ?b WHERE { ?s a ?a , ?b FILTER (STR(?a) < STR(?b)) }"
    assert rows(examples, query, prefixes) == []


def test_every_term_is_used(
    ontology: ox.Store, examples: ox.Store, concrete: set[str], prefixes: dict[str, str]
) -> None:
    """In an example, a shape, or the ontology as super-term or note; inverse and derived names follow from others."""
    shapes = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shapes").rglob("*.ttl"))
    used = {prefixes["mlg"] + name for name in re.findall(r"\bmlg:(\w+)", shapes)}
    used |= (
        predicates(examples) | predicates(ontology) | {prefixes["mlg"] + name for name in concrete}
    )
    query = "SELECT ?s WHERE { ?t rdfs:subClassOf|rdfs:subPropertyOf|mlg:namedBy ?s }"
    used |= {iri for (iri,) in rows(ontology, query, prefixes)}
    query = "SELECT ?p WHERE { { ?p mlg:isDerived true } UNION { ?p owl:inverseOf ?q } }"
    used |= {iri for (iri,) in rows(ontology, query, prefixes)}
    ours = "SELECT ?t WHERE { ?t rdfs:isDefinedBy ?o ; a ?k . ?o a owl:Ontology FILTER STRSTARTS(STR(?t), STR(mlg:)) }"
    assert {iri for (iri,) in rows(ontology, ours, prefixes)} - used == set()


def test_alignments_only_map(
    ontology: ox.Store, prefixes: dict[str, str], declared: set[str]
) -> None:
    for path in sorted((ROOT / "ontology" / "alignments").glob("*.ttl")):
        for quad in load(path):
            assert quad.predicate.value.startswith(
                prefixes["skos"]
            ) and quad.predicate.value.endswith("Match")
            assert quad.subject.value in declared
            assert quad.object.value not in declared


def test_context_names_no_unknown_term(declared: set[str], prefixes: dict[str, str]) -> None:
    context = json.loads((ROOT / "ontology" / "context.jsonld").read_text(encoding="utf-8"))[
        "@context"
    ]
    for name, term in context.items():
        if name in prefixes or name in ("@version", "id", "type"):
            continue
        curie = term if isinstance(term, str) else term.get("@id") or term["@reverse"]
        prefix, _, local = curie.partition(":")
        assert prefixes[prefix] + local in declared, name
