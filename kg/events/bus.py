"""Message brokers: what every one of them offers here, and how a setting names one.

::

    inbox:                                       no broker; events come over HTTP alone
    kafka://host:9092[,host:port]/topic?group=mlgraph
    sqs://eu-west-1/queue?endpoint=http://127.0.0.1:5010

The option ``consumers`` of any of them says how many of its consumers one worker runs (1): those of
a Kafka group share its partitions.

A broker never feeds the pipeline. `kg.events.bridge` carries its messages to the inbox, which is
synced before anything is acknowledged. How to write one: a module here with a class that meets
`Bus` and is built from a `BusUrl`, and a row in `BUSES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from kg.errors import BadSetting, MissingExtra
from kg.model import Event

INBOX: Final = "inbox:"
"""The setting that names no broker."""


MOST_CONSUMERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a broker handed over; ``place`` is where it stood there, for people who look for it."""

    body: bytes
    place: str


class Bus(Protocol):
    """One consumer of a broker. It is used by one thread, and built anew after any failure.

    Building it calls nobody: a wrong setting is told at once (`BadSetting`), a broker that is away
    only by `poll`.
    """

    def poll(self) -> list[Message]:
        """The next messages, or none after a few seconds. `SystemFailure` if the broker is away."""
        ...

    def acknowledge(self) -> None:
        """Tells the broker that what was polled is kept, and need not come again.

        Called after every `poll` whose messages are kept. Raises `SystemFailure`; then they may
        come again.
        """
        ...

    def close(self) -> None:
        """Leaves. What was polled and not acknowledged comes again, here or at another consumer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BusUrl:
    """The parts of an address: ``kind://where/name?options``, and the setting that has it.

    ``consumers`` is an option of every kind, and no longer among ``options``.
    """

    kind: str
    where: str
    name: str
    options: Mapping[str, str]
    consumers: int = 1
    setting: str = "events.url"

    def number(self, option: str, default: int, *, least: int, most: int) -> int:
        """A whole number among the options. Raises `BadSetting` naming it."""
        text = self.options.get(option, str(default))
        if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
            raise BadSetting(f"{self.setting}: {option} is a number from {least} to {most}.")
        return int(text)


BUSES: Final[dict[str, str]] = {
    "kafka": "kg.events.kafka:KafkaBus",
    "sqs": "kg.events.sqs:SqsBus",
}


def read_url(url: str, *, setting: str = "events.url") -> BusUrl:
    """The parts of a broker's address. Raises `BadSetting`, which never quotes it: secrets."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise BadSetting(f"{setting} is not a URL.") from error
    options = dict(pairs)
    if len(options) < len(pairs):
        raise BadSetting(f"{setting} has an option twice.")
    if parts.scheme not in BUSES:
        none = [INBOX] if setting == "events.url" else []
        known = ", ".join([*none, *(f"{name}://" for name in BUSES)])
        raise BadSetting(f"{setting} begins with one of {known}, not {parts.scheme[:20]!r}.")
    name = parts.path.strip("/")
    if not parts.netloc or not name or "/" in name or "@" in parts.netloc or parts.fragment:
        raise BadSetting(f"{setting} is {_SHAPES[parts.scheme]}.")
    given = BusUrl(
        kind=parts.scheme, where=parts.netloc, name=name, options=options, setting=setting
    )
    consumers = given.number("consumers", 1, least=1, most=MOST_CONSUMERS)
    rest = {option: value for option, value in options.items() if option != "consumers"}
    return replace(given, options=rest, consumers=consumers)


def open_bus(url: str, *, setting: str = "events.url") -> Bus:
    """A consumer of the broker that the setting names. Calls nobody yet.

    Raises `BadSetting`, or `MissingExtra` if its library is not installed.
    """
    given = read_url(url, setting=setting)
    module, _, attribute = BUSES[given.kind].partition(":")
    try:
        build: Any = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{setting} needs {error.name}: pip install 'model-lifecycle-graph[{given.kind}]'."
        ) from error
    bus: Bus = build(given)
    return bus


def thin_json(event: Event) -> bytes:
    """A thin event as the JSON that is sent over a broker or to ``/events``."""
    kind, verb = event.ref.type.replace("-", "_"), event.event_type.rpartition(".")[2]
    members = {
        "event_type": f"{kind}.{verb}",
        "source": event.ref.source,
        "id": event.ref.key,
        "event_id": event.event_id,
    }
    if event.time is not None:
        members["time"] = event.time.isoformat()
    return json.dumps(members, separators=(",", ":")).encode()


_SHAPES: Final = {
    "kafka": "kafka://host:9092[,host:port]/topic?group=mlgraph",
    "sqs": "sqs://region/queue?endpoint=http://127.0.0.1:5010, the endpoint only outside of AWS",
}
