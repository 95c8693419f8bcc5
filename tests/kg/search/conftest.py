"""A graph in memory, and a small company's catalogue, indexed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg.facts import Facts, Properties, grouped
from kg.iris import LABEL, Minter, term
from kg.search.entries import entries
from kg.search.index import SearchIndex
from kg.search.searcher import Searcher
from kg.store.checkpoints import has, statements
from kg.terms import Statement

HERE = Path(__file__).parent


class Graph:
    """The facts of a pyoxigraph store in memory; tests add and remove statements."""

    def __init__(self, turtle: str = "", *, base: str) -> None:
        self.store = ox.Store()
        self.base = base
        self.load(turtle)

    def load(self, turtle: str) -> None:
        self.store.load(turtle, format=ox.RdfFormat.TURTLE, base_iri=f"{self.base}/id/")

    def about(self, subject: str) -> Iterator[Statement]:
        return statements(self.store, subject, None, None)

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> Iterator[str]:
        return (value for _, _, value in statements(self.store, subject, predicate, None))

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        return (subject for subject, _, _ in statements(self.store, None, predicate, value))

    def holds(self, statement: Statement) -> bool:
        return has(self.store, (*statement, ""))

    def all_subjects(self) -> list[str]:
        return sorted({quad.subject.value for quad in self.store})


@pytest.fixture(scope="session")
def minter() -> Minter:
    return Minter("http://localhost:8080")


@pytest.fixture(scope="session")
def labels() -> dict[str, str]:
    return {
        term("mlg:ModelVersion"): "model version",
        term("mlgc:lifecycle-released"): "released",
        LABEL: "not an entity",
    }


@pytest.fixture(scope="session")
def graph_of(minter: Minter) -> Callable[[str], Graph]:
    """A graph from Turtle; relative IRIs are refs: ``<model/mlflow/ranker>``."""
    return lambda turtle: Graph(_PREFIXES + turtle, base=minter.base)


@pytest.fixture(scope="session")
def catalogue(graph_of: Callable[[str], Graph]) -> Graph:
    return graph_of((HERE / "catalogue.ttl").read_text("utf-8"))


@pytest.fixture(scope="session")
def index_of(
    minter: Minter, labels: dict[str, str]
) -> Callable[[Facts, Iterable[str], Path], None]:
    """Builds an index of some entities of a graph in a folder."""

    def build(facts: Facts, entities: Iterable[str], path: Path) -> None:
        with SearchIndex(path, labels=labels) as index:
            index.rebuild(entries(facts, entities, minter=minter, labels=labels), version=1)

    return build


@pytest.fixture(scope="session")
def searcher(
    catalogue: Graph,
    index_of: Callable[[Facts, Iterable[str], Path], None],
    tmp_path_factory: pytest.TempPathFactory,
    minter: Minter,
    labels: dict[str, str],
) -> Searcher:
    """The whole catalogue, ready to be searched."""
    path = tmp_path_factory.mktemp("catalogue") / "search"
    index_of(catalogue, catalogue.all_subjects(), path)
    return Searcher(path, minter=minter, labels=labels)


_PREFIXES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix mlg: <https://w3id.org/mlgraph/ns/> .
@prefix mlgc: <https://w3id.org/mlgraph/concept/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""
