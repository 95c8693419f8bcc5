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
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from kg.errors import BadPayload, SourceUnavailable
from kg.iris import EntityRef, encode_key
from kg.model import Document, Snapshot


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
        self._payloads: dict[tuple[str, str], Mapping[str, Any]] = {}

    def put(self, payload: Mapping[str, Any]) -> EntityRef:
        """Creates or replaces one entity, and answers its name."""
        ref = self._ref(payload)
        self._payloads[ref.type, ref.key] = payload
        return ref

    def remove(self, ref: EntityRef) -> None:
        del self._payloads[ref.type, ref.key]

    def fetch(self, ref: EntityRef) -> Snapshot:
        self._answer()
        self.fetches += 1
        return self._snapshot(ref)

    def _snapshot(self, ref: EntityRef) -> Snapshot:
        payload = self._payloads.get((ref.type, ref.key))
        if payload is None:
            return Snapshot(ref=ref, documents=())
        document = Document(ref=ref, payload=understood(payload))
        return Snapshot(ref=ref, documents=(document,))

    def list(self) -> Iterator[EntityRef]:
        self._answer()
        return iter([EntityRef(kind, self.name, key) for kind, key in self._payloads])

    def list_whole(self) -> Iterator[Snapshot]:
        return map(self._snapshot, self.list())

    def close(self) -> None:
        self._payloads.clear()

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
        refs = [self._ref(payload) for payload in payloads]
        self._payloads = {(r.type, r.key): p for r, p in zip(refs, payloads, strict=True)}
        self._read_at = stamp

    def _ref(self, payload: Any) -> EntityRef:
        if not isinstance(payload, Mapping) or not {"type", "key"} <= payload.keys():
            raise BadPayload(f"Source {self.name!r} holds a payload without type or key.")
        return EntityRef(str(payload["type"]), self.name, str(payload["key"]))


def understood(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """A payload in words that a JSON-LD context can map.

    ``labels`` ``[{"key": "team", "value": "x"}]`` become ``tags`` ``["team::x"]``; ``parameters``
    ``{"depth": 6}`` become parts of the entity with a name and a value each; a fraction becomes
    its decimal digits, since JSON-LD would write 0.5 as 5.0E-1, which no xsd:decimal is.
    """
    plain = dict(payload)
    if "labels" in plain:
        plain["tags"] = [*plain.get("tags", ()), *_tags(plain.pop("labels"))]
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
