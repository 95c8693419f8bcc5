"""Answers from real checkpoints through real processes: formats, limits, visibility, attacks."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg import formats
from kg.answer import Answer, Answerer, Dataset
from kg.answer.answerer import LOOKUP_BYTES
from kg.config import Settings, load
from kg.errors import (
    BadInput,
    BadQuery,
    BadRdf,
    Busy,
    LimitExceeded,
    QueryRefused,
    StoreUnavailable,
    TooLarge,
    UnsupportedFormat,
)
from kg.iris import PREFIXES, graph
from kg.store import Checkpoint

EX = "http://example.org/"
PREFIX = f"PREFIX ex: <{EX}> "
RESULTS = "{http://www.w3.org/2005/sparql-results#}"
SECRET = f"{EX}secret"
SIZE = 3_000


def iri(local: str) -> ox.NamedNode:
    return ox.NamedNode(EX + local)


def checkpoint(folder: Path, version: int, quads: list[ox.Quad]) -> Path:
    """A checkpoint as the writer publishes it."""
    store = ox.Store(str(folder / f"store-{version}"))
    store.bulk_extend(quads)
    path = folder / "checkpoints" / f"{version:012d}"
    path.parent.mkdir(exist_ok=True)
    store.backup(str(path))
    return path


def quads() -> list[ox.Quad]:
    things = [
        ox.Quad(iri(f"e{n}"), iri("number"), ox.Literal(n), ox.DefaultGraph()) for n in range(SIZE)
    ]
    for name, count in (("many", 2_000), ("more", 2_001)):
        things += [
            ox.Quad(iri(name), iri("number"), ox.Literal(f"{n:0>150}"), ox.DefaultGraph())
            for n in range(count)
        ]
    odd = ox.Literal('a\r\n{"b"},{\u0001\ufffe<c>')
    things.append(ox.Quad(iri("odd"), iri("text"), odd, ox.DefaultGraph()))
    named = {graph("history"): "revision", graph("meta"): "internal", SECRET: "secret"}
    return things + [
        ox.Quad(iri(local), iri("in"), ox.NamedNode(name), ox.NamedNode(name))
        for name, local in named.items()
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    return checkpoint(folder, 1, quads())


def configured(**given: Any) -> Settings:
    return load(environ={}, base="http://kg.example", **given)


@pytest.fixture(scope="module")
def answers(path: Path) -> Iterator[Answerer]:
    settings = configured(query_memory_mb=300, query_max_rows=2_000, query_max_bytes=600_000)
    with Checkpoint(path) as newest, Answerer(settings, checkpoint=lambda: newest) as opened:
        yield opened


def read(answer: Answer) -> bytes:
    data = b"".join(answer.iter_chunks())
    assert len(data) == answer.size
    return data


def rows(answers: Answerer, text: str, **more: Any) -> list[dict[str, str]]:
    answer = answers.answer(PREFIX + text, format="json", **more)
    bindings = json.loads(read(answer))["results"]["bindings"]
    assert answer.rows == len(bindings)
    return [{name: term["value"] for name, term in row.items()} for row in bindings]


def next_is_answered(answers: Answerer) -> bool:
    """By a process; a lookup would need none."""
    return rows(answers, "SELECT ?n { { ex:e7 ex:number ?n } }") == [{"n": "7"}]


# --- lookups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "xml", "csv", "tsv"])
@pytest.mark.parametrize(
    ("head", "pattern"),
    [
        ("SELECT *", "ex:e7 ?p ?o ."),
        ("SELECT ?o", "ex:e7 ex:number ?o"),
        ("SELECT ?o", "ex:nowhere ex:number ?o"),
        ("SELECT ?p ?unbound", "ex:e7 ?p ?o"),
        ("SELECT ?o", "ex:odd ex:text ?o"),
        ("SELECT *", "ex:revision ?p ?o"),
        ("ASK", "ex:e7 a ex:Thing"),
        ("ASK", "ex:e7 ?p ?o"),
    ],
)
def test_a_lookup_is_answered_as_a_process_would(
    answers: Answerer, head: str, pattern: str, format: str
) -> None:
    """Within one more group it is no lookup, and the same question."""
    told = [
        answers.answer(f"{PREFIX}{head} {group}", format=format)
        for group in (f"{{ {pattern} }}", f"{{ {{ {pattern} }} }}")
    ]
    assert told[0].rows == told[1].rows
    assert sorted(read(told[0]).splitlines()) == sorted(read(told[1]).splitlines())


def test_a_lookup_needs_no_process(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the newest checkpoint nor in another, of which the last one stays open."""
    one, two = (
        checkpoint(tmp_path, n, [ox.Quad(iri("e7"), iri("number"), ox.Literal(n))]) for n in (1, 2)
    )
    with Checkpoint(path) as newest, Answerer(configured(), checkpoint=lambda: newest) as answers:
        monkeypatch.setattr(answers._pool, "run", None)
        text = "SELECT ?n { ex:e7 ex:number ?n }"
        assert rows(answers, text) == [{"n": "7"}]
        assert rows(answers, text, snapshot=lambda: one) == [{"n": "1"}]
        assert (is_held(one), is_held(two)) == (True, False)
        assert rows(answers, text, snapshot=lambda: two) == [{"n": "2"}]
        assert (is_held(one), is_held(two)) == (False, True)


