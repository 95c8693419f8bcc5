"""The command that shows pairs of entities that may be one thing, and takes what people decide."""

from __future__ import annotations

from typing import cast

import click

from kg.cli import output
from kg.cli.writing import working
from kg.config import Settings
from kg.errors import DoesNotConform, SystemFailure
from kg.resolve import CHOICES, Choice, Decision
from kg.service import Service
from kg.views import ReviewPage, ReviewState, Said, as_json


@click.command()
@click.argument("action", type=click.Choice(["list", *CHOICES]), default="list", metavar="[ACTION]")
@click.argument("entities", nargs=-1, metavar="[ENTITY ENTITY]")
@click.option("--decided", is_flag=True, help="List what is decided, by whom and when.")
@click.option("--offset", default=0, show_default=True, help="Pairs to leave out of the list.")
@click.option("--limit", default=50, show_default=True, help="Pairs to list at most.")
@click.option("--by", default="command line", show_default=True, help="Who decides.")
@output.json_option
@click.pass_obj
def review(
    settings: Settings,
    action: str,
    entities: tuple[str, ...],
    decided: bool,
    offset: int,
    limit: int,
    by: str,
    as_data: bool,
) -> None:
    """List pairs that may be one thing; accept or reject one, or undo that.

    ACTION is list (the default), accept, reject or undo; all but list take the two entities.
    Each pair is listed with what speaks for and against it now, decided or not.
    """
    if action == "list":
        if entities:
            raise click.UsageError("`mlg review list` takes no entities.")
        with Service(settings) as service:
            state: ReviewState = "decided" if decided else "open"
            page = service.review(state=state, offset=offset, limit=limit)
        if as_data:
            output.data(page)
        else:
            _print(page)
        return
    if len(entities) != 2:
        raise click.UsageError(f"`mlg review {action}` takes two entities.")
    one, other = map(settings.minter.resolve, entities)
    decision = Decision(one=one, other=other, choice=cast("Choice", action))
    with working(settings), Service(settings) as service:
        outcome = service.decide(decision, by=by)
    if as_data:
        output.data(outcome)
    if outcome.state == "pending":
        raise SystemFailure(f"Request {outcome.id} is kept and will be decided by the worker.")
    if outcome.problem:
        raise DoesNotConform(outcome.problem["detail"])
    if not as_data:
        click.echo(f"{action}: {one} and {other}")


def _print(page: ReviewPage) -> None:
    for pair in page.pairs:
        click.echo(f"{pair.one.ref or pair.one.iri}  {pair.other.ref or pair.other.iri}")
        if pair.decision:
            when = as_json(pair.at) or "unknown"
            click.echo(f"  {pair.decision} by {pair.by or 'unknown'}, {when}")
            if not pair.evidence:
                click.echo("  no evidence is on record")
        for evidence in pair.evidence:
            _print_facts(evidence.rule.name, evidence.facts)
        if pair.against:
            _print_facts("against", pair.against)
    click.echo(f"{len(page.pairs)} of {page.total} pairs, {page.state}", err=True)


def _print_facts(why: str, facts: tuple[Said, ...]) -> None:
    click.echo(f"  {why}:")
    for fact in facts:
        subject = fact.subject.ref or fact.subject.iri
        click.echo(f"    {subject} {fact.property.name} {fact.value.text}")


COMMANDS = (review,)
