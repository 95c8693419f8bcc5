"""A moment of the past, as people write it: ISO 8601, with its zone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from kg.errors import BadInput

_EXAMPLE: Final = "2026-11-01T09:30:00Z"
_LOST_PLUS: Final = re.compile(r"([T ]\d\d:?\d\d\S*) (\d\d:?\d\d)")
"""An offset whose plus sign was read as a space, as it is in a URL unless it is written ``%2B``."""


def read_moment(text: str, *, now: datetime) -> datetime:
    """The moment that a text names. Raises `BadInput` if it has no zone, or is yet to come."""
    given = text.strip()
    if lost := _LOST_PLUS.search(given):
        given = f"{given[: lost.start()]}{lost[1]}+{lost[2]}"
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a time; write it in ISO 8601 with its zone, as in {_EXAMPLE}."
        ) from error
    if at.tzinfo is None:
        raise BadInput(
            f"{text!r} has no zone, so it is a different moment in each place; write it as in "
            f"{_EXAMPLE}, or with an offset such as +01:00."
        )
    if at > now:
        raise BadInput(f"{text!r} is yet to come; the graph is known up to {now.isoformat()}.")
    return at
