"""LDAP itself: connections to one server, searches page by page, and what their failures mean.

A failure is always that the directory cannot serve us now, or that it answers something that
cannot be used; that something is not there is said by a search that succeeds and finds nothing.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from kg.errors import BadPayload, BadSetting, SourceUnavailable
from kg.sources.ldap.library import Tls, exceptions, ldap3, parse_filter
from kg.sources.ldap.names import parsed
from kg.sources.pace import Pace

_PAGED: Final = "1.2.840.113556.1.4.319"
_PLAIN: Final = re.compile(r"[A-Za-z0-9]")
_NOWHERE: Final = ("noSuchObject", "invalidDNSyntax")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the directory is, and how the way to it is encrypted."""

    host: str
    port: int
    encrypted: bool
    start_tls: bool
    ca_file: str

    @classmethod
    def checked(cls, source: str, url: Any, *, start_tls: Any, ca_file: Any) -> Self:
        """Raises `BadSetting`."""
        setting = f"[sources.{source}] url"
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        scheme, host = parts.scheme, parts.hostname
        if scheme not in ("ldap", "ldaps") or not host or port == 0 or parts.path not in ("", "/"):
            raise BadSetting(f"{setting} is like ldaps://ldap.example.com, with a port if need be.")
        if parts.username is not None:
            raise BadSetting(f"{setting} holds a user; give bind_dn and password as settings.")
        if not isinstance(start_tls, bool) or (start_tls and scheme == "ldaps"):
            raise BadSetting(
                f"[sources.{source}] start_tls is true or false, and for ldap:// only."
            )
        return cls(
            host=host,
            port=port or (636 if scheme == "ldaps" else 389),
            encrypted=scheme == "ldaps",
            start_tls=start_tls,
            ca_file=str(ca_file),
        )

    def __str__(self) -> str:
        return f"{'ldaps' if self.encrypted else 'ldap'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the directory, and which entries there are meant."""

    setting: str
    base: str
    filter: str

    @classmethod
    def checked(cls, source: str, what: str, *, base: Any, filter: Any) -> Self:
        """Raises `BadSetting`."""
        try:
            parsed(base)
        except (BadPayload, TypeError) as error:
            raise BadSetting(f"[sources.{source}] {what}_base = {base!r} is no DN.") from error
        try:
            parse_filter(filter, None, True, None, None, False)
        except (exceptions.LDAPException, TypeError, AttributeError) as error:
            raise BadSetting(
                f"[sources.{source}] {what}_filter = {filter!r} is not like (objectClass=person)."
            ) from error
        return cls(setting=f"{what}_base", base=base, filter=filter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as the directory has it; names of attributes in lower case."""

    dn: str
    values: Mapping[str, tuple[bytes, ...]]

    def texts(self, attribute: str) -> list[str]:
        """Its values in the order of the alphabet, since LDAP keeps none."""
        try:
            found = [value.decode() for value in self.values.get(attribute.lower(), ())]
        except UnicodeDecodeError as error:
            raise BadPayload(f"the {attribute} of {self.dn} is not UTF-8.") from error
        return sorted(text.strip() for text in found if text.strip())

    def text(self, attribute: str) -> str:
        return next(iter(self.texts(attribute)), "")


class Client:
    """Safe to use from several threads: each search has a connection of its own, which is kept."""

    def __init__(
        self,
        source: str,
        *,
        address: Address,
        bind_dn: str,
        password: str,
        page_size: int,
        timeout_seconds: float,
        pace: Pace,
    ) -> None:
        if bind_dn and not password:
            raise BadSetting(f"[sources.{source}] bind_dn needs a password: it would be anonymous.")
        self._source = source
        self._address = address
        self._login = {"user": bind_dn, "password": password} if bind_dn else {}
        self._page_size = page_size
        self._timeout = math.ceil(timeout_seconds)
        self._pace = pace
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self._server = ldap3.Server(
            address.host,
            port=address.port,
            use_ssl=address.encrypted,
            tls=Tls(ca_certs_file=address.ca_file or None),
            get_info=ldap3.NONE,
            connect_timeout=self._timeout,
        )

    def search(
        self, place: Place, *, attributes: Iterable[str], wanted: str = ""
    ) -> Iterator[Entry]:
        """The entries of a place, all or those that a filter finds. Any failure raises."""
        try:
            yield from self._pages(
                search_base=place.base,
                search_filter=f"(&{place.filter}{wanted})" if wanted else place.filter,
                search_scope=ldap3.SUBTREE,
                attributes=list(attributes),
            )
        except exceptions.LDAPOperationResult as refusal:
            if refusal.description in _NOWHERE:
                raise self._down(f"has no {place.base}; correct {place.setting}") from refusal
            raise self._refused(refusal) from refusal

    def read(self, dn: str, wanted: str, *, attributes: Iterable[str]) -> Entry | None:
        """One entry by its DN; None if it is not there, or is not what is wanted."""
        try:
            found = self._pages(
                search_base=dn,
                search_filter=wanted,
                search_scope=ldap3.BASE,
                attributes=list(attributes),
            )
            return next(iter(list(found)), None)
        except exceptions.LDAPOperationResult as refusal:
            if refusal.description in _NOWHERE:
                return None
            raise self._refused(refusal) from refusal

    def close(self) -> None:
        self._pace.close()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            _end(connection)

    def _pages(self, **asked: Any) -> Iterator[Entry]:
        connection, entries, cookie = self._first_page(asked)
        try:
            yield from entries
            while cookie:
                entries, cookie = self._page(connection, asked, cookie)
                yield from entries
        except exceptions.LDAPOperationResult:
            self._keep(connection)
            raise
        except exceptions.LDAPException as error:
            _end(connection)
            raise self._down(f"does not answer: {error}") from error
        except BaseException:
            _end(connection)
            raise
        self._keep(connection)

    def _first_page(self, asked: Mapping[str, Any]) -> tuple[Any, list[Entry], bytes]:
        """A kept connection may have ended in the meantime; then the next one is tried."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            connection = kept or self._connect()
            try:
                return connection, *self._page(connection, asked, None)
            except exceptions.LDAPOperationResult:
                self._keep(connection)
                raise
            except exceptions.LDAPException as error:
                _end(connection)
                if kept is None:
                    raise self._down(f"does not answer: {error}") from error
            except BaseException:
                _end(connection)
                raise

    def _page(
        self, connection: Any, asked: Mapping[str, Any], cookie: bytes | None
    ) -> tuple[list[Entry], bytes]:
        self._pace.wait()
        try:
            connection.search(**asked, paged_size=self._page_size, paged_cookie=cookie)
        except exceptions.LDAPException:
            raise
        except OSError as error:
            raise self._down(f"does not answer: {error}") from error
        except Exception as error:  # ldap3 lets out whatever its decoder stumbles over
            raise BadPayload(f"{self._address} answers no usable LDAP: {error!r}.") from error
        result = connection.result
        if result["result"] != 0:  # a referral does not raise
            raise self._down(f"answers {result['description']}; nothing is asked elsewhere")
        control = (result.get("controls") or {}).get(_PAGED, {})
        entries = [_entry(told) for told in connection.response if told["type"] == "searchResEntry"]
        return entries, control.get("value", {}).get("cookie") or b""

    def _connect(self) -> Any:
        connection = ldap3.Connection(
            self._server,
            **self._login,
            auto_referrals=False,
            check_names=False,
            raise_exceptions=True,
            receive_timeout=self._timeout,
            return_empty_attributes=False,
            read_only=True,
        )
        try:
            connection.open(read_server_info=False)
            if self._address.start_tls:
                connection.start_tls(read_server_info=False)
            connection.bind(read_server_info=False)
        except exceptions.LDAPOperationResult as refusal:
            _end(connection)
            raise self._down(f"refuses us ({refusal.description}); correct bind_dn") from refusal
        except (exceptions.LDAPException, OSError) as error:
            _end(connection)
            raise self._down(f"does not answer: {error}") from error
        except Exception as error:
            _end(connection)
            raise self._down(f"speaks no LDAP: {error!r}") from error
        return connection

    def _keep(self, connection: Any) -> None:
        with self._lock:
            self._idle.append(connection)

    def _refused(self, refusal: Any) -> SourceUnavailable:
        return self._down(f"answers {refusal.description}: {refusal.message}")

    def _down(self, what: str) -> SourceUnavailable:
        return SourceUnavailable(
            f"Source {self._source!r}: LDAP at {self._address} {what}.", source=self._source
        )


def equal(attribute: str, value: str) -> str:
    """A filter; every character of the value that could mean something is written as bytes."""
    safe = "".join(c if _PLAIN.fullmatch(c) else _escaped(c) for c in value)
    return f"({attribute}={safe})"


def one_of(filters: Iterable[str]) -> str:
    return f"(|{''.join(filters)})"


def _escaped(character: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in character.encode())


def _entry(told: Mapping[str, Any]) -> Entry:
    values = {name.lower(): tuple(found) for name, found in told["raw_attributes"].items()}
    return Entry(dn=told["dn"], values=values)


def _end(connection: Any) -> None:
    with suppress(exceptions.LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:  # ldap3 leaves it open when it could not connect
        connection.socket.close()
