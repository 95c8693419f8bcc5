"""`context.jsonld` says exactly what the ontology says.

Rewrite it with `python tests/ontology/test_ontology_context.py`. Every term of ours goes by its local
name, and so does every borrowed property whose name is still free; the others keep their prefix.
Datatypes come from the range, code lists complete a bare value (`"runStatus": "failed"`), and an
inverse is read backwards, so that it is never stored.
"""

from __future__ import annotations

import json
import os.path
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

CONTEXT = Path(__file__).resolve().parents[2] / "ontology" / "context.jsonld"
RESERVED = {"id", "type"}

TERMS = """
SELECT ?term ?kind (MIN(?type) AS ?datatype) ?scheme ?inverseOf
WHERE {
  VALUES ?kind { owl:Class owl:ObjectProperty owl:DatatypeProperty owl:AnnotationProperty }
  ?term a ?kind .
  OPTIONAL { ?term rdfs:range|mlg:rangeIncludes ?type . FILTER (STRSTARTS(STR(?type), STR(xsd:))) }
  OPTIONAL { ?term mlg:codeList ?scheme }
  OPTIONAL { ?term owl:inverseOf ?inverseOf }
  FILTER (STRSTARTS(STR(?term), STR(mlg:)) || ?kind IN (owl:ObjectProperty, owl:DatatypeProperty) || BOUND(?type))
}
GROUP BY ?term ?kind ?scheme ?inverseOf
"""
CONCEPTS = "SELECT ?scheme ?concept WHERE { ?concept skos:inScheme ?scheme }"


def build(ontology: ox.Store, prefixes: dict[str, str]) -> dict[str, Any]:
    """The context that the ontology asks for."""

    def short(iri: str) -> str:
        prefix = next(name for name, namespace in prefixes.items() if iri.startswith(namespace))
        return f"{prefix}:{iri.removeprefix(prefixes[prefix])}"

    concepts: dict[str, list[str]] = {}
    found = ontology.query(CONCEPTS, prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    for row in found:
        concepts.setdefault(row["scheme"].value, []).append(row["concept"].value)
    rows = ontology.query(TERMS, prefixes=prefixes)
    assert isinstance(rows, ox.QuerySolutions)
    ordered = sorted(
        rows, key=lambda row: (not row["term"].value.startswith(prefixes["mlg"]), row["term"].value)
    )
    terms: dict[str, Any] = {}
    for row in ordered:
        term = short(row["term"].value)
        name = term.split(":")[1]
        name = term if name in RESERVED or name in terms else name
        if row["inverseOf"]:
            terms[name] = {"@reverse": short(row["inverseOf"].value), "@type": "@id"}
        elif row["scheme"]:
            stem = os.path.commonprefix(concepts[row["scheme"].value])  # noqa: RUF071  IRIs, not paths
            stem = stem[: stem.rindex("-") + 1]
            terms[name] = {"@id": term, "@type": "@vocab", "@context": {"@vocab": stem}}
        elif row["datatype"] and row["datatype"].value != prefixes["xsd"] + "string":
            terms[name] = {"@id": term, "@type": short(row["datatype"].value)}
        elif row["kind"].value == prefixes["owl"] + "ObjectProperty":
            terms[name] = {"@id": term, "@type": "@id"}
        else:
            terms[name] = term
    head = {"@version": 1.1, **dict(sorted(prefixes.items())), "id": "@id", "type": "@type"}
    return {"@context": {**head, **dict(sorted(terms.items()))}}


def triples(document: dict[str, Any]) -> set[str]:
    """A document under the context as N-Triples statements."""
    context = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]
    data = json.dumps({"@context": [context, {"@base": "http://localhost:8080/id/"}], **document})
    return {str(quad.triple) for quad in ox.parse(data, format=ox.RdfFormat.JSON_LD)}


def test_context_is_what_the_ontology_asks_for(
    ontology: ox.Store, prefixes: dict[str, str]
) -> None:
    written = json.loads(CONTEXT.read_text(encoding="utf-8"))
    assert written == build(ontology, prefixes), f"run: python {Path(__file__).name}"


def test_no_code_is_hidden_by_a_term(ontology: ox.Store, prefixes: dict[str, str]) -> None:
    """A bare code such as "failed" must not be the name of a term, which would win over the code list."""
    terms = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]
    stems = [
        term["@context"]["@vocab"]
        for term in terms.values()
        if isinstance(term, dict) and "@context" in term
    ]
    assert stems
    rows = ontology.query(CONCEPTS, prefixes=prefixes)
    assert isinstance(rows, ox.QuerySolutions)
    iris = [row["concept"].value for row in rows]
    for stem in stems:
        codes = {iri.removeprefix(stem) for iri in iris if iri.startswith(stem)}
        assert codes and not codes & terms.keys(), stem


def test_a_document_reads_as_meant(prefixes: dict[str, str]) -> None:
    """References, code lists, datatypes, tags, inverses and parts in one document."""
    document = {
        "id": "pipeline-run/airflow/r1",
        "type": "PipelineRun",
        "title": "Run 1",
        "runStatus": "failed",
        "usedDataset": "dataset-version/iceberg/plays@1",
        "startedAtTime": "2026-11-01T04:00:00Z",
        "hasParameter": {
            "id": "pipeline-run/airflow/r1#parameter-depth",
            "type": "Parameter",
            "parameterName": "depth",
            "parameterValue": "6",
        },
        "produced": {"id": "model-instance/mlflow/m1", "type": "ModelInstance"},
    }
    ttl = """
    @base <http://localhost:8080/id/> .
    <pipeline-run/airflow/r1> a mlg:PipelineRun ; dct:title "Run 1" ; mlg:runStatus mlgc:run-failed ;
      mlg:usedDataset <dataset-version/iceberg/plays@1> ; prov:startedAtTime "2026-11-01T04:00:00Z"^^xsd:dateTime ;
      mlg:hasParameter <pipeline-run/airflow/r1#parameter-depth> .
    <pipeline-run/airflow/r1#parameter-depth> a mlg:Parameter ; mlg:parameterName "depth" ; mlg:parameterValue "6" .
    <model-instance/mlflow/m1> a mlg:ModelInstance ; mlg:producedBy <pipeline-run/airflow/r1> .
    """
    head = "".join(f"@prefix {name}: <{namespace}> .\n" for name, namespace in prefixes.items())
    wanted = {str(quad.triple) for quad in ox.parse(head + ttl, format=ox.RdfFormat.TURTLE)}
    assert triples(document) == wanted


@pytest.mark.parametrize(
    ("code", "concept"), [("draft", "experiment-draft"), ("running", "experiment-running")]
)
def test_a_code_means_what_its_property_means(
    code: str, concept: str, prefixes: dict[str, str]
) -> None:
    (triple,) = triples({"id": "experiment/x/1", "experimentStatus": code})
    assert triple.endswith(f"<{prefixes['mlgc']}{concept}>")


def main() -> None:
    """Write the context from the ontology."""
    from conftest import ONTOLOGY, read

    ontology = read(ONTOLOGY, ONTOLOGY / "concepts")
    declared = "SELECT ?p ?n WHERE { ?o sh:declare [ sh:prefix ?p ; sh:namespace ?n ] }"
    rows = ontology.query(declared, prefixes={"sh": "http://www.w3.org/ns/shacl#"})
    assert isinstance(rows, ox.QuerySolutions)
    prefixes = {row["p"].value: row["n"].value for row in rows}
    CONTEXT.write_text(json.dumps(build(ontology, prefixes), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