def test_what_fails_for_a_lookup_is_asked_for_once(answers: Answerer) -> None:
    """A state of the past takes its time to make."""
    asked = []

    def fails() -> Path:
        asked.append(1)
        raise LimitExceeded("It takes too long.", limit="time")

    with pytest.raises(LimitExceeded):
        answers.answer(PREFIX + "ASK { ex:e7 ?p ?o }", format="json", snapshot=fails)
    assert len(asked) == 1


def test_a_lookup_in_a_checkpoint_that_cannot_be_read(answers: Answerer, tmp_path: Path) -> None:
    damaged = checkpoint(
        tmp_path, 1, [ox.Quad(iri("e7"), iri("number"), ox.Literal(n)) for n in range(99)]
    )
    for file in damaged.glob("*.sst"):
        file.write_bytes(bytes(file.stat().st_size))
    for path in (damaged, tmp_path / "nowhere" / "000000000001"):
        with pytest.raises(StoreUnavailable):
            answers.answer(PREFIX + "ASK { ex:e7 ?p ?o }", format="json", snapshot=lambda p=path: p)


def test_a_lookup_with_a_large_answer_is_made_by_a_process(answers: Answerer) -> None:
    text = PREFIX + "SELECT ?n { ex:many ex:number ?n }"
    answer = answers.answer(text, format="xml")
    assert (answer.rows, answer.size > LOOKUP_BYTES) == (2_000, True)
    assert len(ET.fromstring(read(answer)).findall(f".//{RESULTS}result")) == 2_000
    with pytest.raises(LimitExceeded, match="more than 2,000 rows"):
        answers.answer(PREFIX + "SELECT ?n { ex:more ex:number ?n }", format="csv")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT ?n\n{ <a:s> <a:p> ?n } LIMIT 1.5", "Line 2, column 26"),
        ("SELECT ?n { <http://[> <a:p> ?n }", "Line 1, column 13"),
    ],
)
def test_what_is_wrong_with_a_lookup_is_said_with_its_place(
    answers: Answerer, text: str, place: str
) -> None:
    with pytest.raises(BadQuery, match=place):
        answers.answer(text, format="json")


# --- formats ------------------------------------------------------------------------------------

SELECT = PREFIX + "SELECT ?s ?n { ?s ex:number ?n FILTER (?n < 5) } ORDER BY ?n"


