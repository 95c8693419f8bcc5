"""One process writes, others read; the writer is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import kg
from kg.errors import Busy
from kg.iris import Minter
from kg.search.index import SearchIndex
from kg.search.searcher import Searcher
from kg.views import SearchPage

ROOT = Path(kg.__file__).parents[1]


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that commits until the end, and is then killed without warning."""
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), str(path)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def committed(process: subprocess.Popen[str], count: int) -> int:
    """Waits for so many more commits, and answers the last version."""
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)][-1]


def whole(page: SearchPage) -> int:
    """The version that a page shows, which must be one for all its hits."""
    (name,) = {hit.name for hit in page.hits}
    assert page.total == 3
    return int(name.split()[1])


def test_a_killed_writer_leaves_its_last_commit_and_no_lock(tmp_path: Path, minter: Minter) -> None:
    acknowledged = 0
    for _ in range(4):
        with writing(tmp_path) as process:
            acknowledged = committed(process, 3)
            with pytest.raises(Busy):
                SearchIndex(tmp_path, labels={})
        # Killed in a commit or between two: what was acknowledged is there, whole.
        page = Searcher(tmp_path, minter=minter, labels={}).search("version")
        with SearchIndex(tmp_path, labels={}) as index:
            assert index.version == whole(page) >= acknowledged


def test_a_reader_follows_and_sees_whole_commits_only(tmp_path: Path, minter: Minter) -> None:
    with writing(tmp_path) as process:
        committed(process, 1)
        searcher = Searcher(tmp_path, minter=minter, labels={})

        def read(_: int) -> list[int]:
            return [whole(searcher.search("")) for _ in range(40)]

        with ThreadPoolExecutor(2) as threads:
            seen = threads.map(read, range(2))
            last = committed(process, 5)
            histories = list(seen)
        assert whole(searcher.search("")) >= last
    for versions in histories:
        assert versions == sorted(versions)
