"""How people write a moment, and what is no moment of the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from kg.errors import BadInput
from kg.past.moments import read_moment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T09:30:00Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("2026-11-01 09:30Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("20261101T093000Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("2026-11-01T09:30:00.25+01:00", datetime(2026, 11, 1, 8, 30, 0, 250000, tzinfo=UTC)),
        ("2026-11-01T09:30:00 01:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T09:30:00.123456 00:00", datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)),
        (" 2026-11-23T12:00:00Z ", NOW),
        ("2026-11-23T13:59:59+02:00", NOW - timedelta(seconds=1)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert read_moment(text, now=NOW) == moment


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-11-01T09:30:00", "no zone"),
        ("2026-11-01", "no zone"),
        ("2026-11-01 09:30", "no zone"),
        ("yesterday", "not a time"),
        ("", "not a time"),
        ("2026-13-01T00:00:00Z", "not a time"),
        ("2026-11-23T12:00:01Z", "yet to come"),
        ("2026-11-23T12:30:00+00:15", "yet to come"),
    ],
)
def test_what_is_no_moment_of_the_past(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_moment(text, now=NOW)


def test_a_moment_may_be_of_any_zone() -> None:
    zone = timezone(timedelta(hours=-9))
    at = datetime(2026, 11, 1, tzinfo=zone)
    assert read_moment(at.isoformat(), now=NOW) == at
