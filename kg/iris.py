"""Names: namespaces, the terms that code speaks of, and the IRIs of entities.

IRIs are minted and parsed here and nowhere else. A term stands here only if Python has to name
it; everything else about the vocabulary lives in ``ontology/``, and a test holds the two together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from kg.errors import BadIri

PREFIXES: Final[dict[str, str]] = {
    "mlg": "https://w3id.org/mlgraph/ns/",
    "mlgc": "https://w3id.org/mlgraph/concept/",
    "mlgq": "https://w3id.org/mlgraph/query/",
    "mlgsh": "https://w3id.org/mlgraph/shapes/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dct": "http://purl.org/dc/terms/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "prov": "http://www.w3.org/ns/prov#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "org": "http://www.w3.org/ns/org#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "prof": "http://www.w3.org/ns/dx/prof/",
    "schema": "https://schema.org/",
}


_LOCAL = re.compile(r"[\w-]+")


def term(curie: str) -> str:
    """The IRI of a compact name, ``term("mlg:Model")``. An unknown prefix is a ``KeyError``."""
    prefix, _, local = curie.partition(":")
    return PREFIXES[prefix] + local


def compact(iri: str) -> str:
    """An IRI as a compact name if one of our prefixes has it, else in angle brackets."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and _LOCAL.fullmatch(iri, len(namespace)):
            return f"{prefix}:{iri[len(namespace) :]}"
    return f"<{iri}>"


TYPE: Final = term("rdf:type")
REIFIES: Final = term("rdf:reifies")
LABEL: Final = term("rdfs:label")
SUBCLASS_OF: Final = term("rdfs:subClassOf")
SUBPROPERTY_OF: Final = term("rdfs:subPropertyOf")
TITLE: Final = term("dct:title")
PREF_LABEL: Final = term("skos:prefLabel")
PERSON_NAME: Final = term("foaf:name")
DESCRIPTION: Final = term("dct:description")
IDENTIFIER: Final = term("dct:identifier")
KEYWORD: Final = term("dcat:keyword")
INVALIDATED_AT: Final = term("prov:invalidatedAtTime")

NAMES: Final = (TITLE, PERSON_NAME, PREF_LABEL, LABEL)
"""The properties that can hold an entity's name, the first that is present wins."""

RECORDED_BY: Final = term("mlg:recordedBy")
OWNED_BY: Final = term("mlg:ownedBy")
IN_DOMAIN: Final = term("mlg:inDomain")
DEPENDS_ON: Final = term("mlg:dependsOn")
ACCOUNTABLE_TEAM: Final = term("mlg:accountableTeam")
ASSOCIATED_WITH_TEST: Final = term("mlg:associatedWithTest")
CELL_OF: Final = term("mlg:cellOf")
EXPERIMENT_STATUS: Final = term("mlg:experimentStatus")
EXPERIMENT_RUNNING: Final = term("mlgc:experiment-running")
TOMBSTONE: Final = term("mlg:Tombstone")
FORMER_TYPE: Final = term("mlg:formerType")
REVISION: Final = term("mlg:Revision")
REVISES: Final = term("mlg:revises")
CREATES: Final = term("mlg:creates")
ASSERTS: Final = term("mlg:asserts")
RETRACTS: Final = term("mlg:retracts")
RETRACTS_LINK_TO: Final = term("mlg:retractsLinkTo")
RECORDED_AT: Final = term("mlg:recordedAt")
STATED_BY: Final = term("mlg:statedBy")
CAUSED_BY: Final = term("mlg:causedBy")
IN_LAYER: Final = term("mlg:inLayer")
PACKED_REVISIONS: Final = term("mlg:packedRevisions")
LAYER_SOURCE: Final = term("mlgc:layer-source")
LAYER_STEWARD: Final = term("mlgc:layer-steward")
LAYER_DERIVED: Final = term("mlgc:layer-derived")
DERIVED_BY: Final = term("mlg:derivedBy")
SUPPORTED_BY: Final = term("mlg:supportedBy")
OPPOSED_BY: Final = term("mlg:opposedBy")
SAME_THING_AS: Final = term("mlg:sameThingAs")
DIFFERENT_THING_FROM: Final = term("mlg:differentThingFrom")

DATE_TIME: Final = term("xsd:dateTime")
BASE64: Final = term("xsd:base64Binary")

_GRAPHS: Final = "urn:mlgraph:graph:"


def graph(name: str) -> str:
    """The IRI of one of the store's named graphs: steward, derived, findings, history, …"""
    return _GRAPHS + name


