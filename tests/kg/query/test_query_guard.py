"""The guard and the engine's parser together: what passes, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import pyoxigraph as ox
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kg.errors import BadInput, BadQuery, QueryRefused, TooLarge
from kg.query import caps
from kg.query.explain import explain
from kg.query.guard import Query, check
from tests.kg.query.corpus import Legal, Refused, legal, refused

BASE = "http://base.example/"
DATA = """
@prefix ex: <http://example.org/> .
ex:a a ex:Thing ; ex:p ex:b ; ex:n 1, 2 ; ex:label "anna"@en ; ex:items (1 2) ; ex:flag true .
ex:b a ex:Thing ; ex:p ex:c ; ex:n 3 ; ex:q ex:a .
ex:c ex:p ex:c ; ex:n 5, 7 ; ex:label "cleo" .
<< ex:a ex:p ex:b ~ ex:r >> ex:says ex:me .
"""


def guarded(text: str, *, max_bytes: int = 65_536) -> Query:
    return check(text, max_bytes=max_bytes)


@pytest.fixture(scope="module")
def store() -> ox.Store:
    filled = ox.Store()
    filled.load(DATA, format=ox.RdfFormat.TURTLE)
    for name in ("g", "h"):
        graph = ox.NamedNode(f"http://example.org/{name}")
        filled.load(DATA.replace("7", "9"), format=ox.RdfFormat.TURTLE, to_graph=graph)
    return filled


def answer(store: ox.Store, text: str) -> object:
    """The engine's answer in a form that can be compared; blank nodes have new names each time."""
    result = store.query(text, base_iri=BASE)
    if isinstance(result, ox.QueryBoolean):
        return bool(result)
    if isinstance(result, ox.QueryTriples):
        graph = ox.Dataset(ox.Quad(t.subject, t.predicate, t.object) for t in result)
        graph.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
        return set(graph)
    names = [variable.value for variable in result.variables]
    return names, sorted(str([_plain(row[name]) for name in names]) for row in result)


def _plain(value: object) -> object:
    return "_" if isinstance(value, ox.BlankNode) else value


@pytest.mark.parametrize("case", legal(), ids=lambda case: case.name)
def test_legal_queries_are_answered_as_the_engine_would(case: Legal, store: ox.Store) -> None:
    query = guarded(case.text)
    ours = answer(store, query.text)
    try:
        theirs = answer(store, case.text)
    except (SyntaxError, OSError):
        return  # the engine alone does not read it, or reads it as SERVICE
    assert ours == theirs


def test_the_corpus_is_of_some_size() -> None:
    cases = legal()
    assert len(cases) >= 390
    assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize(
    "case",
    [*refused("reaching_out"), *refused("updates"), *refused("malformed")],
    ids=lambda case: case.name,
)
def test_the_rest_is_refused_where_it_is_wrong(case: Refused, store: ox.Store) -> None:
    with pytest.raises(BadInput) as caught:
        query = guarded(case.text)
        try:
            store.query(query.text)
        except SyntaxError as error:
            raise explain(error, query) from error
    assert caught.value.code == case.code
    assert caught.value.details["line"] == case.line, caught.value
    assert caught.value.details["column"] == case.column, caught.value
    assert f"line {case.line}, column {case.column}" in str(caught.value).lower()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * { ?s dct:title ?o }", "begin with PREFIX dct: <http://purl.org/dc/terms/>"),
        ("SELEC * { }", "'SELEC' is not a word of SPARQL; SELECT is."),
        ("SELECT * { ?s ?p ?o ?a ?b ?c }", "'?a' does not fit here; is a '.' or ';' missing"),
        ("SELECT * { OPTIONAL ?s ?p ?o }", "'?s' does not fit here; { is expected."),
        ("SELECT COUNT(*) { }", "'COUNT' does not fit here; an expression is written (… AS ?name)"),
        ("SELECT ?s { ?s ?p ?o } GROUP BY ?p", "neither grouped nor aggregated"),
        ("SELECT * { ?s ?p ?o BIND(1 AS ?o) }", "does BIND set a variable that has a value"),
        ("SELECT * { ?s ?p ?o } ORDER BY", "the query ends too early."),
        ("SELECT * { ?s <http://p q> ?o }", "the IRI that begins here holds a blank"),
        ("SELECT * { { ?s ?p ?o }", "the '{' here is never closed."),
        ("SELECT * { VALUES (?a ?b) {(1)} }", "same number of values as there are variables"),
        ("DROP ALL", "DROP changes the graph"),
        ("", "there is no query"),
    ],
)
def test_messages(text: str, words: str, store: ox.Store) -> None:
    with pytest.raises(BadInput) as caught:
        query = guarded(text)
        try:
            store.query(query.text)
        except SyntaxError as error:
            raise explain(error, query) from error
    assert words in str(caught.value)


