"""Stage 6: what the rules say of the entities that a change can affect.

The pipeline asks which nodes to judge again, hands over the graph as it will be, and gets their
findings, which join the same draft: a commit and its findings are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from kg.facts import Facts
from kg.model import Finding, utc_now
from kg.terms import Quad, Statement
from kg.validate.automaton import Target
from kg.validate.engine import engine
from kg.validate.findings import Graphs, read_findings, stored_quads
from kg.validate.reach import Reach
from kg.validate.shapes import load_shapes
from kg.vocabulary import Vocabulary


class Validator:
    """The rules, an engine, and their reach. One thread uses it: the worker's."""

    def __init__(
        self,
        *,
        vocabulary: Vocabulary | None = None,
        extra: Path | None = None,
        engine_name: str = "shacl",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.shapes = load_shapes(extra, vocabulary=vocabulary)
        self._engine = engine(engine_name, self.shapes)
        self._reach = Reach(self.shapes)
        self._now = now

    @property
    def timed(self) -> frozenset[Target]:
        """What has to be judged again now and then, though nothing changed."""
        return self._reach.timed

    def affected(self, facts: Facts, changes: Iterable[Statement]) -> set[str]:
        """The nodes whose findings these added or removed statements may change."""
        return self._reach.affected(facts, changes)

    def findings(
        self,
        facts: Facts,
        focus: set[str] | frozenset[str],
        *,
        at: datetime | None = None,
    ) -> dict[str, list[Finding]]:
        """The findings of each of these nodes, worst first; none for a node that no rule is about.

        ``at`` is the moment to judge by, now if None.
        """
        found: dict[str, list[Finding]] = {iri: [] for iri in focus}
        data = self._reach.context(facts, focus)
        if data:
            for finding in self._engine.validate(data, at=at or self._now(), focus=focus).findings:
                found[finding.focus].append(finding)
        return found

    def stored(self, store: Graphs, entity: str) -> list[Finding]:
        """The findings about an entity that are in the graph."""
        return read_findings(store, entity)

    def stored_quads(self, store: Graphs, focus: str) -> set[Quad]:
        """Their statements, for one focus node."""
        return stored_quads(store, focus)
