"""Commands that only read: queries, entities, validation, settings and state."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import click

from kg import formats
from kg.cli import output, reading
from kg.config import SETTINGS, Settings
from kg.errors import BadQuery, DoesNotConform
from kg.model import Finding, Report
from kg.openlineage import OPENLINEAGE_FILE, record_name
from kg.questions import Question
from kg.service import Service
from kg.validate import ENGINES, load_shapes, render
from kg.views import EntityView, as_json

_RESULTS = {"json": "json", "xml": "xml", "csv": "csv", "tsv": "tsv"}
_GRAPHS = ("turtle", "nt", "jsonld", "rdf")


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *_RESULTS, *_GRAPHS]),
    help="Default: table for SELECT and ASK, turtle for CONSTRUCT and DESCRIBE.",
)
@click.option("--timeout", type=click.FloatRange(min=0.01), help="Seconds, up to the limit.")
@output.as_of_option
@click.pass_obj
def query(
    settings: Settings,
    file: IO[bytes],
    form: str | None,
    timeout: float | None,
    as_of: str | None,
) -> None:
    """Run a SPARQL query (- is standard input)."""
    try:
        text = file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadQuery(
            f"{file.name} is not UTF-8: {error.reason} at byte {error.start}."
        ) from error
    with Service(settings) as service:
        _print_answer(service, text, form=form, as_of=as_of, timeout=timeout)


@click.command()
@click.argument("question", required=False)
@click.option(
    "--with", "given", multiple=True, metavar="NAME=VALUE", help="A value that it lets one choose."
)
@click.option("--format", "form", type=click.Choice(["table", *_RESULTS]), default="table")
@output.as_of_option
@click.pass_obj
def ask(
    settings: Settings, question: str | None, given: tuple[str, ...], form: str, as_of: str | None
) -> None:
    """Ask one of the questions that come with the ontology; without a name, list them."""
    with Service(settings) as service:
        if question is None:
            _print_questions(service.questions())
            return
        asked = service.question(question)
        for pair in given:
            if "=" not in pair:
                raise click.UsageError(f"--with {pair!r} is not NAME=VALUE.")
        values = dict(pair.split("=", 1) for pair in given)
        moment = output.moment(service, as_of) or settings.clock()
        text = asked.asked(values, now=moment)
        _print_answer(service, text, form=form, as_of=as_of)


def _print_questions(questions: Iterable[Question]) -> None:
    for question in questions:
        choices = "".join(f" --with {c.name}={shlex.quote(c.value)}" for c in question.choices)
        click.echo(f"{question.name}{choices}\n    {question.label}")


def _print_answer(
    service: Service,
    text: str,
    *,
    form: str | None,
    as_of: str | None,
    timeout: float | None = None,
) -> None:
    kind = service.answers.check(text).form
    if kind in ("construct", "describe"):
        form = form or "turtle"
        if form not in _GRAPHS:
            raise click.UsageError(f"{kind.upper()} gives a graph; use one of {_GRAPHS}.")
    else:
        form = form or "table"
        if form in _GRAPHS:
            raise click.UsageError(f"{kind.upper()} gives a table, which {form} cannot hold.")
    asked = "json" if form == "table" else form
    at = output.moment(service, as_of)
    answer = service.past.answer(text, at=at, format=asked, timeout=timeout)
    if form == "table":
        _print_results(json.loads(b"".join(answer.iter_chunks())))
    else:
        for chunk in answer.iter_chunks():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _print_results(results: dict[str, Any]) -> None:
    if "boolean" in results:
        click.echo("yes" if results["boolean"] else "no")
        return
    header = results["head"]["vars"]
    rows = [
        [row.get(name, {}).get("value") for name in header]
        for row in results["results"]["bindings"]
    ]
    output.table(rows, header=header)
    click.echo(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}", err=True)


@click.command()
@click.argument("entity")
@output.as_of_option
@output.json_option
@click.pass_obj
def show(settings: Settings, entity: str, as_of: str | None, as_data: bool) -> None:
    """Show an entity: an IRI, aip://type/source/key or type/source/key."""
    with Service(settings) as service:
        at = output.moment(service, as_of)
        view = service.entity(service.minter.resolve(entity), at=at)
    if as_data:
        output.data(view)
    else:
        _print_entity(view)


