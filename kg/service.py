"""The composition root of the read side, and of requests: what the server and commands use.

`Service` opens an installation's data folder, reads published checkpoints, and hands everything
that changes the graph to the inbox. It never writes the graph: the worker does (`kg.worker`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from kg import iris
from kg.answer import Answerer
from kg.condition import Condition, event_types
from kg.config import Settings
from kg.entity import Portrayer
from kg.errors import (
    BadEvent,
    BadInput,
    Gone,
    NotAuthentic,
    NotFound,
    UnknownSource,
)
from kg.events import MOST_KEPT, Inbox, Letter, Letters
from kg.facts import described
from kg.formats import Format, serialise
from kg.infer import Rules, read_rules
from kg.ingest import ingest_json
from kg.iris import EntityRef, Minter
from kg.model import Event, Finding, Report
from kg.openlineage import Intake, intake_of, read_events
from kg.past.past import Past
from kg.past.states import undoing
from kg.questions import Question
from kg.resolve import DECISION, Decision
from kg.review import review_page
from kg.search.searcher import Searcher
from kg.simulate import CHANGES
from kg.simulation import simulation_view
from kg.sources import KeepsLineage, Notifies, Source, connect
from kg.store import Checkpoint, open_checkpoint
from kg.terms import node, triple
from kg.validate import engine as shacl_engine
from kg.validate import load_shapes, read_findings
from kg.views import (
    DeadLetter,
    EntityView,
    Explanation,
    FacetCount,
    Hit,
    Outcome,
    ReviewPage,
    ReviewState,
    SearchPage,
    Simulation,
    SourceStatus,
    Status,
)
from kg.vocabulary import Vocabulary
from kg.why import why

if TYPE_CHECKING:
    from kg.lineage import LineageReader, Tracer

WAIT_STEP = 0.01


class Service:
    """Everything that may be asked of an installation. Safe to use from several threads."""

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] | None = None) -> None:
        self.settings = settings
        self.minter: Minter = settings.minter
        self._checkpoints = settings.data_dir / "checkpoints"
        self._opening = threading.Lock()
        self._current: Checkpoint | None = None
        self._sources: dict[str, Source] = {}
        with ExitStack() as stack:
            file = settings.data_dir / "inbox.sqlite"
            self.inbox = stack.enter_context(Inbox(file, now=now or settings.clock))
            self.letters = Letters(file, now=now or settings.clock)
            self.answers = stack.enter_context(Answerer(settings, checkpoint=self.checkpoint))
            self._stack = stack.pop_all()
        self.past = Past(
            checkpoint=self.checkpoint,
            answers=self.answers,
            folder=settings.data_dir / "past",
            minter=self.minter,
            vocabulary=lambda: self.vocabulary,
            now=now or settings.clock,
            max_bytes=settings.integer("query.max_bytes"),
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary()

    @cached_property
    def _rules(self) -> Rules:
        return read_rules(self.vocabulary.statements)

    @cached_property
    def _searcher(self) -> Searcher:
        folder = self.settings.data_dir / "search"
        return Searcher(folder, minter=self.minter, labels=self.vocabulary.labels)

    @cached_property
    def _lineage(self) -> LineageReader:
        from kg.lineage import LineageReader, read_kinds  # numpy: a third of a command's start

        kinds = read_kinds(self.vocabulary.statements)
        folder = self.settings.data_dir / "lineage"
        return LineageReader(folder, kinds=kinds, minter=self.minter)

    def source(self, name: str) -> Source:
        """A configured source, connected once. Raises `UnknownSource`, or why it is unusable."""
        if name not in self.settings.sources:
            known = ", ".join(sorted(self.settings.sources)) or "none"
            raise UnknownSource(f"No source {name!r} is configured; known: {known}.", source=name)
        if name not in self._sources:
            self._sources[name] = connect(self.settings.sources[name])
        return self._sources[name]

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, open; who uses it keeps it from being pruned."""
        current = self._current
        if current is None or not current.is_newest:
            with self._opening:
                current = self._current
                if current is None or not current.is_newest:
                    current = self._current = open_checkpoint(self._checkpoints)
        return current

    # --- requests: durable when they return ---------------------------------------------------

    def publish(self, events: Iterable[Event]) -> int:
        """Puts thin events on the bus; they are on disk when this returns. Answers how many.

        Raises `UnknownSource`, or `BadEvent` for one of a type that its source does not have; none
        of them is kept then.
        """
        events = list(events)
        for number, event in enumerate(events):
            self._check_contract(event, number)
        return self.inbox.publish(events)

    def _check_contract(self, event: Event, number: int) -> None:
        """What a source's events may tell of is what it owns; `SourceStatus.event_types` shows it."""
        types = self.source(event.ref.source).types
        if types and event.ref.type not in types:
            known = ", ".join(event_types(types))
            raise BadEvent(
                f"Event {number}: source {event.ref.source!r} has no {event.event_type!r}; its "
                f"events are {known}.",
                index=number,
            )

    def notices(self, source: str, headers: Mapping[str, str], body: bytes) -> int:
        """Takes a source's own notice (its webhook); one that has come before is passed over.

        Raises `UnknownSource`, `NotAuthentic` (which is counted), `BadEvent` (the notice is kept as a
        dead letter). Answers how many events.
        """
        connected = self.source(source)
        if not isinstance(connected, Notifies):
            raise NotFound(f"Source {source!r} sends no notices; send events to /events.")
        try:
            notice = connected.notice(headers, body)
        except NotAuthentic:
            self.inbox.refused(source)
            raise
        except BadEvent as error:
            place = f"/webhooks/{source}"
            self.letters.keep([Letter(place=place, error=str(error), body=body, source=source)])
            raise
        return self.inbox.hear(source, notice)

    def lineage(self, data: bytes) -> int:
        """Takes OpenLineage events, one or a list; they are on disk when this returns.

        Raises `UnknownSource` if no source keeps them, `BadEvent`. Answers how many.
        """
        events = read_events(data)
        return self._lineage_intake().keep(events)

    def _lineage_intake(self) -> Intake:
        return intake_of(self.settings, source=self.source, publish=self.publish)

    def submit(self, data: bytes, form: Format, *, by: str = "anonymous") -> Outcome:
        """Submits metadata; waits for its outcome up to ``server.wait_seconds``.

        What does not parse is refused at once, in a process with limits, and leaves no trace.
        """
        self.answers.parse(data, format=form.name, base=self.minter.prefix)
        id = str(uuid4())
        self.inbox.ask(id=id, kind="submission", body=data, format=form.name, by=by)
        return self._decided(id)

    def decide(self, decision: Decision, *, by: str = "anonymous") -> Outcome:
        """Says of two entities that they are one thing or two, or takes that back; waits likewise."""
        id = str(uuid4())
        self.inbox.ask(id=id, kind=DECISION, body=decision.encode(), format="json", by=by)
        return self._decided(id)

    def _decided(self, id: str) -> Outcome:
        """The outcome of a request, once there is one or the time to wait is over."""
        deadline = time.monotonic() + self.settings.number("server.wait_seconds")
        while (outcome := self.outcome(id)).state == "pending" and time.monotonic() < deadline:
            time.sleep(WAIT_STEP)
        return outcome

    def outcome(self, request_id: str) -> Outcome:
        """What became of an earlier submission; `NotFound` for an unknown id."""
        request = self.inbox.request(request_id)
        decided = request.outcome or {}
        return Outcome(
            id=request.id,
            state=request.state,
            iris=tuple(decided.get("iris", ())),
            findings=tuple(Finding(**finding) for finding in decided.get("findings", ())),
            problem=decided.get("problem"),
        )

    # --- reading ------------------------------------------------------------------------------

    def entity(self, ref: EntityRef, *, at: datetime | None = None) -> EntityView:
        """An entity's view; `NotFound` if nothing is known of it. A gone one has state ``gone``.

        As of a moment (``at``) it has no findings, which are not kept of the past.
        """
        if at is not None:
            return self.past.entity(ref, at)
        checkpoint = self.checkpoint()
        portrayer = Portrayer(checkpoint=checkpoint, vocabulary=self.vocabulary, minter=self.minter)
        return portrayer.view(
            ref,
            findings=read_findings(checkpoint, self.minter.mint(ref)),
            hydrated_at=self.inbox.hydrated_at(ref),
        )

    def knows(self, ref: EntityRef) -> bool:
        """Whether the graph states anything about an entity now."""
        return bool(self.checkpoint().properties(self.minter.mint(ref)))

    def describe(self, ref: EntityRef, form: Format, *, at: datetime | None = None) -> bytes:
        """What the graph states about an entity, as RDF. `NotFound`, `Gone`."""
        if at is not None:
            return self.past.describe(ref, form, at)
        iri = self.minter.mint(ref)
        statements = described(self.checkpoint(), iri)
        if not statements:
            raise NotFound(f"<{iri}> is not in the graph; search for its name instead.", iri=iri)
        if (iri, iris.TYPE, node(iris.TOMBSTONE)) in statements:
            raise Gone(f"<{iri}> is gone at its source; its page has what was last known.", iri=iri)
        return serialise(map(triple, sorted(statements)), form, prefixes=iris.PREFIXES)

    def search(
        self,
        text: str,
        *,
        filters: Mapping[str, list[str]],
        offset: int = 0,
        limit: int = 25,
        at: datetime | None = None,
    ) -> SearchPage:
        """A page of entities that the text finds; an empty text finds all. As of a moment: by name."""
        if at is not None:
            return self.past.search(text, at=at, filters=filters, offset=offset, limit=limit)
        return self._searcher.search(text, filters=filters, offset=offset, limit=limit)

    def suggest(self, text: str) -> tuple[Hit, ...]:
        """The best few entities while a person types."""
        return self._searcher.suggest(text)

    def tracer(self, *, at: datetime | None = None) -> Tracer:
        """What depends on what, and what a change hits, in the newest state or as of a moment."""
        from kg.lineage import Tracer

        newest = self.checkpoint()
        facts = self.past.snapshot(at)
        version = facts.version
        return Tracer(
            lineage=self._lineage.before(
                version,
                newest=newest.version,
                undoing=lambda: undoing(newest, version, part="facts"),
            )
            if version < newest.version
            else self._lineage.at(newest.version),
            facts=facts if version < newest.version else newest,
            vocabulary=self.vocabulary,
            nearest=lambda text: [hit.ref for hit in self.suggest(text)[:3]],
        )

    def simulate(self, data: bytes, form: Format | None) -> Simulation:
        """What the changes of a document would make different, in a process with limits.

        ``form`` is that of metadata as it would be submitted, None for the JSON of
        `kg.simulate.changes`. Stores nothing. Raises `BadInput` and its kinds; `NotFound` with the
        nearest names.
        """
        told = self._supposed(data, CHANGES if form is None else form.name)
        tracer = self.tracer()
        portrayer = Portrayer(
            checkpoint=self.checkpoint(), vocabulary=self.vocabulary, minter=self.minter
        )
        return simulation_view(told, portrayer=portrayer, tracer=tracer)

    def _supposed(self, data: bytes, format: str) -> dict[str, Any]:
        try:
            return self.answers.simulate(data, format=format, base=self.settings.base)
        except NotFound as error:
            if entity := error.details.get("entity"):
                self.tracer().known(self.minter.resolve(entity))  # raises with the nearest names
            raise

    def review(
        self, *, state: ReviewState = "open", offset: int = 0, limit: int = 50
    ) -> ReviewPage:
        """Pairs of entities that may be one thing: those to decide, or those that are decided."""
        checkpoint = self.checkpoint()
        portrayer = Portrayer(checkpoint=checkpoint, vocabulary=self.vocabulary, minter=self.minter)
        return review_page(portrayer, state=state, offset=offset, limit=limit)

    def why(self, subject: str, predicate: str, value: str) -> Explanation:
        """Why a fact holds, named as people name things; `NotFound` says what is missing."""
        checkpoint = self.checkpoint()
        portrayer = Portrayer(checkpoint=checkpoint, vocabulary=self.vocabulary, minter=self.minter)
        return why(portrayer, self._rules, subject=subject, predicate=predicate, value=value)

    def validate(self, data: bytes, form: Format, *, engine: str = "shacl") -> Report:
        """Validates a document against the core shapes, in a process with limits. Stores nothing."""
        return self.answers.validate(data, format=form.name, base=self.minter.prefix, engine=engine)

    def validate_graph(self, *, engine: str = "shacl") -> Report:
        """Validates all that is true now against the core shapes."""
        checkpoint = self.checkpoint()
        judge = shacl_engine(engine, load_shapes(vocabulary=self.vocabulary))
        return judge.validate(checkpoint.statements(), at=self.settings.clock())

    def types(self) -> tuple[FacetCount, ...]:
        """The entity types that are there, with their plural labels and how many of each."""
        page = self.search("", filters={}, limit=1)
        return tuple(
            FacetCount(
                value=facet.value,
                label=self.vocabulary.plural(iris.class_of_type(facet.value)),
                count=facet.count,
            )
            for facet in page.facets.get("type", ())
        )

    def questions(self) -> tuple[Question, ...]:
        """The questions that the ontology comes with, as queries that are ready to run."""
        return self.vocabulary.questions

    def question(self, name: str) -> Question:
        """One of them. `NotFound` with the nearest names."""
        known = {question.name: question for question in self.questions()}
        if name not in known:
            near = ", ".join(get_close_matches(name, known, n=3)) or "mlg ask lists them"
            raise NotFound(f"There is no question {name!r}; near it: {near}.")
        return known[name]

    def sources(self) -> list[SourceStatus]:
        """How each configured source does."""
        return self._condition.sources()

    def status(self) -> Status:
        """How the installation does; never raises for what it would report."""
        return self._condition.status()

    @cached_property
    def _condition(self) -> Condition:
        return Condition(
            settings=self.settings,
            inbox=self.inbox,
            letters=self.letters,
            checkpoint=self.checkpoint,
            everything=lambda **having: self.search("", filters=having, limit=1),
            source=self.source,
        )

    def dead_letters(self, source: str | None = None) -> list[DeadLetter]:
        """What could not be used, of one source or of all: entities, then brokers' last messages."""
        dead = [(r, error) for r, error in self.inbox.dead() if source in (None, r.source)]
        letters = self.letters.newest(MOST_KEPT, source=source)
        return [
            *(DeadLetter(ref=ref, error=error) for ref, error in dead),
            *(DeadLetter(ref=None, error=x.error, place=x.place) for x in letters),
        ]

    def replay(self, source: str) -> int:
        """Makes a source's dead letters and waiting events due now; answers how many.

        Of a record of OpenLineage events its messages are read again, which may be good now.
        """
        connected = self.source(source)
        count = self.inbox.revive(source)
        if isinstance(connected, KeepsLineage):
            intake = self._lineage_intake()
            count += self._reread(source, lambda body: intake.keep(read_events(body)))
        return count

    def replay_events(self) -> int:
        """Reads brokers' dead messages of thin events again; answers how many are good now."""
        return self._reread("", lambda body: self.inbox.publish(ingest_json(body)))

    def _reread(self, source: str, keep: Callable[[bytes], int]) -> int:
        """Keeps the dead messages of a source that can be used after all; they are dead no more."""
        good = []
        try:
            for letter in self.letters.newest(MOST_KEPT, source=source):
                with suppress(BadInput):
                    if letter.is_whole:
                        keep(letter.body)
                        good.append(letter)
        finally:
            self.letters.drop(good)
        return len(good)

    def close(self) -> None:
        self._stack.close()
        self._current = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
