"""What follows from what is known, by the axioms of the ontology, and why.

`rules` compiles the axioms, `derive` keeps the derived layer in line with them, `reasons` keeps the
explanation of each derived statement in graph ``derived``.
"""

from __future__ import annotations

from kg.infer.derive import enrich, missing_step, walk
from kg.infer.reasons import MAX_SUPPORTS, Derivation, derivations
from kg.infer.rules import Rule, Rules, Step, read_rules

__all__ = [
    "MAX_SUPPORTS",
    "Derivation",
    "Rule",
    "Rules",
    "Step",
    "derivations",
    "enrich",
    "missing_step",
    "read_rules",
    "walk",
]