def test_select_as_json(answers: Answerer) -> None:
    answer = answers.answer(SELECT, format="json")
    assert (answer.form, answer.rows) == ("select", 5)
    assert answer.media_type == "application/sparql-results+json"
    found = json.loads(read(answer))
    assert found["head"]["vars"] == ["s", "n"]
    assert [row["n"]["value"] for row in found["results"]["bindings"]] == list("01234")


def test_select_as_xml(answers: Answerer) -> None:
    answer = answers.answer(SELECT, format="xml")
    assert answer.media_type == "application/sparql-results+xml"
    assert len(ET.fromstring(read(answer)).findall(f".//{RESULTS}result")) == answer.rows == 5


def test_select_as_csv_and_tsv(answers: Answerer) -> None:
    answer = answers.answer(SELECT, format="csv")
    assert answer.media_type == "text/csv"
    found = list(csv.reader(io.StringIO(read(answer).decode(), newline="")))
    assert found[:2] == [["s", "n"], [f"{EX}e0", "0"]]
    assert answer.rows == len(found) - 1 == 5
    answer = answers.answer(SELECT, format="tsv")
    assert answer.media_type == "text/tab-separated-values"
    assert read(answer).startswith(b"?s\t?n\n<http://example.org/e0>\t0\n")


@pytest.mark.parametrize("format", ["json", "xml", "csv", "tsv"])
def test_ask(answers: Answerer, format: str) -> None:
    answer = answers.answer(PREFIX + "ASK { ex:e1 ex:number 1 }", format=format)
    assert (answer.form, answer.rows) == ("ask", None)
    assert b"true" in read(answer)


@pytest.mark.parametrize("format", ["turtle", "nt", "jsonld", "rdf"])
@pytest.mark.parametrize(
    "text",
    [
        "CONSTRUCT { ?s ex:half ?h } { ?s ex:number ?n FILTER (?n < 3) BIND (?n / 2 AS ?h) }",
        "DESCRIBE ex:e0 ex:e1 ex:e2",
    ],
)
def test_graphs(answers: Answerer, text: str, format: str) -> None:
    answer = answers.answer(PREFIX + text, format=format)
    form = formats.by_name(format)
    assert answer.media_type == form.media_type
    assert answer.rows == len(list(ox.parse(read(answer), format=form.rdf))) == 3


def test_turtle_uses_the_prefixes_of_the_query(answers: Answerer) -> None:
    told = read(answers.answer(PREFIX + "DESCRIBE ex:e1", format="turtle"))
    assert b"ex:e1 ex:number 1 ." in told


def test_a_prefix_that_cannot_be_written_is_left_out(answers: Answerer) -> None:
    text = r"PREFIX r: <x> PREFIX e: <http://e\u0078ample.org/> DESCRIBE e:e1"
    assert read(answers.answer(text, format="turtle")).count(b"prefix") == 0


@pytest.mark.parametrize(
    ("text", "format"), [("SELECT * { }", "turtle"), ("ASK { }", "nt"), ("DESCRIBE <a:b>", "json")]
)
def test_a_format_that_cannot_hold_the_answer(answers: Answerer, text: str, format: str) -> None:
    with pytest.raises(UnsupportedFormat, match="ask for"):
        answers.answer(text, format=format)


def test_what_rdf_xml_and_json_ld_cannot_hold(answers: Answerer) -> None:
    with pytest.raises(UnsupportedFormat, match=r"property <http://example\.org/123>"):
        answers.answer(PREFIX + "CONSTRUCT { ex:a ex:123 1 } { }", format="rdf")
    with pytest.raises(UnsupportedFormat, match=r"RDF 1\.2"):
        term = "CONSTRUCT { ex:a ex:b <<( ex:a ex:b 1 )>> } { }"
        answers.answer(PREFIX + term, format="jsonld")


ODD = 'SELECT * { VALUES ?x { "a\\u0001\\u001F\\uFFFE\\r\\nb" } }'


