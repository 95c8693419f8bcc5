"""A writing process for `test_search_processes`: commits version after version until it is killed.

In each version two entities and the description of a third hold the version's number, so a reader
can tell whether it sees one commit or a mixture. Each version is printed once it is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kg.iris import EntityRef, Minter
from kg.search.entries import Entry
from kg.search.index import SearchIndex


def main(path: Path) -> None:
    minter = Minter("http://localhost:8080")
    with SearchIndex(path, labels={}) as index:
        while True:
            version = index.version + 1
            index.update(_entries(minter, version), removed=[minter.mint(_ref(version - 1))])
            index.commit(version)
            print(version, flush=True)


def _entries(minter: Minter, version: int) -> list[Entry]:
    refs = [_ref(version), EntityRef("dataset", "x", "left"), EntityRef("dataset", "x", "right")]
    return [Entry(iri=minter.mint(ref), ref=ref, name=f"version {version}") for ref in refs]


def _ref(version: int) -> EntityRef:
    return EntityRef("model", "x", f"of-{version}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
