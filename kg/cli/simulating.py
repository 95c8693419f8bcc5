"""The command that says what a change would break, before anybody makes it."""

from __future__ import annotations

from typing import IO, Final

import click

from kg import formats
from kg.config import Settings
from kg.errors import DoesNotConform
from kg.service import Service
from kg.simulate.render import FORMATS, render

_FAIL_ON: Final = ("live", "violation", "warning", "never")


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True
)
@click.option(
    "--fail-on",
    type=click.Choice(_FAIL_ON),
    default="live",
    show_default=True,
    help="What gives exit code 1: live things that are hit or rules newly violated; only these; "
    "these and new warnings; or nothing.",
)
@click.pass_obj
def simulate(settings: Settings, file: IO[bytes], form: str, fail_on: str) -> None:
    """Say what the changes in a file would break (- is standard input). Writes nothing.

    FILE is JSON, [{"delete": ENTITY}, {"leave": PERSON}, {"drop": COLUMN, "from": DATASET}], or
    metadata as it would be submitted: Turtle, JSON-LD (.jsonld), N-Triples, RDF/XML.
    """
    known = file.name.endswith(".json") or file.name in ("-", "<stdin>")
    kind = None if known else formats.of_file(file.name)
    with Service(settings) as service:
        found = service.simulate(file.read(), kind)
    click.echo(render(found, form), nl=False)
    counts = found.counts
    fails = {
        "live": found.breaks,
        "violation": counts["violations"] > 0,
        "warning": counts["violations"] + counts["warnings"] > 0,
        "never": False,
    }
    if fails[fail_on]:
        raise DoesNotConform("The changes are not harmless; see the report.")


COMMANDS = (simulate,)
