"""RDF in and out: the formats, reading what people send without harm, writing it back.

Everything that arrives from outside is read here, by pyoxigraph and never by rdflib (which fetches
remote contexts and rewrites literals). Before the parser sees a byte, what is known to hurt it is
refused: document types in RDF/XML (entity bombs), deep nesting, remote JSON-LD contexts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from xml.parsers import expat

import pyoxigraph as ox

from kg.errors import BadRdf, TooLarge, UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Format:
    """A syntax of RDF: our name for it, its media type and its file extensions."""

    name: str
    media_type: str
    extensions: tuple[str, ...]
    rdf: ox.RdfFormat
    aliases: tuple[str, ...] = ()


FORMATS: Final = (
    Format("turtle", "text/turtle", ("ttl",), ox.RdfFormat.TURTLE, ("application/x-turtle",)),
    Format("jsonld", "application/ld+json", ("jsonld", "json"), ox.RdfFormat.JSON_LD),
    Format("nt", "application/n-triples", ("nt",), ox.RdfFormat.N_TRIPLES, ("text/plain",)),
    Format("nquads", "application/n-quads", ("nq",), ox.RdfFormat.N_QUADS),
    Format("trig", "application/trig", ("trig",), ox.RdfFormat.TRIG),
    Format("rdf", "application/rdf+xml", ("rdf", "owl", "xml"), ox.RdfFormat.RDF_XML),
)
_BY_NAME = {form.name: form for form in FORMATS}
_BY_MEDIA_TYPE = {m: form for form in FORMATS for m in (form.media_type, *form.aliases)}
_BY_EXTENSION = {extension: form for form in FORMATS for extension in form.extensions}

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 100
"""Nesting of brackets; 1,000 deep JSON-LD already costs pyoxigraph 100 MB."""

_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_AT = re.compile(r"at line (\d+)(?: column (\d+)| between columns (\d+))", re.IGNORECASE)
# Closing quotes are optional: a search for one that is missing would start again at every quote,
# and 32 kB of backslash-quotes took five seconds. Outside strings a backslash escapes (ex:it\'s).
_QUOTED_OR_BRACKET = re.compile(
    rb'\\.|"""(?:[^"\\]|\\.|"(?!""))*(?:""")?|' + rb"'''(?:[^'\\]|\\.|'(?!''))*(?:''')?|"
    rb'"(?:[^"\\\n]|\\.)*"?|' + rb"'(?:[^'\\\n]|\\.)*'?|<[^<>\s\"{}|^`\\]*>|[\[\](){}]|<<|>>",
    re.DOTALL,
)


def by_name(name: str) -> Format:
    """A format by our name, its media type (parameters ignored) or a file extension."""
    plain = name.partition(";")[0].strip().lower()
    found = _BY_NAME.get(plain) or _BY_MEDIA_TYPE.get(plain) or _BY_EXTENSION.get(plain)
    if found is None:
        known = ", ".join(form.media_type for form in FORMATS)
        raise UnsupportedFormat(f"{name!r} is not a format read here; send one of {known}.")
    return found


def of_file(path: str) -> Format:
    suffix = PurePath(path).suffix.removeprefix(".").lower()
    if suffix not in _BY_EXTENSION:
        raise UnsupportedFormat(f"{path}: the extension {suffix!r} names no RDF format.")
    return _BY_EXTENSION[suffix]


def parse(data: bytes, form: Format, *, base: str, name: str = "the document") -> list[ox.Quad]:
    """The statements of one document from outside.

    Raises `BadRdf` with line and column where the parser gives them, `TooLarge` over `MAX_BYTES`.
    Run it in a process with limits for what strangers send: refusing is cheap, parsing may not be.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{name} has {len(data):,} bytes; the limit is {MAX_BYTES:,}.")
    _refuse_dangerous(data, form, name)
    try:
        quads = list(ox.parse(data, format=form.rdf, base_iri=base, rename_blank_nodes=True))
    except (SyntaxError, ValueError, OSError) as error:
        raise BadRdf(f"{name} is not {form.media_type}: {error}", **position(error)) from error
    if form.name == "rdf":
        _refuse_cut_off(data, form, name)
    return quads


def _refuse_dangerous(data: bytes, form: Format, name: str) -> None:
    if form.name == "rdf" and (_DOCTYPE.search(data) or data.startswith(_UTF16)):
        raise BadRdf(f"{name} declares a document type or is not UTF-8; send plain RDF/XML.")
    if form.name in ("jsonld", "turtle", "trig", "nt", "nquads"):
        depth = _depth(data)
        if depth > MAX_DEPTH:
            raise BadRdf(f"{name} nests brackets {depth} deep; the limit is {MAX_DEPTH}.")


def _refuse_cut_off(data: bytes, form: Format, name: str) -> None:
    """The RDF parser takes XML that ends between two elements for a document that says less."""
    try:
        expat.ParserCreate().Parse(data, True)
    except expat.ExpatError as error:
        where = {"line": error.lineno, "column": error.offset + 1}
        raise BadRdf(f"{name} is not {form.media_type}: {error}", **where) from error


def _depth(data: bytes) -> int:
    """The deepest nesting of brackets outside strings and IRIs; an over-estimate is possible."""
    deepest = depth = 0
    for token in _QUOTED_OR_BRACKET.finditer(data):
        mark = token.group()
        if mark in (b"[", b"(", b"{", b"<<"):
            depth += 1
            deepest = max(deepest, depth)
        elif mark in (b"]", b")", b"}", b">>"):
            depth -= 1
    return deepest


def position(error: BaseException) -> dict[str, int]:
    """``{"line": …, "column": …}`` of a parser's error, as far as it says."""
    line, column = getattr(error, "lineno", None), getattr(error, "offset", None)
    if line is None and (found := _AT.search(str(error))):
        line, column = int(found[1]), int(found[2] or found[3])
    return {k: v for k, v in (("line", line), ("column", column)) if v is not None}


def serialise(
    statements: Iterable[ox.Triple] | Iterable[ox.Quad],
    form: Format,
    *,
    prefixes: Mapping[str, str] | None = None,
) -> bytes:
    """RDF in one format; prefixes are used by those that know them."""
    data = ox.serialize(statements, format=form.rdf, prefixes=dict(prefixes or {}))
    assert data is not None  # it is None only when written to a file
    return data
