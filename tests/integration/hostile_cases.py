"""What is known to hurt servers like ours, as data: requests that each get a clear refusal.

``TRAP`` stands for the address of a listener that must never be called, ``BASE`` for the server's.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

TRAP, BASE = b"trap.invalid", b"base.invalid"

_QUERY, _TURTLE, _JSONLD = "application/sparql-query", "text/turtle", "application/ld+json"
_RDFXML, _EVENT = "application/rdf+xml", "application/json"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request."""

    path: str
    kind: str = ""
    body: bytes | None = None
    method: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def _query(text: str, *, path: str = "/sparql?timeout=1") -> Attack:
    """A query; a short time limit of its own keeps the tests short."""
    return Attack(path=path, kind=_QUERY, body=text.encode())


def _rdf(text: str | bytes, kind: str = _TURTLE, *, path: str = "/submit") -> Attack:
    return Attack(path=path, kind=kind, body=text.encode() if isinstance(text, str) else text)


def _event(text: str | bytes, kind: str = _EVENT, **headers: str) -> Attack:
    body = text.encode() if isinstance(text, str) else text
    return Attack(path="/events", kind=kind, body=body, headers=headers)


def _get(path: str) -> Attack:
    return Attack(path=path)


EVENT = {"event_type": "model.changed", "source": "registry", "id": "home-ranker"}
NEWCOMER = (
    "@prefix mlg: <https://w3id.org/mlgraph/ns/> . <person/desk/x> a mlg:Person ; "
    '<http://xmlns.com/foaf/0.1/name> "X" ; <http://purl.org/dc/terms/identifier> "x" ; '
    "mlg:active true . "
)
_LARGE = {"Content-Length": "2000000"}
"""Refused by what is declared, without waiting for it."""
_CROSS = "{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o . ?p ?q ?r }"
_L = f"http://{TRAP.decode()}/sparql"
_DOUBLED = " ".join(f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(34))


def _bomb(levels: int, *, xml: str = "") -> str:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(levels))
    return (
        f'{xml}<!DOCTYPE r [<!ENTITY e0 "boom boom boom">{entities}]>'
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">'
        f'<r:Description r:about="x"><e:p>&e{levels};</e:p></r:Description></r:RDF>'
    )


def _chain(length: int, *properties: str) -> str:
    links = " ".join(f"_:n{n} {p} _:n{n + 1} ." for n in range(length) for p in properties)
    return f"{NEWCOMER} <person/desk/x> <urn:p> _:n0 . {links}"


STACK = {
    "braces": _query("ASK " + "{" * 5_000 + "}" * 5_000),
    "braces never closed": _query("ASK " + "{" * 30_000),
    "brackets": _query(f"ASK {{ FILTER({'(' * 9_000}1{')' * 9_000}) }}"),
    "ABS": _query(f"SELECT ({'ABS(' * 2_000}1{')' * 2_000} AS ?x) {{}}"),
    "nots": _query(f"ASK {{ FILTER({'!' * 9_500}true) }}"),
    "minuses": _query(f"ASK {{ FILTER({'- ' * 9_500}1) }}"),
    "a long sum": _query(f"ASK {{ FILTER({'1+' * 14_000}1) }}"),
    "a long conjunction": _query(f"ASK {{ FILTER({'true && ' * 8_000}true) }}"),
    "NOT EXISTS": _query("ASK {" + "FILTER NOT EXISTS {" * 900 + "}" * 901),
    "OPTIONALs within OPTIONALs": _query("ASK {" + "OPTIONAL {" * 3_000 + "}" * 3_001),
    "UNIONs": _query("ASK {" + " UNION ".join(["{ ?a ?b ?c }"] * 4_000) + "}"),
    "sub-selects": _query("SELECT * {" * 900 + "}" * 900),
    "a nested path": _query(f"ASK {{ ?a {'(' * 5_000}<urn:p>{')' * 5_000} ?b }}"),
    "an inverted path": _query(f"ASK {{ ?a {'^' * 9_000}<urn:p> ?b }}"),
    "nested lists": _query(f"ASK {{ ?a ?b {'(' * 9_000}{')' * 9_000} }}"),
    "nested blank nodes": _query(f"ASK {{ ?a ?b {'[ ?c ' * 9_000}1{']' * 9_000} }}"),
    "nested triple terms": _query(f"ASK {{ ?a ?b {'<<( ?a ?b ' * 4_000}1{' )>>' * 4_000} }}"),
    "a string never closed": _query("ASK { '" + "\\'" * 20_000),
}

