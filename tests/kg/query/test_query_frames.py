"""Frames over a real socket pair: what is sent arrives, or it is said that it cannot."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest

from kg.query.frames import Disconnected, Frame, Overdue, receive, send


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("size", [0, 1, 65_527, 65_528, 65_529, 5_000_000])
def test_a_frame_arrives(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    sent = Frame(message={"text": "é", "list": [1, None]}, body=os.urandom(size))
    sender = threading.Thread(target=send, args=(pair[0], sent))
    sender.start()
    assert receive(pair[1], deadline=time.monotonic() + 30) == sent
    sender.join()


def test_a_file_goes_with_it(pair: tuple[socket.socket, socket.socket]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"contents")
        file.seek(0)
        send(pair[0], Frame(message={}, descriptor=file.fileno()))
    found = receive(pair[1])
    assert found.descriptor is not None
    with os.fdopen(found.descriptor, "rb") as file:
        assert file.read() == b"contents"


def test_the_other_end_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    with pytest.raises(Disconnected):
        receive(pair[0])
    with pytest.raises(Disconnected):
        send(pair[0], Frame(message={}))


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0\2\0\0\0\0{", b"\0\0\0\2\0\0\0\1{}"])
def test_the_other_end_goes_in_the_middle(
    pair: tuple[socket.socket, socket.socket], data: bytes
) -> None:
    pair[0].sendall(data)
    pair[0].close()
    with pytest.raises(Disconnected):
        receive(pair[1])


def test_a_frame_that_claims_too_much_is_not_waited_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].sendall(b"\xff" * 8)
    with pytest.raises(Disconnected):
        receive(pair[1])


def test_nothing_comes_in_time(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(Overdue):
        receive(pair[0], deadline=time.monotonic() + 0.01)
    pair[1].sendall(b"\0\0\0\2\0\0")
    with pytest.raises(Overdue):
        receive(pair[0], deadline=time.monotonic() + 0.01)


def test_nobody_takes_it_in_time(pair: tuple[socket.socket, socket.socket]) -> None:
    frame = Frame(message={}, body=b"x" * 10_000_000)
    with pytest.raises(Overdue):
        send(pair[0], frame, deadline=time.monotonic() + 0.01)
