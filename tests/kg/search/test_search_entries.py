"""From facts to entries: what is read, what is left out, and what has to be read again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kg.facts import Facts
from kg.iris import EntityRef, Minter
from kg.search import entries as module
from kg.search.entries import Entry, Link, dependents, entries

Read = Callable[[Facts, str], Entry | None]


@pytest.fixture
def read(minter: Minter, labels: dict[str, str]) -> Read:
    """The entry of one entity, named by its ref."""

    def read(facts: Facts, ref: str) -> Entry | None:
        found = list(entries(facts, [minter.prefix + ref], minter=minter, labels=labels))
        return found[0] if found else None

    return read


def test_everything_that_is_said_of_an_entity(catalogue: Facts, read: Read, minter: Minter) -> None:
    assert read(catalogue, "model/mlflow/home-ranker") == Entry(
        iri="http://localhost:8080/id/model/mlflow/home-ranker",
        ref=EntityRef("model", "mlflow", "home-ranker"),
        name="Home ranker",
        description="Orders the rows of the home page for a signed-in member.",
        owners=(Link("person/scim/ada.okafor", "Ada Okafor"),),
        domains=(Link("business-domain/company/personalisation", "Personalisation"),),
        keywords=("team::home-personalisation", "tier::one"),
        related=("released",),
        values=(),
    )


def test_other_texts_and_related_names(catalogue: Facts, read: Read) -> None:
    version = read(catalogue, "model-version/mlflow/home-ranker/10")
    assert version is not None
    assert version.values == ("champion", "xgboost")
    assert version.related == ("Home ranker",)


@pytest.mark.parametrize(
    "ref",
    ["model/mlflow/awaited", "model/mlflow/gone", "model/mlflow/ranker#accuracy", "Model/x/y"],
)
def test_what_has_no_entry(catalogue: Facts, read: Read, ref: str) -> None:
    assert read(catalogue, ref) is None


def test_a_malformed_iri_does_not_stop_the_others(
    graph_of: Callable[[str], Facts], minter: Minter
) -> None:
    facts = graph_of("<Bad/x/y> a mlg:Model . <model/x/good> a mlg:Model .")
    asked = [minter.prefix + "Bad/x/y", "urn:elsewhere", minter.prefix + "model/x/good"]
    found = entries(facts, asked, minter=minter, labels={})
    assert [str(entry.ref) for entry in found] == ["model/x/good"]


def test_without_a_name_the_key_is_the_name(graph_of: Callable[[str], Facts], read: Read) -> None:
    facts = graph_of("""
        <model/x/a%20b> a mlg:Model ; dct:title "  " ; mlg:ownedBy <person/scim/nobody%40x> .
    """)
    entry = read(facts, "model/x/a%20b")
    assert entry is not None
    assert entry.name == "a b"
    assert entry.owners == (Link("person/scim/nobody@x", "nobody@x"),)


def test_of_several_languages_english_or_none_is_shown_and_all_are_found(
    graph_of: Callable[[str], Facts], read: Read
) -> None:
    facts = graph_of("""
        <model/x/a> a mlg:Model ;
            dct:title "Startseite"@de , "Home page"@en , "Accueil"@fr ;
            dct:description "Une description"@fr , "A description"@en .
    """)
    entry = read(facts, "model/x/a")
    assert entry is not None
    assert (entry.name, entry.description) == ("Home page", "A description")
    assert entry.values == ("Accueil", "Startseite", "Une description")


def test_an_entity_is_called_the_same_by_itself_and_by_others(
    graph_of: Callable[[str], Facts], read: Read
) -> None:
    facts = graph_of("""
        <team/x/t> a mlg:Team ; skos:prefLabel "Label" ; foaf:name "Eins"@de , "One"@en .
        <model/x/a> a mlg:Model ; mlg:ownedBy <team/x/t> ; mlg:versionOf <team/x/t> .
    """)
    team, model = read(facts, "team/x/t"), read(facts, "model/x/a")
    assert team is not None
    assert model is not None
    assert team.name == "One"
    assert model.owners == (Link("team/x/t", "One"),)
    assert model.related == ("One",)


def test_numbers_and_dates_are_no_texts(graph_of: Callable[[str], Facts], read: Read) -> None:
    facts = graph_of("""
        @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        <model/x/a> a mlg:Model ; mlg:share 0.5 ; mlg:active true ;
            dct:created "2026-11-01T00:00:00Z"^^xsd:dateTime ;
            mlg:location "s3://x"^^xsd:anyURI .
    """)
    entry = read(facts, "model/x/a")
    assert entry is not None
    assert entry.values == ("s3://x",)


def test_an_entry_is_bounded(graph_of: Callable[[str], Facts], read: Read) -> None:
    many = range(200)
    facts = graph_of(
        '<model/x/a> a mlg:Model ; dct:title "' + "n" * 5_000 + '" .'
        + "".join(f"<model/x/a> mlg:usesFeature <feature/x/{n:03}> ." for n in many)
        + "".join(f'<model/x/a> mlg:alias "{n:03}{"x" * 1_000}" .' for n in many)
        + "".join(f'<model/x/a> dcat:keyword "{n:03}{"x" * 1_000}" .' for n in many)
        + "".join(f"<model/x/a> mlg:ownedBy <person/x/{n:03}> ." for n in many)
    )  # fmt: skip
    entry = read(facts, "model/x/a")
    assert entry is not None
    assert len(entry.name) == module.MAX_NAME
    assert entry.related == tuple(f"{n:03}" for n in range(module.MAX_RELATED))
    assert len(entry.values) == module.MAX_VALUES
    assert len(entry.owners) == len(entry.keywords) == 50
    assert max(map(len, entry.values + entry.keywords)) == 300


def test_dependents_are_those_that_point_at_it(catalogue: Facts, minter: Minter) -> None:
    found = dependents(
        catalogue, [minter.prefix + "dataset/iceberg/media.play_events"], minter=minter
    )
    assert {minter.parse(iri).key for iri in found} == {"m-3f9a", "plays_7d"}


def test_dependents_of_a_hub_are_capped(graph_of: Callable[[str], Facts], minter: Minter) -> None:
    count = module.MAX_DEPENDENTS + 10
    facts = graph_of("".join(f"<model/x/{n}> mlg:ownedBy <person/x/p> ." for n in range(count)))
    found = dependents(facts, [minter.prefix + "person/x/p"], minter=minter)
    assert len(found) == module.MAX_DEPENDENTS