def test_an_error_that_is_no_place_in_the_text_is_told_too() -> None:
    told = explain(SyntaxError("Invalid base IRI"), guarded("ASK { }"))
    assert "Invalid base IRI" in str(told)


def test_what_callers_learn() -> None:
    query = guarded(
        "BASE <http://example.org/> PREFIX a.b: <x#> # …\n"
        "CONSTRUCT { ?s ?p ?o } FROM <g> FROM NAMED a.b:h WHERE { ?s ?p ?o }"
    )
    assert query.form == "construct"
    assert query.prefixes == {"a.b": "x#"}
    assert query.dataset == ((False, r"<\u0067>"), (True, "n0:h"))
    asked = " ".join(f"({iri} AS ?g{n})" for n, (_, iri) in enumerate(query.dataset))
    result = ox.Store().query(f"{query.prologue} SELECT {asked} {{}}")
    assert isinstance(result, ox.QuerySolutions)
    solution = next(result)
    assert [str(iri) for iri in solution] == [
        "<http://example.org/g>",
        "<http://example.org/x#h>",
    ]


def test_size() -> None:
    text = "ASK { } # " + "é" * 100
    assert guarded(text, max_bytes=210).form == "ask"
    with pytest.raises(TooLarge, match="210 bytes; the limit is 209"):
        guarded(text, max_bytes=209)


def test_half_a_character() -> None:
    with pytest.raises(BadQuery, match="line 1, column 8".capitalize()):
        guarded('SELECT \ud800 ("\ud800" AS ?x) { }')


# --- caps -------------------------------------------------------------------------------------

EX = "PREFIX : <http://e/> "
BLOW_UPS: dict[str, Callable[[int], str]] = {
    "chain": lambda n: _group(f"?x{i} :p ?x{i + 1} ." for i in range(n)),
    "star": lambda n: _group(f"?x :p{i} ?x{i} ;" if i == 0 else f":p{i} ?x{i} ;" for i in range(n)),
    "objects": lambda n: _group(["?x :p 0", *(f", ?x{i}" for i in range(n))]),
    "path": lambda n: _group(["?x :p", *("/:p" for _ in range(n)), "?y"]),
    "list": lambda n: _group(["?x :p (", *(f"?x{i}" for i in range(n)), ")"]),
    "property lists": lambda n: _group(["?x :p 1", *(", [ :q 2 ]" for _ in range(n))]),
    "groups": lambda n: _group(f"{{ ?x :p{i} ?y }}" for i in range(n)),
    "optionals": lambda n: _group(["?x :p ?y", *("OPTIONAL { ?x :q ?z }" for _ in range(n))]),
    "unions": lambda n: _group(["{ }", *("UNION { ?x :q ?z }" for _ in range(n))]),
    "pairs of unions": lambda n: _group("{ ?x :p ?y } UNION { ?x :q ?y }" for _ in range(n)),
    "and": lambda n: _group(["FILTER (1", *("&& 1" for _ in range(n)), ")"]),
    "sum": lambda n: _group(["FILTER (1", *("+1" for _ in range(n)), ")"]),
    "alternatives": lambda n: _group(["?x :p", *("|:p" for _ in range(n)), "?y"]),
    "filters": lambda n: _group(f"FILTER (?x != {i})" for i in range(n)),
    "binds": lambda n: _group(f"BIND (1 AS ?x{i})" for i in range(n)),
    "annotations": lambda n: _group(["?x :p ?y", *("{| :a 1 |}" for _ in range(n))]),
    "reified": lambda n: _group("<< :a :b :c >> :d :e ." for _ in range(n)),
}
MUST_PASS = {"optionals": 60, "and": 400, "alternatives": 400, "filters": 400, "unions": 90}


def _group(parts: Iterable[str]) -> str:
    return f"{EX}SELECT * {{ {' '.join(parts)} }}"


