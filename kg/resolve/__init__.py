"""One thing, many names: which entities of different systems stand for the same thing."""

from kg.resolve.rules import IdentityRules, read_identity

__all__ = ["IdentityRules", "read_identity"]
