"""Reading a source's JSON: a value is there in the right form, or the answer is a `BadPayload`.

Systems leave out what is empty, so only `required` insists.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from kg.errors import BadIri, BadPayload, IncompleteList
from kg.model import Payload

Listed = TypeVar("Listed")
Name = TypeVar("Name")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAULTS_TOLD: Final = 3


def named(
    listed: Iterable[Listed], name: Callable[[Listed], Name], *, where: str
) -> Iterator[tuple[Name, Listed]]:
    """What is listed, each with its name; one without holds up no other.

    Raises `IncompleteList` at the end if there were any, which tells of the first by their places.
    """
    number = faults = 0
    told: list[str] = []
    for number, one in enumerate(listed, 1):
        try:
            found = name(one)
        except (BadPayload, BadIri) as error:
            faults += 1
            if faults <= _FAULTS_TOLD:
                told.append(f"number {number}: {error}")
        else:
            yield found, one
    if faults:
        which = "; ".join(told)
        raise IncompleteList(
            f"{where}: {faults} of {number} listed cannot be named, and are left out: {which}"
        )


def required(record: Payload, name: str) -> str:
    found = text(record, name)
    if not found:
        raise BadPayload(f"An answer lacks {name!r}: {_excerpt(record)}")
    return found


def text(record: Payload, name: str) -> str:
    """A string, or a number as MLflow may write a key; empty if it is not there."""
    value = record.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(record, name, "text")
    return str(value)


def record(parent: Payload, name: str) -> Payload:
    """The object inside an answer that carries all of it."""
    value = parent.get(name)
    if not isinstance(value, dict):
        raise _wrong(parent, name, "an object")
    return value


def records(parent: Payload, name: str) -> list[Payload]:
    value = parent.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(parent, name, "a list of objects")
    return value


def part(parent: Payload, name: str) -> Payload:
    """An object inside an answer, empty if it is not there."""
    return record(parent, name) if parent.get(name) is not None else {}


def pairs(parent: Payload, name: str) -> dict[str, str]:
    """A list of ``{"key": …, "value": …}`` as a dictionary."""
    return {required(item, "key"): text(item, "value") for item in records(parent, name)}


def integer(record: Payload, name: str) -> int:
    value = record.get(name, 0)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(record, name, "a whole number") from error


def number(record: Payload, name: str) -> float:
    """A number; MLflow writes those that JSON lacks as the texts NaN, Infinity and -Infinity."""
    value = record.get(name)
    try:
        if isinstance(value, bool) or value is None:
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(record, name, "a number") from error


def moment(record: Payload, name: str) -> str | None:
    """Milliseconds since 1970 as the one way to write that moment in ``xsd:dateTime``."""
    milliseconds = integer(record, name)
    if milliseconds <= 0:
        return None
    try:
        time = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise _wrong(record, name, "a moment in milliseconds") from error
    return _written(time)


def date_time(record: Payload, name: str) -> str | None:
    """A moment in ISO 8601 as `moment` writes it; one that names no time zone is in UTC."""
    told = text(record, name)
    if not told:
        return None
    try:
        time = datetime.fromisoformat(told)
        return _written((time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise _wrong(record, name, "a moment in ISO 8601") from error


def double(value: float) -> str:
    """A number as ``xsd:double`` writes it."""
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(value)


def inner(record: Payload, name: str) -> Payload:
    """JSON that MLflow keeps as text inside JSON; empty if it is something else."""
    try:
        found = json.loads(text(record, name) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _written(time: datetime) -> str:
    whole, _, fraction = time.replace(tzinfo=None).isoformat().partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def _wrong(record: Payload, name: str, wanted: str) -> BadPayload:
    return BadPayload(f"In an answer {name!r} is not {wanted}: {_excerpt(record)}")


def _excerpt(record: Any) -> str:
    return repr(record)[:200]
