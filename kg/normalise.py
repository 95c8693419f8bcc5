"""Stage 3: a source's JSON becomes entities of the graph, by the source's JSON-LD context.

The context says what each key means (`kg.sources` tells how to write one); a key that it does not
define is ignored. Here the pieces that a context cannot know are added: the entity's IRI and
class, the source's own key, who recorded it, and percent-encoded foreign keys. Nothing is ever
fetched: contexts are local files, and what a payload says of contexts is dropped.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pyoxigraph as ox

from kg import iris
from kg.config import Settings
from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef, Minter, class_of_type, encode_key
from kg.model import Document, Entity, Snapshot
from kg.sources import Source
from kg.terms import Statement, literal, node, statement

_NODE_KEYS = frozenset({"@type", "@value", "@language"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One context file, ready to use.

    ``terms`` are the keys that it defines. The scoped contexts that make IRIs of plain values are
    taken out of ``body`` and applied here, since a parser works each of them out at each use (250
    against 31 µs for an entity of seven facts): ``links`` has the ``@base`` for keys of other
    entities, ``codes`` the concepts and the ``@vocab`` for values of a code list.
    """

    body: Mapping[str, Any]
    terms: frozenset[str]
    links: Mapping[str, str]
    codes: Mapping[str, tuple[Mapping[str, str], str]]


class Contexts:
    """The contexts of one configured source: ``{type}.jsonld``, else ``context.jsonld``."""

    def __init__(
        self, folder: Path, *, source: str, links: Mapping[str, str], minter: Minter
    ) -> None:
        self.minter = minter
        self.recorder = node(minter.mint(iris.source_system(source)))
        owners = _Owners({"source": source, **links})
        self._by_name = {
            file.stem: _load(file, owners, minter.base + "/")
            for file in sorted(folder.glob("*.jsonld"))
        }
        if not self._by_name:
            raise BadSetting(f"Source {source!r} has no JSON-LD context in {folder.name}/.")

    def of_type(self, entity_type: str) -> Context:
        found = self._by_name.get(entity_type) or self._by_name.get("context")
        if found is None:
            raise BadPayload(f"There is no JSON-LD context for entities of type {entity_type!r}.")
        return found


