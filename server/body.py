"""The body of a request, read by one function that counts what it reads.

``MAX_CONTENT_LENGTH`` is not enough: Werkzeug applies it to a chunked body by cutting the body off
without an error, and a document that was cut off may still validate. So no view reads
``request.data``, ``request.form`` or ``request.files``.
"""

from __future__ import annotations

from typing import IO, Final
from urllib.parse import parse_qsl

from werkzeug.http import parse_options_header

from kg.errors import BadInput, TooLarge, UnsupportedFormat

_CHUNK: Final = 64 * 1024

_MAX_FIELDS: Final = 200

_FORGEABLE: Final = ("", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded")


def read(stream: IO[bytes], *, limit: int, declared: int | None, encoding: str | None) -> bytes:
    """The whole body. ``declared`` is the Content-Length, ``encoding`` the Content-Encoding.

    Raises `TooLarge` past ``limit`` bytes, before reading when the length was declared, and
    `UnsupportedFormat` for a compressed body, which could grow to any size.
    """
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedFormat(
            f"A body with Content-Encoding {encoding!r} is not read; send it uncompressed."
        )
    if declared is not None and declared > limit:
        raise _too_large(limit)
    parts, size = [], 0
    while chunk := stream.read(min(_CHUNK, limit + 1 - size)):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes; send less at a time.", limit=limit)


def media_type(content_type: str | None) -> str:
    """The media type of a Content-Type header in lower case, without parameters; "" for none.

    Raises `UnsupportedFormat` for a charset other than UTF-8: it would be read wrongly.
    """
    name, parameters = parse_options_header(content_type)
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedFormat(f"A body in {charset!r} is not read; send UTF-8.")
    return name.strip().lower()


def refuse_forgeable(kind: str) -> None:
    """Refuses the types that a browser sends to any server on behalf of any page, unasked.

    Every other type makes it ask first (CORS preflight), and a route that writes says no.
    """
    if kind in _FORGEABLE:
        raise UnsupportedFormat(f"This route does not take a body of type {kind or 'none'!r}.")


def form_fields(encoded: bytes) -> list[tuple[str, str]]:
    """The fields of a query string or of a form's body, in order. Raises `BadInput`."""
    try:
        text = encoded.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeDecodeError as error:
        raise BadInput("The request's parameters are not percent-encoded UTF-8.") from error
    except ValueError as error:
        raise BadInput(f"The request has more than {_MAX_FIELDS} parameters.") from error
