"""What the documents say, taken out of their Markdown: sessions, code blocks, tables and links.

A session is a block of ``console``: lines of a command, the first after ``$ ``, then what it
prints. A command ends where its quotation marks and here-documents do.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ELLIPSIS = "…"
"""In the output of a session: any text within a line, for what differs each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a session, and all that it must print."""

    text: str
    output: str

    def printed(self, said: str) -> bool:
        """Whether that is the output; standard error is part of it, as in a terminal."""
        pattern = ".*?".join(re.escape(part) for part in self.output.split(ELLIPSIS))
        return re.fullmatch(pattern, said) is not None


def blocks(language: str, *, text: str = README) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def session(block: str) -> Iterator[Command]:
    """The commands of a block of ``console``."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        length = next((n for n in range(1, len(lines)) if _is_whole(lines[:n])), len(lines))
        yield Command(text="".join(lines[:length]), output="".join(lines[length:]))


def _is_whole(lines: list[str]) -> bool:
    """Whether a shell would run these lines and not wait for more."""
    checked = subprocess.run(
        ["bash", "-n"], input="".join(lines), capture_output=True, text=True, check=False
    )
    return not checked.returncode and "here-document" not in checked.stderr


def section(heading: str, *, text: str = README) -> str:
    """What stands under a heading, to the next one of its level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def tables(heading: str, *, text: str = README) -> list[list[list[str]]]:
    """The tables of a section: their rows without the head, and these's cells."""
    found = re.findall(r"((?:^\|.*\|\n)+)", section(heading, text=text), re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[2:]]
        for table in found
    ]


def markdown_files() -> list[Path]:
    """The documents of the project: those of its root and of each folder that has code or data."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md")])
