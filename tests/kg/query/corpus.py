"""The cases of ``tests/conformance/sparql``: files with many queries, each under a title line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "conformance" / "sparql"
_TITLE = re.compile(r"^### (.*)\n", re.MULTILINE)
_EXPECTED = re.compile(r"([a-z-]+) (\d+):(\d+) (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Legal:
    """A query that must be answered."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A text that must be refused with the code, at the line and column."""

    name: str
    text: str
    code: str
    line: int
    column: int


def legal() -> list[Legal]:
    """Each query with the prologue that its file begins with."""
    return [
        Legal(name=f"{file.stem}: {title}", text=prologue + text)
        for file in sorted(_FOLDER.glob("legal/*.rq"))
        for prologue, title, text in _blocks(file)
    ]


def refused(file: str) -> list[Refused]:
    found = []
    for _, title, text in _blocks(_FOLDER / "refused" / f"{file}.rq"):
        match = _EXPECTED.fullmatch(title)
        assert match, title
        code, line, column, name = match.groups()
        case = Refused(name=name, text=text, code=code, line=int(line), column=int(column))
        found.append(case)
    return found


def _blocks(file: Path) -> Iterator[tuple[str, str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:  # carriage returns are part of the case
        prologue, *rest = _TITLE.split(lines.read())
    for title, text in zip(rest[::2], rest[1::2], strict=True):
        yield prologue, title, text.removesuffix("\n")
