"""Lineage and impact on a whole company's graph: the index against SPARQL's property path.

    python -m tests.benchmarks.lineage [--entities 1000000] [--rounds 30]

Each entity has about 20 statements and depends on two earlier ones, so the first reach most of the
graph, as a company's main event stream does. The peer asks the same question of the same store.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import ParamSpec, TypeVar

import pyoxigraph as ox

from kg import iris
from kg.iris import EntityRef, Minter, term
from kg.lineage import (
    Lineage,
    LineageIndex,
    LineageReader,
    Tracer,
    by_type,
    impact,
    read_kinds,
    walk,
)
from kg.model import Change
from kg.store import Checkpoint, EmbeddedStore
from kg.terms import Quad, Statement, literal, node, ntriples
from kg.views import json_chunks
from kg.vocabulary import Vocabulary

BASE = "http://localhost:8080"
MINTER = Minter(BASE)
VOCABULARY = Vocabulary()
KINDS = read_kinds(VOCABULARY.statements)
CHAIN = (
    ("dataset", "mlg:computedFrom"),
    ("feature", "mlg:computedFrom"),
    ("pipeline-run", "mlg:usedDataset"),
    ("model-instance", "mlg:trainedOn"),
    ("deployment", "mlg:servesWithFeature"),
)
"""The entity types in turn, and how each depends on what it depends on."""
Given = ParamSpec("Given")
Found = TypeVar("Found")
TEAMS, DOMAINS, TESTS = 200, 20, 500
COMMITS = 50


def iri(number: int) -> str:
    return MINTER.mint(ref(number))


def ref(number: int) -> EntityRef:
    return EntityRef(CHAIN[number % len(CHAIN)][0], "bench", f"{number:07}")


def graph(count: int) -> Iterator[Statement]:
    """The statements, those that follow included."""
    chance = random.Random(1)
    for number in range(count):
        here, (kind, link) = iri(number), CHAIN[number % len(CHAIN)]
        yield here, iris.TYPE, node(iris.class_of_type(kind))
        yield here, iris.TITLE, literal(f"{kind} {number}")
        yield (
            here,
            iris.DESCRIPTION,
            literal(f"The {kind} with the number {number}, for measuring."),
        )
        yield here, iris.IDENTIFIER, literal(f"{number:07}")
        yield here, iris.RECORDED_BY, node(MINTER.mint(iris.source_system("bench")))
        team = MINTER.mint(EntityRef("team", "bench", f"t{number % TEAMS}"))
        domain = MINTER.mint(EntityRef("business-domain", "bench", f"d{number % DOMAINS}"))
        yield here, iris.OWNED_BY, node(team)
        yield here, iris.ACCOUNTABLE_TEAM, node(team)
        yield here, iris.IN_DOMAIN, node(domain)
        for tag in range(8):
            yield here, iris.KEYWORD, literal(f"tag {chance.randrange(1000)} {tag}")
        if kind == "model-instance":
            test = MINTER.mint(EntityRef("experiment", "bench", f"x{number % TESTS}"))
            yield here, iris.ASSOCIATED_WITH_TEST, node(test)
        for end in {chance.randrange(number), chance.randrange(number)} if number else ():
            yield here, term(link), node(iri(end))
            yield here, iris.DEPENDS_ON, node(iri(end))
    for number in range(TESTS):
        test = MINTER.mint(EntityRef("experiment", "bench", f"x{number}"))
        if number % 2:
            yield test, iris.EXPERIMENT_STATUS, node(iris.EXPERIMENT_RUNNING)


def write(file: Path, count: int) -> None:
    with file.open("w", encoding="utf-8") as out:
        batch: list[Statement] = []
        for statement in graph(count):
            batch.append(statement)
            if len(batch) == 100_000:
                out.write(ntriples(batch) + "\n")
                batch.clear()
        out.write(ntriples(batch) + "\n")


def timed(
    act: Callable[Given, Found], *given: Given.args, **named: Given.kwargs
) -> tuple[float, Found]:
    start = time.perf_counter()
    answer = act(*given, **named)
    return time.perf_counter() - start, answer


def spread(times: list[float]) -> str:
    times = sorted(times)
    p50, p95 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.95))]
    return f"p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms"


def resident() -> float:
    """Private memory of this process, in MB: mapped files are everybody's."""
    found = Path("/proc/self/smaps_rollup").read_text("utf-8").splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in found[1:]}
    return (sizes["Private_Clean:"] + sizes["Private_Dirty:"]) / 1024


def by_sparql(checkpoint: Checkpoint, start: str) -> dict[str, int]:
    """The peer: the same closure, counted by type."""
    found = checkpoint.store.query(
        f"SELECT ?type (COUNT(*) AS ?n) {{ {{ SELECT DISTINCT ?x {{ ?x <{iris.DEPENDS_ON}>+ "
        f"<{start}> }} }} ?x a ?type }} GROUP BY ?type"
    )
    assert isinstance(found, ox.QuerySolutions)
    rows = ((row["type"], row["n"]) for row in found)
    return {
        iris.type_of_class(kind.value): int(count.value)
        for kind, count in rows
        if isinstance(kind, ox.NamedNode) and isinstance(count, ox.Literal)
    }


