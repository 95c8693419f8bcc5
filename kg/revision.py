"""Revisions: what graph ``history`` says of each change of what a layer states of an entity.

Each is a node, with the statements that it moved as triple terms, so that queries find it from
anything it speaks of. All of a version are there once more, packed into one literal, for who reads
them all: the store scatters nodes, and 5,000 of them are read in a twentieth of the time so.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from operator import attrgetter
from typing import Final

from kg import iris
from kg.draft import DERIVATIONS, Graphs
from kg.iris import graph
from kg.model import Layer
from kg.terms import Quad, Statement, iri_of, literal, moment, node, quoted, text_of, unquoted

HISTORY: Final = graph("history")
_NAME: Final = re.compile(r"urn:mlgraph:(?:revision|version):([0-9]+)(?::([0-9]+))?")
_LAYERS: Final[dict[Layer, str]] = {
    "source": node(iris.LAYER_SOURCE),
    "steward": node(iris.LAYER_STEWARD),
    "derived": node(iris.LAYER_DERIVED),
}
_row: Final = attrgetter(
    "of", "creates", "layer", "cause", "by",
    "asserted", "retracted", "reasons_gained", "reasons_lost",
)  # fmt: skip
_LAYER_OF: Final = {value: layer for layer, value in _LAYERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of what a layer says of an entity, or of a graph that is kept like one.

    ``at`` is when the graph learned it. What first made an entity lists no statements. What was
    said of the reasons of derived facts is in ``reasons_gained`` (by what each explains) and
    ``reasons_lost``.
    """

    version: int
    number: int
    of: str
    creates: bool
    layer: Layer
    at: datetime
    cause: str | None
    by: str | None
    asserted: tuple[Statement, ...] = ()
    retracted: tuple[Statement, ...] = ()
    reasons_gained: tuple[Statement, ...] = ()
    reasons_lost: tuple[Statement, ...] = ()

    @property
    def iri(self) -> str:
        return revision_iri(self.version, self.number)

    @property
    def place(self) -> tuple[int, int]:
        """What orders revisions."""
        return self.version, self.number

    def quads(self) -> Iterator[Quad]:
        """All that graph ``history`` says of it."""
        about = [
            (iris.CREATES if self.creates else iris.REVISES, node(self.of)),
            (iris.RECORDED_AT, moment(self.at)),
            (iris.IN_LAYER, _LAYERS[self.layer]),
        ]
        if self.cause is not None:
            about.append((iris.CAUSED_BY, literal(self.cause)))
        if self.by is not None:
            about.append((iris.STATED_BY, literal(self.by)))
        about += [(iris.ASSERTS, quoted(s)) for s in (*self.asserted, *self.reasons_gained)]
        about += [(iris.RETRACTS, quoted(s)) for s in (*self.retracted, *self.reasons_lost)]
        about += [(iris.RETRACTS_LINK_TO, end) for end in self._ends()]
        name = self.iri
        return ((name, link, value, HISTORY) for link, value in about)

    def _ends(self) -> set[str]:
        """What retracted links pointed at. Nobody asks that of ontology and shapes."""
        if self.of.startswith(graph("")):
            return set()
        return {end for _, link, end in self.retracted if end[0] == "<" and link != iris.TYPE}


def revision_iri(version: int, number: int) -> str:
    """The name of a version's revision; its revisions are numbered from 0, without a gap."""
    return f"urn:mlgraph:revision:{version}:{number}"


def place_of(name: str) -> tuple[int, int]:
    """The version and number in the name of a revision, or of a version as its first; else 0."""
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def read(quads: Iterable[Quad]) -> Revision:
    """The revision that these statements, all those about it, are: the inverse of its `quads`."""
    facts: dict[str, list[Statement]] = {iris.ASSERTS: [], iris.RETRACTS: []}
    reasons: dict[str, list[Statement]] = {iris.ASSERTS: [], iris.RETRACTS: []}
    said: dict[str, str] = {}
    name = ""
    for name, predicate, value, _ in quads:  # noqa: B007 - all have the same name
        if predicate in facts:
            statement = unquoted(value)
            is_reason = statement[0].startswith(DERIVATIONS)
            (reasons if is_reason else facts)[predicate].append(statement)
        else:
            said[predicate] = value
    version, number = place_of(name)
    creates = iris.CREATES in said
    cause, by = said.get(iris.CAUSED_BY), said.get(iris.STATED_BY)
    return Revision(
        version=version,
        number=number,
        of=iri_of(said[iris.CREATES if creates else iris.REVISES]),
        creates=creates,
        layer=_LAYER_OF[said[iris.IN_LAYER]],
        at=datetime.fromisoformat(text_of(said[iris.RECORDED_AT])),
        cause=text_of(cause) if cause else None,
        by=text_of(by) if by else None,
        asserted=tuple(facts[iris.ASSERTS]),
        retracted=tuple(facts[iris.RETRACTS]),
        reasons_gained=tuple(reasons[iris.ASSERTS]),
        reasons_lost=tuple(reasons[iris.RETRACTS]),
    )


# --- all of a version ---------------------------------------------------------------------------


def packed(revisions: Sequence[Revision]) -> Quad:
    """All revisions of a version, of which there is one at least, as one statement."""
    first = revisions[0]
    rows = [_row(revision) for revision in revisions]
    text = json.dumps([first.at.isoformat(), rows], separators=(",", ":"), ensure_ascii=False)
    data = b64encode(zlib.compress(text.encode(), level=1)).decode("ascii")
    return _version_iri(first.version), iris.PACKED_REVISIONS, literal(data, iris.BASE64), HISTORY


def packed_of(graphs: Graphs, version: int) -> Quad | None:
    """The statement that packs the revisions of a version, if there is one."""
    name = _version_iri(version)
    found = graphs.quads(subject=name, predicate=iris.PACKED_REVISIONS, graph=HISTORY)
    return next(iter(found), None)


def of_version(graphs: Graphs, version: int) -> Iterator[Revision]:
    """The revisions of one version, in their order."""
    pack = packed_of(graphs, version)
    return _by_name(graphs, version) if pack is None else _unpacked(version, text_of(pack[2]))


def _unpacked(version: int, data: str) -> Iterator[Revision]:
    said_at, rows = json.loads(zlib.decompress(b64decode(data)))
    at = datetime.fromisoformat(said_at)
    for number, (of, creates, layer, cause, by, *moved) in enumerate(rows):
        asserted, retracted, gained, lost = (tuple(map(tuple, some)) for some in moved)
        yield Revision(
            version=version,
            number=number,
            of=of,
            creates=creates,
            layer=layer,
            at=at,
            cause=cause,
            by=by,
            asserted=asserted,
            retracted=retracted,
            reasons_gained=gained,
            reasons_lost=lost,
        )


def _by_name(graphs: Graphs, version: int) -> Iterator[Revision]:
    """The same node by node, of versions from before revisions were packed."""
    for number in count():
        quads = list(graphs.quads(subject=revision_iri(version, number), graph=HISTORY))
        if not quads:
            return
        yield read(quads)


def _version_iri(version: int) -> str:
    return f"urn:mlgraph:version:{version}"
