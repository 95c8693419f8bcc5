"""The contract of `kg.sources`, held by every source, and the proof that it can be broken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef
from kg.model import Document, Snapshot
from kg.sources import KINDS
from kg.sources.memory import MemorySource
from tests.kg.sources.case_airflow import airflow
from tests.kg.sources.case_croissant import croissant
from tests.kg.sources.case_dbt import dbt
from tests.kg.sources.case_dcat import dcat
from tests.kg.sources.case_feast import feast
from tests.kg.sources.case_growthbook import growthbook
from tests.kg.sources.case_iceberg import iceberg
from tests.kg.sources.case_ldap import ldap
from tests.kg.sources.case_metaflow import metaflow
from tests.kg.sources.case_mlflow import mlflow
from tests.kg.sources.case_openlineage import openlineage
from tests.kg.sources.case_rest import rest
from tests.kg.sources.case_scim import scim
from tests.kg.sources.case_unleash import unleash
from tests.kg.sources.pipeline_contract import joins_the_pipeline
from tests.kg.sources.source_contract import CHECKS, Case, can_be_mapped


def memory(stack: ExitStack, folder: Path, kind: type[MemorySource] = MemorySource) -> Case:
    file = folder / "memory.json"
    models = [{"type": "model", "key": key, "name": key} for key in ("ranker", "a/b c", "ü%")]
    file.write_text(json.dumps(models), "utf-8")
    source = kind("memory", path=str(file))
    stack.callback(source.close)

    def change() -> None:
        file.write_text(json.dumps([models[0] | {"name": "Other"}, *models[1:-1]]), "utf-8")

    def take_down() -> None:
        source.down = True

    def spoil(*, keeps: bool) -> None:
        held = json.loads(file.read_text("utf-8")) if keeps else []
        without = [{"type": "model", "name": model["name"]} for model in models]
        file.write_text(json.dumps([*held, *without]), "utf-8")

    return Case(
        source=source,
        known=tuple(EntityRef("model", "memory", model["key"]) for model in models),
        missing=(EntityRef("model", "memory", "ranke"), EntityRef("dataset", "memory", "ranker")),
        changed=EntityRef("model", "memory", "ranker"),
        removed=EntityRef("model", "memory", "ü%"),
        change=change,
        take_down=take_down,
        spoil=lambda ref: spoil(keeps=False),
        cut_listing=lambda: spoil(keeps=True),
    )


SOURCES: dict[str, Callable[[ExitStack, Path], Case]] = {
    "airflow": airflow,
    "croissant": croissant,
    "dbt": dbt,
    "dcat": dcat,
    "feast": feast,
    "growthbook": growthbook,
    "iceberg": iceberg,
    "ldap": ldap,
    "memory": memory,
    "metaflow": metaflow,
    "mlflow": mlflow,
    "openlineage": openlineage,
    "rest": rest,
    "scim": scim,
    "unleash": unleash,
}


def test_every_kind_of_source_is_checked() -> None:
    assert SOURCES.keys() == KINDS.keys()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", SOURCES)
def test_contract(kind: str, check: Callable[[Case], None], tmp_path: Path) -> None:
    with ExitStack() as stack:
        check(SOURCES[kind](stack, tmp_path))


@pytest.mark.parametrize("kind", SOURCES)
def test_it_joins_the_pipeline(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        joins_the_pipeline(SOURCES[kind](stack, tmp_path), tmp_path)


# --- sources that break the contract, each in one way ---------------------------------------------


class Forgetful(MemorySource):
    def fetch(self, ref: EntityRef) -> Snapshot:
        snapshot = super().fetch(ref)
        return Snapshot(ref=ref, documents=snapshot.documents if self.fetches % 2 else ())


class Confused(MemorySource):
    def fetch(self, ref: EntityRef) -> Snapshot:
        other = EntityRef(ref.type, ref.source, "other")
        documents = (Document(ref=other, payload={}), *super().fetch(ref).documents)
        return Snapshot(ref=ref, documents=documents)


class Inventive(MemorySource):
    def fetch(self, ref: EntityRef) -> Snapshot:
        return Snapshot(ref=ref, documents=(Document(ref=ref, payload={"name": ref.key}),))


class Silent(MemorySource):
    """Says that all is gone when it is down."""

    def fetch(self, ref: EntityRef) -> Snapshot:
        try:
            return super().fetch(ref)
        except SourceUnavailable:
            return Snapshot(ref=ref, documents=())


class Careless(MemorySource):
    """Lets a programmer's error out in place of saying that the payload is bad."""

    def _ref(self, payload: Any) -> EntityRef:
        return EntityRef(payload["type"], self.name, payload["key"])


