"""Writes descriptions with MLCommons' own library, for the tests that read them.

    python tests/data/croissant/record.py

Runs in an environment with mlcroissant 1.1.1, which checks what it writes: each file is loaded
again, and a finding of the library's, were there one, ends the program.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlcroissant as mlc

HERE = Path(__file__).parent
SHA256 = "5f2a9c01" * 8


def context(version: str) -> mlc.Context:
    return mlc.Context(conforms_to=f"http://mlcommons.org/croissant/{version}")


def plays(ctx: mlc.Context) -> mlc.Metadata:
    """One file, typed columns, people and organisations, in Croissant 1.1."""

    def column(name: str, kind: Any, **more: Any) -> mlc.Field:
        source = mlc.Source(file_object="plays.csv", extract=mlc.Extract(column=name))
        return mlc.Field(id=f"plays/{name}", name=name, data_types=[kind], source=source, **more)

    return mlc.Metadata(
        ctx=ctx,
        id="https://data.aurora.example/plays",
        name="plays",
        description="One row for each start of a title.",
        license=["https://creativecommons.org/licenses/by/4.0/"],
        url="https://data.aurora.example/plays",
        version="1.2.0",
        date_created="2026-10-31",
        date_published="2026-11-01",
        date_modified="2026-11-02",
        cite_as="@misc{plays, title={Plays}}",
        keywords=["play", "events"],
        creators=[
            mlc.Person(name="Ada Okafor", email="Ada@aurora.example"),
            mlc.Organization(name="Aurora Media", url="https://aurora.example/media"),
        ],
        publisher=[mlc.Organization(name="Aurora")],
        distribution=[
            mlc.FileObject(
                id="plays.csv",
                name="plays.csv",
                content_url="https://data.aurora.example/plays.csv",
                encoding_formats=["text/csv"],
                sha256=SHA256,
            )
        ],
        record_sets=[
            mlc.RecordSet(
                id="plays",
                name="plays",
                fields=[
                    column("member_id", mlc.DataType.INTEGER, description="Who played it."),
                    column("title_id", mlc.DataType.INTEGER),
                    column("tags", mlc.DataType.TEXT, repeated=True),
                ],
            )
        ],
    )


def titles(ctx: mlc.Context) -> mlc.Metadata:
    """An archive with files in it, two record sets, nobody's e-mail, in Croissant 1.0."""

    def column(of: str, name: str, kind: Any) -> mlc.Field:
        source = mlc.Source(file_set="pages", extract=mlc.Extract(json_path=f"$.{name}"))
        return mlc.Field(id=f"{of}/{name}", name=name, data_types=[kind], source=source)

    return mlc.Metadata(
        ctx=ctx,
        name="titles",
        description="What can be played.",
        license=["MIT"],
        url="https://data.aurora.example/titles",
        date_published="2026-11-01T12:00:00",
        creators=[mlc.Person(name="Nobody's Address")],
        publisher=[mlc.Organization(name="Aurora")],
        distribution=[
            mlc.FileObject(
                id="titles.zip",
                name="titles.zip",
                content_url="titles.zip",
                encoding_formats=["application/zip"],
                sha256=SHA256,
            ),
            mlc.FileSet(
                id="pages",
                name="pages",
                contained_in=["titles.zip"],
                encoding_formats=["application/json"],
                includes=["*.json"],
            ),
        ],
        record_sets=[
            mlc.RecordSet(
                id="titles",
                name="titles",
                fields=[
                    column("titles", "title_id", mlc.DataType.INTEGER),
                    column("titles", "released", mlc.DataType.DATE),
                ],
            ),
            mlc.RecordSet(
                id="genres", name="genres", fields=[column("genres", "name", mlc.DataType.TEXT)]
            ),
        ],
    )


def main() -> None:
    for make, version in ((plays, "1.1"), (titles, "1.0")):
        written = make(context(version)).to_json()
        file = HERE / f"{written['name']}.json"
        file.write_text(json.dumps(written, indent=1, default=str) + "\n", "utf-8")
        issues = mlc.Dataset(jsonld=str(file)).metadata.ctx.issues
        if issues.errors:
            raise SystemExit(issues.report())
        print(f"{file.name}: {issues.report() or 'no findings'}")


if __name__ == "__main__":
    main()
