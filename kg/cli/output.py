"""How commands print: JSON for programs, aligned text for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from kg.service import Service
from kg.views import as_json

as_of_option = click.option(
    "--as-of", metavar="T", help="As the graph knew it at a moment (ISO 8601, with its zone)."
)
json_option = click.option("--json", "as_data", is_flag=True, help="Print JSON.")


def moment(service: Service, text: str | None) -> datetime | None:
    """The moment of ``--as-of``, said on standard error: an answer must not be taken for now's."""
    if text is None:
        return None
    at = service.past.moment(text)
    if service.past.is_before_all(at):
        click.echo(f"Nothing was recorded by {text}: the graph of then is empty.", err=True)
    else:
        click.echo(f"As the graph knew it at {text}.", err=True)
    return at


def data(value: Any) -> None:
    """Prints a value as JSON."""
    click.echo(json.dumps(as_json(value), indent=2, ensure_ascii=False))


def table(rows: Iterable[Sequence[object]], *, header: Sequence[str]) -> None:
    """Prints rows as aligned columns."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for line in (list(header), *cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(text.rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = value.isoformat(sep=" ", timespec="seconds") if hasattr(value, "isoformat") else value
    return "".join(c if c.isprintable() else " " for c in str(text))


def pairs(found: Iterable[tuple[str, object]]) -> None:
    """Prints names and values, one pair on a line."""
    found = list(found)
    width = max((len(name) for name, _ in found), default=0)
    for name, value in found:
        click.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())
