"""How far long work is: a bar on standard error. Where that is no terminal, nothing is written."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

import click


class Bar:
    """One line while its block runs. While the end is not known it only shows that something moves."""

    def __init__(self, label: str, *, expected: int | None = None) -> None:
        """``expected`` is how many things there will be, if something tells; it may be wrong."""
        unknown = map(int, ())  # nothing, of which the length is not told beforehand
        self._bar = click.progressbar(
            unknown,
            length=expected or None,
            label=label,
            show_pos=True,
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        )

    def counted(self, done: int) -> None:
        """So many are done; how many are left is not known."""
        bar = self._bar
        if bar.length is not None:
            bar.length = max(bar.length, done)
        bar.update(done - bar.pos)

    def left(self, pending: int) -> None:
        """So many are left. More may have come meanwhile: what is done stays done."""
        bar = self._bar
        bar.length = max(bar.length or 0, bar.pos + pending)
        bar.update(bar.length - pending - bar.pos)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)
