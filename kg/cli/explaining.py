"""The command that says why a fact is in the graph."""

from __future__ import annotations

from collections.abc import Iterator

import click

from kg.cli import output
from kg.config import Settings
from kg.service import Service
from kg.views import Explanation, Named, Said, Statedness, Way, as_json


@click.command()
@click.argument("subject")
@click.argument("predicate")
@click.argument("value", metavar="OBJECT")
@output.json_option
@click.pass_obj
def why(settings: Settings, subject: str, predicate: str, value: str, as_data: bool) -> None:
    """Say why a fact holds: who states it, or from which facts it follows by which rule.

    PREDICATE is a name of the ontology (associatedWithTest), a compact name (dct:title) or an IRI;
    OBJECT is an entity, an IRI, or the text of a literal.
    """
    with Service(settings) as service:
        found = service.why(subject, predicate, value)
    if as_data:
        output.data(found)
        return
    for line in _lines(found):
        click.echo(line)


def _lines(explained: Explanation, indent: str = "") -> Iterator[str]:
    fact = indent + _words(explained.fact)
    if explained.again or explained.cut:
        yield f"{fact}  ({'explained above' if explained.again else 'not explained here'})"
        return
    yield fact
    for stated in explained.stated:
        yield f"{indent}  {_told(stated)}"
    for number, way in enumerate(explained.ways, start=1):
        count = f"{number} of {explained.paths}: " if explained.paths > 1 else ""
        yield f"{indent}  inferred, {count}{way.rule.name}{_since(way)}"
        if way.axiom:
            yield f"{indent}  by {way.axiom}"
        for step in way.steps:
            yield from _lines(step, indent + "    ")
    for way in explained.agreed:
        yield f"{indent}  for one thing, {way.rule.name}"
        for step in way.steps:
            yield from _lines(step, indent + "    ")
    if explained.against:
        yield f"{indent}  against one thing"
        for step in explained.against:
            yield from _lines(step, indent + "    ")


def _words(said: Said) -> str:
    value = _name(said.target) if said.target else said.value.text
    return f"{_name(said.subject)}  {said.property.name}  {value}"


def _name(named: Named) -> str:
    return str(named.ref) if named.ref else named.name


def _told(stated: Statedness) -> str:
    who = stated.source.name if stated.source else stated.by or "unknown"
    at = f", {as_json(stated.recorded_at)}" if stated.recorded_at else ""
    event = f", by {stated.caused_by}" if stated.caused_by else ""
    return f"stated by {stated.layer} {who}{at}{event}, {stated.revision or 'no revision'}"


def _since(way: Way) -> str:
    if way.first is None:
        return ""
    again = "" if way.confirmed == way.first else f", confirmed {as_json(way.confirmed)}"
    return f", since {as_json(way.first)}{again}"


COMMANDS = (why,)
