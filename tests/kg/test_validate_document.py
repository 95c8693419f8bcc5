"""The job for documents from outside, as the pool of limited processes runs it."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from kg.errors import BadRdf, BadSetting, UnsupportedFormat
from kg.iris import PREFIXES
from kg.validate import validate_document
from kg.validate.document import from_json
from tests.shapes.graphs import AT, SHAPES, found, nquads, read, turtle

NOW = AT.isoformat()
HEAD = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
BROKEN = SHAPES / "invalid" / "core-02.ttl"


def test_a_document_in_its_own_format() -> None:
    report = from_json(
        validate_document(BROKEN.read_bytes(), at=NOW, form="turtle", base="http://x/")
    )
    assert found(report.findings) == {("core-02", "home-ranker")}


def test_statements_of_all_graphs_count() -> None:
    data = nquads(read(BROKEN)).replace(b" .\n", b" <urn:g> .\n")
    report = from_json(validate_document(data, at=NOW))
    assert found(report.findings) == {("core-02", "home-ranker")}


def test_only_what_is_asked_about() -> None:
    text = b'{"@id": "urn:m", "@type": "https://w3id.org/mlgraph/ns/Model"}'
    whole = from_json(validate_document(text, at=NOW, form="jsonld"))
    assert {f.rule_id for f in whole.findings} >= {"core-02", "core-06"}
    none = from_json(validate_document(text, at=NOW, form="jsonld", focus=["urn:other"]))
    assert none.findings == ()


def test_shapes_of_the_sender_instead_of_ours() -> None:
    shapes = HEAD + (
        "mlgsh:Mine a sh:NodeShape ; sh:targetClass mlg:Model ;"
        "sh:property [ sh:path mlg:purpose ; sh:minCount 1 ] ."
    )
    data = nquads(turtle(":m a mlg:Model ."))
    report = from_json(validate_document(data, at=NOW, shapes=shapes.encode()))
    assert [f.rule for f in report.findings] == [PREFIXES["mlgsh"] + "Mine"]


def test_no_more_results_than_are_bearable() -> None:
    text = "\n".join(f"<urn:m:{n}> a <{PREFIXES['mlg']}Model> ." for n in range(1000)).encode()
    report = validate_document(text, at=NOW, form="turtle", max_results=25)
    assert len(report["findings"]) == 25


def test_a_moment_without_a_zone_is_utc() -> None:
    person = turtle(":p a mlg:Person ; foaf:name 'P' ; mlg:leftOn '2026-10-01'^^xsd:date .")
    data = nquads(person)
    assert validate_document(data, at="2026-10-01T23:59:59")["findings"] == []
    assert validate_document(data, at="2026-10-02T00:00:00")["findings"] != []


@pytest.mark.parametrize(
    ("data", "form", "engine", "error"),
    [
        (b"<urn:a> <urn:b> .", "turtle", "shacl", BadRdf),
        (b"<!DOCTYPE x [<!ENTITY a 'a'>]><x/>", "rdf", "shacl", BadRdf),
        (b"[" * 10_000, "jsonld", "shacl", BadRdf),
        (b"", "pdf", "shacl", UnsupportedFormat),
        (b"", "turtle", "jena", BadSetting),
    ],
)
def test_what_cannot_be_judged(data: bytes, form: str, engine: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        validate_document(data, at=NOW, form=form, engine_name=engine)


def test_it_runs_in_a_process_of_its_own() -> None:
    """Arguments and answer are plain data; the process reads the rules by itself, once."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(validate_document, BROKEN.read_bytes(), at=NOW, form="turtle")
            for _ in range(2)
        ]
        first, second = (job.result() for job in jobs)
    assert first == second == json.loads(json.dumps(first))
    assert len(first["findings"]) == 1
