"""A tool's settings, read strictly: what is unknown, missing or of another form is a `BadSetting`
that names it. The package's docstring says what they mean.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kg.errors import BadIri, BadSetting
from kg.iris import EntityRef
from kg.sources.rest.conversions import CONVERSIONS, Conversion
from kg.sources.rest.paging import PAGINGS, Paging
from kg.sources.rest.places import Key
from kg.sources.rest.tables import Address, Table

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PARAMETERS: Final = {"page": "page", "offset": "offset", "cursor": "cursor"}
_NEVER_ABSENT: Final = frozenset({401, 403, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the entities of one type are asked for, and how an answer is read.

    ``is_listed_whole``: a record in the list has all that the record alone has.
    """

    type: str
    all: Address
    one: Address | None
    is_listed_whole: bool
    items: str
    record: str
    key: Key
    paging: Paging
    convert: Mapping[str, Conversion]

    def values(self, parts: tuple[str, ...]) -> dict[str, str]:
        """What the placeholders of ``one`` stand for."""
        return {"key": "/".join(parts), **dict(zip(self.key.fields, parts, strict=True))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """How the tool says "there is no such thing": a status and, if it has them, codes by place."""

    statuses: frozenset[int]
    codes: Mapping[str, frozenset[str]]


def read_kinds(source: str, types: Any) -> dict[str, Kind]:
    """The sub-tables ``[sources.NAME.types.TYPE]``."""
    where = f"[sources.{source}.types"
    if not isinstance(types, Mapping) or not types:
        raise BadSetting(f"[sources.{source}] needs a table {where}.TYPE] for each entity type.")
    for entity_type in types:
        try:
            EntityRef(entity_type, source, "any")
        except BadIri as error:
            raise BadSetting(f"{where}.{entity_type}]: {error}") from error
    return {name: _kind(name, Table(f"{where}.{name}]", table)) for name, table in types.items()}


def _kind(entity_type: str, table: Table) -> Kind:
    key = table.key("key", "id")
    items, record = table.place("items"), table.place("record")
    one = _one(table, key)
    found = Kind(
        type=entity_type,
        all=table.address("all"),
        one=one,
        is_listed_whole=table.truth("list_shows_all", one is None) or one is None,
        items=items,
        record=record,
        key=key,
        paging=_paging(table),
        convert=_convert(table),
    )
    if found.all.placeholders():
        raise table.wrong("all", found.all.path, "a path without {placeholders}")
    table.end()
    return found


def _one(table: Table, key: Key) -> Address | None:
    if not table.has("one"):
        return None
    one = table.address("one")
    holds = one.placeholders()
    if unknown := sorted(holds - {"key", *key.fields}):
        raise table.wrong("one", one.path, f"usable: {{{unknown[0]}}} is no field of key")
    if "key" not in holds and holds != set(key.fields):
        raise table.wrong("one", one.path, "usable: it needs {key}, or all fields of key")
    return one


def _paging(table: Table) -> Paging:
    """Reads what that way of paging uses; all else is left over."""
    way = table.one_of("paging", PAGINGS, "none")
    if way == "none":
        return Paging()
    parameter = table.text("page_parameter", _PARAMETERS[way]) if way in _PARAMETERS else ""
    first = table.whole("first_page", 1, least=0) if way == "page" else 1
    sized = table.has("size_parameter")
    paging = Paging(
        way=way,
        parameter=parameter,
        first=first,
        size_parameter=table.text("size_parameter") if sized else "",
        size=table.whole("page_size", 100, least=1) if sized else 0,
        next=table.place("next", None if way in ("cursor", "url") else ""),
    )
    if way in _PARAMETERS and not parameter:
        raise table.wrong("page_parameter", parameter, "the name of a parameter")
    return paging


def _convert(table: Table) -> dict[str, Conversion]:
    found = {}
    for field, word in table.flat("convert").items():
        if not isinstance(word, str) or word not in CONVERSIONS:
            raise table.wrong(f"convert.{field}", word, "one of " + ", ".join(CONVERSIONS))
        found[field] = CONVERSIONS[word]
    return found


def read_absence(source: str, statuses: Any, codes: Any) -> Absence:
    table = Table(f"[sources.{source}]", {"absent_code": codes})
    if not isinstance(statuses, list | tuple) or not all(_can_be_absent(s) for s in statuses):
        wanted = "a list of statuses from 400 to 499, without 401, 403 and 429"
        raise table.wrong("absent", statuses, wanted)
    told = {}
    for place, value in table.flat("absent_code").items():
        words = value if isinstance(value, list) else [value]
        if not words or not all(type(word) in (str, int) for word in words):
            raise table.wrong(f"absent_code.{place}", value, "a text, a number or a list of them")
        told[place] = frozenset(map(str, words))
    return Absence(statuses=frozenset(statuses), codes=told)


def _can_be_absent(status: Any) -> bool:
    return type(status) is int and 400 <= status < 500 and status not in _NEVER_ABSENT


def read_contexts(source: str, folder: Any, kinds: Mapping[str, Kind]) -> Path:
    """The folder of contexts, in which every type has its own or the one for all."""
    setting = f"[sources.{source}] contexts"
    if not isinstance(folder, str) or not Path(folder).is_dir():
        raise BadSetting(f"{setting} = {folder!r} is not a folder (from {Path.cwd()}).")
    found = Path(folder).absolute()
    for entity_type in kinds:
        if not any((found / f"{name}.jsonld").is_file() for name in (entity_type, "context")):
            raise BadSetting(f"{setting}: {folder} has no {entity_type}.jsonld or context.jsonld.")
    return found


def read_credentials(
    source: str, *, token: Any, username: Any, password: Any, header: Any, header_value: Any
) -> dict[str, str]:
    """The header that carries them; at most one kind is given."""
    where = f"[sources.{source}]"
    table = Table(where, {"token": token, "username": username, "password": password})
    token, user, secret = (table.text(name) for name in ("token", "username", "password"))
    table = Table(where, {"header": header, "header_value": header_value})
    header, value = table.text("header"), table.text("header_value")
    if sum(map(bool, (token, user, header))) > 1:
        raise BadSetting(f"{where} has several of token, username and header; give one of them.")
    if bool(header) != bool(value) or (secret and not user):
        raise BadSetting(f"{where}: header needs header_value, password needs username.")
    if header and not _HEADER.fullmatch(header):
        raise table.wrong("header", header, "the name of a header")
    for name, given in (("token", token), ("header_value", value)):
        if not (given.isascii() and given.isprintable()):
            raise BadSetting(f"{where} {name} holds a sign that no header can have.")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user:
        pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {header: value} if header else {}
