"""The bridge: carries a broker's messages to where they are kept, in a thread of its own.

    poll ─► read each ─► keep all, synced ─► acknowledge

In this order, so a crash anywhere loses nothing: what was not acknowledged comes again, and what
comes again is a no-op, since the inbox holds an entity once and the record of OpenLineage events
has no order. Nothing that a message says ends the bridge: what cannot be used becomes a dead letter.
A broker that is away is tried again, more and more seldom; where nothing can be written, the
messages stay in hand until it can.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from kg.errors import MlgError, SystemFailure
from kg.events.bus import Bus, Message
from kg.events.letters import Letter, Letters

_log = logging.getLogger(__name__)
Read = TypeVar("Read")

STOP_SECONDS = 10.0
"""How long the end waits for the thread; what it holds then comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait after so many failures in a row: doubling, with jitter, up to a limit."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    jitter: Callable[[], float] = random.random

    def after(self, failures: int) -> float:
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures, 30))
        return wait * (0.5 + self.jitter() / 2)


class Bridge(Generic[Read]):
    """From one broker to one place. A context manager: the thread runs inside of it.

    ``open`` builds the consumer, again after each failure; ``parse`` reads one message and raises
    what is wrong with it. ``keep`` puts what was read where it stays, synced, all or nothing, and
    answers how much it was; a `SystemFailure` says that it cannot now, any other error that one of
    them spoils it. What cannot be used is noted under ``source``. The first consumer is built
    ``at_once``, so that a wrong setting is told where it is made.
    """

    def __init__(
        self,
        open: Callable[[], Bus],
        *,
        parse: Callable[[bytes], Read],
        keep: Callable[[Sequence[Read]], int],
        letters: Letters,
        source: str = "",
        patience: Patience | None = None,
        at_once: bool = True,
    ) -> None:
        self._open = open
        self._parse = parse
        self._keep = keep
        self._letters = letters
        self._source = source
        self._patience = patience or Patience()
        self._next: Bus | None = open() if at_once else None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """Why nothing arrives now, in words for people; None while all is well."""
        self.carried = 0
        """How many events were kept so far."""

    def run(self, stop: threading.Event) -> None:
        """Carries until ``stop`` is set; then the messages in hand are finished first."""
        failures = 0
        while not stop.is_set():
            try:
                with closing(self._bus()) as bus:
                    while not stop.is_set():
                        if self._carry(bus, stop):
                            self._well()
                            failures = 0
            except Exception as error:  # noqa: BLE001 - nothing may end the bridge
                self._say(error)
                stop.wait(self._patience.after(failures))
                failures += 1

    def _bus(self) -> Bus:
        built, self._next = self._next, None
        return built or self._open()

    def _carry(self, bus: Bus, stop: threading.Event) -> bool:
        """One round; False if the end came before the messages were kept."""
        messages = bus.poll()
        if messages and not self._take(messages, stop):
            return False
        bus.acknowledge()
        return True

    def _take(self, messages: Sequence[Message], stop: threading.Event) -> bool:
        """Keeps messages, trying as often as it takes; False if the end came before."""
        read, letters = self._read(messages)
        failures = 0
        while True:
            try:
                self.carried += self._kept(read, letters)
                return True
            except SystemFailure as error:
                self._say(error)
                if stop.wait(self._patience.after(failures)):
                    return False
                failures += 1

    def _read(self, messages: Iterable[Message]) -> tuple[list[tuple[Message, Read]], list[Letter]]:
        read, letters = [], []
        for message in messages:
            try:
                read.append((message, self._parse(message.body)))
            except Exception as error:  # noqa: BLE001 - one message must not stop the others
                letters.append(self._letter(message, error))
        return read, letters

    def _kept(self, read: Sequence[tuple[Message, Read]], letters: Sequence[Letter]) -> int:
        """All at once; only if one message spoils it, one by one."""
        unusable = list(letters)
        try:
            count = self._keep([told for _, told in read])
        except SystemFailure:
            raise
        except Exception:  # noqa: BLE001 - what nobody foresaw stops only its own
            count = 0
            for message, told in read:
                try:
                    count += self._keep([told])
                except SystemFailure:
                    raise
                except Exception as error:  # noqa: BLE001
                    unusable.append(self._letter(message, error))
        self._letters.keep(unusable)
        return count

    def _letter(self, message: Message, error: Exception) -> Letter:
        return Letter(
            place=message.place, error=_words(error), body=message.body, source=self._source
        )

    def _say(self, error: Exception) -> None:
        text = _words(error)
        foreseen = isinstance(error, MlgError)
        if self.trouble is None or not foreseen:
            _log.warning("No events arrive: %s", text, exc_info=None if foreseen else error)
        self.trouble = text

    def _well(self) -> None:
        if self.trouble is not None:
            _log.warning("Events arrive again.")
            self.trouble = None

    def __enter__(self) -> Self:
        self._stop.clear()
        self._thread = threading.Thread(
            target=self.run, args=(self._stop,), name="mlg-bus", daemon=True
        )
        self._thread.start()
        return self

    def end(self) -> None:
        """Tells the thread to end, and does not wait for it: several end together."""
        self._stop.set()

    def __exit__(self, *_: object) -> None:
        self.end()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def close(self) -> None:
        """Lets go of a consumer that was built and never run."""
        built, self._next = self._next, None
        if built is not None:
            built.close()


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, MlgError) else f"This is a fault of ours: {error!r}"
