"""The README of the ontology shows every class, every chain and every folder that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox

FOLDER = Path(__file__).resolve().parents[2] / "ontology"
README = (FOLDER / "README.md").read_text(encoding="utf-8")

CHAIN = """
SELECT DISTINCT ?head ?cell ?step
WHERE { ?head owl:propertyChainAxiom ?cell . ?cell rdf:rest*/rdf:first ?step }
"""


def test_every_concrete_class_is_in_the_picture(
    ontology: ox.Store, prefixes: dict[str, str]
) -> None:
    query = "SELECT ?c WHERE { ?c a owl:Class FILTER NOT EXISTS { ?c mlg:isAbstract true } }"
    found = ontology.query(query, prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    names = {
        row["c"].value.removeprefix(prefixes["mlg"])
        for row in found
        if row["c"].value.startswith(prefixes["mlg"])
    }
    picture = README.split("```")[1]
    assert {
        name
        for name in names
        if not re.search(rf"\b{name}\b|\b{name.removesuffix('Version')}\(", picture)
    } == set()


def test_the_table_of_chains_is_the_ontology(ontology: ox.Store, prefixes: dict[str, str]) -> None:
    found = ontology.query(CHAIN, prefixes=prefixes)
    assert isinstance(found, ox.QuerySolutions)
    steps: dict[tuple[str, str], set[str]] = {}
    for row in found:
        head = row["head"].value.removeprefix(prefixes["mlg"])
        steps.setdefault((head, str(row["cell"])), set()).add(
            row["step"].value.removeprefix(prefixes["mlg"])
        )
    table = re.findall(r"^\| `mlg:(\w+)` \| `([^`]+)` \|$", README, re.MULTILINE)
    told = sorted((head, sorted(path.split(" ∘ "))) for head, path in table)
    assert told == sorted((head, sorted(path)) for (head, _), path in steps.items())


def test_every_folder_is_explained() -> None:
    for folder in FOLDER.iterdir():
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            assert f"`{folder.name}/`" in README
