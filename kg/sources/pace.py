"""When one source system may be asked next, for all the threads that ask it."""

from __future__ import annotations

import threading
import time
from typing import Any

from kg.errors import BadSetting, SourceClosed


class Pace:
    """At most ``per_second`` requests begin in a second, evenly spread; 0 is no limit.

    Who wants to ask waits here, before each request, and waits no longer when the source is
    closed. One pace is for one process: two that ask the same system keep to it each.
    Raises `BadSetting`.
    """

    def __init__(self, source: str, per_second: Any = 0) -> None:
        number = isinstance(per_second, int | float) and not isinstance(per_second, bool)
        if not number or not 0 <= per_second < float("inf"):
            raise BadSetting(
                f"[sources.{source}] per_second = {per_second!r} is not a number such as 5 or 0.5, "
                "the requests that may begin in a second; 0 is no limit."
            )
        self._source = source
        self._step = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._closed = False
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Returns when a request may begin. Raises `SourceClosed`."""
        with self._changed:
            while not self._closed and (left := self._next - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._closed:
                raise SourceClosed(f"Source {self._source!r} is closed.", source=self._source)
            if self._step:
                self._next = time.monotonic() + self._step

    def hold(self, seconds: float) -> None:
        """Lets no request begin for so long: the system itself has asked for it."""
        with self._changed:
            self._next = max(self._next, time.monotonic() + seconds)

    def close(self) -> None:
        """Whoever waits here, or comes from now on, gets `SourceClosed`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
