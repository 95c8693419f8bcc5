"""A record in words that a JSON-LD context can map: flat, with the values that the graph expects.

Pure functions. Nested values get names with dots: ``{"owner": {"email": "…"}}`` becomes
``{"owner.email": "…"}``, and a list of objects the list of what they hold. What is empty goes, as
does what JSON-LD would take for a word of its own (``@type``). A fraction becomes its decimal
digits, since JSON-LD would write 0.5 as 5.0E-1, which no ``xsd:decimal`` is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from kg.errors import BadPayload
from kg.iris import encode_key
from kg.model import Payload
from kg.sources.answers import double, moment

Conversion = Callable[[Any], Any]


def flat(record: Payload, convert: Mapping[str, Conversion]) -> dict[str, Any]:
    """The record as a document's payload; ``convert`` has conversions by the fields' names."""
    found: dict[str, list[Any]] = {}
    for field, value in _leaves("", record, convert):
        found.setdefault(field, []).extend(value if isinstance(value, list) else [value])
    return {field: v[0] if len(v) == 1 else v for field, v in found.items() if v}


def _leaves(field: str, value: Any, convert: Mapping[str, Conversion]) -> Iterator[tuple[str, Any]]:
    if value is None or value == "":
        return
    if field in convert:
        converted = _converted(field, value, convert[field])
        if converted is not None:
            yield field, converted
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not name.startswith("@"):
                yield from _leaves(f"{field}.{name}" if field else name, inner, convert)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(field, item, convert)
    else:
        yield field, _digits(value) if isinstance(value, float) else value


def _converted(field: str, value: Any, conversion: Conversion) -> Any:
    try:
        return conversion(value)
    except (BadPayload, TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
        word = next(name for name, known in CONVERSIONS.items() if known is conversion)
        raise BadPayload(f"{field} = {value!r:.100} cannot be converted by {word!r}.") from error


def _digits(number: float) -> str:
    return format(Decimal(repr(number)), "f") if math.isfinite(number) else double(number)


def _milliseconds(value: Any) -> str | None:
    if isinstance(value, bool):
        raise TypeError
    return moment({"": value}, "")


def _seconds(value: Any) -> str | None:
    if isinstance(value, bool):
        raise TypeError
    return _milliseconds(round(float(value) * 1000))


def _date_time(value: Any) -> str:
    """A moment in ISO 8601; one without a time zone is in UTC."""
    time = datetime.fromisoformat(value)
    time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    whole, _, fraction = time.replace(tzinfo=None).isoformat().partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def _lowercase(value: Any) -> Any:
    return [_lowercase(item) for item in value] if isinstance(value, list) else value.lower()


def _split(value: Any) -> list[str]:
    return [part for part in map(str.strip, value.split(",")) if part]


def _tags(value: Any) -> list[str]:
    return [f"{key}::{told}" if told else key for key, told in _pairs(value)]


def _parameters(value: Any) -> list[dict[str, str]]:
    return [
        {
            "@id": "#parameter-" + encode_key(name).replace("/", "%2F"),
            "@type": "mlg:Parameter",
            "parameter_name": name,
            "parameter_value": told,
        }
        for name, told in _pairs(value)
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _pairs(value: Any) -> list[tuple[str, str]]:
    """Labels however tools write them: an object, or a list of ``{key, value}`` or of texts."""
    if isinstance(value, dict):
        return [(key, _plain(told)) for key, told in value.items() if key]
    pairs = [(i, "") if isinstance(i, str) else (i["key"], _plain(i.get("value"))) for i in value]
    if not all(isinstance(key, str) and key for key, _ in pairs):
        raise TypeError
    return pairs


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


CONVERSIONS: Final[Mapping[str, Conversion]] = {
    "milliseconds": _milliseconds,
    "seconds": _seconds,
    "date-time": _date_time,
    "lowercase": _lowercase,
    "split": _split,
    "tags": _tags,
    "parameters": _parameters,
    "json": _json,
}
"""All that the setting ``convert`` can name; the package's docstring says what each does."""
