"""What commands read: RDF from files, or from standard input as ``-``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kg import formats
from kg.errors import BadInput

file_type = click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True)


def document(file: Path, *, form: str | None) -> tuple[bytes, formats.Format]:
    """A document and its format: the one named, else by its extension; `-` is Turtle."""
    if str(file) == "-":
        return sys.stdin.buffer.read(), formats.by_name(form or "turtle")
    try:
        body = file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error
    return body, formats.by_name(form) if form else formats.of_file(str(file))


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Says of what was read in which file it is that it cannot be used."""
    try:
        yield
    except BadInput as error:
        raise type(error)(f"{file}: {error}", **error.details) from error
