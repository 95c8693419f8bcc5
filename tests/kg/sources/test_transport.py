"""The way a request takes to one host: what is sent, and what is made of what comes back."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kg.sources.transport import Broken, TooLong, Transport, whole_limit
from tests.kg.sources.raw_server import DRIPS, FINE, Server, serving


def to(server: Server, *, connections: int = 2, max_bytes: int = 1000) -> Transport:
    return Transport(
        f"http://127.0.0.1:{server.port}",
        connections=connections,
        timeout_seconds=5,
        max_bytes=max_bytes,
    )


def test_a_request_and_its_answer() -> None:
    said = b'HTTP/1.1 201 Made\r\nETag: "a"\r\nX-Name: \xe9t\xe9\r\nContent-Length: 3\r\n\r\nabc'
    with serving(said) as server:
        answer = to(server).send("GET", "/a/b?c=d", headers={"Accept": "text/plain", "X-Empty": ""})
        assert (answer.status, answer.body) == (201, b"abc")
        assert answer.headers["etag"] == '"a"'
        assert answer.headers["x-name"] == "été"
        lines = server.asked[0].decode().split("\r\n")
        assert lines[0] == "GET /a/b?c=d HTTP/1.1"
        assert {"Accept: text/plain", "X-Empty:"} <= {line.strip() for line in lines}
        assert not any(line.startswith(("Accept-Encoding", "Cookie")) for line in lines)


def test_a_body_is_sent_as_it_is_and_the_next_request_has_none() -> None:
    with serving() as server:
        transport = to(server, connections=1)
        body = b"{" + b" " * 2_000_000 + b"}"  # one that is offered first by other means
        transport.send("POST", "/x", headers={"Content-Type": "application/json"}, body=body)
        transport.send("PUT", "/x", headers={}, body=b"")
        transport.send("GET", "/y", headers={})
        posted, put, got = server.asked
        assert posted.startswith(b"POST /x ")
        assert posted.endswith(b"\r\n\r\n" + body)
        assert b"Expect" not in posted
        assert put.startswith(b"PUT /x ")
        assert got.startswith(b"GET /y ")
        assert b"Content-Length" not in got
        assert server.connected == 1, "one connection was kept"


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/a/../b", "/a/../b"),
        ("/%2E%2E/%2F", "/%2E%2E/%2F"),
        ("/a b#c", "/a%20b%23c"),
        ("/é\r\nX: y", "/%C3%A9%0D%0AX:%20y"),
    ],
)
def test_a_path_is_sent_as_it_is_but_for_what_no_path_has(target: str, sent: str) -> None:
    with serving() as server:
        to(server).send("GET", target, headers={})
        assert server.asked[0].startswith(f"GET {sent} HTTP/1.1\r\n".encode())


def test_a_header_over_two_lines_is_not_sent() -> None:
    with serving() as server:
        transport = to(server)
        with pytest.raises(Broken, match="'Authorization'"):
            transport.send("GET", "/", headers={"Authorization": "Bearer x\r\nHost: y"})
        assert server.asked == []
        assert transport.send("GET", "/", headers={}).status == 200


def test_only_the_last_of_several_answers_counts() -> None:
    first = b"HTTP/1.1 103 Early Hints\r\nLocation: /elsewhere\r\n\r\n"
    with serving(first + FINE) as server:
        answer = to(server).send("GET", "/", headers={})
        assert (answer.status, answer.body) == (200, b"{}")
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"3e8\r\n"
        + b"x" * 1000
        + b"\r\n"
        b"1\r\nx\r\n0\r\n\r\n",
    ],
)
def test_an_answer_over_the_limit_is_not_kept(answer: bytes) -> None:
    with serving(answer) as server:
        transport = to(server)
        with pytest.raises(TooLong):
            transport.send("GET", "/", headers={})
        server.answer = FINE
        assert transport.send("GET", "/", headers={}).body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of i",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with serving(answer) as server:
        server.keeps = False
        with pytest.raises(Broken):
            to(server).send("GET", "/", headers={})


def test_an_answer_that_stops_half_way_is_not_waited_for() -> None:
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of i") as server:
        url = f"http://127.0.0.1:{server.port}"
        transport = Transport(url, connections=1, timeout_seconds=1, max_bytes=1000)
        with pytest.raises(Broken, match="timed out"):
            transport.send("GET", "/", headers={})


def test_an_answer_that_drips_for_ever_ends_and_leaves_its_place_to_the_next() -> None:
    with serving(DRIPS) as server:
        server.drips = True
        transport = Transport(
            f"http://127.0.0.1:{server.port}",
            connections=1,
            timeout_seconds=5,
            whole_seconds=0.5,
            max_bytes=1000,
        )
        with pytest.raises(Broken, match=r"not whole after 0\.5 s"):
            transport.send("GET", "/", headers={})
        server.drips, server.answer = False, FINE
        assert transport.send("GET", "/", headers={}).body == b"{}"


@pytest.mark.parametrize(("wait", "whole"), [(0.1, 60), (10, 60), (30, 180)])
def test_a_whole_answer_may_take_some_waits_and_at_least_a_minute(
    wait: float, whole: float
) -> None:
    assert whole_limit(wait) == whole


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        url = f"http://127.0.0.1:{one.getsockname()[1]}"
    transport = Transport(url, connections=1, timeout_seconds=5, max_bytes=100)
    with pytest.raises(Broken, match="connect"):
        transport.send("GET", "/", headers={})


def test_a_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    with serving() as server:
        server.keeps = False
        transport = to(server, connections=1)
        for _ in range(5):
            assert transport.send("GET", "/", headers={}).body == b"{}"
        assert server.connected == 5


def test_so_many_at_a_time_and_no_more() -> None:
    with serving() as server, ThreadPoolExecutor(8) as threads:
        transport = to(server, connections=3)
        server.may_answer.clear()
        running = [threads.submit(transport.send, "GET", "/", headers={}) for _ in range(8)]
        for _ in range(3):
            assert server.at_work.acquire(timeout=5)
        assert not server.at_work.acquire(timeout=0.2)
        server.may_answer.set()
        assert all(one.result().status == 200 for one in running)
        assert server.connected == 3


def test_closing_keeps_nobody_waiting() -> None:
    with serving() as server, ThreadPoolExecutor(4) as threads:
        transport = to(server, connections=1)
        server.may_answer.clear()
        running = [threads.submit(transport.send, "GET", "/", headers={}) for _ in range(4)]
        assert server.at_work.acquire(timeout=5)
        transport.close()
        server.may_answer.set()
        assert all(one.result(timeout=5).status == 200 for one in running)
        transport.close()
        assert transport.send("GET", "/", headers={}).status == 200


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server, serving() as proxy:
        for name in ("http_proxy", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        to(server).send("GET", "/", headers={})
        assert proxy.connected == 0


# --- TLS ----------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_certificate_has_to_be_trusted_by_the_machine(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(wrap=context.wrap_socket)
    ask = (
        "from kg.sources.transport import Transport; print(Transport("
        f"'https://127.0.0.1:{server.port}', connections=1, timeout_seconds=5, max_bytes=100"
        ").send('GET', '/', headers={}).status)"
    )
    told = {}
    for trusted in (None, str(certificate)):
        environment = {k: v for k, v in os.environ.items() if k != "SSL_CERT_FILE"}
        if trusted:
            environment["SSL_CERT_FILE"] = trusted
        told[trusted] = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    server.close()
    assert told[None].returncode != 0
    assert "certificate" in told[None].stderr
    assert told[str(certificate)].stdout == "200\n", told[str(certificate)].stderr
