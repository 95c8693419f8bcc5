"""Source systems that are too large for every installation: where a run of tests finds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def installed(variable: str) -> Path:
    """What an environment variable names, which is there: an interpreter, or a folder.

    `make test-sources` sets all of them. Whoever picks such tests by hand may have just one of
    the systems, so the tests of the others are skipped; what is named and not there is a failure.
    """
    named = os.environ.get(variable)
    if not named:
        pytest.skip(f"{variable} names nothing; `make test-sources` installs it and sets this.")
    path = Path(named).absolute()
    assert path.exists(), f"{variable} names {path}, which is not there."
    return path
