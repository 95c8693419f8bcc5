"""Validation: rules in SHACL, two engines, and only what a change can affect.

- `Validator` is the stage: which nodes to judge again, and their findings.
- `load_shapes` reads and checks the rules, `engine` runs them; `shacl` is the default and
  `pyshacl` the reference, and tests hold the two together.
- `Reach` follows the rules' paths; `findings_quads` and `read_findings` keep the outcome.
- `validate_document` is the job for what somebody sent; `kg.validate.render` writes reports.

Nothing here opens a store, or fetches anything that data or shapes name.
"""

from __future__ import annotations

from kg.validate.document import validate_document
from kg.validate.engine import ENGINES, Engine, engine
from kg.validate.findings import findings_quads, read_findings, report_quads, stored_quads
from kg.validate.reach import Reach
from kg.validate.shapes import (
    Rule,
    Shapes,
    core_statements,
    load_shapes,
    parse_shapes,
    shapes_of,
)
from kg.validate.validator import Validator

__all__ = [
    "ENGINES",
    "Engine",
    "Reach",
    "Rule",
    "Shapes",
    "Validator",
    "core_statements",
    "engine",
    "findings_quads",
    "load_shapes",
    "parse_shapes",
    "read_findings",
    "report_quads",
    "shapes_of",
    "stored_quads",
    "validate_document",
]
