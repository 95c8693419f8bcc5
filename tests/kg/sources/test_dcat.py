"""What becomes of DCAT catalogues, in every format, and what of files that nobody should believe."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg import formats, iris
from kg.errors import BadPayload, BadSetting, MlgError, NotFound, SourceUnavailable
from kg.iris import EntityRef
from kg.sources.dcat import DcatSource
from tests.kg.sources.case_dcat import PREFIX, WRITTEN, catalogue, edit
from tests.kg.sources.entity_facts import facts

CC_BY = "http://spdx.org/licenses/CC-BY-4.0"
THEME = "http://publications.europa.eu/resource/authority/data-theme/EDUC"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return catalogue(tmp_path)


@pytest.fixture
def source(file: Path) -> Iterator[DcatSource]:
    made = DcatSource("dcat", path=str(file.parent), prefix=PREFIX)
    yield made
    made.close()


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "dcat", key)


def told(source: DcatSource, entity_type: str, key: str) -> set[tuple[str, str]]:
    return facts(source, source.fetch(ref(entity_type, key)), ref(entity_type, key))


def values(found: set[tuple[str, str]], predicate: str) -> set[str]:
    return {value for name, value in found if name == predicate}


# --- what is what -----------------------------------------------------------------------------------


def test_a_dataset(source: DcatSource) -> None:
    assert told(source, "dataset", "plays") == {
        ("rdf:type", "mlg:Dataset"),
        ("dct:identifier", "plays"),
        ("dct:identifier", "plays-1"),
        ("dct:identifier", f"{PREFIX}plays"),
        ("mlg:recordedBy", "source-system/dcat/dcat"),
        ("dct:title", "Plays"),
        ("dct:description", "One row for each start of a title."),
        ("dcat:keyword", "events"),
        ("dcat:keyword", "plays"),
        ("dcat:theme", THEME),
        ("dct:created", "2026-10-31T00:00:00Z"),
        ("dct:modified", "2026-11-02T08:00:00Z"),
        ("dct:license", CC_BY),
        ("foaf:page", f"{PREFIX}pages/plays"),
        ("mlg:location", f"{PREFIX}plays.csv"),
        ("mlg:location", f"{PREFIX}api/plays"),
        ("mlg:ownedBy", "person/dcat/ada@aurora.example"),
        ("mlg:ownedBy", "team/dcat/org/media"),
    }


def test_a_version_that_is_described(source: DcatSource) -> None:
    assert told(source, "dataset-version", "plays-2026-11") == {
        ("rdf:type", "mlg:DatasetVersion"),
        ("dct:identifier", "plays-2026-11"),
        ("dct:identifier", f"{PREFIX}plays-2026-11"),
        ("mlg:recordedBy", "source-system/dcat/dcat"),
        ("dct:title", "Plays to November 2026"),
        ("dcat:version", "2026.11"),
        ("mlg:versionOf", "dataset/dcat/plays"),
        ("mlg:supersedes", "dataset-version/dcat/plays-2026-10"),
        ("mlg:location", f"{PREFIX}plays-2026-11.csv"),
        ("mlg:digest", "5f2a9c01"),
    }


def test_a_version_by_its_number_alone(source: DcatSource) -> None:
    found = told(source, "dataset-version", "watching-2026/1.0.0")
    assert {
        ("dct:title", "Hours watched in 2026 1.0.0"),
        ("dcat:version", "1.0.0"),
        ("mlg:versionOf", "dataset/dcat/watching-2026"),
    } <= found


def test_a_series_and_what_is_in_it(source: DcatSource) -> None:
    found = told(source, "dataset", "watching-2026")
    assert values(found, "dct:isPartOf") == {"dataset/dcat/watching"}
    assert values(found, "mlg:computedFrom") == {"dataset/dcat/plays"}
    assert values(found, "mlg:ownedBy") == {"person/dcat/ben@aurora.example"}
    series = told(source, "dataset", "watching")
    assert values(series, "rdf:type") == {"mlg:Dataset"}
    assert values(series, "mlg:ownedBy") == {"team/dcat/Statistics"}


def test_publishers(source: DcatSource) -> None:
    assert told(source, "team", "org/media") >= {
        ("rdf:type", "mlg:Team"),
        ("foaf:name", "Aurora Media"),
        ("foaf:page", "https://aurora.example/media"),
    }
    assert ("foaf:name", "Statistics") in told(source, "team", "Statistics")


def test_everything_that_is_told_of(source: DcatSource) -> None:
    assert {(one.type, one.key) for one in source.list()} == {
        ("dataset", "plays"),
        ("dataset", "watching"),
        ("dataset", "watching-2026"),
        ("dataset-version", "plays-2026-10"),
        ("dataset-version", "plays-2026-11"),
        ("dataset-version", "watching-2026/1.0.0"),
        ("team", "org/media"),
        ("team", "Statistics"),
    }
    brought = source.fetch(ref("dataset", "plays")).documents
    assert {document.ref for document in brought} == {
        ref("dataset", "plays"),
        ref("dataset-version", "plays-2026-10"),
        ref("dataset-version", "plays-2026-11"),
        ref("team", "org/media"),
    }


@pytest.mark.parametrize("form", formats.FORMATS, ids=lambda form: form.name)
def test_every_format_says_the_same(form: formats.Format, tmp_path: Path) -> None:
    quads = formats.parse(WRITTEN.read_bytes(), formats.by_name("turtle"), base="urn:x:")
    data = formats.serialise([q.triple for q in quads], form, prefixes=iris.PREFIXES)
    (tmp_path / f"catalogue.{form.extensions[0]}").write_bytes(data)
    written = DcatSource("dcat", path=str(WRITTEN))
    again = DcatSource("dcat", path=str(tmp_path))
    refs = list(written.list())
    assert set(refs) == set(again.list())
    assert [written.fetch(one) for one in refs] == [again.fetch(one) for one in refs]


def test_files_are_one_graph(source: DcatSource, file: Path) -> None:
    whole = {one: source.fetch(one) for one in source.list()}
    head, _, publisher = file.read_text("utf-8").partition("\nd:org\\/media\n")
    prefixes = head[: head.index("\nd:catalogue")]
    file.write_text(head, "utf-8")
    (file.parent / "deep").mkdir()
    (file.parent / "deep" / "publisher.ttl").write_text(
        f"{prefixes}\nd:org\\/media\n{publisher}", "utf-8"
    )
    (file.parent / "notes.txt").write_text("no RDF", "utf-8")
    assert {one: source.fetch(one) for one in source.list()} == whole


def test_another_language(file: Path) -> None:
    made = DcatSource("dcat", path=str(file), prefix=PREFIX, language="de")
    found = told(made, "dataset", "plays")
    assert values(found, "dct:title") == {"Wiedergaben"}
    assert values(found, "dcat:keyword") == {"Ereignisse"}
    assert values(told(made, "dataset", "watching"), "dct:title") == {"Hours watched, by year"}


def test_identifiers_as_keys(source: DcatSource, file: Path) -> None:
    made = DcatSource("dcat", path=str(file), key="identifier")
    with pytest.raises(BadPayload, match="'Plays to October 2026' has no identifier"):
        list(made.list())
    text = file.read_text("utf-8").replace("a dcat:Dataset ;", "a dcat:Dataset, dct:Standard ;")
    file.write_text(text[: text.index("\nd:plays-2026-10")], "utf-8")
    assert {one.key for one in made.list() if one.type == "dataset"} == {"plays-1"}


# --- changes and trouble ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "where"),
    [
        ("x.ttl", b"@prefix d: <http://d/> .\nd:x d:p d:y\nd:z d:p .", r"x\.ttl, line 3"),
        ("x.ttl", b'<a:b> <a:c> "unfinished', r"x\.ttl, line 1"),
        ("x.jsonld", b'{"@context": {},\n "@id": ', r"x\.jsonld, line 2"),
        ("x.nt", b"<a:b> <a:c> .\n", r"x\.nt, line 1"),
        ("x.rdf", b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n', r"x\.rdf, line 2"),
        ("x.ttl", b"", r"x\.ttl says nothing"),
        ("x.ttl", b"\xff", r"x\.ttl, line 1"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(
    name: str, data: bytes, where: str, source: DcatSource, file: Path
) -> None:
    """And nothing is gone, for half of what is said of a dataset is not all."""
    before = list(source.list())
    (file.parent / name).write_bytes(data)
    for _ in range(2):
        for one in (*before, ref("dataset", "nobody")):
            with pytest.raises(SourceUnavailable, match=where):
                source.fetch(one)
    with pytest.raises(SourceUnavailable, match=where):
        list(source.list())
    (file.parent / name).unlink()
    assert list(source.list()) == before


def test_no_cut_through_a_catalogue_takes_anything_for_gone(source: DcatSource, file: Path) -> None:
    """Where Turtle ends after a statement it is a shorter file; anywhere else it is refused."""
    whole, ends = file.read_bytes(), 0
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        try:
            source.fetch(ref("dataset", "plays"))
            ends += 1
        except (SourceUnavailable, BadPayload):
            pass
    assert ends < 20


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.rdf", f'<?xml version="1.0"?>{BOMB}<rdf:RDF {RDF}/>'),
        ("x.rdf", f'<!DOCTYPE r SYSTEM "http://127.0.0.1:PORT/d"><rdf:RDF {RDF}/>'),
        ("x.jsonld", '{"@context": "http://127.0.0.1:PORT/c", "@id": "a:b"}'),
        ("x.jsonld", '{"@context": [{"@import": "http://127.0.0.1:PORT/c"}], "@id": "a:b"}'),
        ("x.jsonld", '{"@context": {"x": {"@id": "a:x", "@context": "http://127.0.0.1:PORT/"}}, "x": {"x": 3}}'),
        ("x.jsonld", '{"a:p":' * 5_000 + "1" + "}" * 5_000),
        ("x.ttl", "<a:b> <a:c> " + "[ <a:c> " * 5_000 + "1" + "]" * 5_000 + " ."),
        ("x.ttl", "<a:b> <a:c> " + "<<( <a:s> <a:p> " * 5_000),
    ],
)  # fmt: skip
def test_what_hurts_a_parser_or_reaches_out_is_refused(
    name: str, text: str, source: DcatSource, file: Path, listener: socket.socket
) -> None:
    text = text.replace("PORT", str(listener.getsockname()[1]))
    (file.parent / name).write_text(text, "utf-8")
    with pytest.raises(BadPayload, match=name):
        source.fetch(ref("dataset", "plays"))
    with pytest.raises(TimeoutError):
        listener.accept()


def test_what_a_catalogue_names_is_never_asked(
    source: DcatSource, file: Path, listener: socket.socket
) -> None:
    edit(
        file,
        "https://data.aurora.example/plays.csv",
        f"http://127.0.0.1:{listener.getsockname()[1]}/",
    )
    assert not source.fetch(ref("dataset", "plays")).gone
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_file_that_is_too_large(file: Path) -> None:
    made = DcatSource("dcat", path=str(file), max_file_mb=0.001)
    with pytest.raises(BadPayload, match="max_file_mb"):
        list(made.list())


def test_one_dataset_without_a_title_harms_no_other(source: DcatSource, file: Path) -> None:
    edit(file, 'dct:title "Hours watched in 2026"@en', 'dct:subject "?"')
    with pytest.raises(BadPayload, match="the dataset watching-2026 has no title"):
        source.fetch(ref("dataset", "watching-2026"))
    assert ref("dataset", "watching-2026") in set(source.list())
    assert not source.fetch(ref("dataset", "plays")).gone


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[] a dcat:Dataset ; dct:title "Nameless" .', "'Nameless' has no iri"),
        ('<https://data.aurora.example/> a dcat:Dataset ; dct:title "Root" .', "'Root' has no iri"),
        ('<plays> a dcat:Dataset . <urn:mlgraph:dcat:plays> dct:title "x" .', "no title"),
    ],
)
def test_a_dataset_that_cannot_be_known(
    text: str, why: str, source: DcatSource, file: Path
) -> None:
    prefixes = file.read_text("utf-8").partition("\nd:catalogue")[0]
    (file.parent / "more.ttl").write_text(f"{prefixes}\n{text}", "utf-8")
    with pytest.raises(BadPayload, match=why):
        for one in source.list():
            source.fetch(one)


def test_two_datasets_of_one_key(file: Path) -> None:
    prefixes = file.read_text("utf-8").partition("\nd:catalogue")[0]
    same = 'a dcat:Dataset ; dct:title "Plays" ; dct:identifier "plays-1" .'
    file.write_text(f"{prefixes}\nd:plays {same}\nd:others {same}", "utf-8")
    by_iri = DcatSource("dcat", path=str(file), prefix=PREFIX)
    assert {one.key for one in by_iri.list()} == {"plays", "others"}
    by_identifier = DcatSource("dcat", path=str(file), key="identifier")
    with pytest.raises(BadPayload, match="two datasets have the key 'plays-1'"):
        list(by_identifier.list())


def test_a_catalogue_without_datasets(source: DcatSource, file: Path) -> None:
    file.write_text("<a:b> a <a:c> .", "utf-8")
    with pytest.raises(BadPayload, match="no file describes a dcat:Dataset"):
        source.fetch(ref("dataset", "plays"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    made = DcatSource("dcat", path=str(tmp_path / "nowhere"))
    with pytest.raises(SourceUnavailable, match="nowhere"):
        list(made.list())


def test_a_version_of_a_version_is_one_of_the_dataset(source: DcatSource, file: Path) -> None:
    edit(file, "dcat:isVersionOf d:plays ;", "dcat:isVersionOf d:plays-2026-10 ;")
    edit(file, "    dcat:hasCurrentVersion d:plays-2026-11 ;\n", "")
    found = told(source, "dataset-version", "plays-2026-11")
    assert values(found, "mlg:versionOf") == {"dataset/dcat/plays"}


def test_versions_of_each_other_are_versions_of_nothing(source: DcatSource, file: Path) -> None:
    head = file.read_text("utf-8").partition("\nd:catalogue")[0]
    rows = [
        f'd:{one} a dcat:Dataset ; dct:title "{one}" ; dcat:isVersionOf d:{other} , d:{one} ; '
        f"dcat:previousVersion d:{other} , d:plain ; dcat:hasVersion [] , d:plain ."
        for one, other in ("ab", "ba")
    ]
    file.write_text("\n".join([head, *rows, "d:plain a dct:Standard ."]), "utf-8")
    assert set(source.list()) == {ref("dataset", "a"), ref("dataset", "b")}
    assert not any(source.fetch(one).gone for one in source.list())


@pytest.mark.parametrize(
    "text", ['dcat:version "a\\nb"', 'dct:publisher [ foaf:name "a\\u0000b" ]']
)
def test_what_cannot_be_part_of_a_key(text: str, source: DcatSource, file: Path) -> None:
    edit(file, 'dcat:version "1.0.0" ;', f"{text} ;")
    edit(file, "    dct:publisher [ a foaf:Person ; ", "    dct:creator [ a foaf:Person ; ")
    with pytest.raises(BadPayload, match="cannot be a key"):
        source.fetch(ref("dataset", "watching-2026"))
    assert not source.fetch(ref("dataset", "plays")).gone
    assert ref("dataset", "watching-2026") in set(source.list())


def test_other_types_are_refused(source: DcatSource) -> None:
    for other in (ref("model", "plays"), EntityRef("dataset", "elsewhere", "plays")):
        with pytest.raises(NotFound):
            source.fetch(other)


@pytest.mark.parametrize(
    ("options", "match"),
    [({"key": "title"}, "key"), ({"max_file_mb": -1}, "max_file_mb"), ({"path": ""}, "path")],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(BadSetting, match=match):
        DcatSource("dcat", **{"path": "x", **options})


def test_every_error_is_one_of_ours(file: Path) -> None:
    """Whatever byte is lost, it is a refusal or a catalogue."""
    whole = file.read_bytes()
    made = DcatSource("dcat", path=str(file), prefix=PREFIX)
    for place in range(0, len(whole), 31):
        file.write_bytes(whole[:place] + whole[place + 1 :])
        try:
            for one in made.list():
                made.fetch(one)
        except MlgError:
            continue
