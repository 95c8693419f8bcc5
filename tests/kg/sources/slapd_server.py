"""OpenLDAP's real slapd on loopback, in its own folder, and a wire before it that can be cut."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from kg.sources.ldap.library import ldap3

SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "root-password"
READER, READER_PASSWORD = f"cn=graph,{SUFFIX}", "reader-password"
LIMITED = f"cn=limited,{SUFFIX}"
LOGIN: dict[str, Any] = {"bind_dn": READER, "password": READER_PASSWORD}
BASES = {"people_base": PEOPLE, "groups_base": GROUPS}

_SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec:/usr/local/libexec")
_SCHEMAS = Path("/etc/ldap/schema")
_MODULES = Path("/usr/lib/ldap")
_USER_ACCOUNT_CONTROL = (  # Debian has Microsoft's schema, which would break the overlay memberof
    "1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch "
    "SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slapd:
    port: int
    secure_port: int
    ca_file: Path
    root: Any

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.secure_port}"

    def person(self, uid: str, *, under: str = PEOPLE, **attributes: Any) -> str:
        """A new person's DN."""
        dn = f"uid={uid},{under}"
        self.add(dn, "inetOrgPerson", {"cn": uid, "sn": uid, "uid": uid, **attributes})
        return dn

    def group(self, cn: str, *members: str, kind: str = "groupOfNames", **more: Any) -> str:
        """``members`` are DNs."""
        dn = f"cn={cn},{GROUPS}"
        name = "uniqueMember" if kind == "groupOfUniqueNames" else "member"
        held = {name: list(members) or [SUFFIX]} if kind != "posixGroup" else {}
        self.add(dn, kind, {"cn": cn, **held, **more})
        return dn

    def add(self, dn: str, kind: str, attributes: dict[str, Any]) -> None:
        self.root.add(dn, kind.split(), attributes)

    def change(self, dn: str, **attributes: list[str]) -> None:
        replaced = {name: [(ldap3.MODIFY_REPLACE, v)] for name, v in attributes.items()}
        self.root.modify(dn, replaced)

    def clear(self) -> None:
        for base in (PEOPLE, GROUPS):
            self.root.search(base, "(objectClass=*)", attributes=[ldap3.NO_ATTRIBUTES])
            dns = [entry["dn"] for entry in self.root.response if entry["dn"] != base]
            for dn in sorted(dns, key=len, reverse=True):
                self.root.delete(dn)


@contextmanager
def slapd(folder: Path) -> Iterator[Slapd]:
    if _SLAPD is None or not _SCHEMAS.is_dir():
        pytest.skip("needs Debian's slapd")
    port, secure_port = _free_ports(2)
    ca_file = _certificate(folder)
    (folder / "data").mkdir()
    (folder / "slapd.conf").write_text(_configuration(folder), "utf-8")
    urls = f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{secure_port}"
    command = [_SLAPD, "-f", str(folder / "slapd.conf"), "-h", urls, "-d", "0"]
    with (folder / "slapd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "slapd.log")
        root = ldap3.Connection(
            ldap3.Server("127.0.0.1", port=port, get_info=ldap3.NONE),
            user=ROOT,
            password=ROOT_PASSWORD,
            raise_exceptions=True,
            auto_bind=True,
        )
        running = Slapd(port=port, secure_port=secure_port, ca_file=ca_file, root=root)
        running.add(SUFFIX, "organization dcObject", {"o": "Example", "dc": "example"})
        for base in (PEOPLE, GROUPS):
            running.add(base, "organizationalUnit", {})
        for reader in (READER, LIMITED):
            running.add(reader, "person", {"sn": "reader", "userPassword": READER_PASSWORD})
        yield running
        root.unbind()
    finally:
        process.kill()
        process.wait()


class Wire:
    """Passes bytes between clients and slapd, unless it is told to spoil or to cut them."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._spoilt: dict[bytes, bytes] = {}
        self._cut_at = b""
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldap://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0

    def spoil(self, text: str) -> None:
        """From now on the server's answers have bytes that are no UTF-8 in place of a text."""
        self._spoilt[text.encode()] = b"\xff" * len(text.encode())

    def cut_at(self, text: str) -> None:
        """An answer with this text in it never arrives: the connection breaks before."""
        self._cut_at = text.encode()

    def break_all(self) -> None:
        """Ends all connections; new ones are possible."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.break_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open |= {near, far}
            for source, target, answers in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._pass, args=(source, target, answers), daemon=True
                ).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                if answers and self._cut_at and self._cut_at in data:
                    break
                for text, wrong in self._spoilt.items() if answers else ():
                    data = data.replace(text, wrong)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [free.getsockname()[1] for free in held]
    for free in held:
        free.close()
    return ports


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself."""
    names = ["-subj", "/CN=slapd", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *names]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem"


def _configuration(folder: Path) -> str:
    schemas = ("core", "cosine", "nis", "inetorgperson")
    includes = [f"include {_SCHEMAS / name}.schema" for name in schemas]
    lines = [
        *includes,
        f"attributetype ( {_USER_ACCOUNT_CONTROL} )",
        f"pidfile {folder / 'slapd.pid'}",
        f"modulepath {_MODULES}",
        "moduleload back_mdb",
        "moduleload memberof",
        f"TLSCertificateFile {folder / 'cert.pem'}",
        f"TLSCertificateKeyFile {folder / 'key.pem'}",
        "database mdb",
        f"directory {folder / 'data'}",
        "maxsize 16777216",
        "dbnosync",
        f'suffix "{SUFFIX}"',
        f'rootdn "{ROOT}"',
        f"rootpw {ROOT_PASSWORD}",
        "sizelimit 500",
        f'limits dn.exact="{READER}" size.soft=3 size.hard=3 size.prtotal=unlimited',
        f'limits dn.exact="{LIMITED}" size.soft=3 size.hard=3 size.prtotal=3',
        "index objectClass,mail,uid,cn,member eq",
        "access to attrs=userPassword by anonymous auth by * none",
        "access to * by users read by anonymous auth",
        "overlay memberof",
    ]
    return "\n".join(lines) + "\n"


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, log.read_text("utf-8", "replace")
        assert time.monotonic() < deadline, "slapd does not listen"
        time.sleep(0.02)
