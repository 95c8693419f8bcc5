"""Validation of a whole graph: the default engine against the reference, and a batch of changes.

    python -m tests.benchmarks.validation [--triples 1000000]

The reference engine judges a part (it would need the better part of an hour for the whole), the
default engine the same part, and then everything. Then a batch as the pipeline meets it: new
entities on a graph that is there, with only what they affect judged again.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from kg import iris
from kg.facts import Properties, grouped
from kg.iris import term
from kg.terms import Statement, literal, node, ntriples
from kg.validate import Reach, engine, load_shapes

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
PART = 20_000
BATCH = 1_000
BASE = "http://localhost:8080/id/"
WHEN = literal("2026-11-01T05:00:00Z", iris.DATE_TIME)
LICENCE = node("http://spdx.org/licenses/CC-BY-4.0")


def graph(count: int) -> Iterator[Statement]:
    """At least ``count`` statements: models with all that they are made of, a few with faults."""
    made = group = 0
    while made < count:
        for statement in _group(group):
            made += 1
            yield statement
        group += 1


def _iri(kind: str, key: object) -> str:
    return f"{BASE}{kind}/bench/{key}"


def _entity(kind: str, key: object, **facts: str | None) -> Iterator[Statement]:
    """One entity; a fact's name is ``mlg__ownedBy`` for `mlg:ownedBy`."""
    here = _iri(kind, key)
    yield here, iris.TYPE, node(iris.class_of_type(kind))
    yield here, iris.IDENTIFIER, literal(str(key))
    yield here, iris.RECORDED_BY, node(_iri("source-system", "bench"))
    for name, value in facts.items():
        if value is not None:
            yield here, term(name.replace("__", ":")), value


def _group(group: int) -> Iterator[Statement]:
    """Eleven entities, about 90 statements; of ten groups one has no owners, descriptions, terms."""
    whole = group % 10 != 0

    def asset(kind: str, key: object, **facts: str | None) -> Iterator[Statement]:
        told = literal(f"The {kind} with the number {key}, made for measuring.")
        yield from _entity(
            kind,
            key,
            dct__title=literal(f"{kind} {key}"),
            dct__description=told if whole else None,
            dct__created=WHEN,
            **facts,
        )

    if group % 50 == 0:
        yield from _entity("team", group // 50, foaf__name=literal(f"Team {group // 50}"))
    if group % 5 == 0:
        name, home = literal(f"P {group // 5}"), node(_iri("team", group // 50))
        yield from _entity("person", group // 5, foaf__name=name, mlg__memberOfTeam=home)
    owner = node(_iri("person", group // 5)) if whole else None
    data, version = node(_iri("dataset", group)), node(_iri("dataset-version", group))
    release = node(_iri("model-version", group))
    terms = LICENCE if whole else None
    yield from asset("dataset", group, mlg__ownedBy=owner, dct__license=terms)
    yield from asset("dataset-version", group, mlg__versionOf=data, dct__license=terms)
    for number in range(3):
        yield from asset("feature", f"{group}-{number}", mlg__computedFrom=data)
    yield from asset("model", group, mlg__ownedBy=owner)
    yield from asset("model-version", group, mlg__versionOf=node(_iri("model", group)))
    for number in range(2):
        key = f"{group}-{number}"
        yield from _entity(
            "pipeline-run",
            key,
            mlg__usedDataset=version,
            mlg__usedFeature=node(_iri("feature", key)),
            mlg__runStatus=node(term("mlgc:run-succeeded")),
            prov__endedAtTime=WHEN,
        )
        yield from asset(
            "model-instance",
            key,
            mlg__producedBy=node(_iri("pipeline-run", key)),
            mlg__instanceOf=release,
            mlg__artefactLocation=literal(f"s3://models/{group}/{number}"),
            mlg__sha256=literal("ab" * 32),
        )


class Held:
    """Facts in memory, indexed both ways: reading a store on disk has a benchmark of its own."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.by_subject: dict[str, list[Statement]] = defaultdict(list)
        self._values: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._referring: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for subject, predicate, value in statements:
            self.by_subject[subject].append((subject, predicate, value))
            self._values[subject, predicate].append(value)
            self._referring[value].append((subject, predicate))

    def about(self, subject: str) -> list[Statement]:
        return self.by_subject.get(subject, [])

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> list[str]:
        return self._values.get((subject, predicate), [])

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        found = self._referring.get(value, ())
        return (subject for subject, link in found if predicate in (None, link))

    def holds(self, statement: Statement) -> bool:
        return statement[2] in self.objects(statement[0], statement[1])


Answer = TypeVar("Answer")


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def run(count: int) -> None:
    shapes = load_shapes()
    fast, slow = engine("shacl", shapes), engine("pyshacl", shapes)

    part = list(graph(min(PART, count)))
    fast_part, report = _timed(lambda: fast.validate(part, at=AT))
    slow_part, other = _timed(lambda: slow.validate(part, at=AT))
    same = "the same" if report.findings == other.findings else "DIFFERENT"
    print(f"a part of {len(part):,} statements, {len(report.findings):,} findings, {same} in both")
    print(f"  shacl   {fast_part:8.2f} s, {len(part) / fast_part:11,.0f} statements/s")
    print(f"  pyshacl {slow_part:8.2f} s, {len(part) / slow_part:11,.0f} statements/s")
    print(f"  ratio   {slow_part / fast_part:8.1f}")

    whole = list(graph(count))
    size = len(ntriples(whole))
    taken, report = _timed(lambda: fast.validate(whole, at=AT))
    scaled = slow_part * len(whole) / len(part)
    print(f"the whole, {len(whole):,} statements, {size / 1e6:,.0f} MB as N-Triples")
    print(f"  shacl   {taken:8.2f} s, {len(whole) / taken:11,.0f} statements/s")
    print(f"  pyshacl {scaled:8.0f} s, scaled from the part; ratio {scaled / taken:.1f}")

    facts = Held(whole)
    batch = sorted(facts.by_subject)[:BATCH]
    changed = [said for iri in batch for said in facts.by_subject[iri]]
    gc.freeze()  # in a store on disk the graph is not in this process's heap
    reach = Reach(shapes)
    reach.context(facts, reach.affected(facts, changed[:100]))  # fills its caches
    finding, _ = _timed(lambda: reach.affected(facts, changed))
    focus = frozenset(batch)
    gathering, context = _timed(lambda: reach.context(facts, focus))
    judging, _ = _timed(lambda: fast.validate(context, at=AT, focus=focus))
    print(f"a batch of {len(batch):,} entities with {len(changed):,} statements, for each entity")
    for what, seconds in (
        ("find what is affected", finding),
        ("gather its context", gathering),
        ("judge it", judging),
    ):
        print(f"  {what:22} {seconds / len(batch) * 1e6:6.1f} µs")
    print(f"  {'together':22} {(finding + gathering + judging) / len(batch) * 1e6:6.1f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--triples", type=int, default=1_000_000)
    run(parser.parse_args().triples)


if __name__ == "__main__":
    main()
