"""The engine interface: data and shapes in, findings out, whichever engine does the work.

An engine sees one graph: the data, the subclass statements that shapes need, and the clock. It
judges every target node that it finds there; ``focus`` keeps the findings of those whose context
was complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import Any, Final, Protocol, cast

from kg import formats, iris
from kg.errors import BadSetting, MissingExtra
from kg.iris import PREFIXES
from kg.model import Report
from kg.terms import Statement, in_utc, statement
from kg.validate import clock
from kg.validate.shapes import Shapes

Data = Iterable[Statement] | bytes
"""Statements of the graph, or a document in N-Quads from outside (its graphs are one to rules)."""


class Engine(Protocol):
    """A SHACL engine with its shapes compiled. Safe to use again and again, and from threads."""

    name: str
    shapes: Shapes

    def validate(
        self,
        data: Data,
        *,
        at: datetime,
        focus: frozenset[str] | set[str] | None = None,
        max_results: int | None = None,
    ) -> Report:
        """The findings in the data as of a moment, worst first.

        With ``focus``, only findings about these nodes. With ``max_results``, so many at most,
        whichever come first: it bounds the work of a hopeless document. Raises `BadRdf` for one
        that does not parse.
        """
        ...


ENGINES: Final[dict[str, str]] = {
    "shacl": "kg.validate.rust:RustEngine",
    "pyshacl": "kg.validate.reference:ReferenceEngine",
}


def engine(name: str, shapes: Shapes) -> Engine:
    """An engine by name, ready to validate. Raises `BadSetting`, `MissingExtra`."""
    if name not in ENGINES:
        raise BadSetting(f"There is no SHACL engine {name!r}; known are {', '.join(ENGINES)}.")
    module, _, attribute = ENGINES[name].partition(":")
    try:
        build: Any = getattr(import_module(module), attribute)
        return cast(Engine, build(shapes))
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"The SHACL engine {name!r} needs {error.name}: pip install {error.name}."
        ) from error


def statements(data: Data) -> list[Statement]:
    """The data as statements that rules may judge.

    A document from outside brings neither a clock nor a class hierarchy for our terms, or it
    could set the terms on which it is judged. Triple terms are beyond SHACL and left out. Moments are
    in UTC, as the graph has them.
    """
    if not isinstance(data, bytes):
        return [said for said in data if not said[2].startswith("<<")]
    quads = formats.parse(data, formats.by_name("nquads"), base=PREFIXES["mlg"])
    found = (said for quad in quads if _may_say(said := statement(quad.triple)))
    return [(subject, predicate, in_utc(value)) for subject, predicate, value in found]


def _may_say(said: Statement) -> bool:
    subject, predicate, value = said
    ours = subject.startswith(PREFIXES["mlg"]) and predicate == iris.SUBCLASS_OF
    return not (ours or subject.startswith(clock.PREFIX) or value.startswith("<<"))
