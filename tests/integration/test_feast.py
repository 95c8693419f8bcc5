"""A real Feast registry, and what a sweep makes of it, of changes and of deletions.

The tests of this module tell one story, in this order: a repository is applied and swept; then it
is applied again, changed, while nobody listens; then the next sweep puts it right.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest

from kg import config, iris
from kg.config import Settings, SourceSettings
from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef, term
from kg.model import Event
from kg.pipeline import Counts
from kg.sources.feast import FeastSource
from kg.terms import text_of
from kg.validate import read_findings
from kg.worker import Worker
from tests.integration.feast_server import FeastServer, running_feast
from tests.integration.installed import installed
from tests.kg.sweeps import swept

pytestmark = pytest.mark.sources

BASE = "http://kg.example"
MIA, TOM = (f"person/feast/{who}@aurora.example" for who in ("mia.lindqvist", "tom.reyes"))
PLAYS = "dataset/feast/data/play_stats.parquet"
MEMBER_ENTITY = "feature-entity/feast/member"
DESCRIPTION, DEPENDS, MEMBER = "dct:description", "mlg:dependsOn", "mlg:memberOfFeatureSet"


@dataclass(frozen=True, kw_only=True)
class Story:
    feast: FeastServer
    source: FeastSource
    worker: Worker

    def sweep(self, *, everything: bool = False) -> Counts:
        swept(self.worker, self.source, everything=everything)
        return self.worker.drain()

    def values(self, name: str, predicate: str) -> set[str]:
        """What the graph has of an entity; other entities as ``type/source/key``."""
        found = self.worker.store.objects(f"{BASE}/id/{name}", term(predicate))
        return {text_of(value).removeprefix(f"{BASE}/id/") for value in found}


@pytest.fixture(scope="module")
def feast_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeastServer]:
    python = installed("MLG_TEST_FEAST_PYTHON")
    with running_feast(python, tmp_path_factory.mktemp("feast")) as server:
        yield server


@pytest.fixture(scope="module")
def story(feast_server: FeastServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    options = {"url": feast_server.url, "project": "aurora", "page_size": 3, "timeout_seconds": 3}
    source = FeastSource("feast", **options)  # type: ignore[arg-type]
    table = SourceSettings(name="feast", kind="feast", options=options, links={})
    folder = str(tmp_path_factory.mktemp("mlg"))
    values = config.load(environ={}, data_dir=folder, base=BASE).values
    settings = Settings(values=values, sources={"feast": table})
    with Worker(settings, sources={"feast": source}) as worker:
        yield Story(feast=feast_server, source=source, worker=worker)


def test_a_sweep_brings_everything(story: Story) -> None:
    counts = story.sweep()
    assert counts.changed == len(list(story.source.list()))
    assert (counts.gone, story.worker.inbox.pending()) == (0, 0)
    features = {"plays_7d": TOM, "hours_7d": MIA}
    for name, owner in features.items():
        feature = f"feature/feast/member_activity:{name}"
        assert story.values(feature, MEMBER) == {"feature-set/feast/member_activity"}
        assert story.values(feature, "mlg:ownedBy") == {owner}
        assert PLAYS in story.values(feature, "mlg:computedFrom")
    assert story.values(PLAYS, DESCRIPTION) == {"Plays of each member, counted hourly."}
    assert story.values("feature-set/feast/member_live", "mlg:entityKey") == {
        "member_id",
        "title_id",
    }


def test_a_view_is_keyed_by_its_entities(story: Story) -> None:
    keyed = story.values("feature-set/feast/member_live", "mlg:keyedBy")
    assert keyed == {MEMBER_ENTITY, "feature-entity/feast/title"}
    told = {
        "rdf:type": term("mlg:FeatureEntity"),
        "dct:title": "member",
        DESCRIPTION: "Someone who pays.",
        "mlg:entityKey": "member_id",
        "mlg:featureValueType": term("mlgc:value-type-integer"),
        "mlg:ownedBy": MIA,
        "dcat:keyword": "pii::yes",
    }
    for predicate, value in told.items():
        assert value in story.values(MEMBER_ENTITY, predicate), predicate
    assert "feature-entity/feast/__dummy" not in {str(one) for one in story.source.list()}
    # a change of what it is about does not reach what models read
    assert not keyed & story.values("feature-set/feast/member_live", DEPENDS)


def test_a_service_depends_on_features_and_their_data(story: Story) -> None:
    found = story.values("feature-set/feast/service:home_ranker", DEPENDS)
    assert {
        "feature/feast/member_activity:plays_7d",
        "feature/feast/member_context:intensity",
        "feature/feast/title_vectors:embedding",
    } <= found
    # and never the other way round, or a change of a service would touch all that reads features
    depending = "feature/feast/member_activity:plays_7d"
    assert "feature-set/feast/service:home_ranker" not in story.values(depending, DEPENDS)


def test_an_embedding_has_its_dimension(story: Story) -> None:
    vector = "feature/feast/title_vectors:embedding"
    kind = term("mlgc:value-type-embedding")
    assert story.values(vector, "mlg:featureValueType") == {kind}
    assert story.values(vector, "mlg:dimension") == {"64"}


def test_nothing_that_feast_says_breaks_a_rule_of_form(story: Story) -> None:
    """No directory of people is connected, so that owners are unknown is a real finding."""
    found = [
        finding
        for one in story.source.list()
        for finding in read_findings(story.worker.store, f"{BASE}/id/{one}")
    ]
    violations = {finding.rule_id for finding in found if finding.severity == "violation"}
    assert violations <= {"core-02"}
    unresolved = {str(finding.value) for finding in found if finding.rule_id == "core-07"}
    assert {value for value in unresolved if "/id/person/" not in value} == set()


def test_a_second_sweep_changes_nothing(story: Story) -> None:
    counts = story.sweep()
    assert (counts.changed, counts.gone) == (0, 0)


def test_a_sweep_heals_what_nobody_told_of(story: Story) -> None:
    """Feast's own cache would show the old state for ten minutes."""
    story.feast.apply("changed")
    plays = "feature/feast/member_activity:plays_7d"
    assert story.values(plays, DESCRIPTION) == {"Plays in a week."}
    assert story.values(MEMBER_ENTITY, DESCRIPTION) == {"Someone who pays."}
    counts = story.sweep()
    assert story.values(plays, DESCRIPTION) == {"Titles started in the last week."}
    assert story.values(plays, "mlg:ownedBy") == {MIA}
    assert story.values("feature-set/feast/member_activity", "mlg:ownedBy") == {TOM}
    assert story.values(MEMBER_ENTITY, DESCRIPTION) == {"Someone who pays, across all profiles."}
    assert story.values(MEMBER_ENTITY, "mlg:ownedBy") == {TOM}
    assert "feature/feast/member_loyalty:months" in {str(one) for one in story.source.list()}
    gone = {
        "feature-set/feast/catalogue_size",
        "feature-set/feast/service:billboard",
        "feature/feast/catalogue_size:titles",
        "feature-entity/feast/profile",
        "feature/feast/member_activity:hours_7d",
        "dataset/feast/data/catalogue.parquet",
    }
    assert counts.gone == len(gone)
    for name in gone:
        assert story.values(name, "rdf:type") == {iris.TOMBSTONE}


