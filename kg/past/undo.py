"""What undoing revisions does to what the layers say.

Revisions are undone the newest first. What a layer gained goes, what it lost comes back, and with
the revision that made an entity goes all that is left of it. A layer's statement is in the merged
view while any layer states it, so the view follows from the layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, get_args

from kg.draft import DERIVED, DOUBLED, STEWARD, Graphs, Held, held_of
from kg.model import Layer
from kg.past.revisions import Revision
from kg.terms import Quad, Statement

LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)


def _by_layer() -> dict[Layer, set[Statement]]:
    return {layer: set() for layer in LAYERS}


@dataclass(slots=True)
class Undone:
    """The undoing of some revisions of one entity: what each layer loses by it, and gets back.

    ``cleared`` when the entity was not there before them: nothing that is stated now was then.
    ``met`` are the statements of which the revisions tell.
    """

    cleared: bool = False
    taken: dict[Layer, set[Statement]] = field(default_factory=_by_layer)
    given: dict[Layer, set[Statement]] = field(default_factory=_by_layer)
    met: set[Statement] = field(default_factory=set)

    def undo(self, revision: Revision) -> None:
        """Undoes one more revision, which came before those that are undone already."""
        if revision.creates:
            self.cleared = True
            self.taken, self.given = _by_layer(), _by_layer()
            return
        self.met.update(revision.asserted, revision.retracted)
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
        held = self._met(graphs)
        if self.cleared:
            held = held.joined(held_of(iri, facts=graphs, graphs=graphs))
        now, then = _quads(held), _quads(self.apply(held))
        return then - now, now - then

    def _met(self, graphs: Graphs) -> Held:
        """What is stated now of what is met, and no more: large entities change little."""
        named: dict[str, set[Statement]] = {name: set() for name in (STEWARD, DERIVED, DOUBLED)}
        for subject in {subject for subject, _, _ in self.met}:
            for name, found in named.items():
                found.update(quad[:3] for quad in graphs.quads(subject=subject, graph=name))
        return Held(
            merged={statement for statement in self.met if graphs.holds(statement)},
            steward=named[STEWARD] & self.met,
            derived=named[DERIVED] & self.met,
            doubled=named[DOUBLED] & self.met,
        )


def undone(revisions: Iterable[Revision]) -> Undone:
    """The undoing of an entity's revisions, which are given the newest first."""
    found = Undone()
    for revision in revisions:
        found.undo(revision)
    return found


def _quads(held: Held) -> set[Quad]:
    graphs = {"": held.merged, STEWARD: held.steward, DERIVED: held.derived, DOUBLED: held.doubled}
    return {(*statement, name) for name, said in graphs.items() for statement in said}
