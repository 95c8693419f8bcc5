import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Triple

from kg import formats
from kg.errors import BadRdf, UnsupportedFormat

BASE = "http://localhost:8080/id/"
TRIPLES = st.sets(
    st.builds(
        Triple,
        st.sampled_from([NamedNode(BASE + "a"), NamedNode(BASE + "b")]),
        st.just(NamedNode("http://purl.org/dc/terms/title")),
        st.builds(Literal, st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=20)),
    ),
    max_size=5,
)


@pytest.mark.parametrize("form", formats.FORMATS, ids=lambda form: form.name)
@given(triples=TRIPLES)
def test_what_is_written_is_read_back(form: formats.Format, triples: set[Triple]) -> None:
    data = formats.serialise(triples, form, prefixes={"dct": "http://purl.org/dc/terms/"})
    assert {quad.triple for quad in formats.parse(data, form, base=BASE)} == triples


@pytest.mark.parametrize("name", ["turtle", "text/turtle; charset=utf-8", "TTL", "ttl"])
def test_a_format_has_several_names(name: str) -> None:
    assert formats.by_name(name).name == "turtle"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="text/turtle"):
        formats.by_name("text/csv")
    with pytest.raises(UnsupportedFormat, match=r"a\.docx"):
        formats.of_file("a.docx")


def test_an_error_has_its_place() -> None:
    with pytest.raises(BadRdf) as caught:
        formats.parse(b"<a> <b> <c> .\n<a> <b> oops .\n", formats.by_name("turtle"), base=BASE)
    assert caught.value.details["line"] == 2


DANGEROUS = {
    "entity bomb": ("rdf", b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa">]><r>&a;</r>'),
    "entity bomb, spaced": ("rdf", b'<! DOCTYPE r [<!ENTITY a "aaaa">]><r>&a;</r>'),
    "hidden in UTF-16": ("rdf", '<!DOCTYPE r [<!ENTITY a "a">]><r/>'.encode("utf-16")),
    "nested JSON-LD": ("jsonld", b'{"http://x/p":' * 5_000 + b"1" + b"}" * 5_000),
    "nested lists": ("jsonld", b'{"http://x/p":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    "nested Turtle": ("turtle", b"<a> <b> " + b"[ <c> " * 5_000 + b"1" + b"]" * 5_000 + b" ."),
    "nested triple terms": ("turtle", b"<a> <b> " + b"<<( <s> <p> " * 5_000),
    "remote context": ("jsonld", b'{"@context": "http://127.0.0.1:9/c", "@id": "a"}'),
    "not UTF-8": ("turtle", b'<a> <b> "\xff" .'),
}


@pytest.mark.parametrize(("name", "data"), DANGEROUS.values(), ids=DANGEROUS)
def test_what_is_dangerous_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(BadRdf):
        formats.parse(data, formats.by_name(name), base=BASE)


def test_brackets_in_strings_and_iris_are_not_nesting() -> None:
    deep = "[" * 500
    data = f'<a> <b> "{deep}", """{deep}\n"{deep}""", \'{deep}\' .'.encode()
    assert len(formats.parse(data, formats.by_name("turtle"), base=BASE)) == 3


def test_rdf_xml_that_is_cut_off_is_refused() -> None:
    """Also where the parser would be content with what it has: between two elements."""
    names = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://example.org/"'
    said = '<rdf:Description rdf:about="http://example.org/s"><e:p>x</e:p></rdf:Description>\n'
    whole = f"<rdf:RDF {names}>\n{said}{said}</rdf:RDF>".encode()
    form = formats.by_name("rdf")
    assert len(formats.parse(whole, form, base="http://example.org/")) == 2
    for end in range(len(whole)):
        with pytest.raises(BadRdf) as refused:
            formats.parse(whole[:end], form, base="http://example.org/")
        assert refused.value.details.keys() <= {"line", "column"}
