"""Counting and cleaning what passes, wherever the stream is cut."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pyoxigraph as ox
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kg.errors import LimitExceeded
from kg.query.results import Measured

FORMATS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
MANY = 1 << 40

_PIECES = [
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "\\",
    ":",
    "\n",
    "\r",
    "<result>",
    "\ufffe",
    "\x01",
    "é",
    "a",
]
LITERALS = st.lists(st.sampled_from(_PIECES), max_size=6).map("".join)
ROWS = st.lists(st.tuples(st.none() | LITERALS, st.none() | LITERALS), max_size=12)
CUTS = st.lists(st.integers(1, 40), min_size=1)


class Sink:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)


def serialised(rows: list[tuple[str | None, str | None]], form: str) -> bytes:
    term = {None: "UNDEF"} | {v: str(ox.Literal(v)) for row in rows for v in row if v is not None}
    values = " ".join(f"({term[a]} {term[b]})" for a, b in rows)
    result = ox.Store().query(f"SELECT ?a ?b {{ VALUES (?a ?b) {{ {values} }} }}")
    assert isinstance(result, ox.QuerySolutions)
    told = result.serialize(format=FORMATS[form])
    assert told is not None
    return told


def pass_on(data: bytes, cuts: list[int], form: str, *, max_rows: int = MANY) -> tuple[int, bytes]:
    sink = Sink()
    measured = Measured(sink, form=form, max_rows=max_rows, max_bytes=MANY)
    start, turn = 0, 0
    while start < len(data):
        size = cuts[turn % len(cuts)]
        measured.write(data[start : start + size])
        start, turn = start + size, turn + 1
    measured.flush()
    return measured.rows, sink.data


@pytest.mark.parametrize("form", FORMATS)
@given(rows=ROWS, cuts=CUTS)
@example(rows=[("}},{", None), (None, None), ("[{", ",{")], cuts=[1])
def test_rows_are_counted(
    form: str, rows: list[tuple[str | None, str | None]], cuts: list[int]
) -> None:
    data = serialised(rows, form)
    found, told = pass_on(data, cuts, form)
    assert found == len(rows)
    if form != "xml":
        assert told == data


@given(rows=ROWS, cuts=CUTS)
def test_xml_is_well_formed(rows: list[tuple[str | None, str | None]], cuts: list[int]) -> None:
    told = pass_on(serialised(rows, "xml"), cuts, "xml")[1]
    values = [e.text or "" for e in ET.fromstring(told).iter() if e.tag.endswith("literal")]
    given_values = [value for row in rows for value in row if value is not None]
    assert values == [v.replace("\ufffe", "\ufffd").replace("\x01", "\ufffd") for v in given_values]


@pytest.mark.parametrize("form", FORMATS)
def test_one_row_too_many(form: str) -> None:
    data = serialised([("a", "b")] * 10, form)
    assert pass_on(data, [7], form, max_rows=10)[0] == 10
    with pytest.raises(LimitExceeded, match="more than 9 rows"):
        pass_on(data, [7], form, max_rows=9)


def test_one_byte_too_many() -> None:
    Measured(Sink(), form="nt", max_rows=1, max_bytes=3).write(b"abc")
    with pytest.raises(LimitExceeded, match="more than 2 bytes"):
        Measured(Sink(), form="nt", max_rows=1, max_bytes=2).write(b"abc")
