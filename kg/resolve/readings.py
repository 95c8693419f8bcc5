"""How names are read before they are compared: pure functions of a text, one for each reading.

A reading makes spellings of one name one, and answers None for what is no such name. It folds case
only where the system behind the name does, and it never makes look-alikes one: NFC joins what
Unicode itself calls the same text, NFKC and confusable tables would join what somebody wrote to
deceive. The concepts of ``mlgc:readings`` say the same to people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from kg.iris import term

Reading = Callable[[str], str | None]

MAX_LENGTH: Final = 2_000
"""Characters of a text that may be a name; what is longer is prose."""

_SEPARATORS = re.compile(r"[\s_.\-]+")
_LOCAL = re.compile(r"[^\s@\"<>(),:;\\]+")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PART = re.compile(r"[^\W\d]\w*(?:[$-]\w+)*")
_DIGEST = re.compile(r"(?:sha256:|sha512:|sha1:|md5:)?([0-9a-f]{32,128})")
_OF_NOTHING: Final = frozenset(
    {
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)
_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?"
    r"\.amazonaws\.com(?:\.cn)?"
)
_AZURE_HOST = re.compile(r"([a-z0-9]+)\.(?:blob|dfs)\.core\.windows\.net")
_AZURE: Final = frozenset({"abfs", "abfss", "wasb", "wasbs"})
_APART: Final = re.compile(r"[.-](?:cn|us-gov)-[a-z]+-\d\.|\.cn$")
"""AWS's partitions whose buckets have names of their own: ``s3://`` does not say which is meant."""
_S3: Final = frozenset({"s3", "s3a", "s3n"})
_SHARED: Final = frozenset({"adl", "cos", "gs", "hdfs", "oci", "oss"})
"""Further schemes whose authority means the same on every machine."""


def exact(text: str) -> str | None:
    return unicodedata.normalize("NFC", text.strip()) or None


def words(text: str) -> str | None:
    """Case is folded as Unicode has it, not as ASCII does: titles are prose."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return " ".join(filter(None, _SEPARATORS.split(unicodedata.normalize("NFC", folded)))) or None


def email(text: str) -> str | None:
    """RFC 5321 lets a host tell cases of the local part apart and tells it not to; none does.

    That is said of ASCII: how a host folds other letters is its own affair, so these are kept.
    """
    parts = _address(text)
    if parts is None:
        return None
    local, domain = parts
    return f"{local.lower() if local.isascii() else local}@{domain}"


def mail_domain(text: str) -> str | None:
    parts = _address(text)
    return parts[1] if parts else None


def login(text: str) -> str | None:
    """Directories compare account names without case. Other letters than ASCII are left alone."""
    parts = _address(text)
    name = parts[0] if parts else text.strip().rpartition("\\")[2]
    return name.lower() if _LOGIN.fullmatch(name) else None


def _address(text: str) -> tuple[str, str] | None:
    """The local part and the domain of an address; a look-alike domain keeps a name of its own.

    Python's IDNA folds more than DNS does (``ß`` to ``ss``, full-width letters, what is invisible).
    A domain that it would change is left out: two that differ may be two.
    """
    text = text.strip()
    if text[:7].lower() == "mailto:":
        text = unquote(text[7:].partition("?")[0])
    local, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    if not at or "." not in domain or not _LOCAL.fullmatch(local):
        return None
    try:
        encoded = domain.encode("idna")
        if not domain.isascii() and encoded.decode("idna") != domain.lower():
            return None
        return local, encoded.decode("ascii").lower()
    except UnicodeError:  # an empty label, or one that DNS cannot have
        return None


def storage_location(text: str) -> str | None:
    """Paths keep case and bytes: in an object store each other spelling is another object.

    A path on one machine (``file:``, ``dbfs:``, no scheme) means something else on the next, and a
    whole bucket holds many things: neither is a name.
    """
    text = text.strip()
    if not _SCHEME.match(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.query or parts.fragment or (parts.username and parts.scheme not in _AZURE):
        return None
    scheme, path = parts.scheme.lower(), parts.path.rstrip("/")
    place = _place(scheme, parts.netloc, path) if port is None or scheme == "hdfs" else None
    return place if place and place.partition("://")[2].partition("/")[2] else None


def _place(scheme: str, authority: str, path: str) -> str | None:
    if scheme in _S3:
        return f"s3://{authority}{path}"
    if scheme in _AZURE:
        container, _, host = authority.partition("@")
        account = _AZURE_HOST.fullmatch(host.lower())
        return f"abfss://{container}@{account[1]}{path}" if account else None
    if scheme in ("http", "https"):
        return _served(authority.lower(), unquote(path))
    if scheme in _SHARED and authority:
        return f"{scheme}://{authority.lower() if scheme == 'hdfs' else authority}{path}"
    return None


def _served(host: str, path: str) -> str | None:
    """What a store serves over HTTP, by the name that its own protocol has for it."""
    if _APART.search(host):
        return None
    if found := _S3_HOST.fullmatch(host):
        return f"s3://{found['bucket']}{path}" if found["bucket"] else f"s3:/{path}"
    if found := _AZURE_HOST.fullmatch(host):
        container, _, rest = path.removeprefix("/").partition("/")
        return f"abfss://{container}@{found[1]}/{rest}"
    return f"gs:/{path}" if host == "storage.googleapis.com" else None


def table_name(text: str) -> str | None:
    place = storage_location(text)
    if place is not None:
        parts = place.partition("://")[2].split("/")[-2:]
    else:
        parts = (_dotted(text) or [])[-2:]
    if len(parts) < 2 or not all(map(_PART.fullmatch, parts)):
        return None
    return ".".join(parts).lower()


def catalogue(text: str) -> str | None:
    parts = _dotted(text)
    return parts[0].lower() if parts and len(parts) == 3 else None


def _dotted(text: str) -> list[str] | None:
    """The two or three parts of a dotted name, without the quotes that SQL dialects put around."""
    parts = [part.strip('`"[]') for part in unicodedata.normalize("NFC", text.strip()).split(".")]
    return parts if len(parts) in (2, 3) and all(map(_PART.fullmatch, parts)) else None


def checksum(text: str) -> str | None:
    found = _DIGEST.fullmatch(text.strip().lower())
    return found[1] if found and found[1] not in _OF_NOTHING else None


READINGS: Final[Mapping[str, Reading]] = {
    term("mlgc:reading-catalogue"): catalogue,
    term("mlgc:reading-checksum"): checksum,
    term("mlgc:reading-email"): email,
    term("mlgc:reading-exact"): exact,
    term("mlgc:reading-login"): login,
    term("mlgc:reading-mail-domain"): mail_domain,
    term("mlgc:reading-storage-location"): storage_location,
    term("mlgc:reading-table-name"): table_name,
    term("mlgc:reading-words"): words,
}
"""The readings by the IRI of their concept."""
