"""Descriptions that MLCommons' own library wrote, and their place in the contract."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from kg.sources.croissant import CroissantSource
from tests.kg.sources.source_contract import Case

WRITTEN = Path(__file__).parents[2] / "data" / "croissant"


def descriptions(folder: Path) -> Path:
    """A folder with all that was written, to be changed as one likes."""
    target = folder / "descriptions"
    shutil.copytree(WRITTEN, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return target


def edit(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    told = json.loads(file.read_bytes())
    change(told)
    file.write_text(json.dumps(told), "utf-8")


def croissant(stack: ExitStack, folder: Path) -> Case:
    there = descriptions(folder)
    source = CroissantSource("croissant", path=str(there))
    stack.callback(source.close)

    def ref(entity_type: str, key: str) -> EntityRef:
        return EntityRef(entity_type, "croissant", key)

    def change() -> None:
        edit(there / "plays.json", lambda told: told.update(description="Other."))
        (there / "titles.json").unlink()

    def spoil(spoilt: EntityRef) -> None:
        for file in there.iterdir():
            edit(file, lambda told: told.pop("name", None))

    return Case(
        source=source,
        known=(
            ref("dataset", "plays"),
            ref("dataset", "titles"),
            ref("dataset-version", "plays/1.2.0"),
            ref("team", "Aurora"),
            ref("team", "Aurora Media"),
        ),
        missing=(
            ref("dataset", "play"),
            ref("dataset-version", "plays/1.2.1"),
            ref("dataset-version", "plays"),
            ref("team", "Ada Okafor"),
        ),
        changed=ref("dataset", "plays"),
        removed=ref("dataset", "titles"),
        change=change,
        take_down=lambda: shutil.rmtree(there),
        spoil=spoil,
        cut_listing=lambda: edit(there / "plays.json", lambda told: told.pop("name")),
    )
