"""What becomes of GrowthBook's experiments and metrics, and what when its answers are in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.growthbook import GrowthbookSource
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.growthbook_replay import (
    DRAFT,
    FLAG,
    HOURS,
    OLD,
    REQUIRED,
    ROWS,
    SKIPS,
    TOKEN,
    Replay,
)


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[GrowthbookSource]:
    made = GrowthbookSource("growthbook", url=replay.url, token=TOKEN, page_size=2)
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "growthbook", key)


def told(source: GrowthbookSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    return facts(source, source.fetch(ref(entity_type, key)))


def values(found: set[tuple[str, str]], predicate: str) -> set[str]:
    return {value for name, value in found if name == predicate}


def test_the_answers_have_what_the_description_requires(replay: Replay) -> None:
    for kind, members in REQUIRED.items():
        for record in replay.held[kind].values():
            assert set(members.split()) <= record.keys()


# --- what is what -----------------------------------------------------------------------------------


def test_an_experiment(source: GrowthbookSource) -> None:
    assert told(source, "experiment", ROWS) == {
        ("rdf:type", "mlg:Experiment"),
        ("dct:identifier", ROWS),
        ("mlg:recordedBy", "source-system/growthbook/growthbook"),
        ("dct:title", "Home rows"),
        ("dct:description", "Rows in the order of recent plays."),
        ("mlg:hypothesis", "Recent plays first raise the hours viewed."),
        ("dct:created", "2026-10-30T09:00:00Z"),
        ("mlg:startsAt", "2026-11-01T09:00:00Z"),
        ("mlg:experimentStatus", "mlgc:experiment-running"),
        ("mlg:rolloutShare", "0.8"),
        ("mlg:audience", '{"country":"SE"} and in any of grp_a, grp_b'),
        ("mlg:ownedBy", "person/growthbook/ada@aurora.example"),
        ("mlg:primaryMetric", f"metric/growthbook/{HOURS}"),
        ("mlg:primaryMetric", f"metric/growthbook/{SKIPS}"),
        ("dcat:keyword", "home"),
        ("dcat:keyword", "ranking"),
    }


def test_an_experiment_brings_its_cells_and_allocations(source: GrowthbookSource) -> None:
    snapshot = source.fetch(ref("experiment", ROWS))
    assert {document.ref for document in snapshot.documents} == {
        ref("experiment", ROWS),
        *(ref("experiment-cell", f"{ROWS}/var_{i}") for i in (0, 1)),
        *(ref("allocation", f"{ROWS}/{p}/var_{i}") for p in (1, 2) for i in (0, 1)),
    }


def test_a_cell_tests_the_instance_that_a_feature_gives_it(source: GrowthbookSource) -> None:
    assert told(source, "experiment-cell", f"{ROWS}/var_0") == {
        ("rdf:type", "mlg:ExperimentCell"),
        ("dct:identifier", f"{ROWS}/var_0"),
        ("mlg:recordedBy", "source-system/growthbook/growthbook"),
        ("dct:title", "Home rows: Control"),
        ("mlg:cellOf", f"experiment/growthbook/{ROWS}"),
        ("mlg:isControl", "true"),
        ("mlg:testsInstance", "model-instance/growthbook/m-00aa"),
    }


def test_a_cell_only_depends_on_a_version(source: GrowthbookSource) -> None:
    cell = told(source, "experiment-cell", f"{ROWS}/var_1")
    assert values(cell, "mlg:dependsOn") == {"model-version/growthbook/home-ranker/2"}
    assert not values(cell, "mlg:testsInstance") | values(cell, "mlg:isControl")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("models:/m-11bb", {"model-instance/growthbook/m-11bb"}),
        ('"models:/m-11bb"', {"model-instance/growthbook/m-11bb"}),
        ("models:/home-ranker@champion", set()),
        ('{"model": 3}', set()),
        ("true", set()),
        ("", set()),
        ("[" * 20_000, set()),
    ],
)
def test_values_that_name_a_model_and_others(
    value: str, named: set[str], source: GrowthbookSource, replay: Replay
) -> None:
    for place in replay.held["features"][FLAG]["environments"].values():
        place["rules"][0]["variations"][0]["value"] = value
    cell = told(source, "experiment-cell", f"{ROWS}/var_0")
    assert values(cell, "mlg:testsInstance") | values(cell, "mlg:dependsOn") == named


def test_an_allocation_is_a_weight_in_a_phase(source: GrowthbookSource) -> None:
    assert told(source, "allocation", f"{ROWS}/2/var_0") == {
        ("rdf:type", "mlg:Allocation"),
        ("dct:identifier", f"{ROWS}/2/var_0"),
        ("mlg:recordedBy", "source-system/growthbook/growthbook"),
        ("dct:title", f"Main 2: {ROWS}/var_0"),
        ("mlg:allocates", f"experiment-cell/growthbook/{ROWS}/var_0"),
        ("mlg:share", "0.3333"),
        ("mlg:startsAt", "2026-11-02T09:00:00Z"),
        ("mlg:audience", '{"country":"SE"} and in any of grp_a, grp_b'),
        ("mlg:environment", "mlgc:environment-production"),
    }
    before = told(source, "allocation", f"{ROWS}/1/var_0")
    assert values(before, "mlg:endsAt") == {"2026-11-02T09:00:00Z"}
    assert not values(before, "mlg:environment") | values(before, "mlg:audience")


def test_an_archived_feature_is_in_force_nowhere(source: GrowthbookSource, replay: Replay) -> None:
    replay.held["features"][FLAG]["archived"] = True
    found = told(source, "allocation", f"{ROWS}/2/var_0")
    assert not values(found, "mlg:environment")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"status": "draft"}, {"mlgc:experiment-draft"}),
        ({"status": "stopped"}, {"mlgc:experiment-completed"}),
        ({"status": "running", "archived": True}, {"mlgc:experiment-archived"}),
        ({"status": "new to us"}, set()),
    ],
)
def test_status(
    change: dict[str, Any], status: set[str], source: GrowthbookSource, replay: Replay
) -> None:
    replay.held["experiments"][ROWS].update(change)
    assert values(told(source, "experiment", ROWS), "mlg:experimentStatus") == status


def test_owners_of_older_servers_are_addresses_or_nobody(source: GrowthbookSource) -> None:
    old, draft = told(source, "experiment", OLD), told(source, "experiment", DRAFT)
    assert values(old, "mlg:ownedBy") == {"person/growthbook/ben@aurora.example"}
    assert not values(draft, "mlg:ownedBy")


def test_metrics_of_both_kinds(source: GrowthbookSource) -> None:
    assert told(source, "metric", HOURS) == {
        ("rdf:type", "mlg:Metric"),
        ("dct:identifier", HOURS),
        ("mlg:recordedBy", "source-system/growthbook/growthbook"),
        ("dct:title", "Hours viewed"),
        ("dct:description", "Hours that a member watches in a week."),
        ("dct:created", "2026-10-30T09:00:00Z"),
        ("dcat:keyword", "watching"),
    }
    assert ("dct:title", "Skips") in told(source, "metric", SKIPS)


def test_pages_of_the_app(replay: Replay) -> None:
    source = GrowthbookSource(
        "growthbook", url=replay.url, token=TOKEN, app_url="https://gb.example/"
    )
    pages = {
        key: values(told(source, kind, key), "foaf:page")
        for kind, key in (("experiment", ROWS), ("metric", HOURS), ("metric", SKIPS))
    }
    source.close()
    assert pages == {
        ROWS: {f"https://gb.example/experiment/{ROWS}"},
        HOURS: {f"https://gb.example/metric/{HOURS}"},
        SKIPS: {f"https://gb.example/fact-metrics/{SKIPS}"},
    }


# --- changes and trouble ------------------------------------------------------------------------------


def test_a_variation_that_was_removed_is_gone(source: GrowthbookSource, replay: Replay) -> None:
    before = set(source.list())
    rows = replay.held["experiments"][ROWS]
    rows["variations"].pop()
    for phase in rows["phases"]:
        phase["trafficSplit"].pop()
    gone = before - set(source.list())
    assert gone == {
        ref("experiment-cell", f"{ROWS}/var_1"),
        *(ref("allocation", f"{ROWS}/{p}/var_1") for p in (1, 2)),
    }
    assert all(source.fetch(one).gone for one in gone)


@pytest.mark.parametrize("status", [400, 404])
def test_both_ways_to_say_that_it_is_gone(
    status: int, source: GrowthbookSource, replay: Replay
) -> None:
    missing = {"message": "Could not find experiment with that id"}
    replay.answer("experiments/", missing, status=status)
    assert source.fetch(ref("experiment", ROWS)).gone


def test_a_holdout_is_no_experiment(source: GrowthbookSource, replay: Replay) -> None:
    holdout = {"message": "Holdouts are not supported via this API"}
    replay.answer("experiments/", holdout, status=400)
    assert source.fetch(ref("experiment", ROWS)).gone


def test_another_refusal_is_no_word_for_gone(source: GrowthbookSource, replay: Replay) -> None:
    replay.answer("experiments/", {"message": "Querystring: [limit] odd"}, status=400)
    with pytest.raises(BadPayload, match="experiment/growthbook/exp_rows"):
        source.fetch(ref("experiment", ROWS))


def test_a_route_that_is_not_there_is_nothing_that_is_gone(replay: Replay) -> None:
    source = GrowthbookSource("growthbook", url=replay.url + "/app", token=TOKEN)
    with pytest.raises(SourceUnavailable, match="url must be that of GrowthBook"):
        source.fetch(ref("experiment", ROWS))
    with pytest.raises(SourceUnavailable):
        list(source.list())
    source.close()


def test_a_wrong_key_is_a_source_that_is_down(replay: Replay) -> None:
    source = GrowthbookSource("growthbook", url=replay.url, token="wrong")
    with pytest.raises(SourceUnavailable, match="credentials"):
        source.fetch(ref("experiment", ROWS))
    source.close()


def test_the_listing_pages_to_its_end(source: GrowthbookSource, replay: Replay) -> None:
    small = list(source.list())
    large = GrowthbookSource("growthbook", url=replay.url, token=TOKEN)
    assert set(small) == set(large.list())
    assert len(small) == len(set(small))
    large.close()
    assert "experiments?limit=2&offset=2" in replay.asked
    assert not [path for path in replay.asked if path.startswith("features")]


@pytest.mark.parametrize(
    "page",
    [
        {"experiments": []},
        {"experiments": [], "hasMore": "no"},
        {"experiments": [], "hasMore": True},
        {"experiments": [], "hasMore": True, "nextOffset": None},
        {"experiments": [], "hasMore": True, "nextOffset": 0},
        {"experiments": [], "hasMore": True, "nextOffset": 2},
        {"experiments": [{"name": "no id"}], "hasMore": False},
        {"experiments": [{"id": "a\nb"}], "hasMore": False},
        {"experiments": [{"id": "x", "variations": [{"key": "0"}]}], "hasMore": False},
        {"hasMore": False},
        [],
        b'{"experiments": [{"id": "exp_ro',
    ],
)
def test_half_a_page_is_no_end(page: Any, source: GrowthbookSource, replay: Replay) -> None:
    replay.answer("experiments?limit=2&offset=2", page)
    with pytest.raises(BadPayload):
        list(source.list())


@pytest.mark.parametrize(
    "change",
    [
        {"phases": [{"trafficSplit": [{"variationId": "var_0", "weight": 1.5}]}]},
        {"phases": [{"trafficSplit": [{"variationId": "var_0"}]}]},
        {"phases": [{"coverage": "all"}]},
        {"phases": {}},
        {"variations": [{"name": "no id"}]},
        {"settings": None},
        {"dateCreated": "yesterday"},
        {"tags": [3]},
        {"linkedFeatures": "home-rows"},
        {"id": "exp_other"},
    ],
)
def test_an_unusable_experiment(
    change: dict[str, Any], source: GrowthbookSource, replay: Replay
) -> None:
    replay.held["experiments"][ROWS].update(change)
    with pytest.raises(BadPayload, match="experiment/growthbook/exp_rows"):
        source.fetch(ref("experiment", ROWS))


@pytest.mark.parametrize("key", ["..", "../metrics", "a b", "", "./x", "exp?x=1", "exp#1"])
def test_what_cannot_be_an_id_is_not_asked_for(
    key: str, source: GrowthbookSource, replay: Replay
) -> None:
    if key:
        assert source.fetch(ref("experiment", key)).gone
        assert source.fetch(ref("metric", key)).gone
    replay.held["experiments"][ROWS]["linkedFeatures"] = [key]
    assert not source.fetch(ref("experiment", ROWS)).gone
    assert replay.asked == [f"experiments/{ROWS}"]


def test_other_types_and_sources_are_not_owned(source: GrowthbookSource) -> None:
    for other in (ref("feature", FLAG), EntityRef("experiment", "other", ROWS)):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize("size", [0, 101, True, 2.5])
def test_a_wrong_page_size_is_refused(size: Any) -> None:
    with pytest.raises(BadSetting, match="page_size"):
        GrowthbookSource("growthbook", url="http://127.0.0.1:1", token="x", page_size=size)