def test_xml_is_well_formed_whatever_the_literals_are(answers: Answerer) -> None:
    found = ET.fromstring(read(answers.answer(ODD, format="xml")))
    assert found.findtext(f".//{RESULTS}literal") == "a\ufffd\ufffd\ufffd\r\nb"
    text = 'CONSTRUCT { <a:s> <http://e/p> "a\\u0001\\rb" } { }'
    document = ET.fromstring(read(answers.answer(text, format="rdf")))
    assert document.findtext(".//{http://e/}p") == "a\ufffd\rb"


@pytest.mark.parametrize("format", ["json", "xml", "csv", "tsv"])
def test_rows_are_counted_exactly(answers: Answerer, format: str) -> None:
    """Whatever stands in literals, and where nothing is bound."""
    odd = ["}},{", ",{", "[{", "{}", '\\",', "\\\\", "a\\nb", "\\r\\n", "<result>", '\\"', "{", ","]
    values = " ".join(f'("{one}" UNDEF) (UNDEF UNDEF) (UNDEF "{one}{one}")' for one in odd)
    text = f"SELECT ?a ?b {{ VALUES ?n {{ {'0 ' * 30} }} VALUES (?a ?b) {{ {values} }} }}"
    answer = answers.answer(text, format=format)
    assert answer.rows == 30 * 3 * len(odd)
    answer.close()


# --- limits -------------------------------------------------------------------------------------

CROSS = "?a ex:number ?x . ?b ex:number ?y . ?c ex:number ?z "


@pytest.mark.parametrize("format", ["json", "xml", "csv", "tsv"])
def test_too_many_rows(answers: Answerer, format: str) -> None:
    with pytest.raises(LimitExceeded, match="more than 2,000 rows") as caught:
        answers.answer(PREFIX + "SELECT ?n { ?s ex:number ?n }", format=format)
    assert caught.value.details["limit"] == "rows"
    assert next_is_answered(answers)


def test_too_many_triples(answers: Answerer) -> None:
    with pytest.raises(LimitExceeded, match="more than 2,000 triples") as caught:
        answers.answer(PREFIX + "CONSTRUCT WHERE { ?s ex:number ?n }", format="nt")
    assert caught.value.details["limit"] == "rows"


@pytest.mark.parametrize("format", ["json", "nt"])
def test_too_many_bytes(answers: Answerer, format: str) -> None:
    long = "x" * 1_000
    head = "SELECT ?l" if format == "json" else "CONSTRUCT { ?s ex:long ?l }"
    text = f'{head} {{ ?s ex:number ?n BIND (CONCAT(STR(?n), "{long}") AS ?l) FILTER (?n < 900) }}'
    with pytest.raises(LimitExceeded, match="more than 600,000 bytes") as caught:
        answers.answer(PREFIX + text, format=format)
    assert caught.value.details["limit"] == "bytes"


