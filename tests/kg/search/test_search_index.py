"""The writer: what a commit holds, and what is left after harm."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.errors import Busy, StoreUnavailable
from kg.facts import Facts
from kg.iris import EntityRef, Minter
from kg.search.entries import Entry, Link
from kg.search.index import SearchIndex
from kg.search.searcher import Searcher
from kg.views import SearchPage

NAMES = ("home ranker", "home banner", "Ranker", "phone", "ranker 10", "ranker 9", "été")
OWNERS = ("Ada", "Mia", "Zoë")


def entry(key: str, name: str, owner: str = "Ada", keyword: str = "a") -> Entry:
    ref = EntityRef("model", "mlflow", key)
    return Entry(
        iri=f"http://localhost:8080/id/{ref}",
        ref=ref,
        name=name,
        owners=(Link(f"person/scim/{owner.lower()}", owner),),
        keywords=(keyword,),
    )


def answers(path: Path) -> list[SearchPage]:
    searcher = Searcher(path, minter=Minter("http://localhost:8080"), labels={})
    texts = ["", "ranker", "home", "rankr", "ank", "ada", "k1", "ete"]
    pages = [searcher.search(text, limit=100) for text in texts]
    return [*pages, searcher.search("", filters={"owner": ["Ada"], "keyword": ["a", "b"]})]


def test_nothing_is_seen_before_the_commit(tmp_path: Path, minter: Minter) -> None:
    with SearchIndex(tmp_path, labels={}) as index:
        searcher = Searcher(tmp_path, minter=minter, labels={})
        index.commit(1)
        index.update([entry("k1", "ranker")])
        assert searcher.search("").total == 0
        index.commit(2)
        assert [hit.name for hit in searcher.search("").hits] == ["ranker"]
        assert searcher.version == index.version == 2


def test_what_is_put_again_replaces_and_what_is_removed_is_gone(
    tmp_path: Path, minter: Minter
) -> None:
    first, second = entry("k1", "ranker"), entry("k2", "banner")
    with SearchIndex(tmp_path, labels={}) as index:
        assert index.update([first, second, first]) == 2
        index.commit(1)
        index.update([entry("k1", "scorer")], removed=[first.iri, second.iri])
        index.commit(2)
        page = Searcher(tmp_path, minter=minter, labels={}).search("")
    assert [hit.name for hit in page.hits] == ["scorer"]
    assert page.facets["type"][0].count == 1


def test_what_is_said_to_be_new_is_not_looked_for(tmp_path: Path, minter: Minter) -> None:
    one = entry("k1", "ranker")
    with SearchIndex(tmp_path, labels={}) as index:
        index.update([one], new={one.iri})
        index.update([one], new={one.iri})  # said in error, so the first stays
        index.commit(1)
        assert len(Searcher(tmp_path, minter=minter, labels={}).search("").hits) == 2
        index.update([one])
        index.commit(2)
        assert len(Searcher(tmp_path, minter=minter, labels={}).search("").hits) == 1


def test_the_version_outlives_the_process_and_what_was_not_committed_does_not(
    tmp_path: Path,
) -> None:
    with SearchIndex(tmp_path, labels={}) as index:
        assert index.version == 0
        index.update([entry("k1", "ranker")])
        index.commit(41)
        index.update([entry("k2", "ranker")])
    with SearchIndex(tmp_path, labels={}) as index:
        assert index.version == 41
        index.commit(42)
    assert answers(tmp_path)[0].total == 1


def test_a_rebuild_replaces_everything_at_once(tmp_path: Path, minter: Minter) -> None:
    with SearchIndex(tmp_path, labels={}) as index:
        index.update([entry("old", "ranker")])
        index.commit(1)
        searcher = Searcher(tmp_path, minter=minter, labels={})

        def watched() -> Iterable[Entry]:
            yield entry("new", "ranker")
            assert [hit.ref.key for hit in searcher.search("").hits] == ["old"]

        assert index.rebuild(watched(), version=2) == 1
        assert [hit.ref.key for hit in searcher.search("").hits] == ["new"]
        assert searcher.version == 2


def test_there_is_one_writer(tmp_path: Path) -> None:
    with SearchIndex(tmp_path, labels={}) as index:
        for fresh in (False, True):
            with pytest.raises(Busy, match="Another process writes"):
                SearchIndex(tmp_path, labels={}, fresh=fresh)
        index.update([entry("k1", "ranker")])
        index.commit(1)
    with SearchIndex(tmp_path, labels={}) as index:
        assert index.version == 1


def test_what_a_killed_commit_wrote_stops_none_that_follows(tmp_path: Path, minter: Minter) -> None:
    """A writer that is killed after it wrote files of a commit, and before it published them."""
    before, killed = tmp_path / "before", tmp_path / "killed"

    def replace_all(path: Path) -> None:
        with SearchIndex(path, labels={}) as index:
            for number in range(3):
                index.update([entry(f"k{number}", "banner")])
            index.commit(9)

    with SearchIndex(before, labels={}) as index:
        for number in range(3):  # each a segment of its own, with what the next commit deletes
            index.update([entry(f"k{number}", "ranker"), entry(f"n{number}", "home")])
            index.commit(number)
    shutil.copytree(before, killed)
    replace_all(killed)
    assert list(killed.glob("*.del"))
    for file in before.iterdir():
        if file.name != ".managed.json":
            shutil.copy(file, killed)

    replace_all(killed)
    page = Searcher(killed, minter=minter, labels={}).search("")
    assert sorted(hit.name for hit in page.hits) == ["banner"] * 3 + ["home"] * 3


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """Files may not grow past 20 kB for a while, which is what a full disk does to Tantivy."""
    many = [entry(f"k{n}", f"{n * 7919} ranker {n * 104729}") for n in range(3_000)]
    with SearchIndex(tmp_path, labels={}) as index:
        index.update([entry("k1", "ranker")])
        index.commit(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            with pytest.raises(StoreUnavailable, match="See that the disk is not full"):
                index.update(many)
                index.commit(2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert index.version == 1
        assert answers(tmp_path)[0].total == 1
        index.update(many)
        index.commit(3)
        assert index.version == 3
    assert answers(tmp_path)[0].total == 3_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound")
    with SearchIndex(path, labels={}) as index:
        index.update([entry(f"k{n}", name) for n, name in enumerate(NAMES)])
        index.commit(1)
        index.update([entry("k1", "other")])
        index.commit(2)
    return path


def _files(path: Path) -> list[str]:
    """One file of each kind that Tantivy keeps."""
    kinds = {file.name.partition(".")[2]: file.name for file in sorted(path.iterdir())}
    return sorted(name for name in kinds.values() if not name.endswith(".lock"))


HARMS: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda _: None,
    "emptied": lambda _: b"",
    "cut": lambda data: data[: len(data) // 2],
    "garbage": lambda data: bytes(byte ^ 0xFF for byte in data),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_index_says_so_and_can_be_made_afresh(
    sound: Path, tmp_path: Path, minter: Minter, harm: str
) -> None:
    names = _files(sound)
    assert len(names) >= 9
    for name in names:
        path = tmp_path / name
        shutil.copytree(sound, path)
        damaged = HARMS[harm]((path / name).read_bytes())
        (path / name).unlink() if damaged is None else (path / name).write_bytes(damaged)
        (path / "not-ours.txt").write_text("kept")
        if harm == "deleted" and name == ".managed.json":
            continue  # Tantivy does without it

        with pytest.raises(StoreUnavailable, match="mlg rebuild search"):
            Searcher(path, minter=minter, labels={}).search("ranker")
        with pytest.raises(StoreUnavailable, match="mlg rebuild search"):
            SearchIndex(path, labels={}).commit(9)

        with SearchIndex(path, labels={}, fresh=True) as index:
            assert index.version == 0
            index.rebuild([entry("k1", "ranker")], version=3)
        assert Searcher(path, minter=minter, labels={}).search("ranker").total == 1
        assert (path / "not-ours.txt").read_text() == "kept"


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="Opening the search index failed"):
        SearchIndex(tmp_path / "file" / "search", labels={})


def test_a_searcher_without_an_index_says_so(tmp_path: Path, minter: Minter) -> None:
    searcher = Searcher(tmp_path, minter=minter, labels={})
    with pytest.raises(StoreUnavailable, match="There is no search index"):
        searcher.search("ranker")
    with SearchIndex(tmp_path, labels={}) as index:
        index.rebuild([entry("k1", "ranker")], version=1)
    assert searcher.search("ranker").total == 1


_puts = st.tuples(
    st.sampled_from([f"k{n}" for n in range(6)]),
    st.sampled_from(NAMES),
    st.sampled_from(OWNERS),
    st.sampled_from("abc"),
)
_steps = st.lists(
    st.one_of(
        _puts.map(lambda put: ("put", put)),
        st.sampled_from([f"k{n}" for n in range(6)]).map(lambda key: ("remove", key)),
        st.just(("commit", None)),
        st.just(("reopen", None)),
    ),
    max_size=15,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=_steps)
def test_an_index_that_was_maintained_answers_like_one_that_was_built(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    """Deletions included: hits, scores' order, totals and counts are all the same."""
    path, held = tmp_path_factory.mktemp("maintained"), dict[str, Entry]()
    index = SearchIndex(path, labels={})
    for step, value in steps:
        if step == "put":
            key, name, owner, keyword = value  # type: ignore[misc]
            held[key] = entry(key, name, owner, keyword)
            index.update([held[key]])
        elif step == "remove":
            removed = held.pop(str(value), None)
            index.update([], removed=[removed.iri] if removed else ["urn:unknown"])
        else:
            index.commit(index.version + 1)
            if step == "reopen":
                index.close()
                index = SearchIndex(path, labels={})
    index.commit(index.version + 1)
    index.close()

    built = tmp_path_factory.mktemp("built")
    with SearchIndex(built, labels={}) as fresh:
        fresh.rebuild(held.values(), version=1)
    assert answers(path) == answers(built)


def test_the_catalogue_is_indexed_whole(catalogue: Facts, searcher: Searcher) -> None:
    """What the fixture's tests rely on: everything but what is gone, awaited or a part."""
    assert searcher.search("").total == 27
