"""Source systems that have an environment of their own: where a run of tests finds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def installed(variable: str) -> Path:
    """What an environment variable names, which is there: an interpreter, or a folder.

    `make test` names dbt, `make test-sources` all others. Whoever picks tests by hand may have just
    one of the systems, and a short run leaves some out by `WITHOUT`, so the tests of those that are
    not named are skipped; what is named and not there is a failure.
    """
    named = os.environ.get(variable)
    if not named:
        pytest.skip(f"{variable} names nothing; `make test-all` installs it and sets this.")
    path = Path(named).absolute()
    assert path.exists(), f"{variable} names {path}, which is not there."
    return path
