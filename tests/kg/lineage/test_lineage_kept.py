"""The index as an installation keeps it: by the worker's commits, through crashes, for readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg import config
from kg.cli import run
from kg.config import Settings, SourceSettings
from kg.errors import BadInput, NotFound, StoreUnavailable
from kg.iris import EntityRef
from kg.model import Event
from kg.service import Service
from kg.sources.memory import MemorySource
from kg.views import Trace, json_chunks
from kg.worker import Worker

DATASET: dict[str, Any] = {"type": "dataset", "key": "plays", "name": "Plays"}
FEATURE: dict[str, Any] = {
    "type": "feature",
    "key": "plays_7d",
    "name": "Plays in the last week",
    "source_dataset_ids": ["plays"],
}
RUN: dict[str, Any] = {
    "type": "pipeline-run",
    "key": "r1",
    "name": "Run 1",
    "input_feature_ids": ["plays_7d"],
}
INSTANCE: dict[str, Any] = {
    "type": "model-instance",
    "key": "i1",
    "name": "Ranker 1",
    "pipeline_run_id": "r1",
}
PAYLOADS = (DATASET, FEATURE, RUN, INSTANCE)


class Site:
    """An installation with one source, a worker on it, and a service beside."""

    def __init__(self, folder: Path) -> None:
        found = config.load(environ={}, data_dir=str(folder))
        table = SourceSettings(name="test", kind="memory", options={}, links={})
        self.settings = Settings(values=found.values, sources={"test": table})
        self.source = MemorySource("test")
        self.worker = self.start()
        self.service = Service(self.settings)

    def start(self) -> Worker:
        return Worker(self.settings, sources={"test": self.source})

    def tell(self, *payloads: dict[str, Any]) -> None:
        for payload in payloads:
            self.source.put(payload)
        refs = [EntityRef(p["type"], "test", p["key"]) for p in payloads]
        self.service.publish(Event(ref=r, event_type="told", event_id=str(r)) for r in refs)
        self.worker.drain()

    def down(self, name: str) -> dict[str, int]:
        return keys(self.service.tracer().trace(ref(name), direction="down"))

    def close(self) -> None:
        self.service.close()
        self.worker.close()


def ref(name: str) -> EntityRef:
    kind, _, key = name.partition("/")
    return EntityRef(kind, "test", key)


def keys(trace: Trace) -> dict[str, int]:
    return {r.entity.ref.key: r.steps for r in trace.items if r.entity.ref}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.tell(*PAYLOADS)
    yield made
    made.close()


def test_a_commit_is_seen_with_its_checkpoint(site: Site) -> None:
    assert site.down("dataset/plays") == {"plays_7d": 1, "r1": 2, "i1": 2}
    site.tell({**FEATURE, "source_dataset_ids": []})
    assert site.down("dataset/plays") == {}
    assert site.down("feature/plays_7d") == {"r1": 1, "i1": 1}
    site.tell(FEATURE)
    assert site.down("dataset/plays") == {"plays_7d": 1, "r1": 2, "i1": 2}


def test_a_path_says_how(site: Site) -> None:
    trace = site.service.tracer().trace(ref("dataset/plays"), direction="down")
    told = {r.entity.name: [(s.property.name, s.to.name) for s in r.path] for r in trace.items}
    assert told["Run 1"] == [("feeds", "Plays in the last week"), ("used by run", "Run 1")]
    up = site.service.tracer().trace(ref("pipeline-run/r1"), direction="up")
    assert [s.property.name for s in list(up.items)[-1].path] == ["used feature", "computed from"]


def test_walks_are_narrowed(site: Site) -> None:
    tracer, start = site.service.tracer(), ref("dataset/plays")

    def down(**narrowed: Any) -> dict[str, int]:
        return keys(tracer.trace(start, direction="down", **narrowed))

    assert down(depth=1) == {"plays_7d": 1}
    assert down(types=["model-instance"]) == {"i1": 2}
    assert down(stop_at=["feature"]) == {"plays_7d": 1}
    assert down(kinds=["computedFrom", "usedFeature"]) == {"plays_7d": 1, "r1": 2}
    assert down(kinds=["dependsOn"]) == down()
    for wrong in ({"types": ["gadget"]}, {"stop_at": ["gadget"]}, {"kinds": ["title"]}):
        with pytest.raises(BadInput, match="known: "):
            down(**wrong)


def test_who_is_unknown_is_told_the_nearest_names(site: Site) -> None:
    with pytest.raises(NotFound, match="the nearest: feature/test/plays_7d"):
        site.service.tracer().impact(ref("feature/plays_7"))


def test_what_has_no_edges_is_known(site: Site) -> None:
    site.tell({"type": "model", "key": "alone", "name": "Alone"})
    found = site.service.tracer().impact(ref("model/alone"))
    assert (found.trace.total, found.by_type, found.by_team.total) == (0, (), 0)


def test_a_ring_is_walked_once_and_told(site: Site) -> None:
    site.tell({**DATASET, "source_dataset_ids": ["raw"]},
              {"type": "dataset", "key": "raw", "name": "Raw", "source_dataset_ids": ["plays"]})  # fmt: skip
    trace = site.service.tracer().trace(ref("dataset/plays"), direction="up")
    assert keys(trace) == {"raw": 1}
    assert [step.to.name for step in trace.cycle] == ["Raw", "Plays"]


def test_what_a_crash_cut_off_the_log_is_made_again(site: Site) -> None:
    (log,) = (site.settings.data_dir / "lineage").glob("*/changes.jsonl")
    before = log.read_bytes()
    site.tell({**FEATURE, "source_dataset_ids": []})
    site.worker.close()
    log.write_bytes(before)
    site.worker = site.start()
    assert site.down("dataset/plays") == {}
    assert site.down("feature/plays_7d") == {"r1": 1, "i1": 1}


def test_an_index_that_shows_what_the_store_lost_is_built_again(site: Site) -> None:
    site.worker.writer.lineage.commit(1_000_000)
    site.worker.close()
    site.worker = site.start()
    assert site.worker.writer.lineage.version == site.worker.store.version
    assert site.down("feature/plays_7d") == {"r1": 1, "i1": 1}


def test_readers_say_what_to_do_when_there_is_no_index(site: Site) -> None:
    for folder in (site.settings.data_dir / "lineage").iterdir():
        folder.rename(folder.with_name("building"))
    site.service._lineage._view = None
    with pytest.raises(StoreUnavailable, match="mlg rebuild lineage"):
        site.service.tracer()


def test_a_long_log_is_merged_and_old_readers_go_on(site: Site) -> None:
    tracer = site.service.tracer()
    site.tell({**RUN, "input_feature_ids": []})
    site.worker.writer.lineage.merge()
    site.tell({**INSTANCE, "name": "Ranker one"})
    assert keys(tracer.trace(ref("feature/plays_7d"), direction="down")) == {"r1": 1, "i1": 1}
    assert site.down("feature/plays_7d") == {}
    assert site.down("pipeline-run/r1") == {"i1": 1}


def test_json_is_made_while_it_is_read(site: Site) -> None:
    trace = site.service.tracer().trace(ref("dataset/plays"), direction="down")
    text = "".join(json_chunks({"down": trace}))
    told = json.loads(text)["down"]
    assert told["total"] == len(told["items"]) == 3
    assert told["entity"]["ref"] == "dataset/test/plays"
    assert len(text.splitlines()) == 3 + 2  # an item a line


def test_the_commands(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.worker.close()

    def mlg(*arguments: str) -> tuple[int, str, str]:
        code = run(["--data-dir", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = mlg("lineage", "dataset/test/plays", "--down", "1")
    assert (code, out.splitlines()[0]) == (0, "Plays ↓ is depended on by 1")
    assert "feeds Plays in the last week" in out
    assert mlg("lineage", "dataset/test/plays")[1].splitlines()[0] == "Plays ↑ depends on 0"
    _, out, _ = mlg("lineage", "pipeline-run/test/r1", "--json")
    assert {name: told["total"] for name, told in json.loads(out).items()} == {"up": 2, "down": 1}
    code, out, _ = mlg("impact", "dataset/test/plays", "--no-list")
    assert (code, out.splitlines()[0]) == (0, "Plays: 3 depend on it")
    assert len(json.loads(mlg("impact", "dataset/test/plays", "--json")[1])["trace"]["items"]) == 3
    code, _, err = mlg("impact", "dataset/test/nobody")
    assert (code, "is not in the graph" in err) == (1, True)
    assert mlg("lineage", "dataset/test/plays", "--type", "gadget")[0] == 2
    code, _, err = mlg("rebuild", "lineage")
    assert (code, "The lineage index holds 4 dependencies." in err) == (0, True)
    site.worker = site.start()
