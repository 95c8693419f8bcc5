"""One thing, many names: which entities of different systems stand for the same thing.

The rules are Turtle (``ontology/concepts/identity-rules.ttl``); `readings` are the only code that
knows names, and `links` the only one that compares them.
"""

from kg.resolve.holders import NAMES
from kg.resolve.links import REVIEW, resolve
from kg.resolve.rules import IdentityRules, read_identity

__all__ = ["NAMES", "REVIEW", "IdentityRules", "read_identity", "resolve"]