def test_a_large_answer_comes_in_chunks_from_a_file(answers: Answerer) -> None:
    text = f'SELECT ?s ?l {{ ?s ex:number ?n BIND ("{"x" * 300}" AS ?l) FILTER (?n < 1000) }}'
    answer = answers.answer(PREFIX + text, format="json")
    chunks = list(answer.iter_chunks())
    assert len(chunks) > 1
    assert len(json.loads(b"".join(chunks))["results"]["bindings"]) == answer.rows == 1000
    assert sum(map(len, chunks)) == answer.size


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT (COUNT(*) AS ?n) {{ {CROSS} }}",
        f"SELECT * {{ {CROSS} FILTER (?x + ?y + ?z < 0) }}",
        f"ASK {{ {CROSS} FILTER (?x + ?y + ?z < 0) }}",
        f"SELECT (COUNT(*) AS ?n) {{ {CROSS} FILTER REGEX(STR(?x), CONCAT(STR(?y), '(a+)+$')) }}",
        "SELECT (COUNT(*) AS ?n) { ?a (ex:number|!ex:number)* ?b . ?c (ex:number|!ex:number)* ?d }",
    ],
)
def test_what_takes_too_long_is_killed(answers: Answerer, text: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        answers.answer(PREFIX + text, format="json", timeout=0.5)
    assert caught.value.details["limit"] == "time"
    assert next_is_answered(answers)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (STRLEN(?x34) AS ?n) { BIND ('ab' AS ?x0) "
        + " ".join(f"BIND (CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(34))
        + " }",
        f"SELECT ?x {{ {CROSS} }} ORDER BY ?z ?y",
    ],
    ids=["doubling", "order by"],
)
def test_what_takes_too_much_memory_is_stopped(answers: Answerer, text: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        answers.answer(PREFIX + text, format="json")
    assert caught.value.details["limit"] == "memory"
    assert next_is_answered(answers)


def test_heavy_queries_from_all_sides(answers: Answerer) -> None:
    """Whoever asks something cheap meanwhile is answered, or told to come again."""
    heavy = PREFIX + f"SELECT (COUNT(*) AS ?n) {{ {CROSS} }}"

    def ask(_: int) -> type[Exception]:
        with pytest.raises((LimitExceeded, Busy)) as caught:
            answers.answer(heavy, format="json", timeout=2)
        return caught.type

    with ThreadPoolExecutor(8) as threads:
        outcomes = threads.map(ask, range(8))
        cheap = 0
        for _ in range(10):
            try:
                cheap += next_is_answered(answers)
            except Busy as busy:
                assert busy.details["retry_after"] > 0
        assert set(outcomes) == {LimitExceeded, Busy}
    assert cheap > 0
    assert next_is_answered(answers)


def test_what_breaks_the_engine_is_told_as_such(
    answers: Answerer, caplog: pytest.LogCaptureFixture
) -> None:
    """Dates with and without a zone have no total order, and the engine's sort gives up its life."""
    dates = ['"2006-08-22"^^x:date', '"2006-08-23"^^x:date', '"2006-08-23Z"^^x:date']
    moments = ['"2006-08-23T09:00:00+01:00"^^x:dateTime', '"2006-08-24Z"^^x:date']
    other = '"23"^^x:float 23 27 29 3 30 "300" 300 4 5 6 7 "777-3426" 8 "888-4537" 9 9'
    values = " ".join([*dates[:2], moments[0], dates[2], moments[1], other])
    text = f"PREFIX x: <{PREFIXES['xsd']}> SELECT ?v {{ VALUES ?v {{ {values} }} }} ORDER BY"
    with pytest.raises(QueryRefused, match="order by STR"):
        answers.answer(text + " ?v", format="json")
    assert "panicked" in caplog.text
    assert answers.answer(text + " STR(?v)", format="json").rows == 22


# --- what may be seen ---------------------------------------------------------------------------

ALL = "SELECT ?s { { ?s ex:in ?x } UNION { GRAPH ?g { ?s ex:in ?x } } }"


def seen(answers: Answerer, text: str, **more: Any) -> set[str]:
    return {row["s"].removeprefix(EX) for row in rows(answers, text, **more)}


def test_only_public_graphs_are_seen(answers: Answerer) -> None:
    assert seen(answers, ALL) == {"revision"}


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT ?s {{ GRAPH <{SECRET}> {{ ?s ?p ?o }} }}",
        f"SELECT ?s FROM <{SECRET}> {{ ?s ?p ?o }}",
        "SELECT ?s FROM ex:secret { ?s ?p ?o }",
        f"SELECT ?s FROM NAMED <{SECRET}> {{ GRAPH ?g {{ ?s ?p ?o }} }}",
        "SELECT ?s FROM NAMED ex:secret { GRAPH ?g { ?s ?p ?o } }",
        "SELECT ?s FROM ex:secret FROM NAMED ex:secret { GRAPH ?g { ?s ?p ?o } { ?s ?q ?o } }",
        f"SELECT ?s FROM <{graph('meta')}> {{ ?s ?p ?o }}",
        "SELECT ?s { GRAPH ?g { ?s ex:in+ ?o } FILTER (?s != ex:revision) }",
        "SELECT ?s { GRAPH ?g { { SELECT ?s { ?s ?p ex:secret } } } }",
        "BASE <http://example.org/> SELECT ?s FROM <secret> { ?s ?p ?o }",
        r"SELECT ?s FROM <http://example.org/\u0073ecret> { ?s ?p ?o }",
    ],
)
def test_a_hidden_graph_is_as_one_that_does_not_exist(answers: Answerer, text: str) -> None:
    assert seen(answers, text) == set()
    assert not seen(answers, text, default_graphs=[SECRET], named_graphs=[SECRET])


