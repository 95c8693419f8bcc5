"""A server that answers every request with the same bytes, however odd, and keeps what was asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

DRIPS = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"
"""The beginning of an answer that a server which ``drips`` does not end."""
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the same bytes, but for the ``first``; keeps what was asked.

    One that ``drips`` goes on with an answer for ever, a byte at a time.
    """

    def __init__(self, answer: bytes = FINE, *, wrap: Callable[..., socket.socket] | None = None):
        self.answer = answer
        self.first: list[bytes] = []
        self.asked: list[bytes] = []
        self.connected = 0
        self._wrap = wrap
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.at_work = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.keeps = True
        self.drips = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connected += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._wrap is not None:
                connection = self._wrap(connection, server_side=True)
            with connection, connection.makefile("rb") as lines:
                while request := self._request(lines):
                    self.asked.append(request)
                    self.at_work.release()
                    self.may_answer.wait(10)
                    connection.sendall(self.first.pop(0) if self.first else self.answer)
                    while self.drips:
                        time.sleep(0.05)
                        connection.sendall(b" ")
                    if not self.keeps:
                        return

    def _request(self, lines: BinaryIO) -> bytes:
        head, length = b"", 0
        for line in lines:
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            if not line.strip():
                return head + lines.read(length)
        return b""

    def close(self) -> None:
        self.may_answer.set()
        self.drips = False
        self._listening.close()


@contextmanager
def serving(answer: bytes = FINE) -> Iterator[Server]:
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()
