"""Pages, facets, filters, limits and what may be seen; hostile input."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tantivy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kg.errors import BadInput, StoreUnavailable, TooLarge
from kg.iris import EntityRef, Minter, term
from kg.search.entries import Entry, Link
from kg.search.facets import MAX_VALUES, SHOWN_VALUES
from kg.search.index import SearchIndex
from kg.search.schema import FACETS
from kg.search.searcher import MAX_LIMIT, MAX_OFFSET, MAX_TEXT, Searcher
from kg.views import FacetCount, SearchPage

Filters = Mapping[str, Sequence[str]]

TYPES, SOURCES = ("model", "dataset", "model-version"), ("mlflow", "feast")
OWNERS = [Link(f"person/scim/{name.lower()}", name) for name in ("Ada", "Mia", "Zoe")]
DOMAINS = [Link(f"business-domain/company/{name.lower()}", name) for name in ("Ads", "Studio")]
KEYWORDS = ("tier::one", "tier::two", "pii")
NAMES = ("home ranker", "home banner", "away ranker", "banner")


def some_entries(count: int) -> list[Entry]:
    dice = random.Random(1)
    made = []
    for number in range(count):
        ref = EntityRef(dice.choice(TYPES), dice.choice(SOURCES), f"k{number}")
        made.append(
            Entry(
                iri=f"http://localhost:8080/id/{ref}",
                ref=ref,
                name=f"{dice.choice(NAMES)} {number}",
                owners=tuple(dice.sample(OWNERS, dice.randint(0, 2))),
                domains=tuple(dice.sample(DOMAINS, dice.randint(0, 1))),
                keywords=tuple(dice.sample(KEYWORDS, dice.randint(0, 2))),
                visibility=dice.choice(("public", "public", "public", "secret")),
            )
        )
    return made


ENTRIES = some_entries(300)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, minter: Minter) -> Searcher:
    """300 entities in several segments, some of them replaced."""
    path = tmp_path_factory.mktemp("many")
    with SearchIndex(path, labels={}) as index:
        index.update(replace(entry, name="old", keywords=("old",)) for entry in ENTRIES[:100])
        index.commit(1)
        for at in range(0, len(ENTRIES), 60):
            index.update(ENTRIES[at : at + 60])
            index.commit(2 + at)
    return Searcher(path, minter=minter, labels={term("mlg:ModelVersion"): "Model version"})


def values(entry: Entry, facet: str) -> set[str]:
    return {
        "type": {entry.ref.type},
        "source": {entry.ref.source},
        "keyword": set(entry.keywords),
        "owner": {link.ref for link in entry.owners},
        "domain": {link.ref for link in entry.domains},
    }[facet]


def matching(entries: Iterable[Entry], filters: Filters, *, but: str = "") -> list[Entry]:
    return [
        entry
        for entry in entries
        if all(
            values(entry, facet) & set(chosen)
            for facet, chosen in filters.items()
            if facet != but and chosen
        )
    ]


_filters = st.fixed_dictionaries(
    {},
    optional={
        "type": st.lists(st.sampled_from([*TYPES, "person"]), max_size=3),
        "source": st.lists(st.sampled_from(SOURCES), max_size=2),
        "keyword": st.lists(st.sampled_from([*KEYWORDS, "unheard of"]), max_size=2),
        "owner": st.lists(st.sampled_from([link.ref for link in OWNERS]), max_size=2),
        "domain": st.lists(st.sampled_from([link.ref for link in DOMAINS]), max_size=2),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(filters=_filters, word=st.sampled_from(["", "home", "ranker", "home ranker"]))
def test_totals_and_counts_are_what_counting_by_hand_gives(
    many: Searcher, filters: Filters, word: str
) -> None:
    seen = [e for e in ENTRIES if e.visibility == "public"]
    found = [e for e in seen if all(part in e.name for part in word.split())]
    page = many.search(word, filters=filters, limit=MAX_LIMIT)
    wanted = matching(found, filters)
    assert page.total == len(wanted)
    assert {hit.iri for hit in page.hits} <= {entry.iri for entry in wanted}
    assert len(page.hits) == min(MAX_LIMIT, len(wanted))
    for facet in FACETS:
        counted = Counter(
            value for entry in matching(found, filters, but=facet) for value in values(entry, facet)
        )
        counted.update(dict.fromkeys(filters.get(facet, ()), 0))
        assert {c.value: c.count for c in page.facets[facet]} == counted


def test_facets_are_labelled_and_the_frequent_come_first(many: Searcher) -> None:
    page = many.search("")
    labels = {count.value: count.label for facet in FACETS for count in page.facets[facet]}
    assert labels["person/scim/ada"] == "Ada"
    assert labels["model-version"] == "Model version"
    assert labels["tier::one"] == "tier::one"
    for counts in page.facets.values():
        assert list(counts) == sorted(counts, key=lambda c: -c.count)


@pytest.mark.parametrize(
    "owner", ["person/scim/ada", "http://localhost:8080/id/person/scim/ada", "Ada", " ADA "]
)
def test_an_owner_may_be_chosen_by_ref_iri_or_name(many: Searcher, owner: str) -> None:
    public = [entry for entry in ENTRIES if entry.visibility == "public"]
    page = many.search("", filters={"owner": [owner]})
    assert page.total == len(matching(public, {"owner": ["person/scim/ada"]}))
    chosen = next(count for count in page.facets["owner"] if count.value == "person/scim/ada")
    assert chosen.count == page.total


def test_a_chosen_value_is_shown_and_counted_even_when_it_is_rare(
    tmp_path: Path, minter: Minter
) -> None:
    ref = EntityRef("model", "x", "k")
    one = Entry(iri=minter.mint(ref), ref=ref, name="all", keywords=tuple("abcdefghij"))
    with SearchIndex(tmp_path, labels={}) as index:
        index.update(
            replace(one, iri=f"{one.iri}{n}", keywords=(f"often {n // 2}", "always"))
            for n in range(4 * SHOWN_VALUES)
        )
        index.update([replace(one, keywords=("rare",))])
        index.commit(1)
    searcher = Searcher(tmp_path, minter=minter, labels={})
    shown = searcher.search("").facets["keyword"]
    assert len(shown) == SHOWN_VALUES
    assert "rare" not in {count.value for count in shown}
    chosen = searcher.search("", filters={"keyword": ["rare"]}).facets["keyword"]
    assert FacetCount(value="rare", label="rare", count=1) in chosen
    assert len(chosen) == SHOWN_VALUES + 1


def test_an_entity_under_two_names_is_counted_as_one(tmp_path: Path, minter: Minter) -> None:
    """A renamed owner with more assets than are indexed again at once."""
    old, new = Link("person/scim/p", "Old"), Link("person/scim/p", "New")
    with SearchIndex(tmp_path, labels={}) as index:
        for number, link in enumerate([new, new, old]):
            ref = EntityRef("model", "x", str(number))
            index.update([Entry(iri=minter.mint(ref), ref=ref, name="m", owners=(link,))])
        index.commit(1)
    searcher = Searcher(tmp_path, minter=minter, labels={})
    for filters in ({}, {"owner": ["person/scim/p"]}):
        page = searcher.search("", filters=filters)
        assert page.total == 3
        wanted = FacetCount(value="person/scim/p", label="New", count=3)
        assert page.facets["owner"] == (wanted,)


def test_pages_follow_each_other_without_gap_or_repetition(many: Searcher) -> None:
    for text in ("", "home ranker"):
        total = many.search(text).total
        pages = [many.search(text, offset=at, limit=7).hits for at in range(0, total, 7)]
        paged = [hit.iri for hits in pages for hit in hits]
        assert len(paged) == len(set(paged)) == total
    assert many.search("", offset=MAX_OFFSET).hits == ()


def test_without_text_everything_stands_in_the_order_of_names(many: Searcher) -> None:
    names = [hit.name for hit in many.search("", limit=MAX_LIMIT).hits]
    numbered = [(name.rpartition(" ")[0], int(name.rpartition(" ")[2])) for name in names]
    assert numbered == sorted(numbered)
    assert len(set(numbered)) == len(names) > 100


def test_what_one_may_not_see_is_in_no_hit_count_or_suggestion(many: Searcher) -> None:
    secret = [entry for entry in ENTRIES if entry.visibility == "secret"]
    public = [entry for entry in ENTRIES if entry.visibility == "public"]
    assert many.search("").total == len(public)
    assert many.search("", visible=["public", "secret"]).total == len(ENTRIES)
    assert many.search("", visible=["secret"]).total == len(secret)
    assert many.search("", visible=[]).total == 0
    for entry in secret:
        assert entry.iri not in {hit.iri for hit in many.search(entry.iri).hits}
        assert entry.iri not in {hit.iri for hit in many.suggest(entry.name)}
        assert entry.iri in {hit.iri for hit in many.suggest(entry.name, visible=["secret"])}


def test_a_name_that_one_may_not_see_is_not_resolved(tmp_path: Path, minter: Minter) -> None:
    """Nor one that is gone: a filter by name must not tell whose name it is."""
    ref = EntityRef("model", "x", "k")
    hidden = Entry(iri=minter.mint(ref), ref=ref, name="m", owners=(OWNERS[0],), visibility="s")
    with SearchIndex(tmp_path, labels={}) as index:
        index.update([hidden, replace(hidden, iri=hidden.iri + "2", owners=(OWNERS[1],))])
        index.commit(1)
        index.update([], removed=[hidden.iri + "2"])
        index.commit(2)
    searcher = Searcher(tmp_path, minter=minter, labels={})
    for name in ("Ada", "Mia"):
        page = searcher.search("", filters={"owner": [name]})
        assert page.facets["owner"] == (FacetCount(value=name, label=name, count=0),)
    page = searcher.search("", filters={"owner": ["Ada"]}, visible=["s"])
    assert page.facets["owner"] == (FacetCount(value="person/scim/ada", label="Ada", count=1),)


def test_near_misses_do_not_depend_on_the_filters(many: Searcher) -> None:
    """Choosing a filter never shows more than its count promised."""
    page = many.search("home ranker")
    for count in page.facets["type"]:
        narrowed = many.search("home ranker", filters={"type": [count.value]})
        assert narrowed.total == count.count


def test_near_misses_are_left_out_when_enough_matches_as_typed(many: Searcher) -> None:
    assert all("banner" in hit.name for hit in many.search("banner", limit=MAX_LIMIT).hits)
    assert many.search("bannre").total == many.search("banner").total


def test_suggestions(searcher: Searcher) -> None:
    names = [hit.name for hit in searcher.suggest("home ra")]
    assert names[0] == "Home ranker"
    assert all(name.lower().startswith("home") for name in names[:6])
    assert len(searcher.suggest("r", limit=3)) == 3
    assert searcher.suggest("  ") == ()
    assert [hit.name for hit in searcher.suggest("model/mlflow/churn")] == ["Churn"]


def test_a_hit_has_what_a_row_shows(searcher: Searcher) -> None:
    hit = searcher.search("home ranker 10").hits[0]
    assert hit.iri == "http://localhost:8080/id/model-version/mlflow/home-ranker/10"
    assert hit.ref == EntityRef("model-version", "mlflow", "home-ranker/10")
    assert (hit.type.iri, hit.type.name) == (term("mlg:ModelVersion"), "model version")
    model = searcher.search("model/mlflow/home-ranker").hits[0]
    assert model.owners == ("Ada Okafor",)
    assert model.domains == ("Personalisation",)
    assert model.keywords == ("team::home-personalisation", "tier::one")
    assert model.description == "Orders the rows of the home page for a signed-in member."


@pytest.mark.parametrize(
    ("problem", "arguments"),
    [
        (BadInput, {"text": "x", "offset": -1}),
        (BadInput, {"text": "x", "offset": MAX_OFFSET + 1}),
        (BadInput, {"text": "x", "limit": 0}),
        (BadInput, {"text": "x", "limit": MAX_LIMIT + 1}),
        (BadInput, {"text": "x", "filters": {"colour": ["red"]}}),
        (BadInput, {"text": "x", "filters": {"type": ["model"] * (MAX_VALUES + 1)}}),
        (TooLarge, {"text": "x", "filters": {"owner": ["x" * 10_000]}}),
        (TooLarge, {"text": "x" * (MAX_TEXT + 1)}),
        (TooLarge, {"text": "x" * 10_000_000}),
    ],
)
def test_out_of_bounds(
    searcher: Searcher, problem: type[BadInput], arguments: dict[str, object]
) -> None:
    with pytest.raises(problem):
        searcher.search(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, MAX_LIMIT + 1])
def test_suggestions_are_bounded_too(searcher: Searcher, limit: int) -> None:
    with pytest.raises(BadInput, match="limit is 1 to"):
        searcher.suggest("home", limit=limit)


def test_a_long_iri_is_no_long_text(tmp_path: Path, minter: Minter) -> None:
    ref = EntityRef("model", "x", "ä" * 500)
    with SearchIndex(tmp_path, labels={}) as index:
        index.update([Entry(iri=minter.mint(ref), ref=ref, name="long")])
        index.commit(1)
    searcher = Searcher(tmp_path, minter=minter, labels={})
    assert len(minter.mint(ref)) > MAX_TEXT
    assert searcher.search(minter.mint(ref)).total == 1
    assert searcher.search(minter.mint(ref) + "x").total == 0


HOSTILE = [
    '"unbalanced',
    "((((((((((",
    "name:ranker AND (type:* OR NOT",
    "+-!^~*?:\\/",
    "[a TO b]",
    "\ud800\udfff",
    "\x00\x00",
    "a\tb\x1fc",
    "\u202egnp.exe",
    "aB" * 500,
    "x " * 500,
    "推" * 1_000,
    "é" * 1_000,
    "\u0301" * 1_000,
    "ab1" * 333,
    "http://localhost:8080/id/",
    "http://localhost:8080/e/" + "/" * 900,
    "aip://",
    "%ff%fe/x/y",
    "/".join("abc"),
    "<>",
    "\u200b",
    "🚀",
]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.one_of(st.text(max_size=MAX_TEXT), st.sampled_from(HOSTILE)),
    value=st.text(max_size=50),
)
@example(text="\ud800", value="\udfff")
def test_any_text_is_answered(searcher: Searcher, text: str, value: str) -> None:
    page = searcher.search(text, limit=5)
    assert len(page.hits) <= page.total
    assert len(searcher.suggest(text)) <= 8
    for facet in FACETS:
        narrowed = searcher.search(text, filters={facet: [value]}, limit=1)
        assert narrowed.total <= max(page.total, 27)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_answered(searcher: Searcher, text: str) -> None:
    assert isinstance(searcher.search(text), SearchPage)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5, unique=True))
@example(names=["ResNet50", "推荐模型", "***", "Ǆ", "ꭰ"])
def test_every_name_finds_its_entity(
    tmp_path_factory: pytest.TempPathFactory, minter: Minter, names: list[str]
) -> None:
    """Any name, exotic ones too: typed as it is, and each of its words."""
    path = tmp_path_factory.mktemp("names")
    names = [name.encode("utf-8", "replace").decode() for name in names]
    with SearchIndex(path, labels={}) as index:
        for number, name in enumerate(names):
            ref = EntityRef("model", "x", f"k{number}")
            index.update([Entry(iri=minter.mint(ref), ref=ref, name=name)])
        index.commit(1)
    searcher = Searcher(path, minter=minter, labels={})
    for number, name in enumerate(names):
        for text in (name, *name.split()):
            keys = {hit.ref.key for hit in searcher.search(text, limit=MAX_LIMIT).hits}
            assert f"k{number}" in keys or not any(c.isalnum() for c in text)


def test_an_index_of_another_release_says_so(tmp_path: Path, minter: Minter) -> None:
    schema = tantivy.SchemaBuilder().add_text_field("iri").build()
    tantivy.Index(schema, path=str(tmp_path)).writer().commit()
    with pytest.raises(StoreUnavailable, match="another release"):
        Searcher(tmp_path, minter=minter, labels={}).search("x")
    with pytest.raises(StoreUnavailable, match="mlg rebuild search"):
        SearchIndex(tmp_path, labels={})
