"""The shipped fake: a source whose entities are JSON in memory, or in a file that anybody may edit.

Tests, the demo universe and benchmarks use it in place of a real system; it behaves like one, and
can be told to be down. One payload looks the same for every type::

    {"type": "model", "key": "home-ranker", "name": "Home ranker", "owner_emails": ["a@b.example"]}

``context.jsonld`` lists the keys that are understood; another key is kept and ignored. Three things
that a context cannot say are put right by `understood`: labels, parameters and fractions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadIri, BadPayload, IncompleteList, SourceUnavailable
from kg.iris import EntityRef, encode_key
from kg.model import Document, Snapshot
from kg.sources.answers import named, required


@dataclass(frozen=True, slots=True)
class _Held:
    """What can be named, by type and key, and what is said of payloads that cannot."""

    payloads: dict[tuple[str, str], Mapping[str, Any]]
    fault: str

    def insist_on_all(self) -> None:
        """What is not found is gone only if all that is there can be named."""
        if self.fault:
            raise IncompleteList(self.fault)


class MemorySource:
    """``path`` is a JSON file with a list of payloads, read again whenever it has changed."""

    types: ClassVar[frozenset[str]] = frozenset()
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(self, name: str, *, path: str | None = None) -> None:
        self.name = name
        self.down = False
        self.fetches = 0
        self._path = Path(path) if path else None
        self._read_at: tuple[int, int, int] | None = None
        self._held = _Held({}, "")

    def put(self, payload: Mapping[str, Any]) -> EntityRef:
        """Creates or replaces one entity, and answers its name."""
        ref = self._ref(payload)
        self._held.payloads[ref.type, ref.key] = payload
        return ref

    def remove(self, ref: EntityRef) -> None:
        del self._held.payloads[ref.type, ref.key]

    def fetch(self, ref: EntityRef) -> Snapshot:
        self._answer()
        self.fetches += 1
        return self._snapshot(ref)

    def _snapshot(self, ref: EntityRef) -> Snapshot:
        held = self._held
        payload = held.payloads.get((ref.type, ref.key))
        if payload is None:
            held.insist_on_all()
            return Snapshot(ref=ref, documents=())
        try:
            document = Document(ref=ref, payload=understood(payload))
        except (BadPayload, BadIri, ValueError) as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error
        return Snapshot(ref=ref, documents=(document,))

    def list(self) -> Iterator[EntityRef]:
        self._answer()
        held = self._held
        yield from [EntityRef(kind, self.name, key) for kind, key in held.payloads]
        held.insist_on_all()

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        for ref in self.list():
            try:
                yield self._snapshot(ref)
            except BadPayload:
                yield ref  # `fetch` tells what is wrong with it

    def close(self) -> None:
        self._held.payloads.clear()

    def _answer(self) -> None:
        if self.down:
            raise SourceUnavailable(f"Source {self.name!r} is down.", source=self.name)
        if self._path is not None:
            self._read(self._path)

    def _read(self, path: Path) -> None:
        try:
            stat = path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if self._read_at == stamp:
                return
            payloads = json.loads(path.read_bytes())
        except OSError as error:
            raise SourceUnavailable(f"Source {self.name!r}: {path}: {error.strerror}.") from error
        except ValueError as error:
            raise BadPayload(f"Source {self.name!r}: {path} is not JSON: {error}.") from error
        if not isinstance(payloads, list):
            raise BadPayload(f"Source {self.name!r}: {path} does not hold a list of payloads.")
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        fault = ""
        try:
            for ref, payload in named(payloads, self._ref, where=f"Source {self.name!r}: {path}"):
                found[ref.type, ref.key] = payload
        except IncompleteList as error:
            fault = str(error)
        self._held = _Held(found, fault)
        self._read_at = stamp

    def _ref(self, payload: Any) -> EntityRef:
        if not isinstance(payload, Mapping):
            raise BadPayload(f"A payload is an object, not {payload!r:.100}.")
        return EntityRef(required(payload, "type"), self.name, required(payload, "key"))


def understood(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """A payload in words that a JSON-LD context can map.

    ``labels`` ``[{"key": "team", "value": "x"}]`` become ``tags`` ``["team::x"]``; ``parameters``
    ``{"depth": 6}`` become parts of the entity with a name and a value each; a fraction becomes
    its decimal digits, since JSON-LD would write 0.5 as 5.0E-1, which no xsd:decimal is.
    """
    plain = dict(payload)
    if "labels" in plain:
        tags = plain.get("tags", [])
        if not isinstance(tags, list | tuple):
            raise BadPayload(f"tags is a list, not {tags!r:.100}.")
        plain["tags"] = [*tags, *_tags(plain.pop("labels"))]
    if "parameters" in plain:
        plain["parameters"] = _parameters(plain["parameters"])
    for key, value in plain.items():
        if isinstance(value, float):
            plain[key] = _digits(value)
    return plain


def _tags(labels: Any) -> list[str]:
    try:
        return [f"{label['key']}::{label['value']}" for label in labels]
    except (TypeError, KeyError) as error:
        raise BadPayload('labels is a list of {"key": …, "value": …}.') from error


def _parameters(parameters: Any) -> list[dict[str, str]]:
    if not isinstance(parameters, Mapping):
        raise BadPayload('parameters is an object such as {"learning_rate": 0.05}.')
    return [
        {
            "@id": "#parameter-" + encode_key(name).replace("/", "%2F"),
            "@type": "mlg:Parameter",
            "parameter_name": name,
            "parameter_value": value if isinstance(value, str) else json.dumps(value),
        }
        for name, value in parameters.items()
    ]


def _digits(number: float) -> str:
    return format(Decimal(repr(number)), "f")