OPTIMISER = {
    "a thousand patterns": _query("ASK {" + "?x <urn:p> ?y . " * 1_000 + "}"),
    "a thousand steps": _query(f"ASK {{ ?a {'/'.join(['<urn:p>'] * 1_000)} ?b }}"),
    "four hundred OPTIONALs": _query("ASK {" + "OPTIONAL { ?a ?b ?c } " * 400 + "}"),
    "a thousand objects": _query(f"ASK {{ ?a ?b {', '.join(f'?o{n}' for n in range(1_000))} }}"),
}

WORK = {
    "a cross product counted": _query(f"SELECT (COUNT(*) AS ?n) {_CROSS}"),
    "a cross product counted up to the server's limit": _query(
        f"SELECT (COUNT(*) AS ?n) {_CROSS}", path="/sparql?timeout=1000"
    ),
    "a cross product ordered": _query(f"SELECT * {_CROSS} ORDER BY ?f ?a"),
    "a cross product made distinct": _query(f"SELECT DISTINCT ?a ?f {_CROSS} OFFSET 9999999"),
    "a filter that nothing passes": _query(f"SELECT * {{ {_CROSS} FILTER(STRLEN(CONCAT(STR(?a), STR(?d), STR(?g), STR(?j), STR(?m), STR(?r))) < 6) }}"),
    "MINUS of cross products": _query("SELECT * { ?a ?b ?c . ?d ?e ?f MINUS { ?a ?h ?c . ?g ?e ?f } FILTER(?a = ?f) }"),
    "paths of anything": _query("SELECT (COUNT(*) AS ?n) { ?a (<urn:p>|!<urn:p>)* ?b . ?b (<urn:q>|!<urn:q>)* ?c . ?c (<urn:p>|!<urn:p>)* ?d }"),
    "VALUES crossed": _query("SELECT (COUNT(*) AS ?n) {" + " ".join(f"VALUES ?{v} {{ {' '.join(map(str, range(300)))} }}" for v in "abcd") + "}"),
    "a regex made for each row": _query("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(REGEX(STR(?c), CONCAT(STR(?f), '.*x'))) }"),
    "strings doubled": _query(f"SELECT (STRLEN(?x34) AS ?n) {{ BIND('ab' AS ?x0) {_DOUBLED} }}"),
    "REPLACE amplified": _query("SELECT (STRLEN(?d) AS ?n) { BIND('" + "x" * 1_000 + "' AS ?a) BIND(REPLACE(?a, 'x', ?a) AS ?b) BIND(REPLACE(?b, 'x', ?a) AS ?c) BIND(REPLACE(?c, 'x', ?a) AS ?d) }"),
    "GROUP_CONCAT of a cross product": _query(f"SELECT (GROUP_CONCAT(?c) AS ?x) {_CROSS}"),
    "a result of too many rows": _query(f"SELECT * {_CROSS}"),
    "a graph of too many triples": _query(f"CONSTRUCT {{ ?a <urn:p> ?f }} WHERE {_CROSS}"),
    "a result of too many bytes": _query("SELECT * { BIND('" + "x" * 60_000 + "' AS ?long) ?a ?b ?c }"),
}  # fmt: skip

