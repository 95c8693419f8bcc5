"""The index on disk: folders of arrays named by version, each with the log of what came since.

``lineage/000000000042-1f00b4c2/`` is version 42 as it was written, under a name that no other writing
of it ever had, and its ``changes.jsonl`` has a line for each later version that was published:
``{"version": 43, "moves": [[came, subject, kind, object], …]}``.
Lines are appended before the checkpoint of their version is published, so who reads a checkpoint
finds the line of its version. The log is not synced: what a power cut takes is made again from the
graph's history.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO, Final

from kg.lineage.lineage import Move

LOG: Final = "changes.jsonl"
_BUILDING: Final = "building"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One line of a log: what moved since the version before."""

    version: int
    moves: list[Move]


def folders(folder: Path) -> list[Path]:
    """The folders of arrays, the newest version first."""
    try:
        names = [name for name in os.listdir(folder) if name != _BUILDING]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names, reverse=True)]


def version_of(folder: Path) -> int:
    """The version that a folder of arrays was written for."""
    return int(folder.name.partition("-")[0])


def building(folder: Path) -> Path:
    """Where the next folder is made; a killed writer's is there until then."""
    return folder / _BUILDING


def put(folder: Path, *, version: int) -> Path:
    """Puts what was built in its place, where readers find it whole or not at all."""
    target = folder / f"{version:012d}-{token_hex(4)}"
    building(folder).rename(target)
    return target


def line(logged: Logged) -> bytes:
    return (
        json.dumps({"version": logged.version, "moves": logged.moves}, ensure_ascii=False) + "\n"
    ).encode()


def lines(log: IO[bytes]) -> Iterator[Logged]:
    """The whole lines from where the log stands, which it is left after the last of.

    Raises `ValueError` for one that is damaged.
    """
    while (found := log.readline()).endswith(b"\n"):
        told = json.loads(found)
        moves = [(here, s, kind, o) for here, s, kind, o in told["moves"]]
        yield Logged(version=told["version"], moves=moves)
    log.seek(-len(found), os.SEEK_CUR)
