from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadSetting
from kg.iris import EntityRef, class_of_type, term
from kg.model import Document, Snapshot
from kg.normalise import Contexts, normalise
from kg.terms import text_of
from tests.kg.graphs import BASE, MINTER

CONTEXT = {
    "@context": {
        "name": "dct:title",
        "created": {"@id": "dct:created", "@type": "xsd:dateTime"},
        "tags": {"@id": "dcat:keyword", "@container": "@set"},
        "run": {
            "@id": "mlg:producedBy",
            "@type": "@id",
            "@context": {"@base": "id/pipeline-run/{pipeline-run}/"},
        },
        "parents": {
            "@id": "mlg:derivedFromModel",
            "@type": "@id",
            "@context": {"@base": "id/model/{model}/"},
        },
        "status": {
            "@id": "mlg:runStatus",
            "@type": "@vocab",
            "@context": {"ok": "mlgc:run-succeeded"},
        },
        "metrics": "mlg:hasResult",
        "value": "dqv:value",
    }
}


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    (tmp_path / "context.jsonld").write_text(json.dumps(CONTEXT))
    return Contexts(tmp_path, source="test", links={"pipeline-run": "airflow"}, minter=MINTER)


def snapshot(*payloads: dict[str, Any]) -> Snapshot:
    documents = tuple(
        Document(ref=EntityRef("model", "test", p.get("key", "m")), payload=p) for p in payloads
    )
    return Snapshot(ref=EntityRef("model", "test", "m"), documents=documents)


def facts(contexts: Contexts, payload: dict[str, Any]) -> set[tuple[str, str]]:
    (entity,) = normalise([snapshot(payload)], contexts=contexts).entities
    assert all(s.partition("#")[0] == entity.iri for s, _, _ in entity.statements)
    return {(predicate, text_of(value)) for _, predicate, value in entity.statements}


def test_every_entity_has_its_type_key_and_recorder(contexts: Contexts) -> None:
    assert facts(contexts, {}) == {
        (term("rdf:type"), class_of_type("model")),
        (term("dct:identifier"), "m"),
        (term("mlg:recordedBy"), f"{BASE}/id/source-system/test/test"),
    }


def test_equal_iris_of_a_batch_are_one_string(contexts: Contexts) -> None:
    """A batch has hundreds of thousands: what is equal need not be kept and compared twice."""
    payloads = [{"key": key, "parents": ["a-parent"]} for key in ("one", "other")]
    found = normalise([snapshot(*payloads)], contexts=contexts).entities
    said = [s for one in found for s in one.statements if s[1] == term("mlg:derivedFromModel")]
    assert len(said) == 2
    assert len({id(value) for _, _, value in said}) == len({id(link) for _, link, _ in said}) == 1
    assert all(s[0] is one.iri for one in found for s in one.statements)


def test_a_foreign_key_is_an_iri_of_the_source_that_owns_it(contexts: Contexts) -> None:
    found = facts(contexts, {"run": "a b/é%", "parents": ["x", "y"]})
    assert (term("mlg:producedBy"), f"{BASE}/id/pipeline-run/airflow/a%20b/%C3%A9%25") in found
    assert (term("mlg:derivedFromModel"), f"{BASE}/id/model/test/x") in found
    assert (term("mlg:derivedFromModel"), f"{BASE}/id/model/test/y") in found


@pytest.mark.parametrize(
    "key", ["http://evil.example/x", "//evil.example/", "../../x", "?q", "#f", ":"]
)
def test_a_foreign_key_cannot_leave_its_place(contexts: Contexts, key: str) -> None:
    (value,) = [v for p, v in facts(contexts, {"run": key}) if p == term("mlg:producedBy")]
    assert MINTER.parse(value) == EntityRef("pipeline-run", "airflow", key)


def test_an_empty_foreign_key_is_no_fact(contexts: Contexts) -> None:
    found = facts(contexts, {"run": "", "parents": [None, "x"]})
    assert term("mlg:producedBy") not in {p for p, _ in found}


def test_codes_become_concepts(contexts: Contexts) -> None:
    assert (term("mlg:runStatus"), term("mlgc:run-succeeded")) in facts(contexts, {"status": "ok"})


def test_a_part_is_named_within_its_entity(contexts: Contexts) -> None:
    found = facts(contexts, {"metrics": [{"@id": "#auc", "value": "0.9"}]})
    assert (term("mlg:hasResult"), f"{BASE}/id/model/test/m#auc") in found
    assert (term("dqv:value"), "0.9") in found


@pytest.mark.parametrize(
    "payload",
    [
        {"unknown": "x", "schema": "y", "prov": "z", "http://purl.org/dc/terms/title": "w"},
        {"@context": {"unknown": "dct:title"}, "unknown": "x"},
        {"@context": "http://127.0.0.1:9/"},
        {"@id": "http://localhost:8080/id/model/test/other"},
        {"@graph": [{"@id": "http://localhost:8080/id/model/test/other", "name": "x"}]},
        {"@reverse": {"name": "x"}},
    ],
)
def test_what_the_context_does_not_define_is_ignored(
    contexts: Contexts, payload: dict[str, Any]
) -> None:
    assert facts(contexts, payload) == facts(contexts, {})


def test_a_nameless_part_is_refused(contexts: Contexts) -> None:
    made = normalise([snapshot({"metrics": [{"value": "1"}]})], contexts=contexts)
    assert made.entities == ()
    assert "#part" in str(made.unusable[EntityRef("model", "test", "m")])


def test_a_spoilt_payload_spoils_only_itself(contexts: Contexts) -> None:
    good = Snapshot(
        ref=EntityRef("model", "test", "good"),
        documents=(Document(ref=EntityRef("model", "test", "good"), payload={"name": "G"}),),
    )
    spoilt = snapshot({"created": float("nan")})
    made = normalise([good, spoilt], contexts=contexts)
    assert [entity.ref.key for entity in made.entities] == ["good"]
    assert list(made.unusable) == [spoilt.ref]


def test_one_bad_document_spoils_its_whole_snapshot(contexts: Contexts) -> None:
    made = normalise(
        [snapshot({"name": "M"}, {"key": "aside", "metrics": {"value": "1"}})], contexts=contexts
    )
    assert made.entities == ()
    assert list(made.unusable) == [EntityRef("model", "test", "m")]


def test_an_entity_told_of_aside_yields_to_one_asked_for(contexts: Contexts) -> None:
    run = snapshot({"name": "M"}, {"key": "d", "name": "aside"})
    asked = Snapshot(
        ref=EntityRef("model", "test", "d"),
        documents=(Document(ref=EntityRef("model", "test", "d"), payload={"name": "asked"}),),
    )
    for order in ([run, asked], [asked, run]):
        made = normalise(order, contexts=contexts)
        names = {e.ref.key: {text_of(value) for _, _, value in e.statements} for e in made.entities}
        assert "asked" in names["d"] and "aside" not in names["d"]


def test_gone_is_an_entity_without_facts(contexts: Contexts) -> None:
    ref = EntityRef("model", "test", "m")
    (entity,) = normalise([Snapshot(ref=ref, documents=())], contexts=contexts).entities
    assert entity.gone and not entity.statements


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"@context": '])
def test_a_broken_context_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "context.jsonld").write_text(text)
    with pytest.raises(BadSetting, match=r"context\.jsonld"):
        Contexts(tmp_path, source="test", links={}, minter=MINTER)


def test_a_source_without_contexts_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="test"):
        Contexts(tmp_path, source="test", links={}, minter=MINTER)
