"""Answers as of the past: the parameter ``as-of``, and the headers that say which moment was meant.

The headers are those of RFC 7089 (Memento): ``Memento-Datetime``, a link to the resource as it is
now (``original``), and one to the first moment of which anything is known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from flask import Response, request
from werkzeug.http import http_date

from kg.errors import BadInput
from server.context import service

PARAMETER: Final = "as-of"
_CLOSED: Final = timedelta(hours=1)
"""A past this old does not change any more: no commit is on its way for as long."""


_SAFE: Final = "!$&'()*+,;=:@/~"


def asked() -> datetime | None:
    """The moment of ``as-of=``, None for now. Raises `BadInput` if it is not one of the past."""
    return moment(PARAMETER) if PARAMETER in request.args else None


def moment(name: str) -> datetime:
    """The moment that a parameter names. Raises `BadInput`."""
    given = request.args.getlist(name)
    if len(given) != 1:
        raise BadInput(f"{name}= is given {len(given)} times; give it once.", parameter=name)
    return read(given[0], parameter=name)


def read(text: str, *, parameter: str = PARAMETER) -> datetime:
    """The same of a text that was read elsewhere."""
    try:
        return service().past.moment(text)
    except BadInput as error:
        raise BadInput(f"{parameter}=: {error}", parameter=parameter) from error


def fields() -> dict[str, str]:
    """What a link to the same moment has to name: nothing for now."""
    given = request.args.get(PARAMETER)
    return {PARAMETER: given} if given else {}


def suffix() -> str:
    """The same as the end of a link: ``?as-of=…``, or nothing for now."""
    return f"?{urlencode(given)}" if (given := fields()) else ""


def mark(answer: Response, at: datetime | None) -> Response:
    """Says on an answer of which moment it is; an answer of now stays as it is."""
    if at is None:
        return answer
    answer.headers["Memento-Datetime"] = http_date(at)
    if request.method not in ("GET", "HEAD"):
        return answer  # its URL does not tell what was asked
    answer.headers.add("Link", f'<{now_url()}>; rel="original latest-version"')
    if first := service().past.beginning():
        stamp = first.astimezone(UTC).isoformat().replace("+00:00", "Z")
        answer.headers.add(
            "Link", f'<{url_at(stamp)}>; rel="first memento"; datetime="{http_date(first)}"'
        )
    if service().past.now() - at > _CLOSED:
        answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


def now_url() -> str:
    """The URL of this request without its moment."""
    return _url([])


def url_at(text: str) -> str:
    """The URL of this request with another moment."""
    return _url([(PARAMETER, text)])


def _url(more: list[tuple[str, str]]) -> str:
    fields = [field for field in request.args.items(multi=True) if field[0] != PARAMETER]
    query = urlencode([*fields, *more])
    path = quote(request.script_root + request.path, safe=_SAFE)
    return f"{path}?{query}" if query else path
