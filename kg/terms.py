"""Statements as the stages know them: tuples of strings.

A `Statement` is a subject's IRI, a predicate's IRI, and a value in N-Triples: ``<iri>``,
``"text"``, ``"text"@en``, ``"1"^^<datatype>``, or a triple term ``<<( … )>>``. A stage touches
each statement some twenty times, and Python compares, hashes and splits strings ten times faster
than it crosses into the terms of a library; those live in `kg.store` and `kg.formats` alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import pyoxigraph as ox

from kg import iris

Statement = tuple[str, str, str]
Quad = tuple[str, str, str, str]
"""A statement with the IRI of its graph, empty for the default graph."""
Statements = dict[Statement, None]
"""A set of statements in the order in which they came, which is mostly that of their place in memory.

A plain set goes over them in the order of their hashes, which takes three times as long where they
are many: hardly any is in the processor's cache then.
"""
ByGraph = Mapping[str, Collection[Statement]]
"""Statements by the IRI of their graph."""

_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_OFFSET: Final = re.compile(
    rf'"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{{1,6}})?[+-]\d\d:\d\d)"\^\^<{re.escape(iris.DATE_TIME)}>'
)
_ESCAPED: Final = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def node(iri: str) -> str:
    """An IRI as a value."""
    return f"<{iri}>"


def iri_of(value: str) -> str:
    """The IRI of a value, or an empty string when it is something else."""
    return value[1:-1] if value[0] == "<" != value[1] else ""


def is_literal(value: str) -> bool:
    return value.startswith('"')


def literal(text: str, datatype: str | None = None) -> str:
    """A text as a value, of a datatype's IRI if not a plain string."""
    if datatype is None and text.isalnum():
        return f'"{text}"'
    return str(ox.Literal(text, datatype=ox.NamedNode(datatype) if datatype else None))


@lru_cache(maxsize=8)  # all revisions of a batch have the same
def moment(at: datetime) -> str:
    """A moment in UTC as an `xsd:dateTime`, written as the store writes it."""
    text = at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    text = f"{whole}.{fraction}Z" if fraction else f"{whole}Z"
    return f'"{text}"^^<{iris.DATE_TIME}>'


def in_utc(value: str) -> str:
    """An `xsd:dateTime` with another offset as the same moment in UTC; any other value as it is.

    So moments can be compared as texts, which all engines of rules agree on.
    """
    found = _OFFSET.fullmatch(value)
    if found is None:
        return value
    try:
        return moment(datetime.fromisoformat(found[1]))
    except (ValueError, OverflowError):  # no such day, or before the first year
        return value


def text_of(value: str) -> str:
    """What a value says, for people: the text of a literal, or an IRI."""
    if not value.startswith('"'):
        return iri_of(value) or value
    text = value[1 : value.rindex('"')]
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    if found[3]:
        return _ESCAPED.get(found[3], found[3])
    return chr(int(found[1] or found[2], 16))


def language_of(value: str) -> str | None:
    tail = value[value.rindex('"') + 1 :] if value.startswith('"') else ""
    return tail[1:] if tail.startswith("@") else None


def datatype_of(value: str) -> str | None:
    """A literal's datatype; `xsd:string` and language strings have none worth saying."""
    tail = value[value.rindex('"') + 1 :] if value.startswith('"') else ""
    return tail[3:-1] if tail.startswith("^^") else None


def statement(triple: ox.Triple, *, met: dict[str, str] | None = None) -> Statement:
    """A library's triple as a statement; a blank node's label stands for its IRI.

    An IRI is taken from ``met``, if it is there, else put there: the statements of a batch share few.
    (`sys.intern` would keep them for ever under Python 3.12.)
    """
    subject, predicate, value = (
        str_of(triple.subject),
        triple.predicate.value,
        value_of(triple.object),
    )
    if met is None:
        return subject, predicate, value
    shared = met.setdefault
    value = shared(value, value) if value[0] == "<" else value
    return shared(subject, subject), shared(predicate, predicate), value


def triple(said: Statement) -> ox.Triple:
    """A statement as a library's triple."""
    (found,) = triples([said])
    return found


def triples(statements: Iterable[Statement]) -> list[ox.Triple]:
    """Statements as a library's triples."""
    return [quad.triple for quad in ox.parse(ntriples(statements), format=ox.RdfFormat.N_TRIPLES)]


def str_of(subject: ox.NamedNode | ox.BlankNode | ox.Triple) -> str:
    return subject.value if isinstance(subject, ox.NamedNode) else str(subject)


def value_of(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
    return quoted(statement(term)) if isinstance(term, ox.Triple) else str(term)


def quoted(said: Statement) -> str:
    """A statement as a value of another: an RDF 1.2 triple term."""
    return f"<<( {_subject(said[0])} <{said[1]}> {said[2]} )>>"


def unquoted(value: str) -> Statement:
    """The statement that a triple term holds: the inverse of `quoted`."""
    subject, predicate, rest = value[4:-4].split(" ", 2)
    return iri_of(subject) or subject, iri_of(predicate), rest


def by_graph(quads: Iterable[Quad]) -> dict[str, set[Statement]]:
    """Statements by the graph that they are in."""
    found: defaultdict[str, set[Statement]] = defaultdict(set)
    for quad in quads:
        found[quad[3]].add(quad[:3])
    return dict(found)


def nquads(graphs: ByGraph) -> str:
    """Statements in their graphs, as N-Quads."""
    lines: list[str] = []
    for name, statements in graphs.items():
        end = f" <{name}> ." if name else " ."
        lines += [
            f"<{s}> <{p}> {o}{end}" if s[0] != "_" else f"{s} <{p}> {o}{end}"
            for s, p, o in statements
        ]
    return "\n".join(lines)


def ntriples(statements: Iterable[Statement]) -> str:
    return "\n".join(
        [f"<{s}> <{p}> {o} ." if s[0] != "_" else f"{s} <{p}> {o} ." for s, p, o in statements]
    )


def _subject(subject: str) -> str:
    return f"<{subject}>" if subject[0] != "_" else subject


def term(value: str) -> ox.NamedNode | ox.Literal | ox.BlankNode | ox.Triple:
    """A value as a library's term, for looking it up."""
    if iri := iri_of(value):
        return ox.NamedNode(iri)
    if value[0] == '"' == value[-1] and "\\" not in value:
        return ox.Literal(value[1:-1])  # most are: a parser is asked for the others alone
    return triple((iris.TYPE, iris.TYPE, value)).object
