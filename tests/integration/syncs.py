"""What a trace of system calls says about acknowledgements: was each one preceded by its sync?

`calls` reads the output of ``strace -f -y``; `unsynced` and `struck_off_early` find what is wrong.
They look at files by what an installation keeps where: the inbox's log is ``inbox.sqlite-wal``,
the store's logs are ``store/*.log``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

TRACED: Final = ("fsync", "fdatasync", "write", "pwrite64", "writev", "sendto", "recvfrom", "read")
"""Enough to see requests, answers, log writes and syncs."""

_LINE = re.compile(r"(?P<process>\d+) +(?P<rest>\S.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\((?:\d+<(?P<file>[^>]*)>)?(?P<text>.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<text>.*)")
_UNFINISHED: Final = "<unfinished ...>"
_SYNCS: Final = ("fsync", "fdatasync")
_WRITES: Final = ("write", "pwrite64", "writev", "sendto")
_READS: Final = ("recvfrom", "read")
_INBOX = re.compile(r".*/inbox\.sqlite-wal")
_STORE = re.compile(r".*/store/\d+\.log")
_ACKNOWLEDGED: Final = {
    "POST /events": ("HTTP/1.1 202", _INBOX),
    "POST /submit": ("HTTP/1.1 201", _STORE),
}
"""By request: how its acknowledgement begins, and the log that has to be synced before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call; ``begun`` and ``ended`` are moments, counted in lines of the trace."""

    name: str
    file: str
    text: str
    begun: int
    ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An acknowledged request, and whether what it asked for was written and then synced."""

    request: str
    synced: bool


def calls(lines: Iterable[str]) -> list[Call]:
    """The calls of a trace that ended, in the order in which they began."""
    found: list[Call] = []
    open_calls: dict[str, tuple[int, str]] = {}
    for moment, line in enumerate(lines):
        if (read := _LINE.match(line)) is None:
            continue
        process, rest = read["process"], read["rest"]
        begun = moment
        if (resumed := _RESUMED.match(rest)) is not None:
            if process not in open_calls:
                continue
            begun, head = open_calls.pop(process)
            rest = head + resumed["text"]
        elif rest.endswith(_UNFINISHED):
            open_calls[process] = moment, rest.removesuffix(_UNFINISHED)
            continue
        if (call := _BEGUN.match(rest)) is not None and " = -1 " not in rest:
            found.append(
                Call(
                    name=call["name"],
                    file=call["file"] or "",
                    text=call["text"],
                    begun=begun,
                    ended=moment,
                )
            )
    return sorted(found, key=lambda call: call.begun)


def acknowledgements(made: Sequence[Call]) -> Iterator[Acknowledgement]:
    """Each acknowledged request, with the verdict on what happened between it and its answer.

    The request was received, then a log was written, then that log was synced by who wrote it,
    and only when the sync had ended did the answer begin. Requests are sent one at a time, each
    when all work of the one before is done.
    """
    for answer in made:
        if answer.name not in _WRITES:
            continue
        for request, (beginning, log) in _ACKNOWLEDGED.items():
            if f'"{beginning}' in answer.text and (asked := _asked(made, answer, request)):
                between = [c for c in made if asked.ended < c.begun and c.ended < answer.begun]
                yield Acknowledgement(request=request, synced=_synced(between, log))


def _asked(made: Sequence[Call], answer: Call, request: str) -> Call | None:
    """The last request on the connection of the answer, if it is one of this kind."""
    earlier = [
        call
        for call in made
        if call.file == answer.file
        and call.ended < answer.begun
        and call.name in _READS
        and re.search(r'"(GET|HEAD|POST) /', call.text)
    ]
    return earlier[-1] if earlier and f'"{request} ' in earlier[-1].text else None


def _synced(between: Sequence[Call], log: re.Pattern[str]) -> bool:
    written = [c for c in between if c.name in _WRITES and log.fullmatch(c.file)]
    return bool(written) and _covered(written[-1], between)


def _covered(written: Call, made: Sequence[Call]) -> bool:
    """Whether a sync of the same file began after the write and ended, no matter who asked for it."""
    syncs = (c for c in made if c.name in _SYNCS and c.file == written.file)
    return any(sync.begun > written.ended for sync in syncs)


def struck_off_early(made: Sequence[Call]) -> list[Call]:
    """The writes to the store that were not synced when the inbox was next written.

    The worker strikes work off the inbox once it is committed; done earlier, a power cut would
    take the commit and leave nobody who knows of it. Requests are sent as for `acknowledgements`:
    else another request might write in the inbox while a commit is under way.
    """
    mine = [c for c in made if _STORE.fullmatch(c.file) or _INBOX.fullmatch(c.file)]
    early = []
    for written in mine:
        if written.name in _WRITES and _STORE.fullmatch(written.file):
            later = [c for c in mine if c.begun > written.ended]
            strikes = (c for c in later if c.name in _WRITES and _INBOX.fullmatch(c.file))
            if (next_strike := next(strikes, None)) is not None:
                ended = [c for c in later if c.ended < next_strike.begun]
                early += [] if _covered(written, ended) else [written]
    return early
