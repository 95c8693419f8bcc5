import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyoxigraph import Literal

from kg.errors import BadSetting, StoreUnavailable
from kg.facts import Facts
from kg.iris import DATE_TIME, graph, term
from kg.model import Change
from kg.store import EmbeddedStore, newest, open_checkpoint, writer_is_running
from kg.store.embedded import sync_logs
from kg.terms import Quad, literal, quoted, text_of, unquoted
from tests.kg.graphs import BASE

NODE = BASE + "/id/model/test/a"
LINK = term("dct:title")
NAMED = graph("steward")
PROMISES = graph("promises")


def quad(text: str, name: str = "") -> Quad:
    return NODE, LINK, literal(text), name


def texts(facts: Facts) -> list[str]:
    return [text_of(value) for _, _, value in facts.about(NODE)]


@pytest.fixture
def store(tmp_path: Path):
    with_store = EmbeddedStore(tmp_path, base=BASE)
    yield with_store
    with_store.close()


def test_a_change_is_written_whole(store: EmbeddedStore) -> None:
    assert store.apply(Change.of(added=(quad("one"), quad("two"), quad("one", NAMED)))) == 1
    assert (
        store.apply(Change.of(removed=(quad("one"), quad("one", NAMED)), added=(quad("3"),))) == 2
    )
    assert set(texts(store)) == {"two", "3"}
    assert len(store) == 2
    assert not list(store.quads(graph=NAMED))


@pytest.mark.parametrize("count", [10, 6_000])
def test_a_large_change_adds_and_removes_as_one(
    tmp_path: Path, store: EmbeddedStore, count: int
) -> None:
    first = [quad(f"first {n}") for n in range(count)]
    store.apply(Change.of(added=(*first, quad("named", NAMED))))
    second = [quad(f"second {n}") for n in range(count)]
    store.apply(Change.of(added=tuple(second), removed=(*first, quad("named", NAMED))))
    assert set(store.about(NODE)) == {q[:3] for q in second}
    assert len(store) == count
    assert not list(store.quads(graph=NAMED)) and not list(store.quads(graph=PROMISES))


def test_a_promise_to_remove_outlives_a_crash(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, base=BASE)
    store.apply(Change.of(added=(quad("old"), quad("old", NAMED))))
    store._redeem = lambda removed, promised: os.kill(os.getpid(), 0)  # killed just before it
    store.apply(
        Change.of(
            added=tuple(quad(f"new {n}") for n in range(6_000)),
            removed=(quad("old"), quad("old", NAMED)),
        )
    )
    assert len(list(store.quads(graph=PROMISES))) == 2
    store.close()
    again = EmbeddedStore(tmp_path, base=BASE)
    assert len(set(again.about(NODE))) == len(again) == 6_000
    assert not list(again.quads(graph=NAMED)) and not list(again.quads(graph=PROMISES))
    again.close()


def test_text_that_looks_like_sparql_stays_text(store: EmbeddedStore) -> None:
    hostile = '" } ; DROP ALL ; INSERT DATA { <a:a> <a:a> "\\\n\x00'
    said = NODE, LINK, literal(hostile)
    store.apply(Change.of(added=(quad("x"),)))
    store.apply(Change.of(removed=(quad("x"),), added=((NODE, LINK, quoted(said), NAMED),)))
    (found,) = store.quads(graph=NAMED)
    assert unquoted(found[2]) == said
    assert text_of(said[2]) == hostile


@pytest.mark.parametrize(
    ("datatype", "text"),
    [
        ("int", "+5"),
        ("decimal", "1.50"),
        ("double", "5.0E-1"),
        ("boolean", "1"),
        ("dateTime", "2026-01-01T00:00:00.000+00:00"),
        ("dateTime", "2026-01-01T00:00:00Z"),
        ("dateTime", "2026-02-30T00:00:00Z"),
        ("dateTime", "2026-01-01T00:00:00.10Z"),
        ("duration", "P1Y12M"),
        ("integer", "00"),
        ("integer", "not a number"),
        ("string", "1.50"),
    ],
)
def test_literals_are_compared_as_the_store_keeps_them(
    store: EmbeddedStore, datatype: str, text: str
) -> None:
    said = NODE, LINK, literal(text, term(f"xsd:{datatype}"))
    store.apply(Change.of(added=((*said, ""),)))
    assert store.as_stored([said]) == set(store.about(NODE))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-10-06T09:00:00+02:00", "2026-10-06T07:00:00Z"),
        ("2026-01-01T00:30:00.250-05:30", "2026-01-01T06:00:00.25Z"),
        ("2026-02-30T00:00:00+02:00", "2026-02-30T00:00:00+02:00"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("2026-10-06T09:00:00", "2026-10-06T09:00:00"),
    ],
)
def test_moments_are_kept_in_utc(store: EmbeddedStore, given: str, kept: str) -> None:
    written = store.as_stored([(NODE, LINK, literal(given, DATE_TIME))])
    store.apply(Change.of(added=((*said, "") for said in written)))
    assert [text_of(value) for _, _, value in store.about(NODE)] == [kept]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(language=st.sampled_from(["en", "EN-gb", "de-CH-1996", "zh-Hant"]), text=st.text(max_size=9))
