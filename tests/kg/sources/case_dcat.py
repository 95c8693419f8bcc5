"""A catalogue in DCAT 3, and its place in the contract."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from kg.iris import EntityRef
from kg.sources.dcat import DcatSource
from tests.kg.sources.source_contract import Case

WRITTEN = Path(__file__).parents[2] / "data" / "dcat" / "catalogue.ttl"
PREFIX = "https://data.aurora.example/"


def catalogue(folder: Path) -> Path:
    """The catalogue in a folder of its own, to be changed as one likes."""
    target = folder / "catalogue"
    target.mkdir()
    return Path(shutil.copy(WRITTEN, target))


def edit(file: Path, old: str, new: str) -> None:
    told = file.read_text("utf-8")
    assert old in told
    file.write_text(told.replace(old, new), "utf-8")


def dcat(stack: ExitStack, folder: Path) -> Case:
    file = catalogue(folder)
    source = DcatSource("dcat", path=str(file.parent), prefix=PREFIX)
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "dcat", key)

    def change() -> None:
        edit(file, '"Plays"@en', '"All plays"@en')
        edit(file, "d:watching-2026\n    a dcat:Dataset", "d:watching-2026\n    a dcat:Resource")

    def spoil(spoilt: EntityRef) -> None:
        """Datasets without titles."""
        file.write_text(file.read_text("utf-8").replace("dct:title", "dct:alternative"), "utf-8")

    return Case(
        source=source,
        known=(
            ref("dataset", "plays"),
            ref("dataset", "watching"),
            ref("dataset", "watching-2026"),
            ref("dataset-version", "plays-2026-10"),
            ref("dataset-version", "plays-2026-11"),
        ),
        missing=(
            ref("dataset", "catalogue"),
            ref("dataset", "plays-2026-10"),
            ref("dataset", "https://data.aurora.example/plays"),
            ref("dataset-version", "plays"),
            ref("dataset-version", "watching-2026/2"),
            ref("team", "org/nobody"),
        ),
        changed=ref("dataset", "plays"),
        removed=ref("dataset", "watching-2026"),
        change=change,
        take_down=lambda: shutil.rmtree(file.parent),
        spoil=spoil,
        cut_listing=lambda: file.write_bytes(file.read_bytes()[:-10]) and None,
    )