def test_from(answers: Answerer) -> None:
    history = graph("history")
    inner = "{ { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
    assert seen(answers, f"SELECT ?s FROM <{history}> {inner}") == {"revision"}
    assert seen(answers, f"SELECT ?s FROM NAMED <{history}> {inner}") == {"revision"}
    assert seen(answers, f"SELECT ?s FROM <urn:x:none> {inner}") == set()
    resolved = f"SELECT ?s FROM h:history {inner}"
    assert {row["s"] for row in rows(answers, f"PREFIX h: <{graph('')}> {resolved}")} == {
        f"{EX}revision"
    }


def test_the_protocol_takes_the_place_of_from(answers: Answerer) -> None:
    history = graph("history")
    text = "SELECT ?s FROM <urn:x:none> { ?s ex:in ?o }"
    assert seen(answers, text, default_graphs=[history]) == {"revision"}
    text = "SELECT ?s { { ?s ex:in ?o } UNION { GRAPH ?g { ?s ex:in ?o } } }"
    assert seen(answers, text, default_graphs=["urn:x:none"]) == set()
    assert seen(answers, text, named_graphs=[history, history]) == {"revision"}


def test_callers_may_see_more(answers: Answerer) -> None:
    """Facts of a restricted label are merged into the default graph of who may see it."""
    both = Dataset(merged=(SECRET,), named=())
    assert seen(answers, ALL, dataset=both) == {"secret"}
    assert len(rows(answers, "SELECT * { ex:e1 ?p ?o }", dataset=both)) == 1
    text = f"SELECT ?s FROM <{SECRET}> {{ ?s ?p ?o }}"
    assert seen(answers, text, dataset=both) == {"secret"}
    nothing = Dataset(current=False, named=())
    assert rows(answers, "SELECT * { ?s ?p ?o }", dataset=nothing) == []


# --- checkpoints --------------------------------------------------------------------------------