def test_languages_too(store: EmbeddedStore, language: str, text: str) -> None:
    node = f"{NODE}/{language}/{text.encode().hex()}"
    said = node, LINK, str(Literal(text, language=language))
    store.apply(Change.of(added=((*said, ""),)))
    assert store.as_stored([said]) == set(store.about(node))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path, base=BASE).close()
    current = (tmp_path / "store" / "CURRENT").read_bytes()
    (tmp_path / "store" / "CURRENT").unlink()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        EmbeddedStore(tmp_path, base=BASE)
    (tmp_path / "store" / "CURRENT").write_bytes(current)
    (tmp_path / "installation.json").write_text("{")
    with pytest.raises(StoreUnavailable, match=r"installation\.json is damaged"):
        EmbeddedStore(tmp_path, base=BASE)


def test_the_base_is_held(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path, base=BASE).close()
    with pytest.raises(BadSetting, match="http://other"):
        EmbeddedStore(tmp_path, base="http://other")
    EmbeddedStore(tmp_path, base=BASE).close()


def test_one_process_writes(tmp_path: Path, store: EmbeddedStore) -> None:
    assert writer_is_running(tmp_path)
    with pytest.raises(StoreUnavailable, match="Another process"):
        EmbeddedStore(tmp_path, base=BASE)
    store.close()
    assert not writer_is_running(tmp_path)


def test_readers_see_checkpoints_only(tmp_path: Path, store: EmbeddedStore) -> None:
    folder = tmp_path / "checkpoints"
    with pytest.raises(StoreUnavailable, match="mlg serve"):
        open_checkpoint(folder)
    store.apply(Change.of(added=(quad("one"),)))
    store.publish()
    with open_checkpoint(folder) as first:
        store.apply(Change.of(added=(quad("two"),)))
        assert texts(first) == ["one"]
        for number in range(5):
            store.apply(Change.of(added=(quad(f"more {number}"),)))
            store.publish()
        assert first.path.exists(), "a checkpoint that is read is not pruned"
        assert len(first) == 1
    store.apply(Change.of(added=(quad("last"),)))
    store.publish()
    assert not first.path.exists()
    with open_checkpoint(folder) as last:
        assert (last.version, len(last)) == (store.version, 8)
        assert len(list(folder.glob("0*[0-9]"))) == 2


def test_versions_survive_reopening(tmp_path: Path) -> None:
    for opened in range(1, 4):
        store = EmbeddedStore(tmp_path, base=BASE)
        for number in range(150):
            store.apply(Change.of(added=(quad(f"{opened} {number}"),)))
        assert (store.version, len(store)) == (150 * opened, 150 * opened)
        store.close()


def test_every_acknowledgement_follows_a_sync(tmp_path: Path) -> None:
    synced: list[int] = []

    def syncing(folder: Path) -> None:
        sync_logs(folder)
        synced.append(len(list(folder.glob("*.log"))))

    store = EmbeddedStore(tmp_path, base=BASE, syncing=syncing)
    store.apply(Change.of(added=(quad("one"),)))
    assert not synced
    store.sync()
    assert synced and min(synced) >= 1
    store.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nothing of threads")
def test_merging_files_stands_back(store: EmbeddedStore) -> None:
    nice: dict[str, set[int]] = {}
    for thread in Path("/proc/self/task").iterdir():
        name = (thread / "comm").read_text().strip()
        nice.setdefault(name, set()).add(os.getpriority(os.PRIO_PROCESS, int(thread.name)))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice["rocksdb:low"] == {min(19, own + 10)}
    assert nice["rocksdb:high"] == {own}, "what writers wait for"


def test_what_killed_writers_leave_is_removed(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path, base=BASE).close()
    orphan = tmp_path / "store" / "bulk-1.sst"
    half = tmp_path / "checkpoints" / "building-000000000009"
    orphan.write_text("x")
    half.mkdir(parents=True)
    EmbeddedStore(tmp_path, base=BASE).close()
    assert not orphan.exists()
    assert not half.exists()
    assert newest(tmp_path / "checkpoints") is None


def test_a_killed_writer_loses_nothing_it_synced(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from kg.model import Change
        from kg.store import EmbeddedStore
        store = EmbeddedStore(Path(sys.argv[1]), base=sys.argv[2])
        for number in range(1_000_000):
            store.apply(Change.of(added=(("urn:a", "urn:a", f'"{number}"', ""),)))
            store.sync()
            print(number, flush=True)
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path), BASE]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_path())
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 50:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    acknowledged = int(rest[-1]) if rest else 50
    store = EmbeddedStore(tmp_path, base=BASE)
    kept = {int(text_of(value)) for _, _, value in store.about("urn:a")}
    assert set(range(acknowledged + 1)) <= kept
    assert store.version == len(kept) == len(store)
    store.close()


def _path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    store = EmbeddedStore(tmp_path, base=BASE, syncing=full)
    store.apply(Change.of(added=(quad("one"),)))
    with pytest.raises(StoreUnavailable, match="No space"):
        store.sync()
    with pytest.raises(StoreUnavailable, match="No space"):
        store.apply(Change.of(added=(quad("two"),)))
    store.reopen()
    assert store.failure is None
    assert store.apply(Change.of(added=(quad("two"),))) == 2
    store.close()
