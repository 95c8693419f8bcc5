"""What would be: a change that nobody has made, laid over the graph as a draft that nobody commits.

`changes` reads what is supposed and lays it over the graph as hydration would; `outcome` draws the
consequences as the pipeline does, and tells what would be different; `job` is both in a process
that may be killed.
"""

from kg.simulate.changes import Supposed, read_changes, supposed_statements
from kg.simulate.job import CHANGES, simulate_document
from kg.simulate.outcome import Difference, simulate

__all__ = [
    "CHANGES",
    "Difference",
    "Supposed",
    "read_changes",
    "simulate",
    "simulate_document",
    "supposed_statements",
]
