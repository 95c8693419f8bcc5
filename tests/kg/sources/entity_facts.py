"""What a source says of an entity, in a form that is easy to compare."""

from __future__ import annotations

from kg.iris import PREFIXES, EntityRef
from kg.model import Snapshot
from kg.normalise import normalise
from kg.sources import Source
from kg.terms import text_of
from tests.kg.sources.source_contract import MINTER, contexts_of


def facts(source: Source, snapshot: Snapshot, of: EntityRef | None = None) -> set[tuple[str, str]]:
    """What a snapshot says of an entity, with compact names; its parts as ``#part predicate``."""
    wanted = MINTER.mint(of or snapshot.ref)
    found = set()
    result = normalise([snapshot], contexts=contexts_of(source))
    assert not result.unusable
    statements = next(e for e in result.entities if e.iri == wanted).statements
    for subject, predicate, value in statements:
        part = subject.removeprefix(wanted)
        found.add((f"{part} {compact(predicate)}".strip(), compact(text_of(value))))
    return found


def compact(text: str) -> str:
    """An IRI with one of our prefixes, or an entity by its bare name; other text as it is."""
    for name, iri in {**PREFIXES, "": MINTER.prefix}.items():
        if text.startswith(iri):
            return f"{name}:{text.removeprefix(iri)}" if name else text[len(iri) :]
    return text
