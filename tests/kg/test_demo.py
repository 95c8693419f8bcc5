"""The demo universe, played through the real pipeline by thin events, holds exactly its story.

The answers of the example queries are in `tests/data/demo/`, one file for each; rewrite them with
`MLG_WRITE_ANSWERS=1 pytest tests/kg/test_demo.py` and read the difference.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg import demo, iris
from kg.config import Settings, load
from kg.iris import PREFIXES, EntityRef, class_of_type
from kg.resolve import REVIEW
from kg.resources import data_dir
from kg.service import Service
from kg.sources import connect
from kg.views import Explanation
from kg.worker import Worker

BASE = "http://localhost:8080"
ANSWERS = Path(__file__).parents[1] / "data" / "demo"
QUERIES = sorted(path.stem for path in (data_dir("ontology") / "queries").glob("*.ttl"))
UNKNOWN = "dataset-version/warehouse/partners.audience_segments@2026-09"

OTHER_NAMES = {
    ("dataset", "s3a://warehouse/media/play_events/"),
    ("person", "AURORA\\ada.okafor"),
}
"""What the orchestrator calls by names of its own: a dataset, surely, and a person, maybe."""

INTENDED = {
    # violations
    ("core-13", "model-instance/registry/mood-embedder-2026-02-09"),
    ("core-20", "deployment/registry/search-ranker-legacy-tv"),
    ("core-21", "deployment/registry/search-ranker-legacy-tv"),
    # warnings
    ("core-01-description", "dataset/warehouse/ads.bookings"),
    ("core-03", "dataset/warehouse/payments.chargebacks"),
    ("core-03", "model/registry/payment-fraud"),
    ("core-03", "pipeline/orchestrator/chargeback-ingestion"),
    ("core-04", "model/registry/payment-fraud"),
    ("core-07", "pipeline-run/orchestrator/ad-pacing-training/2026-10-04"),
    ("core-10", "model-instance/registry/churn-forecaster-2026-11-02"),
    ("core-11-checksum", "model-instance/registry/trailer-moments-2026-09-21"),
    ("core-12", "model-instance/registry/dialogue-transcriber-2026-08-18"),
    ("core-14", "dataset/warehouse/studio.subtitle_pairs"),
    ("core-18-age", "deployment/registry/shot-embedder-batch"),
    # notes
    ("core-25", "dataset/warehouse/research.eye_tracking"),
    ("core-25", "feature/features/title_popularity:trailer_replays_24h"),
}
"""What is wrong in the universe: rule and entity. Nothing else may be."""


def universe() -> dict[str, list[dict[str, Any]]]:
    return {s: json.loads((demo.UNIVERSE / f"{s}.json").read_bytes()) for s in demo.SOURCES}


def short(term: Any) -> str | None:
    """A value as it stands in the answers: entities without the base, the rest as text."""
    return None if term is None else term.value.removeprefix(f"{BASE}/id/")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(demo.write_settings(tmp_path_factory.mktemp("demo")), environ={})


@pytest.fixture(scope="module")
def worker(settings: Settings) -> Iterator[Worker]:
    """An installation that has worked through all events of the demo."""
    with Worker(settings) as worker:
        worker.inbox.publish(demo.events())
        worker.drain()
        yield worker


@pytest.fixture(scope="module")
def graph(worker: Worker) -> ox.Store:
    """The graph as readers see it."""
    return ox.Store.read_only(str(worker.store.publish()))


def select(graph: ox.Store, query: str) -> list[list[str | None]]:
    found = graph.query(query, prefixes=PREFIXES)
    assert isinstance(found, ox.QuerySolutions)
    return [[short(term) for term in row] for row in found]


# --- the payloads ---------------------------------------------------------------------------------


def test_each_payload_stands_in_the_source_that_owns_its_type() -> None:
    others = set()
    for source, payloads in universe().items():
        for payload in payloads:
            if demo.LINKS[payload["type"]] != source:
                others.add((source, payload["type"], payload["key"]))
        names = Counter((payload["type"], payload["key"]) for payload in payloads)
        assert max(names.values()) == 1
    assert others == {("orchestrator", kind, key) for kind, key in OTHER_NAMES}


def test_each_key_of_a_payload_is_understood(settings: Settings) -> None:
    for name, table in settings.sources.items():
        source = connect(table)
        terms = json.loads((source.contexts / "context.jsonld").read_bytes())["@context"]
        for ref in source.list():
            (document,) = source.fetch(ref).documents
            ignored = document.payload.keys() - terms.keys() - {"type", "key"}
            assert not ignored, f"{name}: {ref}"


def test_there_is_one_event_for_each_entity_in_no_order_and_some_twice() -> None:
    events = demo.events()
    told = Counter(event.ref for event in events)
    refs = {
        EntityRef(p["type"], s, p["key"]) for s, payloads in universe().items() for p in payloads
    }
    assert told.keys() == refs
    assert set(told.values()) == {1, 2}
    assert [event.ref for event in events] != sorted(event.ref for event in events)
    assert events == demo.events()


def test_an_edited_copy_is_kept(tmp_path: Path) -> None:
    demo.write_settings(tmp_path)
    copy = tmp_path / "universe" / "registry.json"
    copy.write_text("[]", "utf-8")
    settings = load(demo.write_settings(tmp_path), environ={})
    assert copy.read_text("utf-8") == "[]"
    assert list(connect(settings.sources["registry"]).list()) == []


def test_a_port_is_in_the_iris_so_that_they_can_be_followed(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\ folder'
    settings = load(demo.write_settings(folder, port=9000), environ={})
    assert settings.base == "http://localhost:9000"
    assert settings.integer("server.port") == 9000
    assert settings.data_dir == folder / "data"


# --- the graph ------------------------------------------------------------------------------------


def test_every_entity_is_in_the_graph(worker: Worker, graph: ox.Store) -> None:
    expected = Counter(class_of_type(p["type"]) for ps in universe().values() for p in ps)
    expected[class_of_type("source-system")] = len(demo.SOURCES)
    classes = " ".join(f"<{name}>" for name in expected)
    rows = select(
        graph,
        f"SELECT ?class (COUNT(?entity) AS ?count) {{ VALUES ?class {{ {classes} }}"
        " ?entity a ?class } GROUP BY ?class",
    )
    assert {row[0]: int(row[1] or 0) for row in rows} == expected
    assert worker.inbox.pending() == 0
    assert worker.inbox.dead() == []


def test_the_graph_speaks_only_of_declared_terms(graph: ox.Store) -> None:
    ontology = ox.Store()
    for file in data_dir("ontology").glob("*.ttl"):
        ontology.load(path=file)
    for file in data_dir("ontology").glob("concepts/*.ttl"):
        ontology.load(path=file)
    declared = {quad.subject for quad in ontology}
    facts = [quad for quad in graph if isinstance(quad.graph_name, ox.DefaultGraph)]
    used = {quad.predicate for quad in facts} - {ox.NamedNode(iris.TYPE)}
    ours = (PREFIXES["mlg"], PREFIXES["mlgc"])
    used |= {
        quad.object
        for quad in facts
        if isinstance(quad.object, ox.NamedNode) and quad.object.value.startswith(ours)
    }
    assert used <= declared


def test_one_reference_leads_nowhere(graph: ox.Store) -> None:
    rows = select(
        graph,
        "SELECT DISTINCT ?object { ?subject ?property ?object FILTER(isIRI(?object)"
        f" && STRSTARTS(STR(?object), '{BASE}/id/')) FILTER NOT EXISTS {{ ?object a ?class }} }}",
    )
    assert rows == [[UNKNOWN]]


def test_numbers_and_parts_arrive_as_they_were_meant(graph: ox.Store) -> None:
    run = "<http://localhost:8080/id/pipeline-run/orchestrator/home-ranker-training/2026-11-01>"
    assert select(
        graph,
        f"SELECT ?part ?name ?value {{ {run} mlg:hasParameter ?part . ?part a mlg:Parameter ;"
        " mlg:parameterName ?name ; mlg:parameterValue ?value } ORDER BY ?name",
    ) == [
        [f"pipeline-run/orchestrator/home-ranker-training/2026-11-01#parameter-{name}", name, value]
        for name, value in (
            ("learning_rate", "0.05"),
            ("n_estimators", "600"),
            ("taste_embedding", "true"),
        )
    ]
    assert select(graph, "SELECT (SUM(?share) AS ?all) { ?x mlg:share ?share }") == [["6"]]


def test_the_worked_chain_explains_itself(graph: ox.Store) -> None:
    """Instance, produced by a run, executed for cell 2, of test 12345: so it is in that test."""
    instance = "model-instance/registry/home-ranker-2026-11-01"
    rows = select(
        graph,
        f"SELECT ?test {{ <{BASE}/id/{instance}> mlg:associatedWithTest ?test }}",
    )
    assert rows == [["experiment/experiments/12345"]]
    chain = select(
        graph,
        "SELECT ?run ?cell ?test { GRAPH <urn:mlgraph:graph:derived> {"
        f" ?why rdf:reifies <<( <{BASE}/id/{instance}> mlg:associatedWithTest ?test )>> ;"
        "  mlg:supportedBy <<( ?instance mlg:producedBy ?run )>> ,"
        "   <<( ?run mlg:executedFor ?cell )>> , <<( ?cell mlg:cellOf ?test )>> } }",
    )
    assert chain == [
        [
            "pipeline-run/orchestrator/home-ranker-training/2026-11-01",
            "experiment-cell/experiments/12345/2",
            "experiment/experiments/12345",
        ]
    ]


def test_the_system_says_why_both_ways(settings: Settings, worker: Worker) -> None:
    """Each derived relation of the instance, from either end, down to sources and their events."""
    instance = "model-instance/registry/home-ranker-2026-11-01"
    with Service(settings) as service:
        forth = service.why(instance, "associatedWithTest", "experiment/experiments/12345")
        back = service.why("experiment/experiments/12345", "testsModel", instance)
        assert forth == back
        told = {step.stated[0].source for way in forth.ways for step in way.steps if step.stated}
        assert {source.name for source in told if source} == {
            "experiments",
            "orchestrator",
            "registry",
        }
        view = service.entity(service.minter.resolve(instance))
        derived = [r for r in view.relations if r.derived and r.direction == "out"]
        assert len(derived) >= 5
        for relation in derived:
            for item in relation.items:
                found = service.why(instance, relation.property.iri, item.iri)
                assert found.derived and _stated_below(found), (relation.property.name, item.iri)


def _stated_below(explained: Explanation) -> bool:
    """Whether every way ends at facts that somebody states, each by an event in a revision."""
    if explained.stated:
        return all(s.source and s.caused_by and s.revision for s in explained.stated)
    return explained.again or all(_stated_below(step) for w in explained.ways for step in w.steps)


def test_a_link_is_explained_by_its_evidence(settings: Settings, worker: Worker) -> None:
    names = (
        "warehouse/media.play_events",
        "orchestrator/s3a:%2F%2Fwarehouse%2Fmedia%2Fplay_events%2F",
    )
    with Service(settings) as service:
        for one, other in (names, names[::-1]):
            found = service.why(f"dataset/{one}", "sameThingAs", f"dataset/{other}")
            (way,) = found.ways
            assert way.rule.name == "storage location of a dataset"
            assert way.first and len(way.steps) == 2
            assert all(step.stated for step in way.steps)


def test_one_thing_with_two_names_is_linked_and_a_doubt_is_put_before_a_person(
    graph: ox.Store,
) -> None:
    dataset = "dataset/orchestrator/s3a:%2F%2Fwarehouse%2Fmedia%2Fplay_events%2F"
    rows = select(graph, "SELECT ?one ?other { ?one mlg:sameThingAs ?other } ORDER BY ?one")
    assert rows == [
        [dataset, "dataset/warehouse/media.play_events"],
        ["dataset/warehouse/media.play_events", dataset],
    ]
    reviewed = graph.query(
        "SELECT DISTINCT ?one ?other { ?why rdf:reifies <<( ?one mlg:sameThingAs ?other )>> }",
        prefixes=PREFIXES,
        default_graph=ox.NamedNode(REVIEW),
    )
    assert isinstance(reviewed, ox.QuerySolutions)
    assert [[short(term) for term in row] for row in reviewed] == [
        ["person/directory/ada.okafor@aurora.example", "person/orchestrator/AURORA%5Cada.okafor"]
    ]


def test_what_is_wrong_is_meant(graph: ox.Store) -> None:
    rows = select(
        graph,
        "SELECT ?rule ?entity { GRAPH <urn:mlgraph:graph:findings> {"
        " ?finding a sh:ValidationResult ; mlg:ruleId ?rule ; sh:focusNode ?entity } }",
    )
    assert sorted(map(tuple, rows)) == sorted(INTENDED)


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_query_answers_as_it_should(graph: ox.Store, name: str) -> None:
    document = ox.Store()
    document.load(path=data_dir("ontology") / "queries" / f"{name}.ttl")
    (text,) = (q.object for q in document if q.predicate.value == PREFIXES["sh"] + "select")
    assert isinstance(text, ox.Literal)
    found = graph.query(text.value, prefixes=PREFIXES)
    assert isinstance(found, ox.QuerySolutions)
    columns = [variable.value for variable in found.variables]
    rows = [[short(term) for term in row] for row in found]
    assert rows, "every example query has something to say about the demo"
    file = ANSWERS / f"{name}.json"
    if os.environ.get("MLG_WRITE_ANSWERS"):
        lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in [columns, *rows])
        file.write_text(f"[\n{lines}\n]\n", "utf-8")
    assert [columns, *rows] == json.loads(file.read_bytes())


def test_every_answer_belongs_to_a_query() -> None:
    assert sorted(file.stem for file in ANSWERS.glob("*.json")) == QUERIES
