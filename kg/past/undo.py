"""What undoing revisions does to what the layers say.

Revisions are undone the newest first. What a layer gained goes, what it lost comes back, and with
the revision that made an entity goes all that is left of it. A layer's statement is in the merged
view while any layer states it, so the view follows from the layers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, get_args

from kg.draft import DERIVED, DOUBLED, STEWARD, Graphs, Held, held_of
from kg.model import Layer
from kg.past.revisions import KEPT_GRAPHS
from kg.revision import Revision
from kg.terms import Quad, Statement

LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
_GRAPH_OF: Final[dict[Layer, str]] = {"steward": STEWARD, "derived": DERIVED}


Sets = defaultdict[Layer, set[Statement]]
"""Statements by the layer that states them."""


def _sets() -> Sets:
    return defaultdict(set)


@dataclass(slots=True)
class Undone:
    """The undoing of some revisions of one entity: what each layer loses by it, and gets back.

    ``cleared`` when the entity was not there before them: nothing that is stated now was then.
    ``met`` are the statements of which the revisions tell, by layer, each with whether the layer
    states it now: what the newest of them says.
    """

    cleared: bool = False
    taken: Sets = field(default_factory=_sets)
    given: Sets = field(default_factory=_sets)
    met: defaultdict[Layer, dict[Statement, bool]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def undo(self, revision: Revision) -> None:
        """Undoes one more revision, which came before those that are undone already."""
        if revision.creates:
            self.cleared = True
            self.taken, self.given = _sets(), _sets()
            return
        met = self.met[revision.layer]
        for statement in revision.asserted:
            met.setdefault(statement, True)
        for statement in revision.retracted:
            met.setdefault(statement, False)
        taken, given = self.taken[revision.layer], self.given[revision.layer]
        taken.update(revision.asserted)
        given.difference_update(revision.asserted)
        given.update(revision.retracted)
        taken.difference_update(revision.retracted)

    def apply(self, held: Held) -> Held:
        """What is stated once it is undone, of what is ``held`` now."""
        layers = {
            layer: self.given[layer]
            if self.cleared
            else (held.of(layer) - self.taken[layer]) | self.given[layer]
            for layer in LAYERS
        }
        others = layers["steward"] | layers["derived"]
        return Held(
            merged=layers["source"] | others,
            steward=layers["steward"],
            derived=layers["derived"],
            doubled=layers["source"] & others,
        )

    def change(self, graphs: Graphs, iri: str) -> tuple[set[Quad], set[Quad]]:
        """What it adds to the graphs of the layers, and what it removes from them."""
        if iri in KEPT_GRAPHS:
            return self._change_of_graph(graphs, iri)
        held = self._met(graphs)
        if self.cleared:
            held = held.joined(held_of(iri, facts=graphs, graphs=graphs))
        now, then = _quads(held), _quads(self.apply(held))
        return then - now, now - then

    def _change_of_graph(self, graphs: Graphs, name: str) -> tuple[set[Quad], set[Quad]]:
        """The same for a graph that has revisions of its own: of all that it states."""
        now = set(graphs.quads(graph=name))
        given = {(*statement, name) for statement in self.given["source"]}
        taken = {(*statement, name) for statement in self.taken["source"]}
        then = given if self.cleared else (now - taken) | given
        return then - now, now - then

    def _met(self, graphs: Graphs) -> Held:
        """What is stated now of what is met, and no more: large entities change little."""
        held = Held(merged=set(), steward=set(), derived=set(), doubled=set())
        for statement in set().union(*self.met.values()):
            steward = self._states(graphs, "steward", statement)
            derived = self._states(graphs, "derived", statement)
            source = self.met["source"].get(statement)
            if source is None:
                alone = not (steward or derived) and graphs.holds(statement)
                source = alone or graphs.has((*statement, DOUBLED))
            if steward:
                held.steward.add(statement)
            if derived:
                held.derived.add(statement)
            if source and (steward or derived):
                held.doubled.add(statement)
            if source or steward or derived:
                held.merged.add(statement)
        return held

    def _states(self, graphs: Graphs, layer: Layer, statement: Statement) -> bool:
        known = self.met[layer].get(statement)
        return graphs.has((*statement, _GRAPH_OF[layer])) if known is None else known


def undone(revisions: Iterable[Revision]) -> Undone:
    """The undoing of an entity's revisions, which are given the newest first."""
    found = Undone()
    for revision in revisions:
        found.undo(revision)
    return found


def _quads(held: Held) -> set[Quad]:
    graphs = {"": held.merged, STEWARD: held.steward, DERIVED: held.derived, DOUBLED: held.doubled}
    return {(*statement, name) for name, said in graphs.items() for statement in said}