def _print_entity(view: EntityView) -> None:
    click.echo(f"{view.name}  ({view.type.name}, {view.state})")
    click.echo(view.iri)
    if view.description:
        click.echo(view.description)
    click.echo()
    output.pairs(
        (fact.property.name, ", ".join(value.text for value in fact.values)) for fact in view.facts
    )
    for relation in view.relations:
        arrow = "→" if relation.direction == "out" else "←"
        inferred = ", inferred" if relation.derived else ""
        click.echo(f"\n{arrow} {relation.property.name} ({relation.total}{inferred})")
        for item in relation.items:
            click.echo(f"  {item.name}  {item.ref or item.iri}")
    print_findings(view.findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Findings as indented lines, with what to do."""
    for finding in findings:
        click.echo(f"  {finding.severity}: {finding.message}")
        if finding.remedy:
            click.echo(f"    {finding.remedy}")


@click.command()
@click.argument("files", nargs=-1, type=reading.file_type)
@click.option(
    "--input-format", "input_form", help="Format of the files; default: by their extensions."
)
@click.option("--engine", type=click.Choice(list(ENGINES)), default="shacl", show_default=True)
@output.as_of_option
@click.option(
    "--rules",
    type=click.Choice(["then", "now"]),
    default="then",
    show_default=True,
    help="Of which day the rules are, with --as-of: would it have complied by today's?",
)
@click.option(
    "--format", "form", type=click.Choice(list(render.FORMATS)), default="text", show_default=True
)
@click.pass_obj
def validate(
    settings: Settings,
    files: tuple[Path, ...],
    input_form: str | None,
    engine: str,
    as_of: str | None,
    rules: str,
    form: str,
) -> None:
    """Validate files (- is standard input), or without files the graph, against the core shapes."""
    if as_of is not None and files:
        raise click.UsageError("--as-of is about the graph; leave the files out.")
    known = load_shapes().rules
    with Service(settings) as service:
        if (at := output.moment(service, as_of)) is not None:
            report, known = service.past.validate(at, engine=engine, todays_rules=rules == "now")
            reports = [report]
        elif not files:
            reports = [service.validate_graph(engine=engine)]
        else:
            reports = [_judged(service, file, input_form, engine=engine) for file in files]
    report = Report(findings=tuple(f for r in reports for f in r.findings), engine=engine)
    click.echo(render.render(report, form, rules=known), nl=False)
    if not report.acceptable:
        raise DoesNotConform(f"{report.count('violation')} violations.")


def _judged(service: Service, file: Path, form: str | None, *, engine: str) -> Report:
    body, known = reading.document(file, form=form)
    with reading.naming(file):
        return service.validate(body, known, engine=engine)


@click.command()
@output.json_option
@click.pass_obj
def sources(settings: Settings, as_data: bool) -> None:
    """List the configured sources and how each does."""
    with Service(settings) as service:
        found = service.sources()
    if as_data:
        output.data(found)
        return
    header = ("source", "kind", "state", "entities", "complete", "lag p50", "lag p95", "healed",
              "refused", "pending", "retrying", "dead", "last event", "last sweep", "last error")  # fmt: skip
    rows = [
        (s.name, s.kind, s.state, s.entities, _percent(s.completeness), _seconds(s.lag_p50),
         _seconds(s.lag_p95), s.healed, s.refused, s.pending, s.retrying, s.dead, s.last_event,
         s.last_sweep, s.last_error)
        for s in found
    ]  # fmt: skip
    output.table(rows, header=header)


def _percent(part: float | None) -> str | None:
    return None if part is None else f"{int(part * 1000) / 10:g} %"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.1f} s"


@click.command()
@click.argument("source", required=False)
@output.json_option
@click.pass_obj
def dead(settings: Settings, source: str | None, as_data: bool) -> None:
    """List the dead letters: entities and messages that could not be used, and why."""
    with Service(settings) as service:
        found = service.dead_letters(source)
    if as_data:
        output.data(found)
    else:
        rows = [(letter.ref or letter.place, letter.error) for letter in found]
        output.table(rows, header=("entity", "why"))


@click.command()
@output.json_option
@click.pass_obj
def status(settings: Settings, as_data: bool) -> None:
    """Say how the installation does. Exit code 3 when it is not ready."""
    with Service(settings) as service:
        found = service.status()
    if as_data:
        output.data(found)
    else:
        output.pairs((name, value) for name, value in as_json(found).items())
    if not found.ready:
        click.get_current_context().exit(3)


@click.command("config")
@output.json_option
@click.pass_obj
def config_command(settings: Settings, as_data: bool) -> None:
    """List all settings, their values, and the variables that set them."""
    if as_data:
        output.data({"settings": dict(settings.values), "sources": _sources(settings)})
        return
    rows = [(s.name, settings.values[s.name], s.variable, s.help) for s in SETTINGS]
    output.table(rows, header=("setting", "value", "variable", "what it is"))
    for name, source in _sources(settings).items():
        click.echo(f"[sources.{name}] kind = {source['kind']!r}")


def _sources(settings: Settings) -> dict[str, dict[str, str]]:
    """The sources without their options, some of which are secrets."""
    return {name: {"kind": table.kind} for name, table in sorted(settings.sources.items())}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def dump(settings: Settings, file: Path) -> None:
    """Write the whole graph with its history to a file (.nq, .trig); `mlg load` reads it."""
    form = formats.of_file(str(file))
    if not form.rdf.supports_datasets:
        raise click.UsageError(f"{form.name} cannot hold named graphs; use .nq or .trig.")
    building = file.with_name(file.name + ".part")
    with Service(settings) as service:
        checkpoint = service.checkpoint()
        checkpoint.store.dump(str(building), form.rdf)
        shutil.move(building, file)
    click.echo(f"{len(checkpoint)} statements and their history are in {file}.", err=True)
    if (record := record_name(settings)) is not None:
        where = settings.data_dir / OPENLINEAGE_FILE
        click.echo(f"The record of source {record!r} is not in it: copy {where}, too.", err=True)


COMMANDS = (query, ask, show, validate, sources, dead, status, config_command, dump)
