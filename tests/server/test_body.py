"""Reading a body: counted, uncompressed, and of a type that no other origin can forge."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import TooLarge, UnsupportedFormat
from server import body


class Trickle(io.RawIOBase):
    """A stream that gives at most a few bytes at a time, as a socket does."""

    def __init__(self, data: bytes, *, piece: int) -> None:
        self._data, self._piece = io.BytesIO(data), piece

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, self._piece))


@given(st.binary(max_size=3_000), st.integers(1, 700))
def test_a_body_within_the_limit_arrives_whole(data: bytes, piece: int) -> None:
    stream = Trickle(data, piece=piece)
    assert body.read(stream, limit=3_000, declared=None, encoding=None) == data


@pytest.mark.parametrize("size", [10, 11, 10_000])
def test_an_undeclared_body_over_the_limit_is_refused_not_cut_off(size: int) -> None:
    stream = Trickle(b"x" * size, piece=4)
    if size <= 10:
        assert len(body.read(stream, limit=10, declared=None, encoding=None)) == size
        return
    with pytest.raises(TooLarge, match="10 bytes"):
        body.read(stream, limit=10, declared=None, encoding=None)


def test_a_declared_length_over_the_limit_is_refused_before_reading() -> None:
    stream = io.BytesIO(b"x" * 100)
    with pytest.raises(TooLarge):
        body.read(stream, limit=10, declared=100, encoding=None)
    assert stream.tell() == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x"])
def test_compressed_bodies_are_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedFormat, match="uncompressed"):
        body.read(io.BytesIO(b""), limit=10, declared=0, encoding=encoding)


def test_identity_is_no_compression() -> None:
    assert body.read(io.BytesIO(b"a"), limit=10, declared=1, encoding="Identity") == b"a"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (None, ""),
        ("", ""),
        ("text/turtle", "text/turtle"),
        ("Text/Turtle; Charset=UTF-8", "text/turtle"),
        ('application/ld+json; profile="a;b"', "application/ld+json"),
    ],
)
def test_media_type(header: str | None, kind: str) -> None:
    assert body.media_type(header) == kind


def test_another_charset_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="utf-16"):
        body.media_type("application/sparql-query; charset=UTF-16")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_what_browsers_send_unasked_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedFormat):
        body.refuse_forgeable(kind)


def test_other_types_pass() -> None:
    body.refuse_forgeable("application/json")
