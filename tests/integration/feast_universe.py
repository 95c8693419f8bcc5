"""A small feature repository for a real Feast: what a streaming company might have.

Feast reads it at ``apply``, in its own interpreter. ``FEAST_UNIVERSE`` says which of its states to
declare: ``built``, or ``changed`` in which things were renamed, handed over and deleted.
``FEAST_PROJECT`` says for which project: ``aurora``, or ``tundra``, which reads the same table. Run
as a program it writes the data that is declared.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pandas as pd
from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    KafkaSource,
    PushSource,
    RequestSource,
    StreamFeatureView,
    ValueType,
)
from feast.data_format import JsonFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, Int64, Map, String, UnixTimestamp

CHANGED = os.environ.get("FEAST_UNIVERSE") == "changed"
MIA, TOM = "mia.lindqvist@aurora.example", "tom.reyes@aurora.example"

member = Entity(
    name="member",
    join_keys=["member_id"],
    value_type=ValueType.INT64,
    description="Someone who pays, across all profiles." if CHANGED else "Someone who pays.",
    owner=TOM if CHANGED else MIA,
    tags={"pii": "yes"},
)
title = Entity(name="title", join_keys=["title_id"], value_type=ValueType.INT64)

plays = FileSource(
    name="play_stats",
    path="data/play_stats.parquet",
    timestamp_field="event_timestamp",
    description="Plays of each member, counted hourly.",
    owner=TOM,
    tags={"layer": "gold"},
)

if os.environ.get("FEAST_PROJECT") == "tundra":
    member_activity = FeatureView(
        name="member_activity",
        entities=[member],
        ttl=timedelta(days=1),
        schema=[Field(name="plays_7d", dtype=Int64)],
        source=plays,
        owner="Northern team",
    )
    northern = FeatureService(name="home_ranker", features=[member_activity])
else:
    titles = FileSource(path="data/title_stats.parquet", timestamp_field="event_timestamp")
    events = KafkaSource(
        name="play_events",
        kafka_bootstrap_servers="127.0.0.1:9",
        topic="media.play_events",
        timestamp_field="event_timestamp",
        message_format=JsonFormat(schema_json="member_id integer"),
        batch_source=plays,
        description="One message for each start of a title.",
    )
    pushed = PushSource(name="play_push", batch_source=plays)
    moment = RequestSource(name="moment", schema=[Field(name="hour", dtype=Int64)])

    activity = [
        Field(
            name="plays_7d",
            dtype=Int64,
            description="Titles started in the last week." if CHANGED else "Plays in a week.",
            tags={"pii": "no", "owner": MIA if CHANGED else TOM},
        ),
        Field(name="hours_7d", dtype=Float64),
    ]
    member_activity = FeatureView(
        name="member_activity",
        entities=[member],
        ttl=timedelta(days=1),
        schema=activity[:1] if CHANGED else activity,
        source=plays,
        owner=TOM if CHANGED else MIA,
        tags={"domain": "personalisation"},
        description="What each member did lately.",
    )
    title_vectors = FeatureView(
        name="title_vectors",
        entities=[title],
        ttl=timedelta(days=30),
        schema=[
            Field(
                name="embedding",
                dtype=Array(Float32),
                vector_index=True,
                vector_length=64,
                vector_search_metric="cosine",
            ),
            Field(name="plot", dtype=Array(Float32), tags={"embedding": "plain"}),
            Field(name="genre", dtype=String),
            Field(name="moods", dtype=Array(String)),
            Field(name="is_original", dtype=Bool),
        ],
        source=titles,
        owner=f"Mia <{MIA}>, {TOM}",
    )
    member_live = FeatureView(
        name="member_live",
        entities=[member, title],
        ttl=timedelta(hours=1),
        schema=[Field(name="last_play", dtype=UnixTimestamp), Field(name="by_device", dtype=Map)],
        source=pushed,
        tags={"owner": TOM},
    )
    member_stream = StreamFeatureView(
        name="member_stream",
        entities=[member],
        ttl=timedelta(hours=1),
        schema=[Field(name="plays_1h", dtype=Int64)],
        source=events,
        timestamp_field="event_timestamp",
    )

    if CHANGED:
        loyalty = FeatureView(
            name="member_loyalty",
            entities=[member],
            schema=[Field(name="months", dtype=Int64)],
            source=plays,
        )
    else:
        profile = Entity(name="profile", join_keys=["profile_id"], value_type=ValueType.STRING)
        catalogue = FileSource(
            name="catalogue", path="data/catalogue.parquet", timestamp_field="event_timestamp"
        )
        catalogue_size = FeatureView(
            name="catalogue_size",
            entities=[],
            schema=[Field(name="titles", dtype=Int64)],
            source=catalogue,
        )
        billboard = FeatureService(name="billboard", features=[title_vectors, catalogue_size])

    @on_demand_feature_view(
        sources=[member_activity[["plays_7d"]], moment],
        schema=[Field(name="intensity", dtype=Float64)],
        mode="pandas",
        owner=TOM,
        description="How busy a member is at this hour.",
    )
    def member_context(inputs: pd.DataFrame) -> pd.DataFrame:
        found = pd.DataFrame()
        found["intensity"] = inputs["plays_7d"] / (inputs["hour"] + 1.0)
        return found

    home_ranker = FeatureService(
        name="home_ranker",
        features=[member_activity[["plays_7d"]], title_vectors, member_stream, member_context],
        owner=MIA,
        tags={"model": "home-ranker"},
        description="What the home ranker reads.",
    )


def write() -> None:
    now = pd.Timestamp("2026-11-01", tz="UTC")
    tables = {
        "play_stats": {
            "member_id": [1],
            "title_id": [1],
            "plays_7d": [3],
            "hours_7d": [2.5],
            "plays_1h": [1],
            "months": [7],
            "last_play": [now],
        },
        "title_stats": {
            "title_id": [1],
            "embedding": [[0.5, 0.25]],
            "plot": [[0.5, 0.25]],
            "genre": ["drama"],
            "moods": [["slow"]],
            "is_original": [True],
        },
        "catalogue": {"titles": [9000]},
    }
    for name, columns in tables.items():
        pd.DataFrame(columns | {"event_timestamp": [now]}).to_parquet(f"data/{name}.parquet")


if __name__ == "__main__":
    write()