class Selective(MemorySource):
    def list(self) -> Iterator[EntityRef]:
        return iter([*super().list()][1:])


class Sketchy(MemorySource):
    """Shows less in its list than it has."""

    def list_whole(self) -> Iterator[Snapshot]:
        for ref in self.list():
            yield Snapshot(ref=ref, documents=(Document(ref=ref, payload={}),))


class Quiet(MemorySource):
    """Ends the listing where an error was."""

    def list(self) -> Iterator[EntityRef]:
        try:
            yield from super().list()
        except (SourceUnavailable, BadPayload):
            return


class Rambling(MemorySource):
    """Tells of all models with each, and of the others not the way they tell of themselves."""

    def fetch(self, ref: EntityRef) -> Snapshot:
        snapshot = super().fetch(ref)
        others = [other for other in self.list() if other != ref and not snapshot.gone]
        aside = tuple(Document(ref=o, payload={"name": f"beside {ref.key}"}) for o in others)
        return Snapshot(ref=ref, documents=(*snapshot.documents, *aside))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Forgetful, "fetches_the_same_twice"),
        (Confused, "answers_what_was_asked"),
        (Inventive, "says_what_is_gone"),
        (Silent, "says_that_it_is_down"),
        (Careless, "refuses_what_is_malformed"),
        (Selective, "lists_what_it_fetches"),
        (Sketchy, "shows_in_lists_what_it_fetches"),
        (Quiet, "never_lists_half"),
        (Rambling, "tells_the_same_wherever_it_tells"),
    ],
)
def test_the_contract_notices(broken: type[MemorySource], check: str, tmp_path: Path) -> None:
    [checked] = [c for c in CHECKS if c.__name__ == check]
    with (
        ExitStack() as stack,
        pytest.raises((AssertionError, pytest.fail.Exception, KeyError)),
    ):
        checked(memory(stack, tmp_path, broken))


class Restless(MemorySource):
    """Tells something else of an entity from the third time on."""

    def fetch(self, ref: EntityRef) -> Snapshot:
        snapshot = super().fetch(ref)
        asked: Counter[EntityRef] = self.__dict__.setdefault("asked", Counter())
        asked[ref] += 1
        if snapshot.gone or asked[ref] < 3:
            return snapshot
        return Snapshot(ref=ref, documents=(Document(ref=ref, payload={"name": "New"}),))


class Remembering(MemorySource):
    """Shows in its list what it was the first time, and so a sweep finds no change."""

    def list_whole(self) -> Iterator[Snapshot]:
        shown = self.__dict__.setdefault("shown", {})
        return iter([shown.setdefault(one.ref, one) for one in super().list_whole()])


class Clinging(MemorySource):
    """Has what is gone for ever."""

    def fetch(self, ref: EntityRef) -> Snapshot:
        told = super().fetch(ref)
        had: dict[EntityRef, Snapshot] = self.__dict__.setdefault("had", {})
        return had.get(ref, told) if told.gone else had.setdefault(ref, told)


@pytest.mark.parametrize("broken", [Rambling, Restless, Remembering, Clinging, Quiet])
def test_the_pipeline_notices(broken: type[MemorySource], tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises((AssertionError, pytest.fail.Exception)):
        joins_the_pipeline(memory(stack, tmp_path, broken), tmp_path)


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("mlg:noSuchTerm", "x"),
        ({"@id": "mlg:runStatus", "@type": "@vocab"}, "mlgc:no-such-concept"),
        ({"@id": "mlg:runStatus", "@type": "@id"}, "outside-of-id"),
        ({"@reverse": "dqv:computedOn"}, {"@id": "#part", "name": "a part without a way to it"}),
    ],
)
def test_the_contract_notices_a_wrong_context(term: Any, value: Any, tmp_path: Path) -> None:
    context = {"@context": {"name": "dct:title", "odd": term}}
    (tmp_path / "context.jsonld").write_text(json.dumps(context), "utf-8")
    with ExitStack() as stack:
        case = memory(stack, tmp_path, type("Vague", (MemorySource,), {"contexts": tmp_path}))
        file = tmp_path / "memory.json"
        payload = {"type": "model", "key": "ranker", "name": "Ranker"}
        file.write_text(json.dumps([payload]), "utf-8")
        can_be_mapped(case)
        file.write_text(json.dumps([payload | {"odd": value}]), "utf-8")
        with pytest.raises(AssertionError):
            can_be_mapped(case)
