"""The fields of the index, and an entry as a document of it.

Texts are cut into words in Python (`kg.search.words`), so indexing and asking cannot disagree
about what a word is. Scores come from the field and the kind of match alone
(`kg.search.ranking`), hence no frequencies are kept, and an index that was maintained for months
ranks like one that was built a minute ago.

=============  ===================================================================================
iri            the key of a document
visibility     the label that a reader must hold; every question is limited by it
title          the name as written: exact match, order of listings
known_as       name and key without case, accents, punctuation and spaces: exact match, beginning
name           words of the name
grams          runs of three characters of name and key, in order: part words
about          words of key, type, source, keywords, owners and domains
related        words of the names of related entities
text           words of the description and of other short texts
type … source  what one filters by and counts (`FACETS`)
brevity        higher for shorter names: of two equal matches the shorter name is nearer
shown          what a hit shows, as JSON; the only field that is stored
=============  ===================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

import tantivy

from kg import iris
from kg.iris import Minter
from kg.search.entries import MAX_NAME, Entry, Link
from kg.search.words import grams, in_order, prepared, squashed
from kg.views import Hit, Named

FACETS: Final = ("type", "domain", "owner", "keyword", "source")
"""What one may filter by; each is answered with its counts."""
LINKED: Final = frozenset({"domain", "owner"})
"""Facets whose values are entities: kept as ref and name together."""

META: Final = "meta.json"
"""The file in which Tantivy names the segments of a commit, put in place at once."""
VERSION_IRI: Final = "urn:mlgraph:search:version"
SEPARATOR: Final = "\t"
"""Between ref and name in the values of a linked facet; a ref has no such character."""

FORMAT: Final = 1
"""Raise it when an index made before cannot be read as one made now: when what is kept in a field
or the cutting of words changes. An index of another format is refused, and built again."""

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_MAX_TEXT = 4_000
_MAX_SHOWN = 400
_LONG_NAME = 120
_BREVITY = 0.06  # adds at most 4 % to a score, less than what parts two kinds of match


def build() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("iri", "visibility", "known_as"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("title", *FACETS):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("name", "about", "related", "text"):
        builder.add_text_field(name, tokenizer_name="words", index_option="basic")
    builder.add_text_field("grams", tokenizer_name="words", index_option="position")
    builder.add_float_field("brevity", fast=True)
    builder.add_bytes_field("shown", stored=True)
    builder.add_boolean_field(f"format_{FORMAT}")  # the schema is what Tantivy keeps and compares
    return builder.build()


def register(index: tantivy.Index) -> None:
    """Tells an opened index how to cut what `prepared` made; only a writer needs to know.

    The texts are in lower case already, and the default analyser would drop long words.
    """
    cutter = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).build()
    index.register_tokenizer("words", cutter)


def document(entry: Entry, *, labels: Mapping[str, str]) -> tantivy.Document:
    """The entry as Tantivy keeps it."""
    ref = entry.ref
    name, key = entry.name, ref.key[:MAX_NAME]
    names = {squashed(name), squashed(key)}
    owners = [link.name for link in entry.owners]
    domains = [link.name for link in entry.domains]
    about = (key, type_label(ref.type, labels), ref.source, *entry.keywords, *owners, *domains)
    text = ((entry.description or "")[:_MAX_TEXT], *entry.values)
    return tantivy.Document(
        iri=entry.iri,
        visibility=entry.visibility,
        title=in_order(name),
        known_as=list(names),
        name=prepared(name),
        grams=[" ".join(grams(squash)) for squash in names],
        about=prepared(" ".join(about)),
        related=prepared(" ".join(entry.related)),
        text=prepared(" ".join(text)),
        type=ref.type,
        source=ref.source,
        keyword=list(entry.keywords),
        owner=_labelled(entry.owners),
        domain=_labelled(entry.domains),
        brevity=_BREVITY * (1 - min(len(name), _LONG_NAME) / _LONG_NAME),
        shown=_shown(entry),
    )


def version_document(version: int) -> tantivy.Document:
    """The graph's version as a document: it is committed with the others, so never apart from
    them. It has no visibility, so no question finds it.
    """
    return tantivy.Document(iri=VERSION_IRI, shown=str(version).encode())


def version_of(searcher: tantivy.Searcher, schema: tantivy.Schema) -> int:
    """The graph's version in a commit of the index; 0 before the first."""
    found = searcher.search(tantivy.Query.term_query(schema, "iri", VERSION_IRI), limit=1)
    for _, address in found.hits:
        return int(searcher.doc(address)["shown"][0])
    return 0


def hit(shown: bytes, *, minter: Minter, labels: Mapping[str, str]) -> Hit:
    """A hit from what `document` stored."""
    iri, name, description, owners, domains, keywords = json.loads(shown)
    ref = minter.parse(iri)
    return Hit(
        iri=iri,
        ref=ref,
        name=name,
        type=Named(
            iri=iris.class_of_type(ref.type), name=type_label(ref.type, labels), type=ref.type
        ),
        description=description,
        owners=tuple(owners),
        domains=tuple(domains),
        keywords=tuple(keywords),
    )


def type_label(entity_type: str, labels: Mapping[str, str]) -> str:
    """What people call an entity type; ``labels`` has the labels of classes by IRI."""
    return labels.get(iris.class_of_type(entity_type)) or entity_type.replace("-", " ")


def split_label(value: str) -> tuple[str, str]:
    """The ref and the name in a counted value of a linked facet."""
    ref, _, name = value.partition(SEPARATOR)
    return ref, name


def _labelled(links: Iterable[Link]) -> list[str]:
    return [f"{link.ref}{SEPARATOR}{link.name}" for link in links]


def _shown(entry: Entry) -> bytes:
    description = entry.description
    if description and len(description) > _MAX_SHOWN:
        description = description[: _MAX_SHOWN - 1].rstrip() + "…"
    owners = [link.name for link in entry.owners]
    domains = [link.name for link in entry.domains]
    held = (entry.iri, entry.name, description, owners, domains, entry.keywords)
    return _ENCODE(held).encode()
