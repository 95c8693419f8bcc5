"""How the pool and a worker process talk: frames of JSON and bytes over a socket pair.

JSON and never pickle: the process that read hostile input must not be able to run code in the
one that did not.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_HEADER: Final = struct.Struct(">II")
_MOST: Final = 1 << 30
_FIRST_BYTES: Final = 1 << 16
"""One frame is under way at a time in each direction, so a first read never takes too much."""


class Disconnected(Exception):
    """The other end is gone."""


class Overdue(Exception):
    """The deadline passed in the middle of a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message. ``descriptor`` is an open file that goes with it; the receiver closes it."""

    message: Mapping[str, Any]
    body: bytes = b""
    descriptor: int | None = None


def send(connection: socket.socket, frame: Frame, *, deadline: float | None = None) -> None:
    """Sends one frame. Deadlines are of ``time.monotonic()``."""
    message = json.dumps(frame.message).encode()
    data = _HEADER.pack(len(message), len(frame.body)) + message + frame.body
    try:
        _wait_until(connection, deadline)
        if frame.descriptor is None:
            sent = connection.send(data)
        else:
            sent = socket.send_fds(connection, [data], [frame.descriptor])
        while sent < len(data):
            _wait_until(connection, deadline)
            sent += connection.send(memoryview(data)[sent:])
    except TimeoutError as error:
        raise Overdue from error
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Disconnected from error


def receive(connection: socket.socket, *, deadline: float | None = None) -> Frame:
    """Reads one frame. Raises `Disconnected` or `Overdue`."""
    files: list[int] = []
    try:
        _wait_until(connection, deadline)
        first, files, _, _ = socket.recv_fds(connection, _FIRST_BYTES, 1)
        if not first:
            raise Disconnected
        data = bytearray(first)
        _fill(data, connection, _HEADER.size, deadline)
        length, more = _HEADER.unpack_from(data)
        end = _HEADER.size + length
        if end + more > _MOST:
            raise Disconnected
        _fill(data, connection, end + more, deadline)
        message, body = json.loads(data[_HEADER.size : end]), bytes(data[end:])
    except BaseException as error:
        for file in files:
            os.close(file)
        if isinstance(error, TimeoutError):
            raise Overdue from error
        if isinstance(error, ConnectionResetError):
            raise Disconnected from error
        raise
    return Frame(message=message, body=body, descriptor=files[0] if files else None)


def _fill(data: bytearray, connection: socket.socket, size: int, deadline: float | None) -> None:
    while len(data) < size:
        _wait_until(connection, deadline)
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            raise Disconnected
        data += part


def _wait_until(connection: socket.socket, deadline: float | None) -> None:
    """Lets the next call on the socket wait until the deadline."""
    if deadline is not None:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
