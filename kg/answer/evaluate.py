"""One query on an open store, by our engine: the part that worker processes and lookups share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import IO, Any, Final, cast

import pyoxigraph as ox

from kg import formats
from kg.answer.dataset import Dataset
from kg.errors import BadQuery, MlgError, StoreUnavailable, UnsupportedFormat
from kg.query.explain import explain
from kg.query.guard import check
from kg.query.results import Measured, Writer, too_many

RESULTS: Final = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}

_Named = ox.NamedNode | ox.BlankNode
_Graph = _Named | ox.DefaultGraph

_NO_LIMIT: Final = 1 << 62  # the caller's guard had the real one


def evaluate(store: ox.Store, given: Mapping[str, Any], writer: Writer) -> int | None:
    """Runs a query and writes its answer; returns the number of rows, None for ASK.

    ``given`` is what `Answerer.answer` says of a query. Raises `BadQuery`, `LimitExceeded`,
    `UnsupportedFormat`, `StoreUnavailable`.
    """
    default, named = given["default_graphs"], given["named_graphs"]
    if given["from"] and not default and not named:
        default, named = _from_clauses(given)
    visible = Dataset(
        current=given["current"], merged=tuple(given["merged"]), named=tuple(given["named"])
    )
    result = query(store, given, visible.asked(default=default, named=named))
    form = given["format"]
    output = Measured(writer, form=form, max_rows=given["max_rows"], max_bytes=given["max_bytes"])
    try:
        if isinstance(result, ox.QueryTriples):
            return _write_graph(result, given["prefixes"], form, output)
        result.serialize(as_file(output), RESULTS[form])
    except (OSError, RuntimeError, ValueError) as error:
        raise _evaluation_error(error) from error
    return output.rows if isinstance(result, ox.QuerySolutions) else None


def query(
    store: ox.Store, given: Mapping[str, Any], dataset: Dataset
) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    """Begins a query. Raises `BadQuery` that says where."""
    default, named = _graphs(dataset)
    try:
        return store.query(
            given["text"],
            base_iri=given["base"],
            default_graph=default,
            named_graphs=named,
        )
    except SyntaxError as error:
        raise explain(error, check(given["source"], max_bytes=_NO_LIMIT)) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _evaluation_error(error) from error


@lru_cache(maxsize=16)
def _graphs(dataset: Dataset) -> tuple[list[_Graph], list[_Named]]:
    own: list[_Graph] = [ox.DefaultGraph()] if dataset.current else []
    named: list[_Named] = [ox.NamedNode(iri) for iri in dataset.named]
    return [*own, *map(ox.NamedNode, dataset.merged)], named


def _from_clauses(given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The IRIs of FROM and of FROM NAMED, resolved as the engine would: by asking it for them."""
    asked = " ".join(f"({iri} AS ?g{n})" for n, (_, iri) in enumerate(given["from"]))
    try:
        found = ox.Store().query(f"{given['prologue']} SELECT {asked} {{}}", base_iri=given["base"])
    except SyntaxError:
        query(ox.Store(), given, Dataset())  # the same fault, told for the whole query
        raise BadQuery("A FROM clause does not name a graph.") from None
    assert isinstance(found, ox.QuerySolutions)
    iris: dict[bool, list[str]] = {False: [], True: []}
    for value, (is_named, _) in zip(next(found), given["from"], strict=True):
        assert isinstance(value, ox.NamedNode)
        iris[is_named].append(value.value)
    return iris[False], iris[True]


def as_file(output: Writer) -> IO[bytes]:
    """For the engine, which calls ``write`` and ``flush`` and nothing else."""
    return cast("IO[bytes]", output)


def _evaluation_error(error: Exception) -> MlgError:
    function = _FUNCTION.match(str(error))
    if function:
        problem = function[2].replace("is not supported", "is not known here")
        return BadQuery(f"The function {function[1]} {problem}.", function=function[1][1:-1])
    if "does not support" in str(error):
        return UnsupportedFormat(f"{error}; ask for text/turtle.")
    return StoreUnavailable(f"The graph cannot be read: {error}.")


_FUNCTION: Final = re.compile(r"The custom (?:aggregate )?function (<[^>]*>) (.*)", re.DOTALL)


def _write_graph(
    triples: ox.QueryTriples, declared: Mapping[str, str], form: str, output: Measured
) -> int:
    rows = 0

    def counted() -> Iterator[ox.Triple]:
        nonlocal rows
        for triple in triples:
            rows += 1
            if rows > output.max_rows:
                raise too_many(output.max_rows, "triples")
            if form == "rdf":
                writable.check(triple.predicate)
            yield triple

    writable = _Writable()
    prefixes = {name: iri for name, iri in declared.items() if _PLAIN_IRI.fullmatch(iri)}
    ox.serialize(counted(), as_file(output), formats.by_name(form).rdf, prefixes=prefixes)
    return rows


_PLAIN_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\\]*")


class _Writable:
    """RDF/XML has no form for some predicates, and the engine then writes what is not XML."""

    _ENDS_IN_NAME: Final = re.compile(r".*[^\W\d][\w.\-]*", re.DOTALL)

    def __init__(self) -> None:
        self._seen: set[ox.NamedNode] = set()

    def check(self, predicate: ox.NamedNode) -> None:
        if predicate not in self._seen:
            if not self._ENDS_IN_NAME.fullmatch(predicate.value):
                raise UnsupportedFormat(
                    f"RDF/XML cannot hold the property {predicate}; ask for text/turtle."
                )
            self._seen.add(predicate)
