"""Every error that this project raises on purpose.

::

    MlgError
    ├── BadInput               what was sent cannot be used
    │   ├── BadIri             not an entity IRI, or outside the base
    │   ├── BadEvent           not a thin event
    │   ├── BadRdf             RDF that does not parse, or is dangerous to parse
    │   ├── BadQuery           SPARQL that does not parse
    │   ├── BadSetting         a setting that is unknown or has a wrong value
    │   ├── QueryRefused       legal SPARQL that this server does not run
    │   ├── TooLarge           a body, a query or a document over its limit
    │   └── UnsupportedFormat  a format that is not read or written here
    ├── NotFound               nothing is known under that name
    │   └── UnknownSource      no source of that name is configured
    ├── Gone                   it was known, and its source no longer has it
    ├── DoesNotConform         metadata refused, with its report
    ├── NotAuthentic           a signature is missing, wrong or too old
    ├── LimitExceeded          a query passed its time, memory, row or byte limit
    ├── Busy                   nothing is broken; come back in a moment
    └── SystemFailure          this system, or one it depends on, cannot work now
        ├── SourceUnavailable  a source system does not answer
        │   └── SourceClosed   we have stopped asking it
        ├── BadPayload         a source system answered with something unusable
        │   └── IncompleteList a listing came to its end, but not all in it can be named
        ├── StoreUnavailable   the store cannot be read or written
        └── MissingExtra       an optional library is not installed

The message names the thing and the next step; ``code`` is stable and part of the interface.
Status codes of HTTP and of the command line are decided where those are spoken.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MlgError(Exception):
    """The root. ``details`` are extra members of the error's JSON form, such as line and column."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = {name: value for name, value in details.items() if value is not None}


class BadInput(MlgError):
    code = "bad-input"


class BadIri(BadInput):
    code = "bad-iri"


class BadEvent(BadInput):
    code = "bad-event"


class BadRdf(BadInput):
    code = "bad-rdf"


class BadQuery(BadInput):
    code = "bad-query"


class BadSetting(BadInput):
    code = "bad-setting"


class QueryRefused(BadInput):
    code = "query-refused"


class TooLarge(BadInput):
    code = "too-large"


class UnsupportedFormat(BadInput):
    code = "unsupported-format"


class NotFound(MlgError):
    code = "not-found"


class UnknownSource(NotFound):
    code = "unknown-source"


class Gone(MlgError):
    code = "gone"


class DoesNotConform(MlgError):
    code = "does-not-conform"


class NotAuthentic(MlgError):
    code = "not-authentic"


class LimitExceeded(MlgError):
    """``details["limit"]`` is ``time``, ``memory``, ``rows`` or ``bytes``."""

    code = "limit-exceeded"


class Busy(MlgError):
    code = "busy"


class SystemFailure(MlgError):
    code = "system-failure"


class SourceUnavailable(SystemFailure):
    """``retry_after`` among the details is how many seconds the system wants to be left alone."""

    code = "source-unavailable"


class SourceClosed(SourceUnavailable):
    """Nothing is wrong with the source: it was closed while somebody was asking it."""

    code = "source-closed"


class BadPayload(SystemFailure):
    code = "bad-payload"


class IncompleteList(BadPayload):
    """What could be named was listed; it must not be concluded that anything else is gone."""

    code = "incomplete-list"


class StoreUnavailable(SystemFailure):
    code = "store-unavailable"


class MissingExtra(SystemFailure):
    code = "missing-extra"
