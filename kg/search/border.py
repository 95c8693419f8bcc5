"""Where Tantivy's errors become ours.

Tantivy tells everything by `ValueError` and `OSError`, and a damaged file may make it panic, which
arrives as an exception that is no `Exception`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kg.errors import Busy, StoreUnavailable

LOCKED: Final = "LockBusy"
_NEXT: Final = "See that the disk is not full; if this stays, build it again: mlg rebuild search"


@contextmanager
def guarded(path: Path, *, doing: str) -> Iterator[None]:
    """Translates what Tantivy raises, and what comes of reading the bytes that it kept.

    Raises `Busy` when another process holds the index for writing, else `StoreUnavailable`.
    """
    try:
        yield
    except (ValueError, OSError, KeyError) as error:
        if LOCKED in str(error):
            raise Busy(
                f"Another process writes the search index {path}; stop it first.", path=str(path)
            ) from error
        raise _unavailable(path, doing, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _unavailable(path, doing, error) from error


def missing(path: Path) -> StoreUnavailable:
    return StoreUnavailable(
        f"There is no search index in {path} yet. The worker makes it: mlg worker, or "
        "mlg rebuild search",
        path=str(path),
    )


def _unavailable(path: Path, doing: str, error: BaseException) -> StoreUnavailable:
    reason = str(error).partition("\n")[0].rstrip(".")
    return StoreUnavailable(f"{doing} failed on {path}: {reason}. {_NEXT}", path=str(path))
