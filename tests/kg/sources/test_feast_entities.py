"""Feast's entities: what its views are about, over what a real registry server once answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kg.errors import BadPayload
from kg.sources.feast import FeastSource
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.feast_replay import Replay, ref
from tests.kg.sources.test_feast import MIA, TOM, values, view

MEMBER = "feature-entity/feast/member"
TITLE = "feature-entity/feast/title"


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[FeastSource]:
    made = FeastSource("feast", url=replay.url, project="aurora", page_size=2, pause=lambda _: None)
    yield made
    made.close()


def entity(**spec: Any) -> dict[str, Any]:
    return {"spec": {"name": "e", **spec}, "meta": {}}


def keys(source: FeastSource) -> set[str]:
    return {listed.key for listed in source.list() if listed.type == "feature-entity"}


def test_an_entity(source: FeastSource) -> None:
    found = facts(source, source.fetch(ref("feature-entity", "member")))
    assert {
        ("rdf:type", "mlg:FeatureEntity"),
        ("dct:identifier", "member"),
        ("dct:title", "member"),
        ("dct:description", "Someone who pays."),
        ("mlg:entityKey", "member_id"),
        ("mlg:featureValueType", "mlgc:value-type-integer"),
        ("mlg:ownedBy", MIA),
        ("dcat:keyword", "pii::yes"),
    } <= found
    assert values(found, "dct:created") == values(found, "dct:modified") != set()
    assert not values(found, "foaf:page")


def test_an_entity_of_which_little_is_said(source: FeastSource, replay: Replay) -> None:
    found = facts(source, source.fetch(ref("feature-entity", "profile")))
    assert values(found, "mlg:entityKey") == {"profile_id"}
    assert values(found, "mlg:featureValueType") == {"mlgc:value-type-string"}
    assert not values(found, "mlg:ownedBy") | values(found, "dcat:keyword")
    replay.page("entities", "entities", entity())  # Feast leaves out a type that it does not know
    found = facts(source, source.fetch(ref("feature-entity", "e")))
    assert not values(found, "mlg:featureValueType") | values(found, "mlg:entityKey")


def test_an_owner_by_the_tag(source: FeastSource, replay: Replay) -> None:
    replay.page("entities", "entities", entity(tags={"owner": "tom.reyes@aurora.example"}))
    found = facts(source, source.fetch(ref("feature-entity", "e")))
    assert values(found, "mlg:ownedBy") == {TOM}
    assert not values(found, "dcat:keyword")


def test_its_page(replay: Replay) -> None:
    source = FeastSource("feast", url=replay.url, project="aurora", public_url="https://ui.example")
    found = facts(source, source.fetch(ref("feature-entity", "member")))
    assert values(found, "foaf:page") == {"https://ui.example/p/aurora/entity/member"}
    source.close()


@pytest.mark.parametrize(
    ("name", "entities"),
    [
        ("member_activity", {MEMBER}),
        ("member_stream", {MEMBER}),
        ("member_live", {MEMBER, TITLE}),
        ("member_context", set()),  # on demand
        ("catalogue_size", set()),
        ("service:home_ranker", set()),
    ],
)
def test_a_view_is_keyed_by_its_entities(
    source: FeastSource, name: str, entities: set[str]
) -> None:
    found = facts(source, source.fetch(ref("feature-set", name)))
    assert values(found, "mlg:keyedBy") == entities


def test_a_view_on_demand_may_have_entities(source: FeastSource, replay: Replay) -> None:
    on_demand = view(entities=["member"]) | {"type": "onDemandFeatureView"}
    replay.page("feature_views", "featureViews", on_demand)
    found = facts(source, source.fetch(ref("feature-set", "v")))
    assert values(found, "mlg:keyedBy") == {MEMBER}


def test_an_entity_that_is_not_listed_is_named_all_the_same(
    source: FeastSource, replay: Replay
) -> None:
    """A registry keeps views whose entity was deleted: the graph says that one is missing."""
    replay.page("feature_views", "featureViews", view(entities=["gone", "line\nbreak"]))
    found = facts(source, source.fetch(ref("feature-set", "v")))
    assert values(found, "mlg:keyedBy") == {"feature-entity/feast/gone"}
    assert source.fetch(ref("feature-entity", "gone")).gone


def test_the_entity_of_what_is_about_nothing_is_none(source: FeastSource) -> None:
    assert keys(source) == {"member", "profile", "title"}
    assert source.fetch(ref("feature-entity", "__dummy")).gone


def test_what_is_deleted_is_gone_and_what_is_changed_is_known(
    source: FeastSource, replay: Replay
) -> None:
    assert not source.fetch(ref("feature-entity", "profile")).gone
    replay.load("changed")
    assert source.fetch(ref("feature-entity", "profile")).gone
    assert keys(source) == {"member", "title"}
    found = facts(source, source.fetch(ref("feature-entity", "member")))
    assert values(found, "dct:description") == {"Someone who pays, across all profiles."}
    assert values(found, "mlg:ownedBy") == {TOM}


def test_keys_of_several_projects_say_which(replay: Replay) -> None:
    replay.load("two")
    both = FeastSource("feast", url=replay.url, project=["aurora", "tundra"], pause=lambda _: None)
    assert keys(both) == {
        f"{where}/{name}" for where in ("aurora", "tundra") for name in ("member", "title")
    }
    found = facts(both, both.fetch(ref("feature-set", "tundra/member_activity")))
    assert values(found, "mlg:keyedBy") == {"feature-entity/feast/tundra/member"}
    for key in ("elsewhere/member", "member", "tundra/__dummy"):
        assert both.fetch(ref("feature-entity", key)).gone
    both.close()


@pytest.mark.parametrize("name", ["a/b", "all", "..", "a?b", "ü", "a:b"])
def test_odd_names(source: FeastSource, replay: Replay, name: str) -> None:
    replay.page("entities", "entities", entity(name=name))
    assert keys(source) == {name}
    assert not source.fetch(ref("feature-entity", name)).gone


@pytest.mark.parametrize(
    "answer",
    [
        entity(joinKey=["a", "b"]),
        entity(tags={"a": {}}),
        entity() | {"meta": {"createdTimestamp": "yesterday"}},
    ],
)
def test_an_entity_that_cannot_be_used_is_listed(
    source: FeastSource, replay: Replay, answer: dict[str, Any]
) -> None:
    replay.page("entities", "entities", answer)
    with pytest.raises(BadPayload):
        source.fetch(ref("feature-entity", "e"))
    assert keys(source) == {"e"}


@pytest.mark.parametrize("entities", ["member", [7], {}])
def test_a_view_whose_entities_are_no_names(
    source: FeastSource, replay: Replay, entities: Any
) -> None:
    replay.page("feature_views", "featureViews", view(entities=entities))
    with pytest.raises(BadPayload, match="entities of a view"):
        source.fetch(ref("feature-set", "v"))
