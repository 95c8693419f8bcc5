"""Commands that tell what changed: an entity's history, and the difference of two moments."""

from __future__ import annotations

import click

from kg.cli import output
from kg.config import Settings
from kg.service import Service
from kg.views import DifferenceView, HistoryPage, Said


@click.command()
@click.argument("entity")
@click.option("--offset", default=0, show_default=True, help="Changes to leave out, the newest.")
@click.option("--limit", default=50, show_default=True, help="Changes to list at most.")
@output.json_option
@click.pass_obj
def history(settings: Settings, entity: str, offset: int, limit: int, as_data: bool) -> None:
    """Tell what changed of an entity, who changed it, when and why, the newest change first."""
    with Service(settings) as service:
        found = service.past.history(service.minter.resolve(entity), offset=offset, limit=limit)
    if as_data:
        output.data(found)
    else:
        _print_history(found)


def _print_history(found: HistoryPage) -> None:
    click.echo(f"{found.name}  ({found.total} changes)")
    click.echo(found.iri)
    for revision in found.revisions:
        why = f", because of {revision.event}" if revision.event else ""
        first = ", first known" if revision.creates else ""
        click.echo(f"\n{revision.at.isoformat()}  {revision.who}{first}{why}")
        for sentence in revision.words:
            click.echo(f"  {sentence}")


@click.command()
@click.argument("earlier", metavar="T1")
@click.argument("later", metavar="T2")
@click.argument("entity", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "patch"]),
    default="text",
    show_default=True,
    help="patch is an RDF patch: A and D lines.",
)
@click.pass_obj
def diff(settings: Settings, earlier: str, later: str, entity: str | None, form: str) -> None:
    """Tell what came and went between two moments, of an entity or of the whole graph."""
    with Service(settings) as service:
        first, last = service.past.moment(earlier), service.past.moment(later)
        ref = service.minter.resolve(entity) if entity else None
        found = service.past.difference(first, last, of=ref)
        if form == "patch":
            click.echo(found.patch(), nl=False)
            return
        told = service.past.told(first, last, found)
    if form == "json":
        output.data(told)
    else:
        _print_difference(told)


def _print_difference(told: DifferenceView) -> None:
    for sign, side in (("-", told.retracted), ("+", told.asserted)):
        for said in side:
            click.echo(f"{sign} {_words(said)}")
    shown = len(told.retracted) + len(told.asserted)
    total = told.retracted_total + told.asserted_total
    more = f"; the first {shown} are shown, --format patch has all" if shown < total else ""
    click.echo(f"{total} statements differ{more}.", err=True)


def _words(said: Said) -> str:
    subject = said.subject.ref or said.subject.iri
    return f"{subject}  {said.property.name}  {said.value.text}"


COMMANDS = (history, diff)