REACHING_OUT = {
    "SERVICE": _query(f"SELECT * {{ SERVICE <{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE SILENT": _query(f"SELECT * {{ SERVICE SILENT <{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE in small letters": _query(f"SELECT * {{ service <{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE behind a comment": _query(f"SELECT * {{ SERVICE#\n<{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE by prefix": _query(f"PREFIX t: <{_L}> SELECT * {{ SERVICE t: {{ ?s ?p ?o }} }}"),
    "SERVICE by base": _query(f"BASE <{_L}> SELECT * {{ SERVICE <x> {{ ?s ?p ?o }} }}"),
    "SERVICE escaped": _query(f"ASK {{ SERVICE <{_L.replace(':', chr(92) + 'u003A', 1)}> {{}} }}"),
    "SERVICE spelt in escapes": _query(f"ASK {{ \\u0053ERVICE <{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE by variable": _query(f"ASK {{ VALUES ?e {{ <{_L}> }} SERVICE ?e {{ ?s ?p ?o }} }}"),
    "SERVICE in EXISTS": _query(f"ASK {{ FILTER EXISTS {{ SERVICE <{_L}> {{ ?s ?p ?o }} }} }}"),
    "SERVICE in OPTIONAL": _query(f"ASK {{ OPTIONAL {{ SERVICE <{_L}> {{ ?s ?p ?o }} }} }}"),
    "SERVICE in a sub-select": _query(f"ASK {{ {{ SELECT * {{ SERVICE <{_L}> {{ ?s ?p ?o }} }} }} }}"),
    "SERVICE in CONSTRUCT": _query(f"CONSTRUCT {{ ?s ?p ?o }} {{ SERVICE <{_L}> {{ ?s ?p ?o }} }}"),
    "SERVICE at the metadata address": _query("ASK { SERVICE <http://169.254.169.254/> { ?s ?p ?o } }"),
    "SERVICE in a form": Attack(path="/sparql", kind=_FORM, body=f"query=ASK%7BSERVICE%3C{_L}%3E%7B%7D%7D".encode()),
    "LOAD": _query(f"LOAD <{_L}>"),
    "LOAD SILENT": _query(f"LOAD SILENT <{_L}>"),
    "LOAD into a graph": _query(f"LOAD <{_L}> INTO GRAPH <urn:g>"),
    "LOAD of a file": _query("LOAD <file:///etc/passwd>"),
    "LOAD behind a query": _query(f"ASK {{}} ; LOAD <{_L}>"),
    "LOAD as an update": Attack(path="/sparql", kind=_FORM, body=f"update=LOAD%20%3C{_L}%3E".encode()),
    "LOAD as an update's body": Attack(path="/sparql", kind="application/sparql-update", body=f"LOAD <{_L}>".encode()),
    "a document that is an address": _rdf(_L, path="/validate"),
    "a document that is a file's name": _rdf("/etc/passwd", path="/validate"),
    "a remote JSON-LD context": _rdf(json.dumps({"@context": _L, "@id": "model/x/y", "p": 1}), _JSONLD),
    "a remote context in a list": _rdf(json.dumps({"@context": [{}, _L], "@id": "model/x/y"}), _JSONLD),
    "a remote context, imported": _rdf(json.dumps({"@context": {"@version": 1.1, "@import": _L}, "@id": "model/x/y"}), _JSONLD),
    "a remote context of a property": _rdf(json.dumps({"@context": {"@version": 1.1, "p": {"@id": "urn:p", "@context": _L}}, "@id": "model/x/y", "p": {"q": 1}}), _JSONLD),
    "a remote context, validated": _rdf(json.dumps({"@context": _L, "@id": "model/x/y", "p": 1}), _JSONLD, path="/validate"),
    "a context that is a file": _rdf(json.dumps({"@context": "file:///etc/passwd", "@id": "model/x/y"}), _JSONLD),
    "an external entity": _rdf(f"<!DOCTYPE r [<!ENTITY e SYSTEM '{_L}'>]><r>&e;</r>", _RDFXML),
    "an external entity that is a file": _rdf("<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><r>&e;</r>", _RDFXML),
    "an external document type": _rdf(f"<!DOCTYPE r SYSTEM '{_L}'><r/>", _RDFXML),
    "a parameter entity": _rdf(f"<!DOCTYPE r [<!ENTITY % e SYSTEM '{_L}'> %e;]><r/>", _RDFXML),
}  # fmt: skip

WRITING = {
    "DROP": _query("DROP ALL"),
    "CLEAR": _query("CLEAR ALL"),
    "INSERT": _query("INSERT DATA { <urn:a> <urn:b> <urn:c> }"),
    "DELETE": _query("DELETE WHERE { ?s ?p ?o }"),
    "DROP behind a query": _query("ASK {} ; DROP ALL"),
    "DROP as an update": Attack(path="/sparql", kind=_FORM, body=b"update=DROP+ALL"),
    "DROP in the address": _get("/sparql?update=DROP%20ALL"),
    "using-graph-uri": _get("/sparql?query=ASK%7B%7D&using-graph-uri=urn:g"),
    "PUT": Attack(path="/sparql", kind=_TURTLE, body=b"<urn:a> <urn:b> 1 .", method="PUT"),
    "an entity deleted": Attack(path="/id/model/registry/home-ranker", method="DELETE"),
}

DOCUMENTS = {
    "an entity bomb": _rdf(_bomb(9), _RDFXML),
    "an entity bomb, validated": _rdf(_bomb(10), _RDFXML, path="/validate"),
    "an entity bomb in small letters": _rdf(_bomb(9).replace("DOCTYPE", "doctype"), _RDFXML),
    "an entity bomb in UTF-16": _rdf(_bomb(9).encode("utf-16"), _RDFXML),
    "an entity bomb in UTF-16 without its mark": _rdf(_bomb(9).encode("utf-16-le"), _RDFXML),
    "an entity bomb in big-endian UTF-16": _rdf(_bomb(9, xml="<?xml version='1.0' encoding='utf-16'?>").encode("utf-16-be"), _RDFXML),
    "an entity bomb in UTF-16 behind blanks": _rdf((" \n" + _bomb(9)).encode("utf-16-le"), _RDFXML),
    "an entity bomb in UTF-32": _rdf(_bomb(9).encode("utf-32"), _RDFXML),
    "an entity bomb that says UTF-7": _rdf(b"<?xml version='1.0' encoding='UTF-7'?>" + _bomb(9).encode("utf-7"), _RDFXML),
    "an entity bomb behind blanks": _rdf(" " * 900_000 + _bomb(9), _RDFXML),
    "an entity bomb with a charset": _rdf(_bomb(9).encode("utf-16"), _RDFXML + "; charset=utf-16"),
    "one long entity many times": _rdf(f"<!DOCTYPE r [<!ENTITY e '{'x' * 90_000}'>]><r>{'&e;' * 90_000}</r>", _RDFXML),
    "nested XML": _rdf("<a>" * 100_000, _RDFXML),
    "nested JSON-LD objects": _rdf('{"urn:p":' * 10_000 + "1" + "}" * 10_000, _JSONLD),
    "nested JSON-LD lists": _rdf('{"urn:p":' + "[" * 100_000, _JSONLD),
    "nested JSON-LD, validated": _rdf('{"urn:p":' * 10_000 + "1" + "}" * 10_000, _JSONLD, path="/validate"),
    "nested blank nodes": _rdf("<a> <b> " + "[ <b> " * 100_000),
    "nested lists": _rdf("<a> <b> " + "( " * 100_000),
    "nested triple terms": _rdf("<a> <b> " + "<<( <a> <b> " * 50_000),
    "nested reified triples": _rdf("<< " * 50_000),
    "nested formulas": _rdf("<a> <b> " + "{ <a> <b> " * 50_000),
    "blank nodes in a long row": _rdf(_chain(5_000, "<urn:p>")),
    "blank nodes that double at each step": _rdf(_chain(600, "<urn:p>", "<urn:q>") + "_:n0 <urn:p> _:n300 ."),
    "blank nodes in a ring": _rdf(NEWCOMER + "<person/desk/x> <urn:p> _:a . _:a <urn:p> _:b . _:b <urn:p> _:a ."),
    "a blank node of thousands of entities": _rdf("".join(f"<person/desk/x{n}> <urn:p> _:a . " for n in range(5_000)) + "".join(f"_:a <urn:p> {n} . " for n in range(5_000))),
    "quotes never closed": _rdf('"' + '\\"' * 200_000),
    "quotes never closed, validated": _rdf('"""' + '\\"' * 200_000, path="/validate"),
    "IRIs elsewhere": _rdf(NEWCOMER + "<http://elsewhere.example/x> <urn:p> 1 ."),
    "IRIs of the graph's own": _rdf("<urn:mlgraph:revision:1:0> <urn:p> 1 ."),
    "named graphs": _rdf("<person/desk/x> <urn:p> 1 <urn:mlgraph:graph:history> .", "application/n-quads"),
    "a name that climbs": _rdf("<../../../etc/passwd> <urn:p> 1 ."),
    "over the limit": Attack(path="/submit", kind=_TURTLE, body=b"", headers=_LARGE),
    "compressed": Attack(path="/submit", kind=_TURTLE, body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}),
    "as plain text": _rdf(NEWCOMER, "text/plain"),
    "as a form": _rdf("data=x", _FORM),
    "as a form of several parts": _rdf("--x--", "multipart/form-data; boundary=x"),
    "of no type": Attack(path="/submit", body=NEWCOMER.encode()),
}  # fmt: skip

EVENTS = {
    "nested lists": _event("[" * 100_000 + "]" * 100_000),
    "nested objects": _event('{"a":' * 100_000 + "1" + "}" * 100_000),
    "NaN": _event('{"event_type": NaN, "source": "registry", "id": "x"}'),
    "infinity": _event('[{"event_type": -Infinity}]'),
    "a name twice": _event('{"event_type": "model.changed", "source": "registry", "id": "a", "id": "b"}'),
    "an id of 500 kB": _event(json.dumps(EVENT | {"id": "x" * 500_000})),
    "an id that is a number": _event(json.dumps(EVENT | {"id": 7})),
    "an id that is an object": _event(json.dumps(EVENT | {"id": {"$ne": None}})),
    "an empty id": _event(json.dumps(EVENT | {"id": ""})),
    "half a surrogate pair": _event(json.dumps(EVENT | {"id": "\ud800"})),
    "half a surrogate pair in another member": _event(json.dumps(EVENT | {"event_id": "\udfff"})),
    "a type that is no word": _event(json.dumps(EVENT | {"event_type": "../model.changed"})),
    "a source that is not configured": _event(json.dumps(EVENT | {"source": "nobody"})),
    "a source that is an address": _event(json.dumps(EVENT | {"source": _L})),
    "a time that is none": _event(json.dumps(EVENT | {"time": "yesterday"})),
    "one bad among many": _event(json.dumps([EVENT] * 1_000 + [{"id": 1}])),
    "a number of many digits": _event("1" * 100_000),
    "quotes never closed": _event('"' + '\\"' * 200_000),
    "UTF-16": _event(json.dumps(EVENT).encode("utf-16")),
    "not JSON": _event("event_type=model.changed"),
    "nothing": _event(""),
    "over the limit": _event("", **_LARGE),
    "compressed": _event(gzip.compress(json.dumps(EVENT).encode()), **{"Content-Encoding": "gzip"}),
    "as plain text": _event(json.dumps(EVENT), "text/plain"),
    "as a form": _event("source=registry", _FORM),
}  # fmt: skip

PATHS = {
    "static files": _get("/static/../../../../etc/passwd"),
    "static files, escaped": _get("/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    "static files, escaped twice": _get("/static/%252e%252e%252f%252e%252e%252fetc/passwd"),
    "static files, absolute": _get("/static//etc/passwd"),
    "documents": _get("/data/model/registry/..%2f..%2f..%2f..%2fetc%2fpasswd.ttl"),
    "entities": _get("/id/../../../etc/passwd"),
    "pages": _get("/e/model/registry/../../../../etc/passwd"),
    "submissions": _get("/submit/..%2f..%2f..%2fetc%2fpasswd"),
    "a zero byte": _get("/e/model/registry/home-ranker%00.html"),
    "bytes that are no text": _get("/e/model/registry/%ff%fe"),
    "line breaks in a key": _get("/id/model/registry/x%0d%0aSet-Cookie:%20a=b"),
    "line breaks in a format": _get("/sparql?query=ASK%7B%7D&format=json%0d%0aSet-Cookie:%20a=b"),
    "line breaks in a graph's name": _get("/sparql?query=ASK%7B%7D&default-graph-uri=urn:x%0d%0aSet-Cookie:%20a=b"),
    "line breaks in a number": _get("/api/v1/search?q=x&limit=1%0d%0aSet-Cookie:%20a=b"),
    "parameters by the thousand": _get("/sparql?" + "&".join(f"p{n}=1" for n in range(5_000))),
    "a search of 40 kB": _get("/search?q=" + "x" * 40_000),
    "another page's address": _get("/id/https://elsewhere.example/"),
}  # fmt: skip

FAMILIES: Mapping[str, tuple[Mapping[str, Attack], frozenset[int]]] = {
    "stack": (STACK, frozenset({400, 413})),
    "optimiser": (OPTIMISER, frozenset({400, 503})),
    "work": (WORK, frozenset({413, 503})),
    "reaching out": (REACHING_OUT, frozenset({400, 415})),
    "writing": (WRITING, frozenset({400, 405, 415})),
    "document": (DOCUMENTS, frozenset({400, 413, 415})),
    "event": (EVENTS, frozenset({400, 404, 413, 415})),
    "path": (PATHS, frozenset({400, 404, 406})),
}
"""The attacks by what they are after, with the statuses that refuse one of that kind."""

REFUSED = [(family, name) for family, (attacks, _) in FAMILIES.items() for name in attacks]

HARMLESS = {
    "words in a literal": _query("SELECT ('SERVICE <http://x> { LOAD }' AS ?x) {} # SERVICE"),
    "words as variables": _query("SELECT ?service { ?service ?load 'DROP ALL' }"),
    "a regex that some engines choke on": _query(f"ASK {{ FILTER(REGEX('{'a' * 60}!', '^(a+)+$')) }}"),
    "a regex that is too large": _query("ASK { FILTER(REGEX('a', '(((a{1,100}){1,100}){1,100}){1,100}')) }"),
    "a graph that is an address": _query(f"ASK FROM <{_L}> {{ ?s ?p ?o }}"),
    "a named graph that is an address": _query(f"ASK FROM NAMED <{_L}> {{ GRAPH ?g {{ ?s ?p ?o }} }}"),
    "a parameter that is an address": _get(f"/sparql?query=ASK%7B%3Fs%20%3Fp%20%3Fo%7D&default-graph-uri={_L}"),
    "imports in a document": _rdf(f"<> <http://www.w3.org/2002/07/owl#imports> <{_L}> .", path="/validate"),
    "markup in a search": Attack(path="/search?q=%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20a=b"),
    "few brackets": _query("ASK { FILTER(((((1 = 1))))) }"),
}  # fmt: skip
"""What only looks dangerous, and is answered."""