@pytest.mark.parametrize("name", BLOW_UPS)
def test_what_takes_the_optimiser_too_long_is_refused(name: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        guarded(BLOW_UPS[name](1000))
    assert caught.value.details["cap"]
    assert "ask in several queries" in str(caught.value)


@pytest.mark.parametrize("name", BLOW_UPS)
def test_what_people_write_is_not(name: str, store: ox.Store) -> None:
    query = guarded(BLOW_UPS[name](MUST_PASS.get(name, 45)))
    store.query(query.text)


def test_templates_and_data_are_not_capped(store: ox.Store) -> None:
    triples = " ".join(f"?s :p{i} {i} ." for i in range(1000))
    rows = " ".join(f"(:a{i} UNDEF)" for i in range(1000))
    text = f"{EX}CONSTRUCT {{ {triples} }} WHERE {{ VALUES (?s ?t) {{ {rows} }} }}"
    store.query(guarded(text).text)


NESTED: dict[str, tuple[str, str, str]] = {
    "brackets": ("ASK { FILTER (", "(|1|)", ") }"),
    "function": ("ASK { FILTER (", "ABS(|1|)", ") }"),
    "not": ("ASK { FILTER (", "!|true|", ") }"),
    "minus": ("ASK { FILTER (", "-(|?x|)", ") }"),
    "in": ("ASK { FILTER (", "(1 IN (|1|))", ") }"),
    "groups": ("ASK {", "{|?s ?p ?o|}", "}"),
    "optional": ("ASK {", "OPTIONAL {|?s ?p ?o|}", "}"),
    "union": ("ASK {", "{ } UNION {|?s ?p ?o|}", "}"),
    "not exists": ("ASK {", "FILTER NOT EXISTS {|?s ?p ?o|}", "}"),
    "sub-select": ("ASK {", "{SELECT * {|?s ?p ?o|}}", "}"),
    "lists": ("ASK { ?s ?p", "(|1|)", "}"),
    "property lists": ("ASK { ?s ?p", "[ ?p |1|]", "}"),
    "triple terms": ("ASK { ?s ?p", "<<( ?s ?p |?o|)>>", "}"),
    "annotations": ("ASK { ?s ?p ?o", "{| ?p ?o ||}", "}"),
    "path": ("ASK { ?s", "(|<a:b>|)*", "?o }"),
    "inverse path": ("ASK { ?s", "^(|<a:b>|)", "?o }"),
}


def nested(name: str, depth: int) -> str:
    before, pattern, after = NESTED[name]
    opener, core, closer = pattern.split("|", 1)[0], *pattern.split("|", 1)[1].rsplit("|", 1)
    if name == "annotations":
        opener, core, closer = "{| ?p ?o ", "", "|}"
    return f"{before} {opener * depth}{core}{closer * depth} {after}"


@pytest.mark.parametrize("name", NESTED)
def test_depth(name: str, store: ox.Store) -> None:
    depth = 5 if name == "sub-select" else 15
    store.query(guarded(nested(name, depth)).text, base_iri=BASE)
    with pytest.raises(QueryRefused) as caught:
        guarded(nested(name, 2000), max_bytes=1 << 20)
    assert caught.value.details["cap"] in ("depth", "sub-selects")


@given(st.lists(st.sampled_from(["{}", "()", "[]", "{||}", "<<>>"]), max_size=80))
@example(["{}"] * caps.DEPTH)
@example(["()"] * (caps.DEPTH + 1))
def test_the_cap_on_depth_holds_for_any_brackets(kinds: list[str]) -> None:
    openers = [kind[: len(kind) // 2] for kind in kinds]
    closers = [kind[len(kind) // 2 :] for kind in reversed(kinds)]
    text = "ASK " + " ".join([*openers, "?x", *closers])
    if len(kinds) > caps.DEPTH:
        with pytest.raises(QueryRefused, match="nests more than 40 deep"):
            guarded(text)
    else:
        guarded(text)


# --- nothing reaches out ------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    [
        *("SERVICE", "service", " SERVICE ", "SERVICE:x", "service:x", ":a.b.SERVICE", "1SERVICE"),
        *("trueSERVICE", "'a'SERVICE", "?xSERVICE", "_:b.SERVICE", "@enSERVICE", "\\u0053ERVICE"),
        *(":x", "<http://127.0.0.1:1/>", "?x", "{}", " { } ", "{", "}", "(", ")", ".", ";", ","),
        *("'''", '"""', "'", '"', "\\q", "\\'", '\\"', "\\", "\\uD800", "#", "\n", "#>", " "),
        *(
            "?s ?p ",
            "?s :p 1 ",
            ":s :p :o.",
            ":a.b.c",
            "FILTER(?a<?b",
            "FILTER(1<2",
            ">",
            "<",
            "<<",
        ),
        *("<?b)SERVICE:x#>", "<b)SERVICE :x#>", "<2)SERVICE:x#>", "BIND(1AS?x)", "OPTIONAL", "a "),
        *(
            "GRAPH ",
            "FILTER EXISTS",
            "{SELECT*{",
            "VALUES ?x{",
            "true",
            "-1",
            "1.",
            "1e",
            "[]",
            "&&",
        ),
    ]
)
PROLOGUE = (
    "PREFIX : <http://127.0.0.1:1/> PREFIX service: <http://127.0.0.1:1/> "
    "PREFIX SERVICE: <http://127.0.0.1:1/> SELECT * { "
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@example("service:x {}")
@example("?s ?p ('''a') . SERVICE :x {} # \\q '''\n")
@example("?s ?p :a.b.SERVICE:x {}")
@example("FILTER(1<2)SERVICE:x#>\n{}")
@example("?s ?p trueservice:x {}")
def test_no_text_that_passes_makes_the_engine_call(middle: str) -> None:
    """The engine answers a call to port 1 with an error of its own, before it opens a socket."""
    with suppress(BadInput, SyntaxError):
        call(guarded(PROLOGUE + middle + " }").text)


def call(text: str) -> None:
    result = THINGS.query(text)
    assert isinstance(result, ox.QuerySolutions)
    list(result)


THINGS = ox.Store()
THINGS.load("<a:s> <http://127.0.0.1:1/a.b> 1 , true .", format=ox.RdfFormat.TURTLE)


@pytest.mark.parametrize(
    "middle",
    [
        "SERVICE :x {}",
        "service:x {}",
        "SERVICE:x {}",
        "FILTER(1<2)SERVICE:x#>\n{}",
        "OPTIONAL { ?s ?p ('''a') } . SERVICE :x {} # \\q '''\n",
        "?s ?p 1SERVICE :x {}",
        "?s ?p trueSERVICE :x {}",
        "?s ?p trueservice:x {}",
        "?s ?p ?o . OPTIONAL { ?s :a.b 1 . SERVICE :x {} }",
    ],
)
def test_the_engine_alone_would_call(middle: str) -> None:
    """Proves the test above: the engine itself takes each of these for a call."""
    with pytest.raises(OSError, match="port 1 is not allowed"):
        call(PROLOGUE + middle + " }")


@pytest.mark.parametrize(
    ("text", "graphs"),
    [
        ("ASK { ?s ?p ?o }", set()),
        ('ASK { ?s ?p "GRAPH <urn:g>" } # GRAPH <urn:g>', set()),
        ("ASK { GRAPH <urn:g> { ?s ?p ?o } }", {"urn:g"}),
        ("ASK { ?s ?p ?o FILTER EXISTS { graph <urn:g> { ?s ?p ?o } } }", {"urn:g"}),
        ("PREFIX g: <urn:g:> ASK { GRAPH g:a {} GRAPH g: {} }", {"urn:g:a", "urn:g:"}),
        ("ASK FROM <urn:g> FROM NAMED <urn:h> { ?s ?p ?o }", {"urn:g", "urn:h"}),
        ("ASK { GRAPH ?g { ?s ?p ?o } }", None),
        ("ASK FROM NAMED <urn:g> { GRAPH ?g { ?s ?p ?o } }", None),
        ("BASE <urn:x:> ASK { GRAPH <g> { ?s ?p ?o } }", None),
        (r"ASK { GRAPH <urn:\u0067> { ?s ?p ?o } }", None),
        (r"PREFIX g: <urn:g:> ASK { GRAPH g:a\-b { ?s ?p ?o } }", None),
        (r"PREFIX g: <urn:\u0067:> ASK { GRAPH g:a { ?s ?p ?o } }", None),
        ("ASK { GRAPH <urn:x/../g> { ?s ?p ?o } }", None),
    ],
)
def test_which_graphs_it_may_read(text: str, graphs: set[str] | None) -> None:
    assert guarded(text).graphs == graphs
