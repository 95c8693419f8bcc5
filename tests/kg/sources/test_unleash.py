"""What becomes of Unleash's flags, over the answers of a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kg.errors import BadEvent, BadPayload, BadSetting, NotAuthentic, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.unleash import UnleashSource
from tests.integration.unleash_universe import ADA, SECRET
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.unleash_replay import TOKEN, Replay, recorded

STRATEGIES = recorded("built", "strategies")
BUILT, CHANGED = recorded("built", "webhooks"), recorded("changed", "webhooks")
SWEDES = f"default/home-rows/production/{STRATEGIES['swedes']}"
HOME_ROWS = "projects/default/features/home-rows"


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def source(replay: Replay) -> Iterator[UnleashSource]:
    made = UnleashSource("unleash", url=replay.url, token=TOKEN, page_size=2)
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "unleash", key)


def told(source: UnleashSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    return facts(source, source.fetch(ref(entity_type, key)))


def values(found: set[tuple[str, str]], predicate: str) -> set[str]:
    return {value for name, value in found if name == predicate}


# --- what is what -----------------------------------------------------------------------------------


def test_an_experiment(source: UnleashSource, replay: Replay) -> None:
    flag = replay.answer_of(HOME_ROWS)
    assert told(source, "experiment", "default/home-rows") == {
        ("rdf:type", "mlg:Experiment"),
        ("dct:identifier", "default/home-rows"),
        ("mlg:recordedBy", "source-system/unleash/unleash"),
        ("dct:title", "home-rows"),
        ("dct:description", "Rows in the order of recent plays."),
        ("dct:created", flag["createdAt"].replace("0Z", "Z").replace("0Z", "Z")),
        ("mlg:experimentStatus", "mlgc:experiment-running"),
        ("mlg:ownedBy", f"person/unleash/{ADA}"),
        ("dcat:keyword", "media"),
        ("foaf:page", f"{replay.url}/projects/default/features/home-rows"),
    }


def test_an_experiment_brings_its_cells_and_allocations(source: UnleashSource) -> None:
    snapshot = source.fetch(ref("experiment", "default/home-rows"))
    try_out = f"default/home-rows/development/{STRATEGIES['try']}"
    assert {document.ref for document in snapshot.documents} == {
        ref("experiment", "default/home-rows"),
        ref("experiment-cell", "default/home-rows/control"),
        ref("experiment-cell", "default/home-rows/new-ranker"),
        *(ref("allocation", f"{SWEDES}/{cell}") for cell in ("control", "new-ranker")),
        *(ref("allocation", f"{try_out}/{cell}") for cell in ("control", "new-ranker")),
    }


def test_a_cell_tests_the_instance_that_its_payload_names(source: UnleashSource) -> None:
    assert told(source, "experiment-cell", "default/home-rows/control") == {
        ("rdf:type", "mlg:ExperimentCell"),
        ("dct:identifier", "default/home-rows/control"),
        ("mlg:recordedBy", "source-system/unleash/unleash"),
        ("dct:title", "home-rows control"),
        ("mlg:cellOf", "experiment/unleash/default/home-rows"),
        ("mlg:isControl", "true"),
        ("mlg:testsInstance", "model-instance/unleash/m-00aa"),
    }


def test_a_cell_only_depends_on_a_version(source: UnleashSource) -> None:
    cell = told(source, "experiment-cell", "default/home-rows/new-ranker")
    assert values(cell, "mlg:dependsOn") == {"model-version/unleash/home-ranker/2"}
    assert not values(cell, "mlg:testsInstance")
    assert not values(cell, "mlg:isControl")


def test_a_payload_may_be_the_address_alone_and_an_alias_names_nothing(
    source: UnleashSource,
) -> None:
    links = ("mlg:testsInstance", "mlg:dependsOn")
    named = {
        cell: set().union(
            *(
                values(told(source, "experiment-cell", f"default/by-release/{cell}"), p)
                for p in links
            )
        )
        for cell in ("a", "b", "c.3")
    }
    assert named == {"a": {"model-instance/unleash/m-11bb"}, "b": set(), "c.3": set()}


def test_an_allocation_has_its_share_of_all_people(source: UnleashSource) -> None:
    assert told(source, "allocation", f"{SWEDES}/control") == {
        ("rdf:type", "mlg:Allocation"),
        ("dct:identifier", f"{SWEDES}/control"),
        ("mlg:recordedBy", "source-system/unleash/unleash"),
        ("dct:title", "home-rows control in production"),
        ("mlg:allocates", "experiment-cell/unleash/default/home-rows/control"),
        ("mlg:environment", "mlgc:environment-production"),
        ("mlg:share", "0.125"),
        ("mlg:audience", "country IN SE, NO"),
    }


def test_what_is_switched_off_gives_nobody_anything(source: UnleashSource) -> None:
    off = f"default/home-rows/development/{STRATEGIES['try']}/control"
    assert values(told(source, "allocation", off), "mlg:share") == {"0"}


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        ("home-rows", "running"),
        ("by-release", "paused"),
        ("draft", "draft"),
        ("finished", "completed"),
    ],
)
def test_status(flag: str, status: str, source: UnleashSource) -> None:
    found = told(source, "experiment", f"default/{flag}")
    assert values(found, "mlg:experimentStatus") == {f"mlgc:experiment-{status}"}


def test_a_disabled_strategy_is_not_in_force(source: UnleashSource, replay: Replay) -> None:
    flag = replay.answer_of(HOME_ROWS)
    for environment in flag["environments"]:
        for strategy in environment["strategies"]:
            strategy["disabled"] = True
    replay.answer(HOME_ROWS, flag)
    found = told(source, "experiment", "default/home-rows")
    assert values(found, "mlg:experimentStatus") == {"mlgc:experiment-paused"}
    assert values(told(source, "allocation", f"{SWEDES}/control"), "mlg:share") == {"0"}


def test_a_flag_that_an_api_token_made_has_no_owner(source: UnleashSource) -> None:
    assert not values(told(source, "experiment", "default/by-token"), "mlg:ownedBy")


def test_a_creator_who_was_deleted_is_no_owner(source: UnleashSource, replay: Replay) -> None:
    replay.answer("user-admin/", {"name": "NotFoundError", "message": "No user found"}, status=404)
    assert not values(told(source, "experiment", "default/home-rows"), "mlg:ownedBy")


def test_a_tag_with_a_type_keeps_it(source: UnleashSource, replay: Replay) -> None:
    tags = [{"type": "team", "value": "media"}, {"type": "simple", "value": "ranking"}]
    replay.answer("features/home-rows/tags", {"version": 1, "tags": tags})
    found = told(source, "experiment", "default/home-rows")
    assert values(found, "dcat:keyword") == {"team::media", "ranking"}


@pytest.mark.parametrize(
    ("kind", "concept"),
    [
        ("development", {"mlgc:environment-development"}),
        ("preproduction", {"mlgc:environment-staging"}),
        ("test", set()),
    ],
)
def test_types_of_environment(
    kind: str, concept: set[str], source: UnleashSource, replay: Replay
) -> None:
    flag = replay.answer_of(HOME_ROWS)
    for environment in flag["environments"]:
        environment["type"] = kind
    replay.answer(HOME_ROWS, flag)
    assert values(told(source, "allocation", f"{SWEDES}/control"), "mlg:environment") == concept


def test_settings_name_the_control_and_the_model(replay: Replay) -> None:
    source = UnleashSource(
        "unleash",
        url=replay.url,
        token=TOKEN,
        control="new-ranker",
        model_key="rows",
        public_url="https://flags.example/ui/",
    )
    cell = told(source, "experiment-cell", "default/home-rows/new-ranker")
    page = values(told(source, "experiment", "default/home-rows"), "foaf:page")
    source.close()
    assert values(cell, "mlg:isControl") == {"true"}
    assert not values(cell, "mlg:dependsOn")
    assert page == {"https://flags.example/ui/projects/default/features/home-rows"}


# --- changes and trouble ------------------------------------------------------------------------------


def test_what_was_archived_or_removed_is_gone(source: UnleashSource, replay: Replay) -> None:
    before = set(source.list())
    replay.load("changed")
    gone = before - set(source.list())
    try_out = f"default/home-rows/development/{STRATEGIES['try']}"
    thirds = f"default/by-release/production/{STRATEGIES['thirds']}"
    assert gone == {
        ref("experiment", "default/by-release"),
        *(ref("experiment-cell", f"default/by-release/{cell}") for cell in ("a", "b", "c.3")),
        *(ref("allocation", f"{thirds}/{cell}") for cell in ("a", "b", "c.3")),
        *(ref("allocation", f"{try_out}/{cell}") for cell in ("control", "new-ranker")),
        ref("experiment-cell", "default/home-rows/new-ranker"),
        ref("allocation", f"{SWEDES}/new-ranker"),
    }
    assert all(source.fetch(one).gone for one in gone)
    assert values(told(source, "allocation", f"{SWEDES}/control"), "mlg:share") == {"0"}
    found = told(source, "experiment", "default/home-rows")
    assert values(found, "mlg:experimentStatus") == {"mlgc:experiment-paused"}


def test_the_listing_pages_to_its_total(source: UnleashSource, replay: Replay) -> None:
    small = list(source.list())
    large = UnleashSource("unleash", url=replay.url, token=TOKEN)
    assert set(small) == set(large.list())
    assert len(small) == len(set(small))
    large.close()
    searched = [path for path in replay.asked if path.startswith("search/")]
    assert len(searched) > 2


@pytest.mark.parametrize(
    "page",
    [
        {"features": [], "total": 6},
        {"features": []},
        {"features": [], "total": True},
        {"total": 6},
        {"features": [{"name": "no project"}], "total": 6},
        [],
        b"<html>",
    ],
)
def test_a_listing_that_stops_early_raises(
    page: Any, source: UnleashSource, replay: Replay
) -> None:
    replay.answer("search/features?offset=2", page)
    with pytest.raises(BadPayload):
        list(source.list())


def test_a_flag_that_goes_while_it_is_listed(source: UnleashSource, replay: Replay) -> None:
    """Beyond the end, which came nearer, Unleash answers nothing and a total of 0."""
    replay.answer("search/features?offset=4", {"features": [], "total": 0})
    listed = {one.key.split("/")[1] for one in source.list()}
    assert listed == {"by-release", "by-token", "draft", "finished"}


def test_a_route_that_is_not_there_is_no_flag_that_is_gone(replay: Replay) -> None:
    source = UnleashSource("unleash", url=replay.url + "/elsewhere", token=TOKEN)
    with pytest.raises(SourceUnavailable, match="url must be that of Unleash"):
        source.fetch(ref("experiment", "default/home-rows"))
    with pytest.raises(SourceUnavailable):
        list(source.list())
    source.close()


def test_a_wrong_token_is_a_source_that_is_down(replay: Replay) -> None:
    source = UnleashSource("unleash", url=replay.url, token="*:*.wrong")
    with pytest.raises(SourceUnavailable, match="credentials"):
        source.fetch(ref("experiment", "default/home-rows"))
    source.close()


@pytest.mark.parametrize(
    "change",
    [
        {"environments": None},
        {"environments": [{"strategies": [{"variants": [{"weight": 1}]}]}]},
        {"createdAt": "yesterday"},
        {"type": 1.5},
        {"createdBy": {"id": "me"}},
    ],
)
def test_an_unusable_flag(change: dict[str, Any], source: UnleashSource, replay: Replay) -> None:
    replay.answer(HOME_ROWS, replay.answer_of(HOME_ROWS) | change)
    with pytest.raises(BadPayload, match="experiment/unleash/default/home-rows"):
        source.fetch(ref("experiment", "default/home-rows"))


@pytest.mark.parametrize(("rollout", "weight"), [("half", 500), ("200", 1000), ("NaN", 1)])
def test_an_impossible_share(
    rollout: str, weight: int, source: UnleashSource, replay: Replay
) -> None:
    flag = replay.answer_of(HOME_ROWS)
    for environment in flag["environments"]:
        for strategy in environment["strategies"]:
            strategy["parameters"]["rollout"] = rollout
            strategy["variants"][0]["weight"] = weight
    replay.answer(HOME_ROWS, flag)
    with pytest.raises(BadPayload):
        source.fetch(ref("experiment", "default/home-rows"))


@pytest.mark.parametrize(
    "key", ["default", "default/..", "../x", "default/a b", "a/b/c", "default/"]
)
def test_what_cannot_be_a_flag_is_not_asked_for(
    key: str, source: UnleashSource, replay: Replay
) -> None:
    assert source.fetch(ref("experiment", key)).gone
    assert replay.asked == []


def test_other_types_and_sources_are_not_owned(source: UnleashSource) -> None:
    for other in (ref("model", "x"), EntityRef("experiment", "other", "default/home-rows")):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize("size", [0, 101, True, 2.5])
def test_a_wrong_page_size_is_refused(size: Any) -> None:
    with pytest.raises(BadSetting, match="page_size"):
        UnleashSource("unleash", url="http://127.0.0.1:1", token="x", page_size=size)


# --- notices ------------------------------------------------------------------------------------------


def deaf(secret: str = SECRET) -> UnleashSource:
    """One that would fail if it called anybody."""
    return UnleashSource("unleash", url="http://127.0.0.1:1", token="x", webhook_secret=secret)


def events_of(notices: list[Any]) -> dict[str, set[EntityRef]]:
    found: dict[str, set[EntityRef]] = {}
    for notice in notices:
        headers = {"authorization": notice["authorization"]}
        told = deaf().notice(headers, notice["body"].encode())
        assert not told.events or told.delivery == str(json.loads(notice["body"])["id"])
        for event in told.events:
            assert event.event_id == told.delivery
            assert event.time is not None
            found.setdefault(event.event_type, set()).add(event.ref)
    return found


def test_what_unleash_really_sends_when_flags_are_made() -> None:
    found = events_of(BUILT)
    assert found["feature-created"] == {
        ref("experiment", f"default/{name}")
        for name in (
            "home-rows",
            "by-release",
            "draft",
            "finished",
            "switch",
            "given-up",
            "by-token",
        )
    }
    assert found["feature-tagged"] == {ref("experiment", "default/home-rows")}
    assert found["feature-archived"] == {ref("experiment", "default/given-up")}
    assert ref("experiment", "default/home-rows") in found["feature-environment-enabled"]


def test_notices_name_the_cells_and_allocations_that_may_be_gone(replay: Replay) -> None:
    found = events_of(CHANGED)
    assert found["feature-strategy-update"] == {
        ref("experiment", "default/home-rows"),
        ref("experiment-cell", "default/home-rows/control"),
        ref("experiment-cell", "default/home-rows/new-ranker"),
        ref("allocation", f"{SWEDES}/control"),
        ref("allocation", f"{SWEDES}/new-ranker"),
    }
    try_out = f"default/home-rows/development/{STRATEGIES['try']}"
    assert ref("allocation", f"{try_out}/new-ranker") in found["feature-strategy-remove"]
    assert ref("experiment", "default/by-release") in found["feature-archived"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer recorded-hoo"}, {"Authorization": "ü"}],
)
def test_a_notice_with_a_wrong_authorization_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic, match=r"\[sources\.unleash\] webhook_secret"):
        deaf().notice(headers, BUILT[0]["body"].encode())


def test_without_a_secret_every_notice_is_refused() -> None:
    with pytest.raises(NotAuthentic, match="Notices are refused"):
        deaf("").notice({"Authorization": ""}, BUILT[0]["body"].encode())


def test_other_events_are_of_no_interest() -> None:
    body = json.dumps({"id": 1, "type": "segment-created", "data": {}}).encode()
    assert deaf().notice({"AUTHORIZATION": SECRET}, body).events == ()


def test_a_flag_that_was_moved_is_told_in_both_projects() -> None:
    notice = {
        "id": 7,
        "type": "feature-project-change",
        "project": "new",
        "featureName": "f",
        "data": {"oldProject": "old", "newProject": "new"},
    }
    events = deaf().notice({"Authorization": SECRET}, json.dumps(notice).encode()).events
    assert {event.ref.key for event in events} == {"new/f", "old/f"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": "feature-created", "id": 1}',
        b'{"type": "feature-created", "id": 1, "project": "p", "featureName": 2.5}',
        b'{"type": "feature-created", "project": "p", "featureName": "f"}',
        b'{"type": "feature-created", "id": 1, "project": "p", "featureName": "\\n"}',
        b'{"type": "feature-x", "id": 1, "project": "p", "featureName": "f", "preData": {"variants": 1}}',
    ],
)
def test_an_unusable_notice(body: bytes) -> None:
    with pytest.raises(BadEvent):
        deaf().notice({"Authorization": SECRET}, body)