def is_held(path: Path) -> bool:
    with (path.parent / f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_newer_checkpoint_is_seen_and_the_older_let_go(tmp_path: Path) -> None:
    one = checkpoint(tmp_path, 1, [ox.Quad(iri("a"), iri("p"), iri("old"))])
    two = checkpoint(tmp_path, 2, [ox.Quad(iri("a"), iri("p"), iri("new"))])
    current = one
    with Answerer(configured(query_workers=1), checkpoint=lambda: Checkpoint(current)) as answers:
        assert rows(answers, "SELECT ?o { ?s ex:p ?o }") == [{"o": f"{EX}old"}]
        assert (is_held(one), is_held(two)) == (True, False)
        current = two
        text = "SELECT ?o { ?s ex:p ?o }"
        with ThreadPoolExecutor(2) as asking:
            while is_held(one):  # until each of the two processes was asked
                told = list(asking.map(partial(rows, answers), [text, text]))
                assert told == [[{"o": f"{EX}new"}]] * 2
        assert is_held(two)
    assert not is_held(two)


def test_a_checkpoint_that_is_gone_is_replaced_by_the_next(tmp_path: Path, path: Path) -> None:
    gone = Checkpoint(checkpoint(tmp_path, 7, []))
    shutil.rmtree(gone.path)
    with Checkpoint(path) as newest:
        opened = iter([gone, newest])
        with Answerer(configured(query_workers=1), checkpoint=lambda: next(opened)) as answers:
            assert next_is_answered(answers)
    with (
        Answerer(configured(query_workers=1), checkpoint=lambda: gone) as answers,
        pytest.raises(StoreUnavailable, match="000000000007"),
    ):
        answers.answer("ASK { }", format="json")


# --- refusals -----------------------------------------------------------------------------------


def test_check_says_where(answers: Answerer) -> None:
    assert answers.check("ASK { }").form == "ask"
    with pytest.raises(BadQuery, match=r"Line 2, column 12: '\?x' does not fit here") as caught:
        answers.check("SELECT *\n{ ?s ?p ?o ?x }")
    assert caught.value.details == {"line": 2, "column": 12}


def test_read_tells_the_form_without_a_process(path: Path) -> None:
    with Checkpoint(path) as newest, Answerer(configured(), checkpoint=lambda: newest) as answers:
        assert answers.read("DESCRIBE <a:b>").form == "describe"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { } }", QueryRefused),
        ("DROP ALL", QueryRefused),
        ("SELECT * { " + "{" * 50 + "}" * 50 + " }", QueryRefused),
        ("SELECT * { ?s ?p }", BadQuery),
        ("SELECT * { ?s <relative> }", BadQuery),
        ("SELECT * FROM <http://[> { }", BadQuery),
        ("SELECT (<http://example.org/f>(1) AS ?x) { }", BadQuery),
        ("ASK { } # " + "x" * 70_000, TooLarge),
    ],
)
def test_refusals(answers: Answerer, text: str, kind: type[BadInput]) -> None:
    with pytest.raises(kind):
        answers.check(text)
    with pytest.raises(kind):
        answers.answer(text, format="json")


def test_relative_iris_are_under_the_base_of_the_graph(answers: Answerer) -> None:
    found = rows(answers, "SELECT (<id/model/mlflow/ranker> AS ?x) { }")
    assert found == [{"x": "http://kg.example/id/model/mlflow/ranker"}]


# --- documents ----------------------------------------------------------------------------------


def test_parse(answers: Answerer) -> None:
    turtle = b"@prefix ex: <http://example.org/> . <x> ex:p [ ex:q 1.50 ] ."
    told = answers.parse(turtle, format="turtle", base="http://kg.example/id/")
    statements = list(ox.parse(told, format=ox.RdfFormat.N_QUADS))
    assert len(statements) == 2
    assert b"<http://kg.example/id/x>" in told
    assert b'"1.50"^^<http://www.w3.org/2001/XMLSchema#decimal>' in told


def test_validate(answers: Answerer) -> None:
    document = b"@prefix mlg: <https://w3id.org/mlgraph/ns/> . <model/mlflow/x> a mlg:Model ."
    report = answers.validate(document, format="turtle", base="http://kg.example/id/")
    assert report.engine == "shacl"
    assert {finding.focus for finding in report.findings} == {"http://kg.example/id/model/mlflow/x"}
    with pytest.raises(BadRdf):
        answers.validate(b"<x> .", format="turtle", base="http://kg.example/id/")


def test_documents_that_hurt(answers: Answerer) -> None:
    entities = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(10)
    )
    bomb = f'<?xml version="1.0"?><!DOCTYPE r [{entities}]><r>&e9;</r>'.encode()
    deep = (b'{"http://e/p":' * 10_000) + b"1" + b"}" * 10_000
    remote = b'{"@context": "http://127.0.0.1:1/", "@id": "http://e/x", "p": 1}'
    for data, form in [(bomb, "rdf"), (deep, "jsonld"), (remote, "jsonld"), (b"<a> <b>", "turtle")]:
        with pytest.raises(BadRdf):
            answers.parse(data, format=form, base="http://kg.example/")
    assert next_is_answered(answers)
