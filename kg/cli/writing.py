"""Commands that change the graph. A running worker does the work; without one, the command does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import click

from kg import formats
from kg.cli import output, reading
from kg.cli.asking import print_findings
from kg.cli.progress import Bar
from kg.config import Settings
from kg.errors import (
    BadEvent,
    BadInput,
    BadPayload,
    DoesNotConform,
    IncompleteList,
    SourceUnavailable,
)
from kg.ingest import ingest, parse_json
from kg.model import Event
from kg.normalise import contexts_of
from kg.pipeline import Counts
from kg.service import Service
from kg.store import EmbeddedStore, writer_is_running
from kg.sweep import sweep
from kg.views import as_json
from kg.worker import Worker

_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """Sees to it that a worker runs while the block does: the running one, or one of our own."""
    if writer_is_running(settings.data_dir):
        yield
        return
    stop = threading.Event()
    with Worker(settings) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,), name="worker")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@click.command()
@click.argument("file", type=click.File("rb"))
@output.json_option
@click.pass_obj
def publish(settings: Settings, file: IO[bytes], as_data: bool) -> None:
    """Put thin events (JSON, one on a line; - is standard input) on the bus."""
    events = list(_events(file))
    with Service(settings) as service:
        count = service.publish(events)
    if as_data:
        output.data({"published": count})
    else:
        click.echo(f"{count} events are on the bus.", err=True)


def _events(file: IO[bytes]) -> Iterator[Event]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield ingest(parse_json(line))
            except BadEvent as error:
                raise BadEvent(f"{file.name}, line {number}: {error}", line=number) from error


@click.command()
@output.json_option
@click.pass_obj
def drain(settings: Settings, as_data: bool) -> None:
    """Work until the bus is empty, print what was done, and exit."""
    with Worker(settings) as worker, Bar("draining") as bar:
        counts = worker.drain(progress=bar.left)
    _print_counts(counts, as_data=as_data)


def _print_counts(counts: Counts, *, as_data: bool) -> None:
    if as_data:
        output.data({name: getattr(counts, name) for name in Counts.__slots__})
    else:
        output.pairs((name, getattr(counts, name)) for name in Counts.__slots__)


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--full", is_flag=True, help="Hydrate all of it, whether it differs or not.")
@output.json_option
@click.pass_obj
def sync(settings: Settings, sources: tuple[str, ...], full: bool, as_data: bool) -> None:
    """List everything at the sources (default: all), hydrate what differs, and mark what is gone."""
    results: dict[str, dict[str, object]] = {}
    with working(settings), Service(settings) as service:
        names = sources or sorted(settings.sources)
        for name in names:
            service.source(name)  # an unknown one is said before any is listed
        for name in names:
            results[name] = _sync(service, name, full=full)
    failed = [name for name, result in results.items() if "error" in result]
    if as_data:
        output.data(results)
    else:
        keys = ("listed", "hydrated", "dead", "error")
        rows = [(name, *map(result.get, keys)) for name, result in results.items()]
        output.table(rows, header=("source", "listed", "hydrated", "dead letters", "error"))
    if failed:
        raise SourceUnavailable(f"Not everything could be listed: {', '.join(failed)}.")


def _sync(service: Service, name: str, *, full: bool) -> dict[str, object]:
    source = service.source(name)
    try:
        with Bar(f"{name}: listing", expected=service.inbox.source(name).listed) as bar:
            swept = sweep(
                source,
                graph=service.checkpoint(),
                contexts=contexts_of(source, service.settings),
                inbox=service.inbox,
                everything=full,
                progress=bar.counted,
            )
    except IncompleteList as error:  # what could be named is hydrated nevertheless
        return _settled(service, name) or {"error": str(error)}
    except (SourceUnavailable, BadPayload) as error:
        return {"error": str(error)}
    if stopped := _settled(service, name):
        return stopped
    row = service.inbox.source(name)
    told: dict[str, object] = {
        "listed": swept.listed,
        "hydrated": swept.told,
        "dead": row.dead,
    }
    return {**told, "error": row.last_error} if row.failing else told


def _settled(service: Service, name: str) -> dict[str, object] | None:
    """Waits until what a sweep told of is hydrated, or has to wait for its source; says what went wrong."""
    told = service.inbox.source(name).pending
    if not told:
        return None
    with Bar(f"{name}: hydrating", expected=told) as bar:
        while (row := service.inbox.source(name)).pending and not (row.failing and row.retrying):
            bar.left(row.pending)
            time.sleep(0.05)
            if not writer_is_running(service.settings.data_dir):
                return {"error": "The worker has stopped; what is left is done by the next."}
        bar.left(row.pending)
    return None


@click.command()
@_FILES
@click.option("--format", "form", help="Format of the files; default: by their extensions.")
@click.option("--by", default="command line", show_default=True, help="Who submits.")
@output.json_option
@click.pass_obj
def submit(
    settings: Settings, files: tuple[Path, ...], form: str | None, by: str, as_data: bool
) -> None:
    """Submit metadata (Turtle, JSON-LD, N-Triples, N-Quads, RDF/XML; - is standard input)."""
    documents = [(file, *reading.document(file, form=form)) for file in files]
    told: list[dict[str, object]] = []
    unusable: list[BadInput] = []
    with working(settings), Service(settings) as service:
        for file, body, known in documents:
            try:
                with reading.naming(file):
                    outcome = service.submit(body, known, by=by)
            except BadInput as error:  # it must not stop the other files
                unusable.append(error)
                told.append({"file": str(file), "state": "unusable", "error": str(error)})
                continue
            told.append({"file": str(file), **as_json(outcome)})
            if not as_data:
                click.echo(f"{file}: {outcome.state}, {len(outcome.iris)} entities")
                print_findings(outcome.findings)
                if outcome.problem:
                    click.echo(f"  {outcome.problem['detail']}")
    if as_data:
        output.data(told if len(files) > 1 else told[0])
    if unusable:
        *others, last = unusable
        for other in others:
            click.echo(f"mlg: {other}", err=True)
        raise last
    refused = sum(one["state"] == "refused" for one in told)
    if refused:
        raise DoesNotConform(f"{refused} of {len(files)} submissions were refused.")


_LOADING = 3
"""Steps: the store, the search index, the lineage index."""


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.pass_obj
def load(settings: Settings, files: tuple[Path, ...]) -> None:
    """Load a dump made by `mlg dump`, whole or in parts, into a new data folder.

    All parts are loaded, or none.
    """
    parts = {file: formats.of_file(str(file)).rdf for file in files}
    with Bar("loading", expected=_LOADING) as bar:
        with closing(EmbeddedStore(settings.data_dir, base=settings.base)) as store:
            store.load(parts)
            bar.counted(1)
        with Worker(settings, sources={}, fresh_index=True) as worker:  # it builds the search index
            bar.counted(2)
            worker.writer.rebuild_lineage()
            worker.publish()
            bar.counted(_LOADING)
    with Service(settings) as service:
        click.echo(f"{service.status().entities} entities loaded.", err=True)


@click.command()
@click.argument(
    "what", type=click.Choice(["search", "lineage", "links", "derived"]), metavar="WHAT"
)
@click.pass_obj
def rebuild(settings: Settings, what: str) -> None:
    """Build the search index, the lineage index, the links, or the derived facts again.

    WHAT is search, lineage, links (after the identity rules have changed) or derived (a worker that
    starts after the axioms have changed does so by itself). Stop the worker first.
    """
    if what == "derived":
        with Worker(settings, sources={}, derives_again=False) as worker, Bar("deriving") as bar:
            moved = worker.rebuild_derived(progress=bar.counted)
        click.echo(f"{moved} statements came or went.", err=True)
        return
    if what == "links":
        with Worker(settings, sources={}) as worker:
            moved = worker.rebuild_links()
        click.echo(f"{moved} statements came or went.", err=True)
        return
    if what == "lineage":
        with Worker(settings, sources={}) as worker:
            edges = worker.writer.rebuild_lineage()
        click.echo(f"The lineage index holds {edges} dependencies.", err=True)
        return
    with Worker(settings, sources={}, fresh_index=True) as worker:
        entities = worker.writer.rebuild_index()
    click.echo(f"The {what} index holds {entities} entities.", err=True)


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@output.json_option
@click.pass_obj
def replay(settings: Settings, sources: tuple[str, ...], as_data: bool) -> None:
    """Try dead letters and waiting events again now: of some sources, or of all.

    Without a source also the dead messages of the broker that events.url names. A webhook's notice
    that could not be used stays: what it told of is found by a sweep.
    """
    with Service(settings) as service:
        found = {} if sources else {"events.url": service.replay_events()}
        found |= {name: service.replay(name) for name in sources or sorted(settings.sources)}
    if as_data:
        output.data(found)
    else:
        output.table(list(found.items()), header=("source", "tried again"))


COMMANDS = (publish, drain, sync, replay, submit, load, rebuild)
