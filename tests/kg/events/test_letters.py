from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kg.errors import SystemFailure
from kg.events import Inbox
from kg.events import letters as module
from kg.events.letters import Letter, Letters


def letter(number: int, body: bytes = b"x") -> Letter:
    return Letter(place=f"kafka:t/0@{number}", error="no JSON", body=body)


def test_letters_are_kept_once_and_read_newest_first(letters: Letters) -> None:
    letters.keep([letter(1), letter(2)])
    letters.keep([letter(2), letter(3)])
    assert [found.place[-1] for found in letters.newest()] == ["3", "2", "1"]
    assert letters.count() == 3
    (newest,) = letters.newest(1)
    assert (newest.error, newest.body) == ("no JSON", b"x")
    assert newest.received_at is not None


def test_another_message_at_the_same_place_is_another_letter(letters: Letters) -> None:
    """A topic that is made anew counts from the start again."""
    letters.keep([letter(1, b"a"), letter(1, b"b")])
    assert letters.count() == 2


def test_a_flood_takes_a_bounded_place(letters: Letters) -> None:
    for first in range(0, module.MOST_KEPT + 2000, 2000):
        letters.keep(letter(number) for number in range(first, first + 2000))
    assert letters.count() == module.MOST_KEPT
    letters.keep([letter(-1, b"\xff" * 1_000_000)])
    (newest,) = letters.newest(1)
    assert newest.body == b"\xff" * module.MOST_BYTES


def test_letters_and_inbox_share_a_file(tmp_path: Path, store: Inbox, letters: Letters) -> None:
    letters.keep([letter(1)])
    assert store.pending() == 0
    assert Letters(tmp_path / "inbox.sqlite").count() == 1


def test_any_text_is_kept(letters: Letters) -> None:
    letters.keep([Letter(place="p", error="\ud800 is unpaired", body=b"")])
    assert "unpaired" in letters.newest()[0].error


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path, letters: Letters) -> None:
    with sqlite3.connect(tmp_path / "inbox.sqlite") as db:
        db.execute("DROP TABLE letter")
    db.close()
    with pytest.raises(SystemFailure, match=r"inbox\.sqlite"):
        letters.keep([letter(1)])
