"""What a change costs inference, against deriving everything: ``python -m tests.benchmarks.inference``.

    python -m tests.benchmarks.inference [--entities 100000] [--rounds 20] [--again]

A graph of the company that the other benchmarks use, with all that follows by the ontology's axioms.
Then batches of 100 entities, of every type but people, each changed in one relation: another run, other
inputs, another model, domain or owner. Printed is the time to derive what follows from a batch (and
what that is with the drafts read and laid over the graph first), and as peers, over the same graph:
deriving everything by our own rules, from nothing, and with ``--again`` (as long once more) where it
compares all and finds nothing to write; and the pairs of every rule by one SPARQL query each,
counted and not even compared or explained.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pyoxigraph import QuerySolutions, RdfFormat

from kg.commit import propose
from kg.draft import Draft
from kg.infer import Rules, derive_again, enrich, read_rules
from kg.model import Entity, Proposal
from kg.normalise import Contexts, contexts_of, normalise
from kg.sources.memory import MemorySource
from kg.store import EmbeddedStore, open_checkpoint
from kg.terms import ntriples
from kg.vocabulary import Vocabulary
from tests.benchmarks import processes, universe

BATCH = 100
WANTED = 100
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def run(count: int, *, rounds: int, again: bool) -> None:
    rules = read_rules(Vocabulary().statements)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = universe.settings(folder)
        contexts = contexts_of(MemorySource("bench"), settings)
        with closing(EmbeddedStore(folder, base=settings.base)) as store:
            _fill(store, folder / "stated.nq", _entities(universe.payloads(count), contexts))
            everything, drafts = _timed(lambda: _derive(store, rules))
            print(
                f"{count:,} entities, derived from nothing in {everything:.1f} s, {drafts} drafts"
            )
            store.tidy()
            if again:
                everything, drafts = _timed(lambda: _derive(store, rules))
                print(f"everything again: {everything:.2f} s, {drafts} drafts to write")
            asked, pairs = _timed(lambda: _by_sparql(store, rules))
            print(f"the pairs of each rule by SPARQL: {asked:.2f} s, {pairs:,} pairs")
            alone, whole, moved = _batches(store, rules, count, contexts, rounds=rounds)
    print(
        f"a batch of {BATCH} changed entities: {_shown(alone)}; {_shown(whole)} with its draft; ",
        end="",
    )
    print(f"{statistics.mean(moved):.0f} derived statements moved")
    least = min(everything, asked)
    ratio = least / statistics.median(alone)
    print(f"ratio to deriving everything {everything / statistics.median(alone):,.0f}, ", end="")
    print(f"to SPARQL {asked / statistics.median(alone):,.0f}")
    print(f"  wanted {WANTED}, against the faster: {'ok' if ratio >= WANTED else 'MISSED'}")
    print(f"machine: {processes.load()}")


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _shown(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered) * 1000:.1f} ms, worst {ordered[-1] * 1000:.1f} ms"


def _entities(payloads: Iterable[dict[str, Any]], contexts: Contexts) -> Iterator[Entity]:
    """The payloads as the pipeline makes entities of them, some at a time."""
    given = iter(payloads)
    while some := list(islice(given, 5_000)):
        source = MemorySource("bench")
        for payload in some:
            source.put(payload)
        snapshots = [source.fetch(ref) for ref in source.list()]
        yield from normalise(snapshots, contexts=contexts).entities


def _fill(store: EmbeddedStore, file: Path, entities: Iterable[Entity]) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for entity in entities:
            lines.write(ntriples(entity.statements) + "\n")
    store.load({file: RdfFormat.N_QUADS})
    file.unlink()


def _derive(store: EmbeddedStore, rules: Rules) -> int:
    """How many drafts had something to write; what history keeps of them is not part of this."""
    written = 0
    for draft in derive_again(store, rules, now=lambda: AT, everything=True):
        if change := draft.change():
            store.apply(change)
            written += 1
    return written


def _by_sparql(store: EmbeddedStore, rules: Rules) -> int:
    """All that one pass over the rules gives, by the engine itself."""
    found = 0
    with open_checkpoint(store.publish().parent) as checkpoint:
        for name in rules.properties:
            for rule in rules.of(name):
                path = "/".join(f"{'^' * s.inverse}<{s.predicate}>" for s in rule.path)
                rows = checkpoint.store.query(f"SELECT ?s ?o {{ ?s {path} ?o }}")
                assert isinstance(rows, QuerySolutions)
                found += sum(1 for _ in rows)
    return found


def _batches(
    store: EmbeddedStore, rules: Rules, count: int, contexts: Contexts, *, rounds: int
) -> tuple[list[float], list[float], list[int]]:
    alone, whole, moved = [], [], []
    chance = random.Random(7)
    for _ in range(rounds):
        changed = list(_entities(_changed(count, chance), contexts))
        start = time.perf_counter()
        draft = Draft(store)
        for entity in changed:
            propose(draft, Proposal(entity=entity, layer="source"), at=AT)
        before = time.perf_counter()
        enrich(draft, rules, at=AT)
        end = time.perf_counter()
        alone.append(end - before)
        whole.append(end - start)
        said = (*draft.asserted.items(), *draft.retracted.items())
        moved.append(sum(len(s) for (_, layer), s in said if layer == "derived"))
        store.apply(draft.change())
    return alone, whole, moved


def _changed(count: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Entities from anywhere in the company, each with one relation changed."""
    groups = (count - universe.OWNERS - 5) // 20
    for number in chance.sample(range(groups), min(groups, BATCH)):
        payload = chance.choice(list(universe.group(number)))
        near = (number + 1) % groups
        other: dict[str, Any] = {
            "model": {"domain": universe.DOMAINS[(number + 1) % len(universe.DOMAINS)]},
            "model-version": {"model_id": f"m{near}"},
            "model-instance": {"pipeline_run_id": f"r{near}-0"},
            "pipeline-run": {"input_dataset_version_ids": [f"d{near}-3/1"]},
            "feature": {"source_dataset_ids": [f"d{near}-0"]},
        }
        owner = {"owner_emails": [f"person{near % universe.OWNERS}@example.com"]}
        yield payload | other.get(payload["type"], owner)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--again", action="store_true", help="derive everything a second time too")
    given = parser.parse_args()
    run(given.entities, rounds=given.rounds, again=given.again)


if __name__ == "__main__":
    main()
