"""From a draft to the graph: its findings, one atomic write, its entries in the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kg import iris
from kg.commit import commit, propose, replay, revised
from kg.draft import Draft
from kg.editions import record
from kg.facts import Facts
from kg.infer import Rules, derive_again, enrich, held_fingerprints, hold_fingerprints
from kg.iris import Minter
from kg.model import Change, Proposal
from kg.resolve import IdentityRules, resolve, resolve_again
from kg.search.entries import Entry, dependents, entries
from kg.search.index import SearchIndex
from kg.store import GraphStore
from kg.terms import Quad, Statement
from kg.validate import Validator, findings_quads

if TYPE_CHECKING:
    from kg.lineage import LineageIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A draft that is judged, and what the index is to take out and put in once it is written."""

    draft: Draft
    changes: list[Statement]
    at: datetime
    entries: list[Entry]
    stale: set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The store and the indexes as their one writer sees them."""

    store: GraphStore
    index: SearchIndex
    lineage: LineageIndex
    rules: Rules
    identity: IdentityRules
    validator: Validator
    minter: Minter
    labels: Mapping[str, str]

    def record(
        self,
        proposals: Iterable[Proposal],
        *,
        editions: Mapping[str, Iterable[Statement]],
        at: datetime,
    ) -> None:
        """Commits what this installation says of itself, and the ontology and shapes it goes by."""
        draft = Draft(self.store)
        for proposal in proposals:
            propose(draft, proposal, at=at)
        self.enrich(draft, at=at)
        record(draft, editions)
        self.commit(draft, at=at)

    def commit(self, draft: Draft, *, at: datetime) -> None:
        """Judges a draft, writes it, and indexes it. Raises `StoreUnavailable`."""
        ready = self.judge(draft, at=at)
        self.write(self.change(ready))
        self.put(ready)

    def enrich(self, draft: Draft, *, at: datetime) -> None:
        """Draws the consequences of a draft; links first, since chains may lead through them."""
        resolve(draft, self.identity)
        enrich(draft, self.rules, at=at)

    def judge(self, draft: Draft, *, at: datetime) -> Ready:
        """Adds what the rules say of a draft, and reads what its subjects are found by."""
        changes = draft.changes()
        if changes:
            self._revalidate(draft, changes, at)
            if self.store.version == 0:
                hold_fingerprints(draft, self.rules)
        named = {subject for name in iris.NAMES for subject, _, _ in draft.moved.get(name, ())}
        found, stale = self._entries(draft.facts, draft.moved_entities(), renamed=named)
        return Ready(draft=draft, changes=changes, at=at, entries=found, stale=stale)

    def change(self, ready: Ready) -> Change:
        """The draft as the one change that makes the store's next version."""
        return commit(ready.draft, version=self.store.version + 1, at=ready.at)

    def write(self, change: Change) -> None:
        """Returns when the change is written and synced. Raises `StoreUnavailable`.

        It may be empty for a draft that moves nothing: layers change where the view does not.
        """
        if change:
            self.store.apply(change)
            self.store.sync()
            self.lineage.note(change)

    def put(self, ready: Ready) -> None:
        """Brings the index in line with what was written; readers see it after a commit of it."""
        if ready.stale:
            self.index.update(ready.entries, removed=ready.stale, new=ready.draft.created)

    def publish_indexes(self) -> None:
        """Lets readers see in the indexes what the next checkpoint will show."""
        self.index.commit(self.store.version)
        self.lineage.commit(self.store.version)

    def catch_up(self) -> None:
        """Indexes what was committed after the indexes were last saved, before a crash."""
        for version in range(self.index.version + 1, self.store.version + 1):
            changed = revised(self.store, version)
            found, stale = self._entries(self.store, changed, renamed=changed)
            self.index.update(found, removed=stale)
        self.lineage.forget()
        for version in range(self.lineage.version + 1, self.store.version + 1):
            for came, statement in replay(self.store, version):
                self.lineage.note_statements([statement], came=came)

    def bring_in_line(self) -> None:
        """Sees to it, at the start, that the indexes show what the store has.

        One is built again that is missing, cannot be used, or shows commits that the store lost in
        a power cut.
        """
        if not 0 < self.index.version <= self.store.version:
            self.rebuild_index()
        if not 0 <= self.lineage.version <= self.store.version:
            self.rebuild_lineage()
        self.catch_up()

    def rebuild_lineage(self) -> int:
        """Builds the lineage index again from the graph; answers how many dependencies it has."""
        return self.lineage.rebuild(self.store, version=self.store.version).edges

    def rebuild_index(self) -> int:
        """Builds the index again from the graph, and answers how many entities it has."""
        typed = {s for s, predicate, _ in self.store.statements() if predicate == iris.TYPE}
        entities = sorted(iri for iri in typed if self.minter.is_entity(iri))
        found = entries(self.store, entities, minter=self.minter, labels=self.labels)
        return self.index.rebuild(found, version=self.store.version)

    def rebuild_links(self, *, at: datetime) -> int:
        """Draws all links and doubts again by the rules, and answers how many statements moved."""
        draft = Draft(self.store)
        resolve_again(draft, self.identity)
        enrich(draft, self.rules, at=at)
        self.commit(draft, at=at)
        return len(draft.changes())

    @property
    def has_other_axioms(self) -> bool:
        """Whether the derived layer was made by other axioms than those that hold now."""
        return self.store.version > 0 and held_fingerprints(self.store) != self.rules.fingerprints

    def rebuild_derived(
        self,
        *,
        now: Callable[[], datetime],
        everything: bool,
        progress: Callable[[int], None] = lambda moved: None,
    ) -> int:
        """Derives again by the axioms, and answers how many statements came or went.

        That is everything, or what has other axioms now.
        """
        moved = 0
        for draft in derive_again(self.store, self.rules, now=now, everything=everything):
            if not draft.change():
                continue
            self.commit(draft, at=now())
            moved += len(draft.changes())
            progress(moved)
        return moved

    def _revalidate(self, draft: Draft, changes: list[Statement], at: datetime) -> None:
        """Puts the difference in findings into the draft, for all that the changes can affect."""
        focus = self.validator.affected(draft.facts, changes)
        for iri, findings in self.validator.findings(draft.facts, focus).items():
            is_new = iri in draft.created
            if is_new and not findings:
                continue
            old = set[Quad]() if is_new else self.validator.stored_quads(draft.store, iri)
            new = findings_quads(iri, findings, at=at, stored=old)
            for quad in old - new:
                draft.remove(quad)
            for quad in new - old:
                draft.add(quad)

    def _entries(
        self, facts: Facts, changed: set[str], *, renamed: set[str]
    ) -> tuple[list[Entry], set[str]]:
        """What to put into the index, and all that has to leave it first."""
        stale = changed | dependents(facts, renamed, minter=self.minter)
        stale = {iri for iri in stale if self.minter.is_entity(iri)}
        return list(entries(facts, stale, minter=self.minter, labels=self.labels)), stale
