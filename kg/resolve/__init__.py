"""One thing, many names: which entities of different systems stand for the same thing.

The rules are Turtle (``ontology/concepts/identity-rules.ttl``); `readings` are the only code that
knows names, and `links` the only one that compares them.
"""

from kg.resolve.holders import NAMES
from kg.resolve.links import REVIEW, resolve, resolve_again
from kg.resolve.review import (
    CHOICES,
    DECISION,
    Choice,
    Decided,
    Decision,
    Grounds,
    apply,
    decided,
    decision,
    grounds,
    waiting,
)
from kg.resolve.rules import IdentityRules, read_identity

__all__ = [
    "CHOICES",
    "DECISION",
    "NAMES",
    "REVIEW",
    "Choice",
    "Decided",
    "Decision",
    "Grounds",
    "IdentityRules",
    "apply",
    "decided",
    "decision",
    "grounds",
    "read_identity",
    "resolve",
    "resolve_again",
    "waiting",
]
