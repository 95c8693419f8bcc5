"""What becomes of Croissant descriptions, over files that MLCommons' own library wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.errors import BadPayload, BadSetting, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.croissant import CroissantSource
from tests.kg.sources.case_croissant import descriptions, edit
from tests.kg.sources.entity_facts import facts

CC_BY = "http://spdx.org/licenses/CC-BY-4.0"
PAGE = "https://data.aurora.example/plays"
SHA256 = "5f2a9c01" * 8


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return descriptions(tmp_path)


@pytest.fixture
def source(there: Path) -> Iterator[CroissantSource]:
    made = CroissantSource("croissant", path=str(there))
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "croissant", key)


def told(source: CroissantSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    return facts(source, source.fetch(ref(entity_type, key)), ref(entity_type, key))


def values(found: set[tuple[str, str]], predicate: str) -> set[str]:
    return {value for name, value in found if name == predicate}


# --- what is what -----------------------------------------------------------------------------------


def test_a_dataset(source: CroissantSource) -> None:
    assert told(source, "dataset", "plays") == {
        ("rdf:type", "mlg:Dataset"),
        ("dct:identifier", "plays"),
        ("mlg:recordedBy", "source-system/croissant/croissant"),
        ("dct:title", "plays"),
        ("dct:description", "One row for each start of a title."),
        ("dct:created", "2026-10-31T00:00:00Z"),
        ("dct:modified", "2026-11-02T00:00:00Z"),
        ("dct:license", CC_BY),
        ("foaf:page", PAGE),
        ("dcat:keyword", "play"),
        ("dcat:keyword", "events"),
        ("mlg:location", f"{PAGE}.csv"),
        ("mlg:schemaDefinition", "member_id: Integer, title_id: Integer, tags: Text[]"),
        ("mlg:ownedBy", "person/croissant/ada@aurora.example"),
        ("mlg:ownedBy", "team/croissant/Aurora%20Media"),
    }


def test_a_version(source: CroissantSource) -> None:
    assert told(source, "dataset-version", "plays/1.2.0") >= {
        ("rdf:type", "mlg:DatasetVersion"),
        ("dct:title", "plays 1.2.0"),
        ("dct:description", "One row for each start of a title."),
        ("dcat:version", "1.2.0"),
        ("mlg:versionOf", "dataset/croissant/plays"),
        ("mlg:digest", f"sha256:{SHA256}"),
        ("dct:license", CC_BY),
        ("mlg:location", f"{PAGE}.csv"),
    }
    assert {one.key for one in source.list() if one.type == "dataset-version"} == {"plays/1.2.0"}


def test_a_team(source: CroissantSource) -> None:
    assert told(source, "team", "Aurora Media") >= {
        ("rdf:type", "mlg:Team"),
        ("foaf:name", "Aurora Media"),
        ("foaf:page", "https://aurora.example/media"),
    }


def test_an_archive_with_several_record_sets(source: CroissantSource) -> None:
    found = told(source, "dataset", "titles")
    assert values(found, "mlg:location") == {"titles.zip"}
    assert values(found, "mlg:schemaDefinition") == {
        "titles.title_id: Integer, titles.released: Date, genres.name: Text"
    }
    assert values(found, "dct:license") == {"http://spdx.org/licenses/MIT"}
    assert values(found, "dct:created") == {"2026-11-01T12:00:00Z"}


def test_the_publisher_answers_where_no_creator_can_be_reached(source: CroissantSource) -> None:
    found = told(source, "dataset", "titles")
    assert values(found, "mlg:ownedBy") == {"team/croissant/Aurora"}


def test_a_dataset_brings_its_version_and_teams(source: CroissantSource) -> None:
    snapshot = source.fetch(ref("dataset", "plays"))
    assert [document.ref for document in snapshot.documents] == [
        ref("dataset", "plays"),
        ref("dataset-version", "plays/1.2.0"),
        ref("team", "Aurora Media"),
    ]


def test_settings_say_the_key_and_who_owns(there: Path) -> None:
    made = CroissantSource("croissant", path=str(there), key="url", owners="publisher")
    found = told(made, "dataset", PAGE)
    assert values(found, "mlg:ownedBy") == {"team/croissant/Aurora"}
    nobody = CroissantSource("croissant", path=str(there), owners="")
    assert not values(told(nobody, "dataset", "plays"), "mlg:ownedBy")
    assert not [one for one in nobody.list() if one.type == "team"]


def test_one_file_alone(there: Path) -> None:
    made = CroissantSource("croissant", path=str(there / "plays.json"))
    assert {one.key for one in made.list() if one.type == "dataset"} == {"plays"}


def test_what_it_is_derived_from(source: CroissantSource, there: Path) -> None:
    """In a graph, with whole names, as other tools write: the same in other words."""
    recent = {
        "@context": "http://mlcommons.org/croissant/1.1",
        "@graph": [
            {"@type": "https://schema.org/Person", "https://schema.org/name": "Ada"},
            {
                "@type": ["https://schema.org/Dataset"],
                "@id": "urn:recent",
                "https://schema.org/name": [{"@value": "recent plays", "@language": "en"}],
                "https://schema.org/version": 2,
                "http://www.w3.org/ns/prov#wasDerivedFrom": {"@id": PAGE},
                "sc:isBasedOn": ["titles", "urn:recent", "https://elsewhere.example/other"],
                "http://mlcommons.org/croissant/recordSet": {
                    "@list": [
                        {
                            "@id": "r",
                            "field": [
                                {"@id": "r/place", "subField": [{"name": "x", "dataType": "sc:Float"},
                                                               {"name": "y"}]},
                                {"name": "vector", "dataType": ["sc:Float", "wd:Q1"], "isArray": True},
                            ],
                        }
                    ]
                },
            },
        ],
    }  # fmt: skip
    (there / "recent.json").write_text(json.dumps(recent), "utf-8")
    found = told(source, "dataset", "recent plays")
    assert values(found, "mlg:computedFrom") == {
        "dataset/croissant/plays",
        "dataset/croissant/titles",
    }
    assert values(found, "dct:identifier") == {"recent plays", "urn:recent"}
    assert values(found, "mlg:schemaDefinition") == {"place.x: Float, place.y, vector: Float[]"}
    assert not source.fetch(ref("dataset-version", "recent plays/2")).gone


@pytest.mark.parametrize(
    ("licence", "known"),
    [
        ("CC-BY-4.0", {CC_BY}),
        ("cc-by-4.0", {CC_BY}),
        ("https://spdx.org/licenses/CC-BY-4.0.html", {CC_BY}),
        ("http://creativecommons.org/licenses/by/4.0/legalcode", {CC_BY}),
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/",
         {"http://spdx.org/licenses/CC-BY-NC-SA-3.0"}),
        ("https://creativecommons.org/publicdomain/zero/1.0/", {"http://spdx.org/licenses/CC0-1.0"}),
        ("https://www.apache.org/licenses/LICENSE-2.0.txt", {"http://spdx.org/licenses/Apache-2.0"}),
        ({"@type": "sc:CreativeWork", "name": "CC BY", "url": "https://spdx.org/licenses/CC-BY-4.0"},
         {CC_BY}),
        (["MIT", "https://aurora.example/terms"],
         {"http://spdx.org/licenses/MIT", "https://aurora.example/terms"}),
        ("ask us", set()),
        ("https://aurora.example/the terms", set()),
        (None, set()),
    ],
)  # fmt: skip
def test_licences(licence: Any, known: set[str], source: CroissantSource, there: Path) -> None:
    edit(there / "plays.json", lambda told: told.update(license=licence))
    assert values(told(source, "dataset", "plays"), "dct:license") == known


@pytest.mark.parametrize("date", ["2019", "some day", 2026, True, {"@value": "soon"}])
def test_a_date_that_is_none_is_left_out(date: Any, source: CroissantSource, there: Path) -> None:
    edit(there / "plays.json", lambda told: told.update(dateModified=date))
    assert not values(told(source, "dataset", "plays"), "dct:modified")


def test_splits_are_no_columns_and_an_archive_s_files_no_second_file(
    source: CroissantSource, there: Path
) -> None:
    splits = {
        "@type": "cr:RecordSet",
        "dataType": "cr:Split",
        "name": "splits",
        "field": {"name": "n"},
    }
    parts = {"@type": "cr:FileSet", "containedIn": {"@id": "plays.csv"}, "includes": "*"}

    def change(told: dict[str, Any]) -> None:
        told["recordSet"] = [splits, told["recordSet"][0]]
        told["distribution"].append(parts)

    edit(there / "plays.json", change)
    found = told(source, "dataset-version", "plays/1.2.0")
    assert values(found, "mlg:digest") == {f"sha256:{SHA256}"}
    [columns] = values(found, "mlg:schemaDefinition")
    assert columns.startswith("member_id: Integer, title_id")
    edit(there / "plays.json", lambda told: told["distribution"][0].update(sha256="see issue 80"))
    assert not values(told(source, "dataset-version", "plays/1.2.0"), "mlg:digest")


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ({"fr": "Lectures", "en": "Plays"}, {"Plays"}),
        ({"fr": "Lectures", "de": "Wiedergaben"}, {"Wiedergaben"}),
        ([{"@value": "Plays", "@language": "en"}], {"Plays"}),
        ({"odd thing": "x"}, set()),
        ({}, set()),
        ({"en": {"x": 1}}, set()),
    ],
)
def test_texts_in_several_languages(
    description: Any, shown: set[str], source: CroissantSource, there: Path
) -> None:
    edit(there / "plays.json", lambda told: told.update(description=description))
    assert values(told(source, "dataset", "plays"), "dct:description") == shown


# --- changes and trouble ------------------------------------------------------------------------------


def test_nothing_is_read_again_that_did_not_change(source: CroissantSource, there: Path) -> None:
    before = source.fetch(ref("dataset", "plays")).documents[0]
    assert source.fetch(ref("dataset", "plays")).documents[0] is before
    (there / "plays.json").touch()
    again = source.fetch(ref("dataset", "plays")).documents[0]
    assert again == before
    assert again is not before


def test_a_change_is_seen_at_once(source: CroissantSource, there: Path) -> None:
    """Also of the entities that a file tells of besides its dataset."""
    refs = [
        ref("dataset", "plays"),
        ref("dataset-version", "plays/1.2.0"),
        ref("team", "Aurora Media"),
    ]
    assert not any(source.fetch(one).gone for one in refs)
    edit(there / "plays.json", lambda told: told.update(version="1.3.0", creator=[]))
    assert [source.fetch(one).gone for one in refs] == [False, True, True]
    (there / "plays.json").unlink()
    assert all(source.fetch(one).gone for one in refs)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"@type": "sc:Dataset",\n "name": "titles"\n "url"', "titles.json, line 3, column 2"),
        ("", "titles.json, line 1"),
        ("\x00", "titles.json, line 1"),
        ("\ud800", "titles.json"),
        ("[" * 100_000, "titles.json"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_harms_no_other(
    text: str, where: str, source: CroissantSource, there: Path
) -> None:
    (there / "titles.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=where):
            source.fetch(ref("dataset", "titles"))
    with pytest.raises(SourceUnavailable, match=where):
        list(source.list())
    assert not source.fetch(ref("dataset", "plays")).gone


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "describes no dataset"),
        ({}, "describes no dataset"),
        ({"@type": "sc:Person", "name": "x"}, "describes no dataset"),
        ({"@type": "sc:Dataset"}, "lacks 'name'"),
        ({"@type": "sc:Dataset", "name": ""}, "lacks 'name'"),
        ({"@type": "sc:Dataset", "name": "a\nb"}, "cannot be a key"),
        ({"@type": "sc:Dataset", "name": "plays"}, r"plays\.json describes 'plays' too"),
        (json.loads('{"a": ' * 200 + "1" + "}" * 200), "over 100 deep"),
    ],
)
def test_a_file_of_another_form_is_named(
    told: Any, why: str, source: CroissantSource, there: Path
) -> None:
    (there / "titles.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(BadPayload, match=rf"titles\.json.*{why}"):
        source.fetch(ref("dataset", "titles"))
    with pytest.raises(BadPayload, match=r"titles\.json"):
        list(source.list())


def test_other_broken_files_are_counted(source: CroissantSource, there: Path) -> None:
    for name in ("a", "b", "c"):
        (there / f"{name}.json").write_text("[]", "utf-8")
    with pytest.raises(BadPayload, match=r"a\.json.*2 more files are broken"):
        list(source.list())


def test_a_file_that_is_too_large(there: Path) -> None:
    made = CroissantSource("croissant", path=str(there), max_file_mb=0.001)
    with pytest.raises(BadPayload, match="max_file_mb"):
        list(made.list())


def test_a_folder_without_files_is_a_disk_that_is_not_there(
    source: CroissantSource, there: Path
) -> None:
    for file in there.iterdir():
        file.rename(file.with_suffix(".txt"))
    with pytest.raises(SourceUnavailable, match="has no file"):
        source.fetch(ref("dataset", "plays"))


def test_files_of_the_pattern_at_any_depth_and_no_hidden_ones(there: Path) -> None:
    (there / "deep" / "er").mkdir(parents=True)
    (there / "titles.json").rename(there / "deep" / "er" / "croissant.json")
    (there / ".half.json").write_text("{", "utf-8")
    everywhere = CroissantSource("croissant", path=str(there))
    below = CroissantSource("croissant", path=str(there), files="*/croissant.json")
    assert {one.key for one in everywhere.list() if one.type == "dataset"} == {"plays", "titles"}
    assert {one.key for one in below.list() if one.type == "dataset"} == {"titles"}


def test_other_types_are_refused(source: CroissantSource) -> None:
    for other in (ref("model", "plays"), EntityRef("dataset", "elsewhere", "plays")):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"key": "title"}, "key"),
        ({"owners": "creator,author"}, "owners"),
        ({"max_file_mb": 0}, "max_file_mb"),
        ({"files": ""}, "path"),
        ({"path": ""}, "path"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(BadSetting, match=match):
        CroissantSource("croissant", **{"path": "x", **options})
