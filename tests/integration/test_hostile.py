"""The list of what hurts such servers, sent to a running `mlg serve`: refused, and it goes on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from kg import demo
from tests.benchmarks.processes import memory
from tests.integration.group import Answer, Group
from tests.integration.hostile_cases import (
    BASE,
    EVENT,
    FAMILIES,
    HARMLESS,
    REFUSED,
    TRAP,
    WORK,
    Attack,
)

CHEAP_SECONDS = 2.0
"""Within this a cheap request is answered, whatever others do."""
DEADLINE_SECONDS, SLACK_SECONDS = 3.0, 1.0
MEMORY_MB = 1024
SECRET = "a secret that only MLflow knows"
LIMITS = {
    "MLG_QUERY_TIMEOUT_SECONDS": str(DEADLINE_SECONDS),
    "MLG_QUERY_MEMORY_MB": "512",
    "MLG_QUERY_MAX_ROWS": "5000",
    "MLG_QUERY_MAX_BYTES": "1000000",
    "MLG_SERVER_MAX_BODY_MB": "1",
}
MLFLOW = f'\n[sources.mlflow]\nkind = "mlflow"\nurl = "http://127.0.0.1:9"\nwebhook_secret = "{SECRET}"\n'

pytestmark = pytest.mark.alone


@dataclass(frozen=True, kw_only=True)
class Site:
    """The demo universe being served, a trap that nothing may call, and how it was before."""

    group: Group
    trap: socket.socket
    state: Mapping[str, object]
    processes: frozenset[int]

    def send(self, attack: Attack) -> Answer:
        body = attack.body and self._addressed(attack.body)
        return self.group.ask(
            self._addressed(attack.path.encode()).decode(),
            body=body,
            kind=attack.kind,
            method=attack.method,
            accept="*/*",
            headers=attack.headers,
        )

    def _addressed(self, text: bytes) -> bytes:
        trap = f"127.0.0.1:{self.trap.getsockname()[1]}".encode()
        return text.replace(TRAP, trap).replace(BASE, self.group.base.encode())

    def was_called(self) -> bool:
        with suppress(BlockingIOError):
            self.trap.accept()[0].close()
            return True
        return False


def state(group: Group) -> dict[str, object]:
    """What a write would change; whatever waits for its turn is in it too."""
    told = group.ask("/readyz").json()
    return {name: told[name] for name in ("version", "triples", "entities", "pending", "dead")}


def roles(group: Group) -> frozenset[int]:
    """All processes but those that run queries, which may be replaced."""
    return frozenset(
        number for number, command in group.processes().items() if "kg.query.process" not in command
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    group = Group(folder=folder, environment=LIMITS)
    file = demo.write_settings(folder, port=group.port)
    file.write_text(file.read_text("utf-8") + MLFLOW, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        group.start()
        try:
            group.wait_ready()
            told = [
                {"event_type": e.event_type, "source": e.ref.source, "id": e.ref.key}
                for e in demo.events()
            ]
            body = json.dumps(told).encode()
            assert group.ask("/events", body=body, kind="application/json").status == 202
            group.wait(lambda: state(group)["pending"] == 0 and state(group)["entities"])
            assert plain(group).status == 200
            yield Site(group=group, trap=trap, state=state(group), processes=roles(group))
        finally:
            group.stop()


def plain(group: Group) -> Answer:
    """Answered by a query process, as a lookup (without the inner braces) would not be."""
    return group.ask("/sparql?query=ASK%7B%7B%3Chttp://localhost/x%3E%20%3Fp%20%3Fo%7D%7D")


def is_problem(answer: Answer) -> bool:
    """A problem that names itself by a code and in words, and blames nobody for a fault of ours."""
    told = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and told["status"] == answer.status
        and told["code"] not in ("internal-error", "system-failure")
        and bool(told["detail"])
        and (answer.status != 503 or "retry-after" in answer.headers)
    )


def assert_unharmed(site: Site) -> None:
    """The next plain request is answered soon, nothing was stored or called, nobody died."""
    begun = time.monotonic()
    assert plain(site.group).status == 200
    assert time.monotonic() - begun < CHEAP_SECONDS
    assert not site.was_called()
    assert state(site.group) == site.state
    assert roles(site.group) == site.processes


@pytest.fixture
def unharmed(site: Site) -> Iterator[None]:
    yield
    assert_unharmed(site)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("family", "name"), REFUSED)
def test_it_is_refused(site: Site, family: str, name: str) -> None:
    attacks, statuses = FAMILIES[family]
    answer = site.send(attacks[name])
    assert answer.status in statuses, answer.body
    assert is_problem(answer), answer.body
    assert "set-cookie" not in answer.headers
    assert b"root:" not in answer.body


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_dangerous_is_answered(site: Site, name: str) -> None:
    answer = site.send(HARMLESS[name])
    assert answer.status == 200, answer.body
    assert "set-cookie" not in answer.headers


def chunked(site: Site, path: str, kind: str, piece: bytes, *, until: int) -> bytes:
    """Posts a body of no declared length, and answers all that the server says before it closes."""
    address = ("127.0.0.1", site.group.port)
    head = f"POST {path} HTTP/1.1\r\nHost: kg\r\nContent-Type: {kind}\r\n"
    head += "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(head.encode())
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(until // len(piece) + 1):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        said = b""
        with suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                said += part
        return said


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("path", "kind", "piece"),
    [
        ("/submit", "text/turtle", b"# a comment that is fine by itself\n" * 1_000),
        ("/validate", "text/turtle", b"# a comment that is fine by itself\n" * 1_000),
        ("/events", "application/json", b" " * 40_000),
        ("/sparql", "application/sparql-query", b" " * 40_000),
        ("/webhooks/mlflow", "application/json", b" " * 40_000),
    ],
)
def test_a_body_of_no_declared_length_is_refused_and_not_cut_off(
    site: Site, path: str, kind: str, piece: bytes
) -> None:
    said = chunked(site, path, kind, piece, until=4_000_000)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "too-large"' in said


def notice(*, age: float = 0.0, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """A notice as MLflow signs it."""
    body = json.dumps(
        {"entity": "registered_model", "action": "created", "data": {"name": "x"}}
    ).encode()
    stamp = str(int(time.time() - age))
    signed = b"id-1." + stamp.encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return body, {
        "X-MLflow-Delivery-Id": "id-1",
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": "v1," + base64.b64encode(digest).decode(),
    }


FORGED: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "without a signature": lambda: (notice()[0], {}),
    "with another secret": lambda: notice(secret="guessed"),
    "with no secret": lambda: notice(secret=""),
    "an hour old, sent again": lambda: notice(age=3_600),
    "of tomorrow": lambda: notice(age=-86_400),
    "with another body": lambda: (b"{}", notice()[1]),
    "with another age": lambda: (notice()[0], notice()[1] | {"X-MLflow-Timestamp": "1"}),
    "with an age that is no number": lambda: (
        notice()[0], notice()[1] | {"X-MLflow-Timestamp": "now"},
    ),
    "with another id": lambda: (notice()[0], notice()[1] | {"X-MLflow-Delivery-Id": "id-2"}),
    "with half a signature": lambda: (
        notice()[0], notice()[1] | {"X-MLflow-Signature": notice()[1]["X-MLflow-Signature"][:20]},
    ),
    "with an empty signature": lambda: (
        notice()[0], notice()[1] | {"X-MLflow-Signature": "v1,"},
    ),
    "with a signature that is not ASCII": lambda: (
        notice()[0], notice()[1] | {"X-MLflow-Signature": "v1,\xff\xfe"},
    ),
}  # fmt: skip


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("how", FORGED)
def test_a_forged_notice_is_refused(site: Site, how: str) -> None:
    body, headers = FORGED[how]()
    answer = site.group.ask("/webhooks/mlflow", body=body, kind="application/json", headers=headers)
    assert answer.status == 401, answer.body
    assert answer.json()["code"] == "not-authentic"
    assert SECRET.encode() not in answer.body


@pytest.mark.usefixtures("unharmed")
def test_cheap_requests_are_answered_while_eight_heavy_ones_run(site: Site) -> None:
    counting = WORK["a cross product counted"]
    heavy = replace(counting, path=f"/sparql?timeout={DEADLINE_SECONDS}")
    with ThreadPoolExecutor(8) as clients:
        running = [clients.submit(_timed, lambda: site.send(heavy)) for _ in range(8)]
        time.sleep(0.3)  # until all of them run: one that waits for a thread has no deadline yet
        cheap = []
        while not all(one.done() for one in running):
            cheap.append(_timed(lambda: plain(site.group)))
            cheap.append(_timed(lambda: site.group.ask("/e/model/registry/home-ranker")))
            time.sleep(0.05)
    for answer, seconds in [one.result() for one in running]:
        assert answer.status == 503
        assert is_problem(answer)
        assert seconds < DEADLINE_SECONDS + SLACK_SECONDS
    for answer, seconds in cheap:
        assert answer.status == 200 or (answer.status in (429, 503) and is_problem(answer))
        assert seconds < CHEAP_SECONDS
    assert any(answer.status == 200 for answer, _ in cheap)


def _timed(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    begun = time.monotonic()
    return ask(), time.monotonic() - begun


def test_events_go_on_after_all_of_it(site: Site) -> None:
    """Last but one: the road from an event to the graph is open, though it has nothing to write."""
    body = json.dumps(EVENT).encode()
    assert site.group.ask("/events", body=body, kind="application/json").status == 202
    site.group.wait(lambda: state(site.group)["pending"] == 0)
    assert_unharmed(site)


def test_memory_comes_back(site: Site) -> None:
    """Last: after everything above, all processes together."""
    site.group.wait(lambda: sum(memory(site.group.number).values()) < MEMORY_MB)
    assert "starting it again" not in site.group.log
