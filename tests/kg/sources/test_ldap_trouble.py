"""LDAP as a source when logins, answers, networks, certificates and settings are wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.ldap import LdapSource
from tests.kg.sources.slapd_server import (
    BASES,
    LIMITED,
    LOGIN,
    PEOPLE,
    SUFFIX,
    Slapd,
    Wire,
    slapd,
)

ADA, HOME = "ada@example.org", "Home personalisation"


def person(key: str) -> EntityRef:
    return EntityRef("person", "directory", key)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with slapd(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture
def server(running: Slapd) -> Iterator[Slapd]:
    yield running
    running.clear()


@pytest.fixture
def wire(server: Slapd) -> Iterator[Wire]:
    with Wire(server.port) as between:
        yield between


@pytest.fixture
def source(server: Slapd) -> Iterator[LdapSource]:
    made = connected(server)
    yield made
    made.close()


def connected(server: Slapd | Wire, **options: Any) -> LdapSource:
    return LdapSource(
        "directory", **{"url": server.url, "page_size": 2, **LOGIN, **BASES, **options}
    )


# --- trouble --------------------------------------------------------------------------------------


def test_a_limit_is_no_end(server: Slapd) -> None:
    """This reader may have three answers, in however many pages."""
    for number in range(5):
        server.person(f"user{number}")
    source = connected(server, bind_dn=LIMITED)
    with pytest.raises(SourceUnavailable, match="sizeLimitExceeded"):
        list(source.list())
    source.close()


@pytest.mark.parametrize(
    "login",
    [
        {"password": "wrong"},
        {"bind_dn": f"cn=nobody,{SUFFIX}"},
        {"bind_dn": "no dn"},
    ],
)
def test_a_refused_login_is_no_deletion(server: Slapd, login: dict[str, Any]) -> None:
    server.person("ada", mail=ADA)
    source = connected(server, **login)
    with pytest.raises(SourceUnavailable, match=r"refuses us.*correct bind_dn"):
        source.fetch(person(ADA))
    with pytest.raises(SourceUnavailable, match="refuses us"):
        list(source.list())
    source.close()


def test_who_may_not_read_finds_nothing_gone(server: Slapd) -> None:
    """What an anonymous reader does not see may well be there."""
    server.person("ada", mail=ADA)
    source = connected(server, bind_dn="", password="")
    with pytest.raises(SourceUnavailable, match="insufficientAccessRights"):
        source.fetch(person(ADA))
    source.close()


@pytest.mark.parametrize("base", ["people_base", "groups_base"])
def test_a_wrong_base_is_no_deletion(server: Slapd, base: str) -> None:
    server.person("ada", mail=ADA)
    source = connected(server, **{base: f"ou=nowhere,{SUFFIX}"})
    with pytest.raises(SourceUnavailable, match=f"correct {base}"):
        source.fetch(person(ADA))
    with pytest.raises(SourceUnavailable, match=f"correct {base}"):
        list(source.list())
    source.close()


def test_a_referral_is_not_followed(server: Slapd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        target = f"ldap://127.0.0.1:{elsewhere.getsockname()[1]}/{PEOPLE}"
        dn = f"ou=elsewhere,{PEOPLE}"
        server.add(dn, "referral extensibleObject", {"ou": "elsewhere", "ref": target})
        source = connected(server, people_base=dn)
        try:
            with pytest.raises(SourceUnavailable, match="referral"):
                source.fetch(person(ADA))
        finally:
            manage = [("2.16.840.1.113730.3.4.2", True, None)]
            server.root.delete(dn, controls=manage)
        with pytest.raises(TimeoutError):
            elsewhere.accept()
        source.close()


def test_a_kept_connection_that_ended_is_made_anew(server: Slapd, wire: Wire) -> None:
    server.person("ada", mail=ADA)
    source = connected(wire)
    for _ in range(3):
        assert not source.fetch(person(ADA)).gone
    assert wire.connections == 1
    wire.break_all()
    assert not source.fetch(person(ADA)).gone
    assert wire.connections == 2
    source.close()


def test_a_connection_that_breaks_is_unavailable(server: Slapd, wire: Wire) -> None:
    for number in range(5):
        server.person(f"user{number}")
    source = connected(wire)
    wire.cut_at("user4")
    listed = []
    with pytest.raises(SourceUnavailable, match="does not answer"):
        listed.extend(source.list())
    with pytest.raises(SourceUnavailable, match="does not answer"):
        source.fetch(person("user4"))
    assert not source.fetch(person("user1")).gone
    source.close()


def test_a_server_that_never_answers_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ldap://127.0.0.1:{deaf.getsockname()[1]}"
        source = LdapSource("directory", url=url, timeout_seconds=1, **LOGIN, **BASES)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="does not answer"):
            source.fetch(person(ADA))
        assert time.monotonic() - began < 20
        source.close()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01\x01", b"\x30\x02\xff\xff"]
)
def test_what_is_no_ldap_is_unavailable(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        url = f"ldap://127.0.0.1:{server.getsockname()[1]}"
        source = LdapSource("directory", url=url, timeout_seconds=2, **LOGIN, **BASES)
        with pytest.raises(SourceUnavailable, match="LDAP"):
            source.fetch(person(ADA))
        thread.join()
        source.close()


@pytest.mark.parametrize("attribute", ["cn", "entryUUID"])
def test_an_unusable_value(server: Slapd, wire: Wire, attribute: str) -> None:
    dn = server.person("ada", mail=ADA, cn="Ada Okafor")
    server.root.search(dn, "(objectClass=*)", attributes=[attribute])
    value = server.root.response[0]["raw_attributes"][attribute][0].decode()
    source = connected(wire)
    wire.spoil(value)
    with pytest.raises(BadPayload, match=rf"person/directory/{ADA}: .*{attribute} of .* not UTF-8"):
        source.fetch(person(ADA))
    source.close()


def test_what_is_not_its_own(source: LdapSource) -> None:
    for wrong in (EntityRef("model", "directory", "x"), EntityRef("person", "other", ADA)):
        with pytest.raises(NotFound, match="directory"):
            source.fetch(wrong)


def test_many_threads(server: Slapd, wire: Wire) -> None:
    source = connected(wire)
    members = [server.person(f"user{number}") for number in range(8)]
    server.group(HOME, *members)
    listed = list(source.list())
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(source.fetch, listed * 3))
    assert together == [source.fetch(known) for known in listed] * 3
    assert wire.connections <= 4
    source.close()


# --- encryption -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start_tls", [False, True])
def test_encrypted(server: Slapd, start_tls: bool) -> None:
    server.person("ada", mail=ADA)
    url = server.url if start_tls else server.secure_url
    trusting = connected(server, url=url, start_tls=start_tls, ca_file=str(server.ca_file))
    assert not trusting.fetch(person(ADA)).gone
    trusting.close()
    distrusting = connected(server, url=url, start_tls=start_tls)
    with pytest.raises(SourceUnavailable, match="certificate"):
        distrusting.fetch(person(ADA))
    distrusting.close()


def test_a_certificate_for_another_host_is_refused(server: Slapd) -> None:
    url = server.secure_url.replace("127.0.0.1", "localhost")
    source = connected(server, url=url, ca_file=str(server.ca_file))
    with pytest.raises(SourceUnavailable, match="certificate"):
        source.fetch(person(ADA))
    source.close()


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "http://host"}, "url is like ldaps://"),
        ({"url": "ldap://"}, "url is like ldaps://"),
        ({"url": "ldap://host:port"}, "url is like ldaps://"),
        ({"url": "ldap://host/dc=example"}, "url is like ldaps://"),
        ({"url": 389}, "url is like ldaps://"),
        ({"url": "ldap://cn=x:secret@host"}, "bind_dn and password"),
        ({"url": "ldaps://host", "start_tls": True}, "for ldap:// only"),
        ({"bind_dn": "cn=x"}, "needs a password"),
        ({"people_base": "people"}, "people_base = 'people' is no DN"),
        ({"groups_filter": "objectClass=group"}, "is not like"),
        ({"people_filter": "(a=b"}, "is not like"),
        ({"key": "mail)(x"}, "is no attribute"),
        ({"membership": "group"}, "member or memberOf"),
        ({"page_size": 0}, "above zero"),
        ({"timeout_seconds": -1}, "above zero"),
    ],
)
def test_a_wrong_setting_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSetting, match=says) as refusal:
        LdapSource("directory", **{"url": "ldap://127.0.0.1", **BASES, **options})
    assert "[sources.directory]" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_slapd_ends_with_its_test(tmp_path: Path) -> None:
    with slapd(tmp_path) as server:
        address = ("127.0.0.1", server.port)
        socket.create_connection(address, timeout=1).close()
    with pytest.raises(OSError):
        socket.create_connection(address, timeout=1)