def closures(lineage: Lineage, checkpoint: Checkpoint, *, rounds: int) -> None:
    starts = [number for number in range(40) if lineage.names.number(iri(number)) is not None]
    sizes = {n: len(impact(lineage, _number(lineage, n)).walk) for n in starts}
    widest = [n for n in sizes if sizes[n] >= len(lineage) // 2] or [
        max(sizes, key=lambda n: sizes[n])
    ]
    for what, act in (("type", _by_type), ("type, team, domain, test", impact)):
        times = [timed(act, lineage, _number(lineage, n))[0] for n in (widest * rounds)[:rounds]]
        print(f"downstream of {len(widest)} entities, {min(sizes[n] for n in widest):,} and more, "
              f"counted by {what}: {spread(times)}")  # fmt: skip
    start = widest[0]
    took, counts = timed(lambda: _by_type(lineage, _number(lineage, start)))
    peer, told = timed(lambda: by_sparql(checkpoint, iri(start)))
    assert counts == told, (counts, told)
    print(f"the same by SPARQL ({sizes[start]:,} entities, by type only, equal): {peer:.1f} s, "
          f"{peer / took:,.0f} times slower")  # fmt: skip


def _by_type(lineage: Lineage, start: int) -> dict[str, int]:
    return by_type(walk(lineage, start, direction="down"))


def _number(lineage: Lineage, number: int) -> int:
    found = lineage.names.number(iri(number))
    assert found is not None
    return found


def hops(tracer: Tracer, count: int, *, rounds: int) -> None:
    chance = random.Random(2)
    sizes, times = [], []
    for _ in range(rounds * 10):
        number = chance.randrange(count // 100, count)
        took, items = timed(_three_steps, tracer, ref(number))
        times.append(took)
        sizes.append(len(items))
    sizes.sort()
    print(f"three steps down, with names and paths, {sizes[len(sizes) // 2]} entities "
          f"(largest {sizes[-1]}): {spread(times)}")  # fmt: skip


def _three_steps(tracer: Tracer, start: EntityRef) -> list[object]:
    return list(tracer.trace(start, direction="down", depth=3).items)


def listing(tracer: Tracer, start: EntityRef) -> None:
    took, size = timed(lambda: sum(map(len, json_chunks(tracer.impact(start)))))
    total = tracer.impact(start).trace.total
    print(f"the exact list as JSON, with names and paths: {total:,} entities, {size >> 20} MB, "
          f"{total / took:,.0f}/s")  # fmt: skip


def keeping(index: LineageIndex, store: EmbeddedStore, reader: LineageReader, count: int) -> None:
    """What a commit of 100 new entities costs the writer, and the next question the reader."""
    noted, read = [], []
    for commit in range(COMMITS):
        quads: list[Quad] = []
        for number in range(count + commit * 100, count + commit * 100 + 100):
            link = CHAIN[number % len(CHAIN)][1]
            end = node(iri(number // 2))
            quads += [(iri(number), name, end, "") for name in (term(link), iris.DEPENDS_ON)]
        version = store.apply(Change.of(added=quads))
        noted.append(timed(_note, index, Change.of(added=quads), version)[0])
        read.append(timed(reader.at, version)[0])
    print(f"a commit of 100 entities: noted and published {spread(noted)}; opened by a reader "
          f"{spread(read)}")  # fmt: skip
    took, _ = timed(index.merge)
    print(f"log merged into the arrays: {took:.2f} s")


def _note(index: LineageIndex, change: Change, version: int) -> None:
    index.note(change)
    index.commit(version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlg-bench-") as name:
        measure(Path(name), count=arguments.entities, rounds=arguments.rounds)
    print(json.dumps({"load": os.getloadavg()}))


def measure(folder: Path, *, count: int, rounds: int) -> None:
    write(folder / "graph.nt", count)
    with closing(EmbeddedStore(folder, base=BASE)) as store:
        took, _ = timed(lambda: store.load({folder / "graph.nt": ox.RdfFormat.N_TRIPLES}))
        (folder / "graph.nt").unlink()
        store.apply(Change())
        print(f"{count:,} entities loaded in {took:.0f} s", flush=True)
        index = LineageIndex(folder / "lineage", kinds=KINDS, minter=MINTER)
        took, built = timed(lambda: index.rebuild(store, version=store.version))
        size = sum(file.stat().st_size for file in (folder / "lineage").glob("*/*"))
        print(f"index of {len(built):,} nodes and {built.edges:,} dependencies: built in "
              f"{took:.1f} s, {size >> 20} MB", flush=True)  # fmt: skip
        del built
        reader = LineageReader(folder / "lineage", kinds=KINDS, minter=MINTER)
        checkpoint = Checkpoint(store.publish())
        before = resident()
        took, lineage = timed(lambda: reader.at(checkpoint.version))
        print(f"opened in {took * 1000:.1f} ms", flush=True)
        closures(lineage, checkpoint, rounds=rounds)
        print(f"private memory that the index and its questions take: {resident() - before:.0f} MB")
        tracer = Tracer(lineage=lineage, facts=checkpoint, vocabulary=VOCABULARY)
        hops(tracer, count, rounds=rounds)
        listing(tracer, ref(0))
        keeping(index, store, reader, count)
        checkpoint.close()


if __name__ == "__main__":
    main()
