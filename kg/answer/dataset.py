"""Which graphs a query may see, and which it sees.

The engine restricts a query only when it is given both lists, the default graph's and the named
graphs'; either alone leaks, and both override the FROM of the query. So FROM is worked out here,
and nothing is ever asked without both lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from kg.iris import graph

_PUBLIC: Final = (
    "steward",
    "derived",
    "findings",
    "review",
    "history",
    "quarantine",
    "ontology",
    "shapes",
    "queries",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The default graph is the store's own, if ``current``, merged with the graphs of ``merged``."""

    current: bool = True
    merged: tuple[str, ...] = ()
    named: tuple[str, ...] = tuple(graph(name) for name in _PUBLIC)

    def asked(self, *, default: Sequence[str], named: Sequence[str]) -> Self:
        """The part of this that FROM and FROM NAMED, or the protocol's parameters, ask for.

        A graph that is not visible is taken as empty, like one that does not exist: an error
        would tell that it does. Asking for nothing asks for everything.
        """
        if not default and not named:
            return self
        return type(self)(
            current=False, merged=tuple(self._seen(default)), named=tuple(self._seen(named))
        )

    def _seen(self, graphs: Iterable[str]) -> Iterable[str]:
        visible = {*self.merged, *self.named}
        return (iri for iri in dict.fromkeys(graphs) if iri in visible)
