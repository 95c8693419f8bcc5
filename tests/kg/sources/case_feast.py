"""Feast as it was recorded, for the contract that every source is held to."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.feast import FeastSource
from tests.kg.sources.feast_replay import Replay, ref
from tests.kg.sources.source_contract import Case


def feast(stack: ExitStack, folder: Path) -> Case:
    replay = stack.enter_context(Replay())
    source = FeastSource(
        "feast", url=replay.url, project="aurora", page_size=2, pause=lambda _: None
    )
    stack.callback(source.close)

    def spoil(spoilt: EntityRef) -> None:
        """An answer that is an object as expected, and lacks what the entity is known by."""
        replay.page("feature_views", "featureViews", {"type": "featureView", "spec": {}})
        replay.page("feature_services", "featureServices", {"spec": {"description": "no name"}})
        replay.page("entities", "entities", {"spec": {"joinKey": "no_name_id"}})
        replay.page("data_sources", "dataSources", {"type": "BATCH_FILE", "fileOptions": {}})

    def cut_listing() -> None:
        """The second page of the last listing does not come."""
        replay.answer(
            "data_sources?project=aurora&allow_cache=false&sort_by=name&sort_order=asc&page=2",
            {"detail": "oops"},
            status=500,
        )

    return Case(
        source=source,
        known=(
            ref("feature-set", "member_activity"),
            ref("feature-set", "member_stream"),
            ref("feature-set", "member_context"),
            ref("feature-set", "service:home_ranker"),
            ref("feature", "member_activity:plays_7d"),
            ref("feature", "member_context:intensity"),
            ref("feature-entity", "member"),
            ref("dataset", "data/play_stats.parquet"),
            ref("dataset", "media.play_events"),
        ),
        missing=(
            ref("feature-set", "no_such_view"),
            ref("feature-set", "service:no_such_service"),
            ref("feature", "no_such_view:plays_7d"),
            ref("feature", "member_activity:no_such_feature"),
            ref("feature", "member_activity"),
            ref("feature-entity", "no_such_entity"),
            ref("feature-entity", "__dummy"),
            ref("dataset", "data/no_such_table.parquet"),
        ),
        changed=ref("feature", "member_activity:plays_7d"),
        removed=ref("feature-set", "service:billboard"),
        change=lambda: replay.load("changed"),
        take_down=replay.close,
        spoil=spoil,
        cut_listing=cut_listing,
    )
