"""The questions that the ontology comes with: a query each, and the values that one may choose.

A value to choose is a line of the query that binds one variable to one literal, and says behind it
what that is:

    VALUES ?modelName { "Home ranker" }  # the model's name

So the text runs anywhere as it stands, and a new question is a Turtle file and no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from kg.errors import BadInput
from kg.iris import PREFIXES
from kg.terms import literal, moment

_CHOICE: Final = re.compile(
    r"""^(?P<before>\s*VALUES\ \?(?P<name>\w+)\ \{\ )
        (?P<literal>"(?P<text>[^"\\]*)"(?:\^\^xsd:(?P<datatype>\w+))?|(?P<number>\d+))
        (?P<after>\ \}\s+\#\ (?P<help>\S.*))$""",
    re.VERBOSE | re.MULTILINE,
)
_DAYS_AGO: Final = re.compile(r"P(\d{1,5})D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value that whoever asks may choose; ``value`` is the one in the text.

    ``datatype`` is the local name of one of XML Schema's: string, integer or dateTime.
    """

    name: str
    help: str
    value: str
    datatype: str

    def term(self, given: str, *, now: datetime) -> str:
        """A given text as a literal. Raises `BadInput`."""
        if self.datatype == "string":
            return literal(given)
        try:
            if self.datatype == "integer":
                return literal(str(int(given)), PREFIXES["xsd"] + "integer")
            return moment(_moment(given, now))
        except (ValueError, OverflowError) as error:
            wanted = _WANTED[self.datatype]
            raise BadInput(f"{self.name} is {given!r}, and has to be {wanted}.") from error


_WANTED: Final = {
    "integer": "a whole number",
    "dateTime": "a day (2026-08-25), a moment with its zone (2026-08-25T09:00:00Z), or so many "
    "days ago (P90D)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One file of ``ontology/queries``; ``text`` has its prefixes and runs as it stands."""

    name: str
    label: str
    comment: str
    text: str
    keywords: tuple[str, ...]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The values that one may choose, in the order of the text."""
        return tuple(
            Choice(
                name=found["name"],
                help=found["help"],
                value=found["number"] or found["text"],
                datatype="integer" if found["number"] else found["datatype"] or "string",
            )
            for found in _CHOICE.finditer(self.text)
        )

    def about(self, type: str) -> Choice | None:
        """What to choose to ask of one entity of a type: ``modelName`` takes the name of a model."""
        first, *others = type.split("-")
        name = "".join([first, *(word.capitalize() for word in others)]) + "Name"
        return next((choice for choice in self.choices if choice.name == name), None)

    def asked(self, given: Mapping[str, str], *, now: datetime) -> str:
        """The query with given values in place of those in the text; an empty one changes nothing.

        Raises `BadInput` for a value that it has not, or of the wrong kind.
        """
        choices = {choice.name: choice for choice in self.choices}
        for name in given:
            if name not in choices:
                known = ", ".join(choices) or "nothing to choose"
                raise BadInput(f"The question {self.name!r} has no {name!r}; it has {known}.")

        def chosen(found: re.Match[str]) -> str:
            value = given.get(found["name"])
            if not value:
                return found[0]
            return found["before"] + choices[found["name"]].term(value, now=now) + found["after"]

        return _CHOICE.sub(chosen, self.text)


def _moment(text: str, now: datetime) -> datetime:
    """A day, a moment with its zone, or so many days before now."""
    if ago := _DAYS_AGO.fullmatch(text):
        return now - timedelta(days=int(ago[1]))
    found = datetime.fromisoformat(text)
    if found.tzinfo is not None:
        return found
    if found.time() != time.min or len(text) > len("2026-08-25"):
        raise ValueError("a moment without its zone")
    return found.replace(tzinfo=UTC)
