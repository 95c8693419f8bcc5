"""The real process: Granian on a port of its own, spoken to over sockets."""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from server.__main__ import main
from tests.server.installation import Installation
from tests.server.web import ask, free_port, start, wait_for


def worker_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    return int(children.split()[0])


def ends(pid: int) -> bool:
    """Whether a process ends soon: its files and sockets are closed a moment before it has ended."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return select.select([process], [], [], 10.0)[0] != []
    finally:
        os.close(process)


def test_connections_are_kept(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        first = connection.sock
        for path in ("/healthz", "/sparql?query=ASK%20%7B%7D", "/nothing", "/"):
            connection.request("GET", path)
            assert connection.getresponse().read()
        assert connection.sock is first


def test_head_has_no_body(port: int) -> None:
    everything = quote("SELECT * { ?s ?p ?o }")
    for path in ("/", "/sparql?query=ASK%20%7B%7D", f"/sparql?query={everything}", "/healthz"):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("HEAD", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")


def chunked(port: int, path: str, kind: str, pieces: int, piece: bytes) -> bytes:
    """Posts a body of unknown length, and answers all that the server says before it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: kg\r\nContent-Type: {kind}\r\n"
        head += "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        try:
            for _ in range(pieces):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not read what it refuses
        said = b""
        while part := connection.recv(65536):
            said += part
        return said


def test_a_chunked_body_over_the_limit_is_refused_not_cut_off(port: int) -> None:
    # The first megabyte, which is the limit here, is a valid document by itself.
    said = chunked(port, "/validate", "text/turtle", pieces=40, piece=b"# a comment\n" * 4_000)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "too-large"' in said
    assert ask(port, "/healthz") == 200


def test_a_chunked_body_within_the_limit_is_read(port: int) -> None:
    said = chunked(port, "/sparql", "application/sparql-query", pieces=4, piece=b"ASK {}"[:1])
    assert said.startswith(b"HTTP/1.1 400 ")
    said = chunked(port, "/sparql", "application/sparql-query", pieces=1, piece=b"ASK {}")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"true" in said


def test_idle_connections_keep_nobody_out(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    try:
        assert ask(port, "/healthz") == 200
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_only_loopback_is_served_while_nobody_is_asked_who_they_are(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "mlg.toml"
    settings.write_text(f'[server]\nhost = "{host}"\n')
    assert main(["--config", str(settings)]) == 2
    assert "no tokens" in capsys.readouterr().err


def test_a_taken_port_is_said_and_not_shared(installation: Installation, port: int) -> None:
    second = start(installation, port)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"127.0.0.1:{port} cannot be bound" in said.decode()
    assert "server.port" in said.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(installation: Installation, number: signal.Signals) -> None:
    port = free_port()
    process = start(installation, port)
    wait_for(port, process)
    worker = worker_of(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert ends(worker)
    assert b"Traceback" not in said


def test_the_worker_does_not_outlive_a_killed_parent(installation: Installation) -> None:
    port = free_port()
    process = start(installation, port)
    wait_for(port, process)
    worker = worker_of(process)
    process.kill()
    process.communicate()  # ends when the last holder of its stderr, the worker, is gone
    assert ends(worker)
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", port))


def test_wrong_settings_are_said() -> None:
    environment = {**os.environ, "MLG_SERVER_PORT": "http"}
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-m", "server"],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert "server.port" in found.stderr
    assert "Traceback" not in found.stderr
