"""The worker: the one process that owns the store and runs the pipeline.

It takes what is due, commits it, publishes checkpoints (at once when idle, a few each second under
load), and says how it does in ``worker.json``. A store that cannot write is opened again until it
can; meanwhile nothing is lost, since the inbox keeps all.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Self

from kg import iris
from kg.config import Settings
from kg.editions import ONTOLOGY, SHAPES
from kg.errors import MlgError, StoreUnavailable, UnknownSource
from kg.events import INBOX, Bridge, Inbox, Letters, open_bus, read_url
from kg.hydrate import Hydrator, Retry
from kg.infer import read_rules
from kg.ingest import ingest_json
from kg.model import Change, Entity, Proposal
from kg.normalise import contexts_of
from kg.openlineage import intake_of, read_events, record_name
from kg.pipeline import Counts, Pipeline, References, Writer
from kg.resolve import read_identity
from kg.search.index import SearchIndex
from kg.sources import Source, connect
from kg.store import EmbeddedStore
from kg.sweep import Schedule
from kg.terms import literal, node
from kg.validate import Validator, core_statements
from kg.vocabulary import Vocabulary

POLL_SECONDS = 0.02
PUBLISH_SECONDS = 0.5
"""Longest time that committed facts stay unseen while work goes on."""
REOPEN_SECONDS = 2.0
ROOM_BYTES = 16 << 20
"""Free space below which nothing more is written."""


class Worker:
    """An installation opened for writing. A context manager; `StoreUnavailable` if another is.

    ``sources`` replaces those of the settings, in tests; ``fresh_index`` throws the search index
    away, for when it is damaged; ``engine`` is the one that validates. With
    ``derives_again``, what follows is made again if the axioms are not those it was made by.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sources: dict[str, Source] | None = None,
        fresh_index: bool = False,
        engine: str = "shacl",
        derives_again: bool = True,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.settings = settings
        self._now = now or settings.clock
        self._stack = ExitStack()
        self.reopen_seconds = REOPEN_SECONDS
        self._published = -1
        self._published_at = 0.0
        self._tidying: Future[None] | None = None
        self._told: str | None = None
        self._is_stopped = False
        data_dir = settings.data_dir
        with ExitStack() as opening:
            self.store = EmbeddedStore(data_dir, base=settings.base)
            opening.callback(self.store.close)
            self.inbox = opening.enter_context(Inbox(data_dir / "inbox.sqlite", now=self._now))
            vocabulary = Vocabulary()
            self.index = opening.enter_context(
                SearchIndex(data_dir / "search", labels=vocabulary.labels, fresh=fresh_index)
            )
            self._executor = opening.enter_context(ThreadPoolExecutor(4))
            if sources is None:
                sources = {name: connect(table) for name, table in settings.sources.items()}
            asking = opening.enter_context(ThreadPoolExecutor(_askers(sources)))
            for source in sources.values():
                opening.callback(source.close)
            self.bridges: list[Bridge[Any]] = []
            for bridge in self._build_bridges(sources):
                opening.callback(bridge.close)
                self.bridges.append(bridge)
            self._wire(sources, asking, vocabulary, engine=engine)
            opening.callback(self.pipeline.hydrator.close)
            if derives_again and self.writer.has_other_axioms:
                self._say("running", "The axioms have changed; what follows is derived again.")
                self.rebuild_derived(everything=False)
            self._say("running")
            self._stack = opening.pop_all()

    def _build_bridges(self, sources: Mapping[str, Source]) -> Iterator[Bridge[Any]]:
        """What carries brokers' messages here: thin events, and those of OpenLineage."""
        url = self.settings.text("events.url")
        if url != INBOX:
            yield from self._bridges(
                url, setting="events.url", parse=ingest_json, keep=self.inbox.publish_all
            )
        name = record_name(self.settings)
        if name in sources:
            look_up = partial(_named, sources)
            intake = intake_of(self.settings, source=look_up, publish=self.inbox.publish)
            if intake.record.url:
                yield from self._bridges(
                    intake.record.url,
                    setting=f"[sources.{name}] url",
                    parse=read_events,
                    keep=intake.keep_messages,
                    source=intake.record.name,
                )

    def _bridges(self, url: str, *, setting: str, **given: Any) -> Iterator[Bridge[Any]]:
        """One for each of the consumers that the broker's address asks for."""
        letters = Letters(self.settings.data_dir / "inbox.sqlite", now=self._now)
        build = partial(Bridge[Any], partial(open_bus, url, setting=setting), letters=letters)
        for number in range(read_url(url, setting=setting).consumers):
            yield build(**given, at_once=not number)

    def _wire(
        self,
        sources: dict[str, Source],
        asking: Executor,
        vocabulary: Vocabulary,
        *,
        engine: str,
    ) -> None:
        from kg.lineage import LineageIndex, read_kinds  # numpy: a third of a command's start

        minter = self.settings.minter
        contexts = {name: contexts_of(source, self.settings) for name, source in sources.items()}
        self.writer = writer = Writer(
            store=self.store,
            index=self.index,
            lineage=LineageIndex(
                self.settings.data_dir / "lineage",
                kinds=read_kinds(vocabulary.statements),
                minter=minter,
            ),
            rules=read_rules(vocabulary.statements),
            identity=read_identity(vocabulary.statements, minter=minter),
            validator=Validator(vocabulary=vocabulary, engine_name=engine, now=self._now),
            minter=minter,
            labels=vocabulary.labels,
        )
        retry = Retry(
            first_seconds=self.settings.number("events.retry_seconds"),
            longest_seconds=self.settings.number("events.retry_max_seconds"),
        )
        self.pipeline = Pipeline(
            writer=writer,
            inbox=self.inbox,
            hydrator=Hydrator(sources, executor=asking, retry=retry, now=self._now),
            references=References(self.inbox, sources=sources, minter=minter),
            contexts=contexts,
            executor=self._executor,
            retry=retry,
            now=self._now,
            before_write=self._publish_if_due,
        )
        self._schedule = Schedule(
            sources,
            minutes={name: table.sweep_minutes for name, table in self.settings.sources.items()},
            graph=self.store,
            contexts=contexts,
            inbox=self.inbox,
            executor=asking,
            retry=retry,
            now=self._now,
        )
        writer.bring_in_line()
        editions = {ONTOLOGY: vocabulary.statements, SHAPES: core_statements()}
        writer.record(self._source_systems(sources), editions=editions, at=self._now())
        self.publish()

    def _source_systems(self, connected: Collection[str]) -> Iterator[Proposal]:
        """The connected sources, as entities of their own: whom `mlg:recordedBy` names."""
        for name, table in self.settings.sources.items():
            if name not in connected:
                continue
            ref = iris.source_system(name)
            iri = self.settings.minter.mint(ref)
            facts = {
                iris.TYPE: node(iris.class_of_type(ref.type)),
                iris.TITLE: literal(name),
                iris.DESCRIPTION: literal(f"The source {name!r}, connected as {table.kind}."),
                iris.IDENTIFIER: literal(name),
            }
            statements = frozenset((iri, predicate, value) for predicate, value in facts.items())
            entity = Entity(ref=ref, iri=iri, statements=statements)
            yield Proposal(entity=entity, layer="source", cause="configuration")

    def run(self, stop: threading.Event) -> None:
        """Works until ``stop`` is set."""
        with _at_work(), ExitStack() as carrying:
            for bridge in self.bridges:
                carrying.enter_context(bridge)
            carrying.callback(self._end_bridges)
            while not stop.is_set():
                self._tell_of_bridges()
                self._schedule.begin_what_is_due()
                if self.step() is None:
                    self._tidy_in_background()
                    stop.wait(POLL_SECONDS)

    def _end_bridges(self) -> None:
        for bridge in self.bridges:
            bridge.end()

    def _tell_of_bridges(self) -> None:
        troubles = dict.fromkeys(bridge.trouble for bridge in self.bridges if bridge.trouble)
        trouble = " ".join(troubles) or None
        if trouble != self._told:
            self._told = trouble
            self._say("running", trouble)

    def drain(self, *, progress: Callable[[int], None] | None = None) -> Counts:
        """Works until the inbox is empty; what waits for a source that is down stays there.

        ``progress`` is told how much is left.
        """
        total = Counts()
        with _at_work():
            while (counts := self.step()) is not None:
                total += counts
                if progress is not None:
                    progress(self.inbox.pending())
        self.publish()
        return total

    def step(self) -> Counts | None:
        """One batch, or None when nothing is due; readers see it at once, or soon under load."""
        try:
            self._want_room()
            if self._is_stopped:
                self._revive()
            counts = self.pipeline.run_once(self.settings.integer("events.batch"))
            if not self.pipeline.in_flight:
                self.publish()
            return counts
        except StoreUnavailable as error:
            self._recover(error)
            return Counts()

    def _want_room(self) -> None:
        """Stops before the disk is full: then the engine's files are whole, and the state can be said."""
        free = shutil.disk_usage(self.settings.data_dir).free
        if free < ROOM_BYTES:
            raise StoreUnavailable(
                f"Only {free >> 20} MB are free for {self.settings.data_dir}, and writing stops below "
                f"{ROOM_BYTES >> 20}; free some space, it goes on by itself."
            )

    def _recover(self, error: StoreUnavailable) -> None:
        self._is_stopped = True
        self._say("write-dead", str(error))
        time.sleep(self.reopen_seconds)
        self._revive()

    def _revive(self) -> None:
        """Opens the store again, and indexes again what the index lost of its last changes."""
        try:
            self._want_room()
            self.store.reopen()
            self.writer.catch_up()
        except StoreUnavailable:
            return
        self._is_stopped = False
        self._told = None
        self._say("running")

    def tidy(self) -> None:
        """Merges what bulk writes left in many files, where there is much of it."""
        if self.writer.lineage.is_long:
            self.writer.lineage.merge()
        if self.store.is_untidy:
            self.store.tidy()
            self._show_tidy()

    def _tidy_in_background(self) -> None:
        """The same while nothing else is to do, the store in a thread of its own: it may take
        minutes."""
        if self.writer.lineage.is_long:
            self.writer.lineage.merge()
        if self._tidying is None and self.store.is_untidy:
            self._tidying = self._executor.submit(self.store.tidy)
        elif self._tidying is not None and self._tidying.done():
            done, self._tidying = self._tidying, None
            try:
                done.result()
                self._show_tidy()
            except StoreUnavailable as error:
                self._recover(error)

    def _show_tidy(self) -> None:
        """Lets readers have the merged files: a version that says nothing new."""
        self.store.apply(Change())
        self.store.sync()
        self.publish()

    def _publish_if_due(self) -> None:
        if time.monotonic() - self._published_at > PUBLISH_SECONDS:
            self.publish()

    def rebuild_links(self) -> int:
        """Draws all links again by the identity rules; answers how many statements moved."""
        moved = self.writer.rebuild_links(at=self._now())
        self.publish()
        return moved

    def rebuild_derived(
        self, *, everything: bool = True, progress: Callable[[int], None] = lambda moved: None
    ) -> int:
        """Derives all again by the ontology's axioms, or what has other axioms now.

        Answers how many statements moved.
        """

        def so_far(moved: int) -> None:
            self._publish_if_due()
            progress(moved)

        moved = self.writer.rebuild_derived(now=self._now, everything=everything, progress=so_far)
        self.publish()
        return moved

    def publish(self) -> None:
        """Makes everything committed so far visible to readers."""
        version = self.store.version
        if version != self._published:
            self.writer.publish_indexes()
            self.store.publish()
            self._published = version
        self._published_at = time.monotonic()

    def _say(self, state: str, message: str | None = None) -> None:
        file = self.settings.data_dir / "worker.json"
        text = json.dumps({"pid": os.getpid(), "state": state, "message": message})
        try:
            building = file.with_suffix(".new")
            building.write_text(text, "utf-8")
            building.replace(file)
        except OSError:  # a full disk is what is being said: over the old text, it takes no room
            with suppress(OSError), file.open("r+b") as held:
                held.write(text.encode().ljust(file.stat().st_size))

    def close(self) -> None:
        self._say("stopped")
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(MlgError):  # what is committed is safe; it is published at the next start
            self.pipeline.land()
            self.publish()
        self.close()


def _askers(sources: Mapping[str, Source]) -> int:
    """Threads enough for all that may be asked at a time, and a sweep of each: none waits for another."""
    return 1 + sum(source.in_flight + 1 for source in sources.values())


def _named(sources: Mapping[str, Source], name: str) -> Source:
    if name not in sources:
        raise UnknownSource(f"No source {name!r} is configured; `mlg sources` lists them.")
    return sources[name]


@contextmanager
def _at_work() -> Iterator[None]:
    """Sets the interpreter up for what a worker does, and back.

    The collector of reference cycles passes over what was set up, and runs only when more is left
    than two batches hold: their half a million objects end without it, and by default it goes over
    them again and again, which takes a sixth of all processor time, and stops whatever else runs
    for a tenth of a second each time. And threads that wait for sources need not
    wait 5 ms more for the one that works: with 16 requests in flight at 20 ms each, 86 % of what
    is possible was reached in place of 80 %.
    """
    collects, switches = gc.get_threshold(), sys.getswitchinterval()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(switches)
        gc.set_threshold(*collects)
        gc.unfreeze()