def test_a_thin_event_brings_a_view_and_its_features(story: Story) -> None:
    story.feast.apply("built")
    ref = EntityRef("feature-set", "feast", "member_activity")
    event = Event(ref=ref, event_type="feature_view.applied", event_id="1")
    story.worker.inbox.publish([event])
    story.worker.drain()
    back = "feature/feast/member_activity:hours_7d"
    assert story.values(back, MEMBER) == {"feature-set/feast/member_activity"}


def test_a_registry_that_is_down_loses_nothing(story: Story) -> None:
    known = set(story.worker.store.statements())
    story.feast.pause()
    try:
        with pytest.raises(SourceUnavailable):
            story.sweep()
        assert set(story.worker.store.statements()) == known
    finally:
        story.feast.resume()
    assert story.sweep().gone == 2
    for name in ("feature-set/feast/member_loyalty", "feature/feast/member_loyalty:months"):
        assert story.values(name, "rdf:type") == {iris.TOMBSTONE}


def test_visitors_make_nothing_look_gone(story: Story) -> None:
    """While people look at single views, Feast writes its registry, and shows it empty at times."""
    stop = threading.Event()
    answers: Counter[int] = Counter()

    def visit(number: int) -> None:
        names = ("member_activity", "title_vectors", "member_live")
        while not stop.is_set():
            name = names[number % len(names)]
            url = f"{story.feast.url}/api/v1/feature_views/{name}?project=aurora&allow_cache=false"
            try:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    answers[answer.status] += 1
            except urllib.error.HTTPError as error:
                error.close()
                answers[error.code] += 1
            number += 1

    with ThreadPoolExecutor(2) as visitors:
        for number in range(2):
            visitors.submit(visit, number)
        try:
            for _ in range(3):
                with suppress(SourceUnavailable, BadPayload):  # half a registry is no answer at all
                    assert story.sweep(everything=True).gone == 0
        finally:
            stop.set()
    assert answers[404], (
        "if Feast has learnt to write while it is read, single objects can be asked"
    )
    story.worker.drain()
    assert story.values("feature-set/feast/member_activity", "rdf:type") == {term("mlg:FeatureSet")}
