"""The one place that imports ldap3, with what it needs looking after.

ldap3 is the LDAP library that installs without a compiler. It imports names that pyasn1 has
deprecated, and checks the host names of certificates in a way that Python has dropped.
"""

from __future__ import annotations

import ssl
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core import exceptions
    from ldap3.operation.search import parse_filter

__all__ = ["Tls", "exceptions", "ldap3", "parse_filter"]


class Tls(ldap3.Tls):  # type: ignore[misc,unused-ignore]
    """Certificates and host names are checked by Python's own rules."""

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        connection.socket = context.wrap_socket(
            connection.socket,
            server_hostname=connection.server.host,
            do_handshake_on_connect=do_handshake,
        )
