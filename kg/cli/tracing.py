"""Commands that follow dependencies: where something comes from, and what a change hits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from kg.cli import output
from kg.config import Settings
from kg.service import Service
from kg.views import Groups, PathStep, Trace, json_chunks

if TYPE_CHECKING:
    from kg.lineage.walk import Direction

_ARROWS = {"up": "↑ depends on", "down": "↓ is depended on by"}


@click.command()
@click.argument("entity")
@click.option("--up", type=click.IntRange(min=0), metavar="N", help="Steps to what it depends on.")
@click.option(
    "--down", type=click.IntRange(min=0), metavar="N", help="Steps to what depends on it."
)
@click.option("--type", "types", multiple=True, help="List entities of this type only. Repeatable.")
@click.option("--kind", "kinds", multiple=True, help="Follow this property only. Repeatable.")
@click.option(
    "--stop-at", multiple=True, help="Do not go beyond entities of this type. Repeatable."
)
@output.as_of_option
@output.json_option
@click.pass_obj
def lineage(
    settings: Settings,
    entity: str,
    up: int | None,
    down: int | None,
    types: tuple[str, ...],
    kinds: tuple[str, ...],
    stop_at: tuple[str, ...],
    as_of: str | None,
    as_data: bool,
) -> None:
    """Follow what an entity depends on and what depends on it, all the way or N steps.

    Without --up and --down: both, all the way. With one of them: that direction alone.
    """
    with Service(settings) as service:
        tracer = service.tracer(at=output.moment(service, as_of))
        ref = service.minter.resolve(entity)
        traces = {
            name: tracer.trace(
                ref, direction=name, depth=depth, types=types, kinds=kinds, stop_at=stop_at
            )
            for name, depth in _asked(up, down)
        }
        if as_data:
            _print_json(traces)
            return
        for trace in traces.values():
            _print_trace(trace)


@click.command()
@click.argument("entity")
@click.option(
    "--list/--no-list", "listing", default=True, help="List all that is hit, or count it."
)
@output.as_of_option
@output.json_option
@click.pass_obj
def impact(
    settings: Settings, entity: str, listing: bool, as_of: str | None, as_data: bool
) -> None:
    """Show everything that is hit if an entity changes, fails or goes: counted, and listed."""
    with Service(settings) as service:
        tracer = service.tracer(at=output.moment(service, as_of))
        found = tracer.impact(service.minter.resolve(entity), listing=listing)
        if as_data:
            _print_json(found)
            return
        click.echo(f"{found.trace.entity.name}: {found.trace.total} depend on it")
        output.pairs((f"  {group.label}", group.count) for group in found.by_type)
        for title, groups in (
            ("by team", found.by_team),
            ("by domain", found.by_domain),
            ("running A/B tests", found.tests),
            ("deployments, with the steps to each", found.deployments),
        ):
            _print_groups(title, groups)
        if listing:
            click.echo()
            _print_trace(found.trace)


def _asked(up: int | None, down: int | None) -> Iterator[tuple[Direction, int | None]]:
    """The directions to follow, each with how far."""
    both = up is None and down is None
    if both or up:
        yield "up", up
    if both or down:
        yield "down", down


def _print_json(value: object) -> None:
    for chunk in json_chunks(value):
        click.echo(chunk, nl=False)
    click.echo()


def _print_groups(title: str, groups: Groups) -> None:
    if not groups.total:
        return
    click.echo(f"\n{title} ({groups.total})")
    output.pairs((f"  {group.thing.name}", group.count) for group in groups.first)
    if groups.total > len(groups.first):
        click.echo(f"  and {groups.total - len(groups.first)} more")


def _print_trace(trace: Trace) -> None:
    click.echo(f"{trace.entity.name} {_ARROWS[trace.direction]} {trace.total}")
    for reached in trace.items:
        place = reached.entity.ref or reached.entity.iri
        click.echo(f"  {reached.steps}  {reached.entity.name}  {place}")
        click.echo(f"     {_path(reached.path)}")
    if trace.cycle:
        click.echo(f"  warning: it depends on itself: {_path(trace.cycle)}")


def _path(path: Iterable[PathStep]) -> str:
    return ", ".join(f"{step.property.name} {step.to.name}" for step in path)


COMMANDS = (lineage, impact)
