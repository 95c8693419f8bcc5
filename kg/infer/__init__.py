"""What follows from what is known, by the axioms of the ontology, and why.

`rules` compiles the axioms, `derive` keeps the derived layer in line with them, `again`
makes all of it again after they have changed, `reasons` keeps the
explanation of each derived statement in graph ``derived``.
"""

from __future__ import annotations

from kg.infer.again import derive_again, held_fingerprints, hold_fingerprints
from kg.infer.derive import enrich, missing_step, walk
from kg.infer.paths import shortest
from kg.infer.reasons import MAX_SUPPORTS, Derivation, derivations
from kg.infer.rules import Rule, Rules, Step, read_rules

__all__ = [
    "MAX_SUPPORTS",
    "Derivation",
    "Rule",
    "Rules",
    "Step",
    "derivations",
    "derive_again",
    "enrich",
    "held_fingerprints",
    "hold_fingerprints",
    "missing_step",
    "read_rules",
    "shortest",
    "walk",
]