def contexts_of(source: Source, settings: Settings) -> Contexts:
    """The contexts of a source as the settings name it, or by its own name if they do not."""
    table = settings.sources.get(source.name)
    return Contexts(
        source.contexts,
        source=source.name,
        links=table.links if table else {},
        minter=settings.minter,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """The entities of a batch, and the errors of the snapshots that gave none."""

    entities: tuple[Entity, ...]
    unusable: Mapping[EntityRef, BadPayload]


def normalise(snapshots: Iterable[Snapshot], *, contexts: Contexts) -> Normalised:
    """All entities that one source's snapshots tell of; each once, the one asked for first.

    A gone snapshot becomes an entity without triples. A snapshot that cannot be mapped spoils
    only itself.
    """
    gone: list[Entity] = []
    groups: dict[int, list[Document]] = defaultdict(list)
    used: dict[int, Context] = {}
    asked_by: dict[EntityRef, EntityRef] = {}
    unusable: dict[EntityRef, BadPayload] = {}
    snapshots = list(snapshots)
    asked = {snapshot.ref for snapshot in snapshots}
    for snapshot in snapshots:
        if snapshot.gone:
            iri = contexts.minter.mint(snapshot.ref)
            gone.append(Entity(ref=snapshot.ref, iri=iri, statements=frozenset(), gone=True))
        for number, document in enumerate(snapshot.documents):
            told_aside = number > 0 and document.ref in asked
            if told_aside or document.ref in asked_by:
                continue
            asked_by[document.ref] = snapshot.ref
            try:
                context = contexts.of_type(document.ref.type)
            except BadPayload as error:
                unusable[snapshot.ref] = error
                continue
            groups[id(context)].append(document)
            used[id(context)] = context
    entities: list[Entity] = []
    for key, documents in groups.items():
        made, failed = _translate(documents, used[key], contexts)
        entities += made
        unusable |= {asked_by[ref]: error for ref, error in failed.items()}
    whole = [e for e in entities if asked_by[e.ref] not in unusable]
    return Normalised(entities=(*whole, *gone), unusable=unusable)


def _translate(
    documents: Sequence[Document], context: Context, contexts: Contexts
) -> tuple[list[Entity], dict[EntityRef, BadPayload]]:
    """Parses all documents as one, which costs a third less; one by one if that fails."""
    try:
        return _parse(documents, context, contexts), {}
    except BadPayload as error:
        if len(documents) == 1:
            return [], {documents[0].ref: error}
    entities, failed = [], {}
    for document in documents:
        try:
            entities += _parse([document], context, contexts)
        except BadPayload as error:
            failed[document.ref] = error
    return entities, failed


def _parse(documents: Sequence[Document], context: Context, contexts: Contexts) -> list[Entity]:
    minter = contexts.minter
    refs = {minter.mint(document.ref): document.ref for document in documents}
    nodes = [_node(document, iri, context) for iri, document in zip(refs, documents, strict=True)]
    who = ", ".join(str(document.ref) for document in documents[:3])
    try:
        text = json.dumps({"@context": context.body, "@graph": nodes}, allow_nan=False)
        quads = ox.parse(text, format=ox.RdfFormat.JSON_LD, base_iri=minter.base + "/")
        # One by one: all at once would hold up the threads that ask sources for a tenth of a second.
        met = {iri: iri for iri in refs}
        parsed = [statement(quad.triple, met=met) for quad in quads]
    except (SyntaxError, ValueError, TypeError, RecursionError) as error:
        raise BadPayload(f"The payload of {who} cannot be mapped: {error}.") from error
    facts: dict[str, list[Statement]] = {iri: [] for iri in refs}
    for said in parsed:
        about = facts.get(said[0].partition("#")[0])
        if about is None:
            raise BadPayload(
                f"The context of {who} states facts about {said[0]}; give a nested node an @id "
                "such as '#part'."
            )
        if said[2][0] == "_":
            raise BadPayload(
                f"The payload of {who} has an object without a name as {said[1]}; its context has to "
                "give it an @id such as '#part', or leave the key out."
            )
        about.append(said)
    for iri, ref in refs.items():
        facts[iri] += (
            (iri, iris.TYPE, _class_value(ref.type)),
            (iri, iris.IDENTIFIER, literal(ref.key)),
            (iri, iris.RECORDED_BY, contexts.recorder),
        )
    return [Entity(ref=ref, iri=iri, statements=frozenset(facts[iri])) for iri, ref in refs.items()]


@lru_cache
def _class_value(entity_type: str) -> str:
    return node(class_of_type(entity_type))


def _node(document: Document, iri: str, context: Context) -> dict[str, Any]:
    kept = _keep(document.payload, iri, context)
    kept["@id"] = iri
    return kept


def _keep(payload: Mapping[str, Any], iri: str, context: Context) -> dict[str, Any]:
    """A payload with what the context defines; keywords only where they cannot mislead."""
    kept: dict[str, Any] = {}
    for key, value in payload.items():
        if key in context.links:
            kept[key] = _each(value, partial(_linked, context.links[key]))
        elif key in context.codes:
            kept[key] = _each(value, partial(_coded, *context.codes[key]))
        elif key in context.terms:
            kept[key] = _value(value, iri, context)
        elif key in _NODE_KEYS:
            kept[key] = value
        elif key == "@id" and isinstance(value, str) and value.startswith("#"):
            kept[key] = iri + value
    return kept


def _value(value: Any, iri: str, context: Context) -> Any:
    if isinstance(value, Mapping):
        return _keep(value, iri, context)
    if isinstance(value, list):
        return [_value(item, iri, context) for item in value]
    return value


def _each(value: Any, make: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_each(item, make) for item in value]
    return make(str(value)) if isinstance(value, (str, int)) and value != "" else None


def _linked(base: str, key: str) -> str:
    return base + encode_key(key)


def _coded(concepts: Mapping[str, str], vocab: str, code: str) -> str:
    return concepts.get(code) or vocab + quote(code, safe="@")


class _Owners(dict[str, str]):
    """The source that owns entities of a type; of a type without a link, the source itself."""

    def __missing__(self, entity_type: str) -> str:
        return self["source"]


def _load(file: Path, owners: _Owners, base: str) -> Context:
    try:
        body = json.loads(file.read_text("utf-8"))["@context"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{file.name} is not a JSON-LD context: {error!r}.") from error
    filled = _fill(body, owners)
    prefixes = {name: iri for name, iri in iris.PREFIXES.items() if name not in filled}
    links: dict[str, str] = {}
    codes: dict[str, tuple[Mapping[str, str], str]] = {}
    flat = {key: _flatten(key, value, base, links, codes) for key, value in filled.items()}
    return Context(
        body={**prefixes, **flat}, terms=frozenset(_terms(filled)), links=links, codes=codes
    )


def _flatten(
    key: str,
    definition: Any,
    base: str,
    links: dict[str, str],
    codes: dict[str, tuple[Mapping[str, str], str]],
) -> Any:
    """A term's definition without a scoped context that only makes IRIs of its values."""
    scoped = definition.get("@context") if isinstance(definition, dict) else None
    if not isinstance(scoped, dict):
        return definition
    if definition.get("@type") == "@id" and scoped.keys() == {"@base"}:
        links[key] = urljoin(base, scoped["@base"])
    elif definition.get("@type") == "@vocab" and all(isinstance(v, str) for v in scoped.values()):
        concepts = {k: _expand(v) for k, v in scoped.items() if not k.startswith("@")}
        codes[key] = concepts, _expand(scoped.get("@vocab", ""))
    else:
        return definition
    return {name: v for name, v in definition.items() if name != "@context"} | {"@type": "@id"}


def _expand(iri: str) -> str:
    prefix, _, local = iri.partition(":")
    return iris.PREFIXES[prefix] + local if prefix in iris.PREFIXES else iri


def _terms(body: Mapping[str, Any]) -> Iterator[str]:
    """The keys that a context defines, at any depth."""
    for key, value in body.items():
        if not key.startswith("@"):
            yield key
        scoped = value.get("@context") if isinstance(value, dict) else None
        if isinstance(scoped, dict):
            yield from _terms(scoped)


def _fill(value: Any, owners: _Owners) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, owners) for key, item in value.items()}
    return value.format_map(owners) if isinstance(value, str) and "{" in value else value
