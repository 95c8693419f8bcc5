"""Between the engine and the output: counts rows and bytes while they pass, and stops at a limit.

Rows are counted in the bytes themselves: the engine serialises about three times as fast as Python
could walk its rows. The counts are exact in all four formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

from kg.errors import LimitExceeded

_TOGETHER: Final = 1 << 17
"""Bytes that are counted and written together: the engine writes 8 KB at a time."""


class Writer(Protocol):
    """Where bytes go: a file, or a worker's output."""

    def write(self, data: bytes, /) -> int: ...


class _Counter(Protocol):
    """Counts rows in a stream of chunks, which may be cut anywhere."""

    def feed(self, chunk: bytes, *, last: bool = False) -> int:
        """The number of rows so far; exact after the last chunk."""
        ...


class Measured:
    """A writer that raises `LimitExceeded` as soon as one row or byte too many comes by.

    ``form`` is our name of what passes; rows are counted in the four formats of SPARQL results.
    """

    def __init__(self, output: Writer, *, form: str, max_rows: int, max_bytes: int) -> None:
        self._output = output
        self._counter = _COUNTERS[form]() if form in _COUNTERS else None
        self._clean = _Clean() if form in ("xml", "rdf") else None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.max_rows = max_rows
        self._max_bytes = max_bytes
        self._size = 0
        self.rows = 0

    def write(self, data: bytes, /) -> int:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise LimitExceeded(
                f"The answer has more than {self._max_bytes:,} bytes, the limit; ask for less.",
                limit="bytes",
            )
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _TOGETHER:
            self._pass_on()
        return len(data)

    def flush(self) -> None:
        """The engine calls this at the end."""
        self._pass_on(last=True)

    def _pass_on(self, *, last: bool = False) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._count(data, last=last)
        self._output.write(self._clean.feed(data) if self._clean else data)

    def _count(self, data: bytes, *, last: bool = False) -> None:
        if self._counter is not None:
            self.rows = self._counter.feed(data, last=last)
            if self.rows > self.max_rows:
                raise too_many(self.max_rows, "rows")


def too_many(limit: int, what: str) -> LimitExceeded:
    return LimitExceeded(
        f"The answer has more than {limit:,} {what}, the limit; add a LIMIT, or ask for less.",
        limit="rows",
    )


class _JsonRows:
    """Each row but the first begins with ``,{"``, and with ``,{}`` if it binds nothing.

    Where a literal ends in ``,{`` its closing quote looks like a row's first; but only a literal
    is followed by ``}`` or ``,``. Each pass over the bytes costs a part of the answer's time (six
    of them took a fifth of it), so what can be told once is not looked for again.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._held = b""
        self._in_string = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> int:
        data = self._held + chunk
        cut = len(data) if last else self._whole(data)
        data, self._held = data[:cut], data[cut:]
        if not self.rows and b"[{" in data:  # nothing before the first row has that
            self.rows = 1
        self.rows += len(_NEXT_ROW.findall(data))
        if b"\\" in data:
            data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
        if b",{}" in data:
            outside = data.split(b'"')[self._in_string :: 2]
            self.rows += sum(piece.count(b",{}") for piece in outside)
        self._in_string ^= data.count(b'"') & 1
        return self.rows

    @staticmethod
    def _whole(data: bytes) -> int:
        """Up to where nothing is cut in two: the start of a row, an empty row, an escape."""
        for start in _ROW_STARTS:
            if data.endswith(start):
                return len(data) - len(start)
        return len(data) - ((len(data) - len(data.rstrip(b"\\"))) & 1)


_NEXT_ROW: Final = re.compile(rb',\{"[^},]')
_ROW_STARTS: Final = (b',{"', b'[{"', b",{", b"[{", b",", b"[", b"{")


class _XmlRows:
    def __init__(self) -> None:
        self.rows = 0
        self._held = b""

    def feed(self, chunk: bytes, *, last: bool = False) -> int:
        data = self._held + chunk
        self.rows += data.count(b"<result>")
        self._held = data[-7:]
        return self.rows


class _TsvRows:
    """A line is a row, but for the header; line ends in values are escaped."""

    def __init__(self) -> None:
        self._lines = 0

    @property
    def rows(self) -> int:
        return max(0, self._lines - 1)

    def feed(self, chunk: bytes, *, last: bool = False) -> int:
        self._lines += chunk.count(b"\n")
        return self.rows


class _CsvRows(_TsvRows):
    """Like TSV, but line ends may stand between quotes."""

    def __init__(self) -> None:
        super().__init__()
        self._in_quotes = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> int:
        if b'"' not in chunk:
            return self.rows if self._in_quotes else super().feed(chunk)
        pieces = chunk.split(b'"')
        self._lines += sum(piece.count(b"\n") for piece in pieces[self._in_quotes :: 2])
        self._in_quotes ^= (len(pieces) - 1) & 1
        return self.rows


_COUNTERS: Final[dict[str, Callable[[], _Counter]]] = {
    "json": _JsonRows,
    "xml": _XmlRows,
    "csv": _CsvRows,
    "tsv": _TsvRows,
}

_CONTROLS: Final = bytes(c for c in range(0x20) if c not in b"\t\n")
_NOT_XML: Final = re.compile(rb"[\x00-\x08\x0b-\x1f]|\xef\xbf[\xbe\xbf]")
_REPLACEMENT: Final = "\ufffd".encode()


class _Clean:
    """Replaces the characters that XML cannot hold, which the engine writes as they are.

    A carriage return is kept by writing it as a reference; a parser would make it a line feed.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk
        cut = len(data) - (2 if data.endswith(b"\xef\xbf") else data.endswith(b"\xef"))
        data, self._held = data[:cut], data[cut:]
        if len(data.translate(None, _CONTROLS)) == len(data) and b"\xef\xbf" not in data:
            return data
        return _NOT_XML.sub(lambda m: b"&#xD;" if m[0] == b"\r" else _REPLACEMENT, data)