# --- entities ---------------------------------------------------------------------------------

_CLASS_WORD = re.compile(r"[A-Z][a-z0-9]*")
_TYPE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PLAIN = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]*")  # most keys: nothing to encode
_SAFE = "!$&'()*+,;=:@/~"  # what RFC 3987 allows in a path beside letters, digits and "-._"
_MAX_KEY = 2_000


def type_of_class(class_iri: str) -> str:
    """``mlg:ModelVersion`` → ``model-version``; a class outside ``mlg:`` is a `BadIri`."""
    local = class_iri.removeprefix(PREFIXES["mlg"])
    words = _CLASS_WORD.findall(local)
    if "".join(words) != local:
        raise BadIri(f"<{class_iri}> is not a class of the ontology.")
    return "-".join(words).lower()


def class_of_type(entity_type: str) -> str:
    """``model-version`` → ``mlg:ModelVersion`` as a full IRI."""
    return PREFIXES["mlg"] + "".join(word.capitalize() for word in entity_type.split("-"))


@lru_cache(maxsize=1_000)  # there are millions of entities, of few types and sources
def _check_names(entity_type: str, source: str) -> None:
    if not _TYPE.fullmatch(entity_type):
        raise BadIri(f"{entity_type!r} is not an entity type; write it like 'model-version'.")
    if not _SOURCE.fullmatch(source):
        raise BadIri(f"{source!r} is not a source name; use a-z, 0-9, '-' and '_'.")


@dataclass(frozen=True, slots=True, order=True)
class EntityRef:
    """What names an entity everywhere: its type (kebab case), its source, its key there."""

    type: str
    source: str
    key: str

    def __post_init__(self) -> None:
        _check_names(self.type, self.source)
        if not self.key or len(self.key) > _MAX_KEY:
            raise BadIri(f"An entity's key has 1 to {_MAX_KEY} characters, not {len(self.key)}.")
        if not self.key.isprintable():
            raise BadIri("An entity's key holds a control character or an unpaired surrogate.")

    def __str__(self) -> str:
        return f"{self.type}/{self.source}/{encode_key(self.key)}"


def source_system(name: str) -> EntityRef:
    """The entity that stands for a configured source: whom `mlg:recordedBy` names."""
    return EntityRef("source-system", name, name)


def encode_key(key: str) -> str:
    """A source's key as the tail of an IRI; `decode_key` is its inverse.

    Slashes stay readable, except where an HTTP client would fold them away (``//``, ``/../``).
    """
    if _PLAIN.fullmatch(key):
        return key
    segments = key.split("/")
    folds = any(segment in ("", ".", "..") for segment in segments)
    encoded = quote(key, safe=_SAFE.replace("/", "") if folds else _SAFE)
    return encoded.replace(".", "%2E") if key.strip(".") == "" else encoded


def decode_key(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise BadIri(f"{text!r} is not percent-encoded UTF-8.") from error


@dataclass(frozen=True, slots=True)
class Minter:
    """Mints and parses the IRIs of one base, ``{base}/id/{type}/{source}/{key}``."""

    base: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]+)*", self.base):
            raise BadIri(
                f"{self.base!r} is not a base: write http(s)://host[:port][/path], no last slash."
            )

    @property
    def prefix(self) -> str:
        return self.base + "/id/"

    def mint(self, ref: EntityRef) -> str:
        return f"{self.prefix}{ref}"

    def parse(self, iri: str) -> EntityRef:
        """The inverse of `mint`; a part of an entity (``…#fragment``) parses as its entity."""
        if not iri.startswith(self.prefix):
            raise BadIri(f"<{iri}> is outside this graph's base <{self.prefix}>.", iri=iri)
        path, _, _ = iri[len(self.prefix) :].partition("#")
        return _split(path, given=iri)

    def resolve(self, text: str) -> EntityRef:
        """An entity as people name it: IRI, ``aip://type/source/key`` or ``type/source/key``."""
        if text.startswith("aip://"):
            return _split(text.removeprefix("aip://"), given=text)
        if "://" in text:
            return self.parse(text)
        return _split(text, given=text)

    def is_entity(self, iri: str) -> bool:
        """Whether the IRI names an entity itself: under the base, and not a part of one."""
        return iri.startswith(self.prefix) and "#" not in iri


def _split(path: str, *, given: str) -> EntityRef:
    entity_type, _, rest = path.partition("/")
    source, _, key = rest.partition("/")
    if not key:
        raise BadIri(f"{given!r} does not name an entity; write type/source/key.", iri=given)
    return EntityRef(entity_type, source, decode_key(key))
