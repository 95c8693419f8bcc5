"""What becomes of Feast's records, over what a real registry server once answered."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import PREFIXES, EntityRef
from kg.normalise import Contexts, normalise
from kg.sources import Source
from kg.sources.feast import FeastSource
from kg.sources.remembered import new_enough_since
from kg.terms import ntriples, text_of
from tests.kg.sources.entity_facts import compact, facts
from tests.kg.sources.feast_replay import Replay, ref
from tests.kg.sources.source_contract import MINTER, contexts_of

MIA = "person/feast/mia.lindqvist@aurora.example"
TOM = "person/feast/tom.reyes@aurora.example"
PLAYS = "dataset/feast/data/play_stats.parquet"
NOTHING: dict[str, Any] = {"pagination": {}, "featureViews": [], "featureServices": []}
NO_PROJECT = {"error_type": "FeastObjectNotFoundException", "status_code": 404}


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[FeastSource]:
    made = FeastSource("feast", url=replay.url, project="aurora", page_size=2, pause=lambda _: None)
    yield made
    made.close()


@pytest.fixture
def both(replay: Replay) -> Iterator[FeastSource]:
    replay.load("two")
    made = FeastSource("feast", url=replay.url, project=["aurora", "tundra"], pause=lambda _: None)
    yield made
    made.close()


def view(**spec: Any) -> dict[str, Any]:
    return {"type": "featureView", "spec": {"name": "v", **spec}, "meta": {}}


def values(found: set[tuple[str, str]], name: str) -> set[str]:
    return {value for predicate, value in found if predicate == name}


# --- what becomes of what -------------------------------------------------------------------------


def test_it_is_a_source(source: FeastSource) -> None:
    assert isinstance(source, Source)


def test_a_view_is_a_feature_set(source: FeastSource) -> None:
    snapshot = source.fetch(ref("feature-set", "member_activity"))
    found = facts(source, snapshot)
    assert {
        ("rdf:type", "mlg:FeatureSet"),
        ("dct:identifier", "member_activity"),
        ("dct:title", "member_activity"),
        ("dct:description", "What each member did lately."),
        ("mlg:ownedBy", MIA),
        ("mlg:entityKey", "member_id"),
        ("mlg:computedFrom", PLAYS),
        ("dcat:keyword", "domain::personalisation"),
    } <= found
    assert values(found, "dct:created") == values(found, "dct:modified") != set()
    assert not values(found, "foaf:page")


def test_a_view_brings_its_features(source: FeastSource) -> None:
    snapshot = source.fetch(ref("feature-set", "member_activity"))
    assert [d.ref.key for d in snapshot.documents] == [
        "member_activity",
        "member_activity:plays_7d",
        "member_activity:hours_7d",
    ]


def test_a_feature(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature", "member_activity:plays_7d")))
    assert {
        ("rdf:type", "mlg:Feature"),
        ("dct:title", "plays_7d"),
        ("dct:description", "Plays in a week."),
        ("mlg:memberOfFeatureSet", "feature-set/feast/member_activity"),
        ("mlg:featureValueType", "mlgc:value-type-integer"),
        ("mlg:computedFrom", PLAYS),
        ("dcat:keyword", "pii::no"),
    } <= found
    assert values(found, "mlg:ownedBy") == {TOM}  # by its own tag
    assert values(found, "dcat:keyword") == {"pii::no"}


def test_a_feature_without_an_owner_has_those_of_its_view(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature", "member_activity:hours_7d")))
    assert values(found, "mlg:ownedBy") == {MIA}
    assert values(found, "mlg:featureValueType") == {"mlgc:value-type-decimal"}


@pytest.mark.parametrize(
    ("name", "kind", "dimension"),
    [
        ("embedding", "embedding", {"64"}),
        ("plot", "embedding", set()),
        ("genre", "string", set()),
        ("moods", "list", set()),
        ("is_original", "boolean", set()),
    ],
)
def test_the_types_of_recorded_features(
    source: FeastSource, name: str, kind: str, dimension: set[str]
) -> None:
    found = facts(source, source.fetch(ref("feature", f"title_vectors:{name}")))
    assert values(found, "mlg:featureValueType") == {f"mlgc:value-type-{kind}"}
    assert values(found, "mlg:dimension") == dimension
    assert values(found, "mlg:ownedBy") == {MIA, TOM}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ({"valueType": "INT32"}, "integer"),
        ({"valueType": "FLOAT"}, "decimal"),
        ({"valueType": "DECIMAL"}, "decimal"),
        ({"valueType": "UUID"}, "string"),
        ({"valueType": "IMAGE_BYTES"}, "bytes"),
        ({"valueType": "ZONED_TIMESTAMP"}, "timestamp"),
        ({"valueType": "STRUCT"}, "map"),
        ({"valueType": "SCALAR_MAP"}, "map"),
        ({"valueType": "MAP_LIST"}, "list"),
        ({"valueType": "STRING_SET"}, "list"),
        ({"valueType": "FLOAT_LIST"}, "list"),
        ({"valueType": "FLOAT_LIST", "tags": {"embedding": "false"}}, "list"),
        ({"valueType": "FLOAT_LIST", "tags": {"embedding": ""}}, "embedding"),
        ({"valueType": "DOUBLE_LIST", "vectorLength": 3}, "embedding"),
        ({"valueType": "BYTES", "vectorIndex": True}, "embedding"),
        ({"valueType": "STRING_LIST", "tags": {"embedding": "yes"}}, "list"),
        ({"valueType": "QUBIT"}, "QUBIT"),  # outside the code list, so that validation finds it
    ],
)
def test_types(source: FeastSource, replay: Replay, column: dict[str, Any], kind: str) -> None:
    replay.page("feature_views", "featureViews", view(features=[{"name": "f", **column}]))
    found = facts(source, source.fetch(ref("feature", "v:f")))
    assert values(found, "mlg:featureValueType") == {f"mlgc:value-type-{kind}"}


@pytest.mark.parametrize("kind", ["INVALID", "NULL", None])
def test_a_feature_without_a_type_has_none(
    source: FeastSource, replay: Replay, kind: str | None
) -> None:
    replay.page("feature_views", "featureViews", view(features=[{"name": "f", "valueType": kind}]))
    found = facts(source, source.fetch(ref("feature", "v:f")))
    assert not values(found, "mlg:featureValueType")


def test_every_type_that_feast_has_is_known() -> None:
    """But for the types of several values, which are lists, the context names each."""
    named = json.loads((FeastSource.contexts / "context.jsonld").read_text("utf-8"))["@context"]
    codes = named["valueType"]["@context"]
    concepts = {
        quad.subject.value
        for quad in ox.parse(path=Path("ontology/concepts/feature-value-types.ttl"))
        if isinstance(quad.subject, ox.NamedNode)
    }
    made = {
        code.replace("mlgc:", PREFIXES["mlgc"]) for word, code in codes.items() if word != "@vocab"
    }
    assert made <= concepts
    single = "BYTES STRING INT32 INT64 DOUBLE FLOAT BOOL UNIX_TIMESTAMP MAP PDF_BYTES IMAGE_BYTES"
    late = "JSON STRUCT UUID TIME_UUID DECIMAL SCALAR_MAP ZONED_TIMESTAMP"
    assert set(f"{single} {late}".split()) <= codes.keys()


def test_a_stream_view_is_computed_from_its_topic_and_what_keeps_it(source: FeastSource) -> None:
    snapshot = source.fetch(ref("feature-set", "member_stream"))
    assert values(facts(source, snapshot), "mlg:computedFrom") == {
        "dataset/feast/media.play_events",
        PLAYS,
    }
    # Feast lists the join key among the features
    assert [d.ref.key for d in snapshot.documents] == ["member_stream", "member_stream:plays_1h"]


def test_what_is_pushed_is_kept_in_the_batch_source(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature-set", "member_live")))
    assert values(found, "mlg:computedFrom") == {PLAYS}
    assert values(found, "mlg:entityKey") == {"member_id", "title_id"}
    assert values(found, "mlg:ownedBy") == {TOM}  # by the tag


def test_an_on_demand_view_depends_on_features(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature-set", "member_context")))
    assert values(found, "mlg:dependsOn") == {"feature/feast/member_activity:plays_7d"}
    assert not values(found, "mlg:computedFrom")
    assert not values(found, "mlg:entityKey")


def test_views_made_of_whole_views(source: FeastSource, replay: Replay) -> None:
    sources = {"a": {"featureView": view(name="a")}, "b": projection("b")}
    replay.page("feature_views", "featureViews", view(sources=sources, sourceViews=[{"name": "c"}]))
    found = facts(source, source.fetch(ref("feature-set", "v")))
    assert values(found, "mlg:dependsOn") == {f"feature-set/feast/{name}" for name in "abc"}


def projection(name: str) -> dict[str, Any]:
    return {"featureViewProjection": {"featureViewName": name}}


def test_a_view_without_entities_has_no_key(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature-set", "catalogue_size")))
    assert not values(found, "mlg:entityKey")


def test_a_service_is_a_set_that_depends_on_its_features(source: FeastSource) -> None:
    snapshot = source.fetch(ref("feature-set", "service:home_ranker"))
    assert len(snapshot.documents) == 1
    found = facts(source, snapshot)
    assert {
        ("rdf:type", "mlg:FeatureSet"),
        ("dct:title", "home_ranker"),
        ("dct:description", "What the home ranker reads."),
        ("mlg:ownedBy", MIA),
        ("dcat:keyword", "model::home-ranker"),
    } <= found
    selected = {
        "member_activity:plays_7d",
        "member_stream:plays_1h",
        "member_context:intensity",
        *(f"title_vectors:{n}" for n in ("embedding", "plot", "genre", "moods", "is_original")),
    }
    assert values(found, "mlg:dependsOn") == {f"feature/feast/{key}" for key in selected}


def test_a_data_source_is_a_dataset(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("dataset", "data/play_stats.parquet")))
    assert {
        ("rdf:type", "mlg:Dataset"),
        ("dct:identifier", "data/play_stats.parquet"),
        ("dct:title", "play_stats"),
        ("dct:description", "Plays of each member, counted hourly."),
        ("mlg:location", "data/play_stats.parquet"),
        ("mlg:ownedBy", TOM),
        ("dcat:keyword", "layer::gold"),
    } <= found


def test_what_holds_no_data_is_no_dataset(source: FeastSource) -> None:
    assert {listed.key for listed in source.list() if listed.type == "dataset"} == {
        "data/play_stats.parquet",
        "data/title_stats.parquet",
        "data/catalogue.parquet",
        "media.play_events",
    }


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"bigqueryOptions": {"table": "p.d.t"}}, "p.d.t"),
        ({"bigqueryOptions": {"query": "SELECT 1"}}, "named"),
        ({"snowflakeOptions": {"database": "D", "schema": "S", "table": "T"}}, "D.S.T"),
        ({"redshiftOptions": {"schema": "s", "table": "t"}}, "s.t"),
        ({"athenaOptions": {"database": "d", "query": "SELECT 1"}}, "named"),
        ({"trinoOptions": {"table": "c.s.t"}}, "c.s.t"),
        ({"sparkOptions": {"table": "media.plays"}}, "media.plays"),
        ({"sparkOptions": {"path": "s3://lake/plays"}}, "s3://lake/plays"),
        ({"kinesisOptions": {"streamName": "plays"}}, "plays"),
        ({"customOptions": {"configuration": {"table": "public.plays"}}}, "public.plays"),
        ({"customOptions": {"configuration": {"query": "SELECT 1"}}}, "named"),
        ({"customOptions": {"configuration": ["odd"]}}, "named"),
        ({"customOptions": {}}, "named"),
        ({}, "named"),
    ],
)
def test_where_data_is(
    source: FeastSource, replay: Replay, options: dict[str, Any], key: str
) -> None:
    if configuration := options.get("customOptions", {}).get("configuration"):
        packed = base64.b64encode(json.dumps(configuration).encode()).decode()
        options = {"customOptions": {"configuration": packed}}
    told = {"name": "named", "type": "BATCH_X", **options}
    replay.page("data_sources", "dataSources", told)
    replay.page("feature_views", "featureViews", view(batchSource=told))
    assert not source.fetch(ref("dataset", key)).gone
    [target] = values(facts(source, source.fetch(ref("feature-set", "v"))), "mlg:computedFrom")
    assert target == MINTER.mint(ref("dataset", key)).removeprefix(MINTER.prefix)


def test_a_table_that_is_configured_twice_is_one_dataset(
    source: FeastSource, replay: Replay
) -> None:
    first = {"name": "a", "bigqueryOptions": {"table": "t"}, "owner": "ada@x.example"}
    second = {"name": "b", "bigqueryOptions": {"table": "t"}, "owner": "bo@x.example"}
    replay.page("data_sources", "dataSources", second, first | {"tags": {"x": ""}})
    found = facts(source, source.fetch(ref("dataset", "t")))
    assert values(found, "dct:title") == {"a"}
    assert values(found, "mlg:ownedBy") == {f"person/feast/{n}@x.example" for n in ("ada", "bo")}
    assert values(found, "dcat:keyword") == {"x"}


def test_datasets_may_be_those_of_another_source(source: FeastSource) -> None:
    links = {"dataset": "iceberg", "person": "scim"}
    contexts = Contexts(source.contexts, source="feast", links=links, minter=MINTER)
    snapshot = source.fetch(ref("feature-set", "member_stream"))
    [entity, _] = normalise([snapshot], contexts=contexts).entities
    targets = {compact(text_of(value)) for _, _, value in entity.statements}
    assert "dataset/iceberg/media.play_events" in targets


@pytest.mark.parametrize(
    ("owner", "people"),
    [
        ("ada@x.example", ["ada@x.example"]),
        ("Ada <ada@x.example>; bo@x.example", ["ada@x.example", "bo@x.example"]),
        ("ada, bo", ["ada", "bo"]),
        ("Northern team", ["Northern%20team"]),
        ("", []),
    ],
)
def test_owners(source: FeastSource, replay: Replay, owner: str, people: list[str]) -> None:
    replay.page("feature_views", "featureViews", view(owner=owner))
    found = facts(source, source.fetch(ref("feature-set", "v")))
    assert values(found, "mlg:ownedBy") == {f"person/feast/{who}" for who in people}


def test_pages_of_the_ui(replay: Replay) -> None:
    source = FeastSource("feast", url=replay.url, project="aurora", public_url="https://ui.example")
    pages = {
        values(facts(source, source.fetch(ref(kind, key))), "foaf:page").pop()
        for kind, key in (
            ("feature-set", "member_live"),
            ("feature", "member_live:last_play"),
            ("feature-set", "service:home_ranker"),
        )
    }
    at = "https://ui.example/p/aurora"
    assert pages == {
        f"{at}/feature-view/member_live",
        f"{at}/feature-view/member_live/feature/last_play",
        f"{at}/feature-service/home_ranker",
    }
    source.close()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2026-11-26T02:21:52.570Z", "2026-11-26T02:21:52.57Z"),
        ("2026-11-26T02:21:52Z", "2026-11-26T02:21:52Z"),
        ("2026-11-26T04:21:52.000000001+02:00", "2026-11-26T02:21:52Z"),
    ],
)
def test_times_are_written_one_way(
    source: FeastSource, replay: Replay, given: str, written: str
) -> None:
    replay.page("feature_views", "featureViews", view() | {"meta": {"createdTimestamp": given}})
    found = facts(source, source.fetch(ref("feature-set", "v")))
    assert values(found, "dct:created") == {written}


def test_from_a_service_to_data_and_owner_by_sparql(source: FeastSource) -> None:
    store = ox.Store()
    snapshots = [source.fetch(listed) for listed in source.list()]
    for entity in normalise(snapshots, contexts=contexts_of(source)).entities:
        store.load(ntriples(entity.statements), ox.RdfFormat.N_TRIPLES)
    rows = store.query(
        """
        SELECT DISTINCT ?data ?owner WHERE {
          ?service dct:identifier "service:home_ranker" ; mlg:dependsOn+ ?feature .
          ?feature a mlg:Feature ; mlg:ownedBy ?owner .
          ?feature mlg:memberOfFeatureSet/mlg:computedFrom ?set_data ; mlg:computedFrom ?data
        } ORDER BY ?data ?owner
        """,
        prefixes=PREFIXES,
    )
    assert isinstance(rows, ox.QuerySolutions)
    titles = "dataset/feast/data/title_stats.parquet"
    assert [(compact(r["data"].value), compact(r["owner"].value)) for r in rows] == [
        (PLAYS, TOM),
        (titles, MIA),
        (titles, TOM),
    ]


# --- several projects -----------------------------------------------------------------------------


def test_keys_of_several_projects_say_which(both: FeastSource) -> None:
    listed = {(r.type, r.key) for r in both.list()}
    assert {
        ("feature-set", "aurora/member_activity"),
        ("feature-set", "tundra/member_activity"),
        ("feature-set", "aurora/service:home_ranker"),
        ("feature-set", "tundra/service:home_ranker"),
        ("feature", "tundra/member_activity:plays_7d"),
        ("dataset", "tundra/data/play_stats.parquet"),  # a relative path is its project's
        ("dataset", "media.play_events"),
    } <= listed
    found = facts(both, both.fetch(ref("feature-set", "tundra/service:home_ranker")))
    assert values(found, "mlg:dependsOn") == {"feature/feast/tundra/member_activity:plays_7d"}


def test_projects_share_a_table(both: FeastSource, replay: Replay) -> None:
    for project in ("aurora", "tundra"):
        told = {"name": project, "bigqueryOptions": {"table": "t"}, "tags": {project: ""}}
        replay.page("data_sources", "dataSources", told, project=project)
    assert [listed for listed in both.list() if listed.type == "dataset"] == [ref("dataset", "t")]
    found = facts(both, both.fetch(ref("dataset", "t")))
    assert values(found, "dcat:keyword") == {"aurora", "tundra"}


def test_what_is_listed_of_several_projects_is_told(both: FeastSource) -> None:
    listed = list(both.list())
    told = {document.ref for one in listed for document in both.fetch(one).documents}
    assert told == set(listed)


def test_a_project_that_is_none_of_ours(both: FeastSource) -> None:
    for kind in ("feature-set", "feature"):
        assert both.fetch(ref(kind, "elsewhere/member_activity:plays_7d")).gone


# --- changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity_type", "key"),
    [
        ("feature-set", "catalogue_size"),
        ("feature-set", "service:billboard"),
        ("feature", "member_activity:hours_7d"),
        ("feature", "catalogue_size:titles"),
        ("dataset", "data/catalogue.parquet"),
    ],
)
def test_what_is_deleted_is_gone(
    source: FeastSource, replay: Replay, entity_type: str, key: str
) -> None:
    assert not source.fetch(ref(entity_type, key)).gone
    assert ref(entity_type, key) in set(source.list())
    replay.load("changed")
    assert source.fetch(ref(entity_type, key)).gone
    assert ref(entity_type, key) not in set(source.list())


def test_what_is_changed_is_known(source: FeastSource, replay: Replay) -> None:
    replay.load("changed")
    plays = ref("feature", "member_activity:plays_7d")
    found = facts(source, source.fetch(ref("feature-set", "member_activity")), plays)
    assert values(found, "dct:description") == {"Titles started in the last week."}
    assert values(found, "mlg:ownedBy") == {MIA}
    assert ref("feature-set", "member_loyalty") in set(source.list())


# --- trouble --------------------------------------------------------------------------------------


def test_a_wrong_project_is_not_taken_for_an_empty_one(replay: Replay) -> None:
    made = FeastSource("feast", url=replay.url, project="nowhere", pause=lambda _: None)
    replay.answer("feature_views?project=nowhere", NOTHING)
    with pytest.raises(SourceUnavailable, match="no project 'nowhere'"):
        list(made.list())
    with pytest.raises(SourceUnavailable, match="no project 'nowhere'"):
        made.fetch(ref("feature-set", "member_activity"))
    made.close()


def test_a_registry_that_is_being_written_is_not_taken_for_an_empty_one(replay: Replay) -> None:
    """Feast shows nothing at all while it writes; it did so in one of twelve answers."""
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) % 2 == 0:
            replay.forget_overrides()

    made = FeastSource("feast", url=replay.url, project="aurora", pause=pause)
    replay.answer("feature_views?", NOTHING)
    assert not made.fetch(ref("feature-set", "member_activity")).gone
    replay.answer("feature_services?", NOTHING)
    assert not made.fetch(ref("feature-set", "service:home_ranker")).gone
    replay.answer("projects/aurora", NO_PROJECT, status=404)
    assert made.fetch(ref("feature-set", "no_such_view")).gone
    assert len(paused) == 6  # two for each of the three
    made.close()


def test_a_later_page_that_is_empty_is_no_end(source: FeastSource, replay: Replay) -> None:
    listing = "feature_views?project=aurora&allow_cache=false&sort_by=name&sort_order=asc"
    replay.answer(f"{listing}&page=2", NOTHING)
    with pytest.raises(SourceUnavailable, match="changed its feature_views"):
        list(source.list())


def test_what_moves_to_an_earlier_page_is_not_gone(source: FeastSource, replay: Replay) -> None:
    """A view that is deleted between two pages moves those behind it forward by one."""
    listing = "feature_views?project=aurora&allow_cache=false&sort_by=name&sort_order=asc"
    before = {"featureViews": [view(name="a"), view(name="b")], "pagination": {"hasNext": True}}
    after = {"featureViews": [view(name="b"), view(name="c")], "pagination": {"hasNext": True}}
    replay.answer(f"{listing}&page=2", {"featureViews": [view(name="d")], "pagination": {}})
    replay.answer(f"{listing}&page=1", after)
    replay.answer(f"{listing}&page=1", before, once=True)
    assert not source.fetch(ref("feature-set", "c")).gone


def test_what_is_empty_is_believed_in_the_end(source: FeastSource, replay: Replay) -> None:
    replay.answer("feature_services?", NOTHING)
    assert not [listed for listed in source.list() if listed.key.startswith("service:")]
    assert source.fetch(ref("feature-set", "service:home_ranker")).gone


def test_a_404_of_something_else_is_not_a_deletion(source: FeastSource, replay: Replay) -> None:
    replay.answer("feature_views?", {"detail": "Not Found"}, status=404)
    with pytest.raises(SourceUnavailable):
        source.fetch(ref("feature-set", "member_activity"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, SourceUnavailable),
        (403, SourceUnavailable),
        (500, SourceUnavailable),
        (422, BadPayload),
    ],
)
def test_refusals(source: FeastSource, replay: Replay, status: int, error: type[Exception]) -> None:
    replay.answer("feature_services?", {"detail": "no"}, status=status)
    with pytest.raises(error):
        source.fetch(ref("feature-set", "service:home_ranker"))


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"error": "the registry is broken"},  # Feast's way to say so with status 200
        {"featureViews": []},
        {"featureViews": {}, "pagination": {}},
        {"featureViews": [], "pagination": {"hasNext": "yes"}},
        {"featureViews": [], "pagination": {"hasNext": True}},
        {"featureViews": [view(name="v")], "pagination": {"hasNext": True}},
        {"featureViews": [{"type": "featureView"}], "pagination": {}},
        b"{",
    ],
)
def test_a_listing_that_cannot_be_used(source: FeastSource, replay: Replay, answer: Any) -> None:
    replay.answer("feature_views?", answer)
    with pytest.raises(BadPayload):
        list(source.list())


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        view(features=[{"valueType": "INT64"}]),
        view(features={}),
        view(tags={"a": {}}),
        view(sources={"a": 1}),
        view(batchSource={"type": "BATCH_FILE"}),
        view() | {"meta": {"createdTimestamp": "yesterday"}},
    ],
)
def test_a_view_that_cannot_be_used(source: FeastSource, replay: Replay, answer: Any) -> None:
    replay.page("feature_views", "featureViews", answer)
    with pytest.raises(BadPayload):
        source.fetch(ref("feature-set", "v"))


def test_what_is_asked_and_how(replay: Replay) -> None:
    """Never one object: Feast would write to its registry."""
    made = FeastSource("feast", url=replay.url, project="aurora", token="t0")
    for listed in list(made.list()):
        made.fetch(listed)
    calls = {path.partition("?")[0] for path in replay.asked}
    lists = {"entities", "feature_views", "feature_services", "data_sources"}
    assert calls == lists | {"projects/aurora"}
    assert all("allow_cache=false" in path for path in replay.asked)
    assert {headers["Authorization"] for headers in replay.headers} == {"Bearer t0"}
    made.close()


def test_the_page_where_it_was_is_asked_first(source: FeastSource, replay: Replay) -> None:
    list(source.list())
    replay.asked.clear()
    assert not source.fetch(ref("feature-set", "title_vectors")).gone
    [asked] = replay.asked
    assert "page=3&limit=2" in asked
    replay.load("changed")  # where it is on page 3 as well, and another is gone
    replay.asked.clear()
    assert source.fetch(ref("feature-set", "catalogue_size")).gone
    assert [path.split("page=")[1][0] for path in replay.asked[:4]] == ["1", "1", "2", "3"]
    assert not source.fetch(ref("feature-set", "member_loyalty")).gone


@pytest.mark.parametrize("name", ["a/b", "all", "..", "a?b", "ü"])
def test_odd_names(source: FeastSource, replay: Replay, name: str) -> None:
    column = {"name": "x/y", "valueType": "INT64"}
    replay.page("feature_views", "featureViews", view(name=name, features=[column]), view())
    replay.page("feature_services", "featureServices", {"spec": {"name": name}})
    for kind, key in (
        ("feature-set", name),
        ("feature", f"{name}:x/y"),
        ("feature-set", f"service:{name}"),
    ):
        assert ref(kind, key) in set(source.list())
        assert not source.fetch(ref(kind, key)).gone


def test_a_view_in_another_spelling_is_another(source: FeastSource, replay: Replay) -> None:
    replay.page("feature_views", "featureViews", view(name="Member_Activity"))
    assert source.fetch(ref("feature-set", "member_activity")).gone


def test_label_views_are_none_of_ours(source: FeastSource, replay: Replay) -> None:
    labels = view(name="labels") | {"type": "labelView"}
    replay.page("feature_views", "featureViews", labels)
    assert ref("feature-set", "labels") not in set(source.list())
    assert source.fetch(ref("feature-set", "labels")).gone


def test_what_cannot_be_named_is_left_out_and_said(
    source: FeastSource, replay: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    odd = view(name="v", features=[{"name": "line\nbreak"}, {"name": "f"}])
    replay.page("feature_views", "featureViews", view(name="a:b"), odd)
    with caplog.at_level(logging.WARNING):
        listed = [r.key for r in source.list() if r.type == "feature" or ":" not in r.key]
    assert [key for key in listed if key.startswith(("v", "a:"))] == ["v", "v:f"]
    assert "'a:b' is left out" in caplog.text
    assert "line\\nbreak' is left out" in caplog.text
    told = [d.ref.key for d in source.fetch(ref("feature-set", "v")).documents]
    assert told == ["v", "v:f"]


def test_only_its_own_types_and_name(source: FeastSource) -> None:
    for other in (ref("model", "m"), EntityRef("feature-set", "elsewhere", "v")):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize(
    "setting",
    [
        {"project": ""},
        {"project": []},
        {"project": ["a", "a"]},
        {"project": ["a", 1]},
        {"project": "a/b"},
        {"page_size": 101},
        {"page_size": 0},
        {"url": "ftp://127.0.0.1"},
        {"public_url": "nowhere"},
        {"timeout_seconds": 0},
    ],
)
def test_wrong_settings(setting: dict[str, Any]) -> None:
    given: dict[str, Any] = {"url": "http://127.0.0.1:1", "project": "aurora", **setting}
    with pytest.raises(BadSetting, match=r"sources\.feast"):
        FeastSource("feast", **given)


def test_features_that_changed_together_are_read_from_one_page(
    replay: Replay, source: FeastSource
) -> None:
    features = [one for one in source.list() if one.type == "feature"]
    before = len(replay.asked)
    with new_enough_since(time.monotonic()):
        assert not any(source.fetch(feature).gone for feature in features)
    asked = replay.asked[before:]
    assert len(asked) == len(set(asked)) < len(features)
