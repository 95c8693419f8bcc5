"""The README of the sources: its two examples are run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from kg import config, iris
from kg.iris import EntityRef, term
from kg.sources import KINDS, connect
from kg.terms import text_of
from kg.worker import Worker
from tests.docs.documents import ROOT, blocks, tables
from tests.kg.graphs import BASE
from tests.kg.sources.entity_facts import facts
from tests.kg.sources.pipeline_contract import joins_the_pipeline
from tests.kg.sources.rest_tool import SERVICES, TOKEN, Desk
from tests.kg.sources.source_contract import CHECKS, Case
from tests.kg.sweeps import swept

ROW = re.compile(r"\[`(\w+)`\]\((\w+)/__init__\.py\)")
TEXT = (ROOT / "kg" / "sources" / "README.md").read_text("utf-8")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


def test_every_row_is_a_kind() -> None:
    (rows,) = tables("Kinds", text=TEXT)
    kinds = [ROW.fullmatch(row[0]) for row in rows]
    assert all(kind and kind[1] == kind[2] for kind in kinds)
    assert [kind[1] for kind in kinds if kind] == sorted(KINDS)


def test_the_source_by_configuration(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_text, *_ = blocks("toml", text=TEXT)
    context, *_ = blocks("json", text=TEXT)
    folder = tmp_path / "contexts" / "tracker"
    folder.mkdir(parents=True)
    (folder / "context.jsonld").write_text(context, "utf-8")
    (tmp_path / "mlg.toml").write_text(settings_text, "utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {"TRACKER_TOKEN": TOKEN, "MLG_SOURCES_TRACKER_URL": desk.url}
    settings = config.load(environ=environ)
    with Worker(settings) as worker:
        source = connect(settings.sources["tracker"])
        assert swept(worker, source).listed == 6
        source.close()
        assert worker.drain().hydrated == 6
        found = {
            (predicate, text_of(value))
            for key in ("service/tracker/home-ranking", "deployment/tracker/home-ranking/7")
            for _, predicate, value in worker.store.about(f"{BASE}/id/{key}")
        }
    assert found >= {
        (iris.TITLE, "Home ranking API"),
        (iris.KEYWORD, "tier::1"),
        (iris.OWNED_BY, f"{BASE}/id/person/ldap/ada@example.com"),
        (term("dct:created"), "2026-11-01T10:00:00.5Z"),
        (iris.TITLE, "Home ranker EU"),
        (term("mlg:hostedBy"), f"{BASE}/id/service/tracker/home-ranking"),
    }


def by_code(folder: Path, url: str) -> Any:
    """The class of the README's example, with its context beside it."""
    [code] = blocks("python", text=TEXT)
    _, context = blocks("json", text=TEXT)
    file = folder / "tracker.py"
    file.write_text(code, "utf-8")
    (folder / "context.jsonld").write_text(context, "utf-8")
    spec = spec_from_file_location("tracker", file)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TrackerSource("tracker", url=url, token=TOKEN)


def test_the_source_by_code(desk: Desk, tmp_path: Path) -> None:
    source = by_code(tmp_path, desk.url)
    ref = EntityRef("service", "tracker", "home-ranking")
    assert facts(source, source.fetch(ref)) >= {
        ("dct:title", "Home ranking API"),
        ("mlg:ownedBy", "person/tracker/lin@example.com"),
    }
    source.close()


@pytest.fixture
def case(desk: Desk, tmp_path: Path) -> Iterator[Case]:
    with closing(by_code(tmp_path, desk.url)) as source:
        yield Case(
            source=source,
            known=tuple(EntityRef("service", "tracker", record["slug"]) for record in SERVICES),
            missing=(EntityRef("service", "tracker", "nobody"),),
            changed=EntityRef("service", "tracker", "home-ranking"),
            removed=EntityRef("service", "tracker", "search"),
            change=desk.change,
            take_down=desk.close,
            spoil=lambda ref: desk.answer("services/", {"data": {"title": "no slug"}}),
            cut_listing=lambda: desk.answer("services?page=2", "oops", status=500),
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_by_code_keeps_the_contract(check: Callable[[Case], None], case: Case) -> None:
    check(case)


def test_the_source_by_code_joins_the_pipeline(case: Case, tmp_path: Path) -> None:
    joins_the_pipeline(case, tmp_path)


def test_the_examples_are_short() -> None:
    [code] = blocks("python", text=TEXT)
    [settings] = blocks("toml", text=TEXT)
    parts = code[code.index("class ") :], settings
    assert all(sum(bool(line) for line in part.splitlines()) <= 30 for part in parts)
