"""What may be asked of an installation's past."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from kg import iris
from kg.answer import Answer, Answerer, Dataset, Query, whole
from kg.editions import ONTOLOGY, SHAPES, unnamed
from kg.entity import Portrayer, Snapshot
from kg.errors import NotFound, StoreUnavailable
from kg.facts import described
from kg.formats import Format, serialise
from kg.iris import EntityRef, Minter
from kg.model import Report
from kg.past.differences import Difference, difference, read_patch
from kg.past.history import history_of, no_history, said_all
from kg.past.moments import read_moment
from kg.past.revisions import moment_of, names_of_entity, of_entity, version_at
from kg.past.rewound import Rewound
from kg.past.search import check_filters, hits
from kg.past.states import GRAPHS, Part, part_with, state_path, use
from kg.store import Checkpoint
from kg.terms import triple
from kg.validate import Rule, Shapes, load_shapes, shapes_of
from kg.validate import engine as shacl_engine
from kg.views import DifferenceView, EntityView, HistoryPage, SearchPage
from kg.vocabulary import Vocabulary

SHOWN: Final = 1_000
"""Statements of either side of a difference that are put in words."""
Judged = tuple[Report, Mapping[str, Rule]]
"""A report, and the rules by which it was made."""
_REMEMBERED: Final = 1_000
_MAKE: Final = "kg.past.states:make_job"
_SEARCH: Final = "kg.past.search:search_job"
_DIFFER: Final = "kg.past.differences:difference_job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The past of an installation, read from its newest checkpoint. Safe to use from threads."""

    checkpoint: Callable[[], Checkpoint]
    answers: Answerer
    folder: Path
    minter: Minter
    vocabulary: Callable[[], Vocabulary]
    now: Callable[[], datetime]
    max_bytes: int
    _known: dict[tuple[int, datetime], int] = field(default_factory=dict)

    def moment(self, text: str) -> datetime:
        """A moment as people write it. Raises `BadInput` without a zone, and for the future."""
        return read_moment(text, now=self.now())

    def answer(
        self,
        query: str | Query,
        *,
        at: datetime | None,
        format: str,
        timeout: float | None = None,
        default_graphs: tuple[str, ...] = (),
        named_graphs: tuple[str, ...] = (),
    ) -> Answer:
        """Runs a query as of a moment, or of now; raises what `Answerer.answer` does."""
        read = self.answers.read(query) if isinstance(query, str) else query
        dataset, snapshot = None, None
        if at is not None:
            graphs = read.graphs
            if graphs is not None:
                graphs = graphs.union(default_graphs, named_graphs)
            part = part_with(graphs)
            dataset, snapshot = Dataset(named=GRAPHS[part]), partial(self.state, at, part)
        return self.answers.answer(
            read,
            format=format,
            timeout=timeout,
            default_graphs=default_graphs,
            named_graphs=named_graphs,
            dataset=dataset,
            snapshot=snapshot,
        )

    def state(self, at: datetime, part: Part) -> Path:
        """The checkpoint that is the graph as of a moment, or a part of it; made when asked for."""
        for _ in range(3):  # the checkpoint that it is made from may be removed meanwhile
            newest = self.checkpoint()
            version = self._version(newest, at)
            if version == newest.version:
                return newest.path
            path = state_path(self.folder, version, part)
            if use(path):
                return path
            arguments = {
                "checkpoint": str(newest.path.absolute()),
                "folder": str(self.folder.absolute()),
                "version": version,
                "part": part,
            }
            try:
                self.answers.run(_MAKE, arguments=arguments)
            except StoreUnavailable:
                if self.checkpoint().path == newest.path:
                    raise
        raise StoreUnavailable("The graph changes faster than its past can be made; try again.")

    def open(self, at: datetime) -> Checkpoint:
        """The facts and layers as of a moment, in an open checkpoint; who opens it closes it."""
        return Checkpoint(self.state(at, "layers"))

    # --- one entity: rewound, without a copy of the store -------------------------------------

    def snapshot(self, at: datetime | None) -> Snapshot:
        """The graph as of a moment, for reading a few entities."""
        newest = self.checkpoint()
        version = newest.version if at is None else self._version(newest, at)
        return newest if version == newest.version else Rewound(newest, version=version)

    def entity(self, ref: EntityRef, at: datetime) -> EntityView:
        """An entity's view as of a moment. Raises `NotFound` if it was not known then."""
        try:
            view = self._portrayer(at).view(ref, findings=())
        except NotFound as error:
            raise self._unknown(ref, at) from error
        return replace(view, as_of=at)

    def describe(self, ref: EntityRef, form: Format, at: datetime) -> bytes:
        """What the graph stated about an entity, as RDF. Raises `NotFound`.

        A tombstone is described like anything else: it is what was known.
        """
        statements = described(self.snapshot(at), self.minter.mint(ref))
        if not statements:
            raise self._unknown(ref, at)
        return serialise(map(triple, sorted(statements)), form, prefixes=iris.PREFIXES)

    def _unknown(self, ref: EntityRef, at: datetime) -> NotFound:
        """What is said of an entity that was not there: since when it is, if it is."""
        iri, newest = self.minter.mint(ref), self.checkpoint()
        known = of_entity(newest, iri)
        since = f" It came on {known[-1].at.isoformat()}." if known else ""
        when = f"<{iri}> was not in the graph at {at.isoformat()}.{since}"
        return NotFound(when, iri=iri, since=known[-1].at.isoformat() if known else None)

    def history(self, ref: EntityRef, *, offset: int = 0, limit: int = 50) -> HistoryPage:
        """Some of an entity's revisions, the newest first. Raises `NotFound`."""
        return history_of(self._portrayer(None), ref, offset=offset, limit=limit)

    def _portrayer(self, at: datetime | None) -> Portrayer:
        return Portrayer(
            checkpoint=self.snapshot(at), vocabulary=self.vocabulary(), minter=self.minter
        )

    # --- differences --------------------------------------------------------------------------

    def difference(
        self, earlier: datetime, later: datetime, *, of: EntityRef | None = None
    ) -> Difference:
        """What the graph knew at one moment and not at the other, of one entity or of all.

        Raises `NotFound`, or `LimitExceeded` for one that is too large.
        """
        if earlier > later:
            return self.difference(later, earlier, of=of).turned()
        newest = self.checkpoint()
        first, last = (self._version(newest, at) for at in (earlier, later))
        if of is not None:
            iri = self.minter.mint(of)
            if not names_of_entity(newest, iri):
                raise no_history(iri)
            return difference(newest, earlier=first, later=last, entities=[iri])
        arguments = {
            "checkpoint": str(newest.path.absolute()),
            "earlier": first,
            "later": last,
            "max_bytes": self.max_bytes,
        }
        return read_patch(whole(self.answers.run(_DIFFER, arguments=arguments)).decode())

    def told(self, earlier: datetime, later: datetime, found: Difference) -> DifferenceView:
        """A difference in words."""
        portrayer = self._portrayer(None)
        first = [
            said_all(portrayer, sorted(side)[:SHOWN]) for side in (found.asserted, found.retracted)
        ]
        return DifferenceView(
            earlier=earlier,
            later=later,
            asserted_total=len(found.asserted),
            retracted_total=len(found.retracted),
            asserted=first[0],
            retracted=first[1],
        )

    # --- search -------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        at: datetime,
        filters: Mapping[str, Sequence[str]],
        offset: int = 0,
        limit: int = 25,
    ) -> SearchPage:
        """A page of entities that bore a name with these words at a moment; there are no facets.

        Raises `BadInput` for a filter that is none of the past, `LimitExceeded` for too many hits.
        """
        check_filters(filters)
        arguments = {
            "path": str(self.state(at, "facts").absolute()),
            "prefix": self.minter.prefix,
            "text": text,
            "filters": {name: list(values) for name, values in filters.items()},
            "offset": offset,
            "limit": limit,
        }
        found = self.answers.run(_SEARCH, arguments=arguments).value
        return SearchPage(
            query=text,
            total=found["total"],
            offset=offset,
            hits=hits(self._portrayer(at), found["iris"]),
            facets={},
        )

    # --- validation ---------------------------------------------------------------------------

    def validate(self, at: datetime, *, engine: str, todays_rules: bool) -> Judged:
        """What the rules say of all that was true at a moment: those of then, or of today.

        Rules that look at the clock read that moment, either way. Raises `NotFound` if no rules were
        recorded by then.
        """
        with self.open(at) as then:
            if todays_rules:
                shapes = load_shapes(vocabulary=self.vocabulary())
            else:
                shapes = self._rules_of(then, at)
            judge = shacl_engine(engine, shapes)
            return judge.validate(then.statements(), at=at), shapes.rules

    def _rules_of(self, then: Checkpoint, at: datetime) -> Shapes:
        kept, ontology = (
            unnamed(quad[:3] for quad in then.quads(graph=name)) for name in (SHAPES, ONTOLOGY)
        )
        if not kept:
            raise NotFound(
                f"No rules were recorded by {at.isoformat()}; judge by those of today instead "
                "(--rules now)."
            )
        return shapes_of(kept, ontology=ontology)

    # --- times --------------------------------------------------------------------------------

    def _version(self, newest: Checkpoint, at: datetime) -> int:
        """The version of a moment; the last few are remembered, for who asks more than once."""
        key = newest.version, at
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = version_at(newest, at, newest=newest.version)
        return known

    def beginning(self) -> datetime | None:
        """When the graph learned the first thing; None while it knows nothing."""
        newest = self.checkpoint()
        versions = range(1, newest.version + 1)
        return next(filter(None, (moment_of(newest, version) for version in versions)), None)

    def is_before_all(self, at: datetime) -> bool:
        """Whether nothing was recorded by a moment, so that the graph of then is empty."""
        return self._version(self.checkpoint(), at) == 0
