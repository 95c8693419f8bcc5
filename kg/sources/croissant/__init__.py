"""Croissant: datasets as their descriptions in Croissant's JSON-LD tell of them, from files.

Reads Croissant 1.0 and 1.1 of MLCommons (files written by mlcroissant 1.1.1); needs no library.
Settings::

    [sources.croissant]
    kind = "croissant"
    path = "/srv/datasets"                     # a file, or a folder with files at any depth
    files = "*.json"                           # patterns with commas between; * is anything, / too
    key = "name"                               # or "url", "@id", "identifier": what a dataset's key is
    owners = "creator,publisher"               # or "maintainer" too: the first that names somebody
    max_file_mb = 16

What is what:

=============================== =================== ===========================================
Croissant                       type                key
=============================== =================== ===========================================
dataset                         ``dataset``         its name, or what ``key`` says
dataset with a version          ``dataset-version`` ``key/version``
organisation that answers for   ``team``            its name
a dataset
person who answers for one      ``person``          e-mail; ``links`` says who knows them
=============================== =================== ===========================================

Fields of record sets are the columns, in the order of the file, with the record set's name before
them if there are several: ``member_id: Integer, tags: Text[]``. Files that are not inside of others
are the locations; the checksum is the version's digest if the dataset is one file. Licences get
SPDX's address where they are known (``CC-BY-4.0``, or the licence's own address); a text that names
none is left out. What a dataset is derived from (``prov:wasDerivedFrom``, ``isBasedOn``) is its
input if it is described here too, be it named by address, id or key.

A dataset brings its version and teams along. A description that is deleted is gone. A file that
does not parse is a source that is down for what nothing else tells of, with its line; two files
that describe one dataset are an error of the second. Without any file, the source is down.

Known limits: there is no place in the ontology for citations, and for people without an e-mail
address. Descriptions are not fetched from the web, and an ``@context`` is never followed: names are
read as Croissant's own contexts have them. Dates that are no dates are left out.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Payload, Snapshot
from kg.sources import not_owned
from kg.sources.croissant.descriptions import addresses, parse, texts
from kg.sources.croissant.documents import KEYS, OWNERS, Reading
from kg.sources.files import Files
from kg.sources.files import Reading as Found
from kg.sources.http import positive


class CroissantSource:
    """A set of descriptions. The module's docstring has the settings and what is what."""

    types: ClassVar[frozenset[str]] = frozenset({"dataset", "dataset-version", "team"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        *,
        path: str,
        files: str = "*.json",
        key: str = "name",
        owners: str = "creator,publisher",
        max_file_mb: float = 16.0,
    ) -> None:
        self.name = name
        self._how = Reading(source=name, key=_key(name, key), owners=_owners(name, owners))
        self._files = Files(
            name,
            path=path,
            patterns=files,
            parse=parse,
            max_bytes=int(positive(name, "max_file_mb", max_file_mb) * 1024 * 1024),
        )
        self._made: tuple[Found[list[Payload]], _Made] | None = None

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        made = self._known_of(ref) or self._documents()
        own = made.documents.get(ref)
        if own is None:
            made.refuse_broken()
            return Snapshot(ref=ref, documents=())
        return Snapshot(ref=ref, documents=(own, *made.besides.get(ref, ())))

    def list(self) -> Iterator[EntityRef]:
        made = self._documents()
        made.refuse_broken()
        return iter(builtins.list(made.documents))

    def close(self) -> None:
        self._made = None

    def _known_of(self, ref: EntityRef) -> _Made | None:
        """What was made before, if the file that tells of an entity has not changed since.

        To look at every file for every entity would take 20 s for 1,000.
        """
        made = self._made[1] if self._made else None
        file = made.files.get(ref) if made else None
        return made if file and self._files.is_as_read(file) else None

    def _documents(self) -> _Made:
        """All that the files tell, made anew when one of them has changed."""
        found = self._files.read()
        made = self._made
        if made is None or made[0] is not found:
            self._made = made = found, _Made(found, self._how)
        return made[1]


class _Made:
    """The documents of one moment's files, and what of them cannot be used."""

    def __init__(self, found: Found[list[Payload]], how: Reading) -> None:
        self.documents: dict[EntityRef, Document] = {}
        self.besides: dict[EntityRef, tuple[Document, ...]] = {}
        self.files: dict[EntityRef, str] = {}
        self._found = Found(told=found.told, broken=dict(found.broken))
        known = dict(_known(found, how))
        for file, datasets in found.told.items():
            try:
                for dataset in datasets:
                    made = builtins.list(how.documents(dataset, known))
                    ref = made[0].ref
                    if ref in self.documents:
                        raise BadPayload(
                            f"{self.files[ref]} describes {ref.key!r} too; give one another name."
                        )
                    made = [self.documents.setdefault(document.ref, document) for document in made]
                    for document in made:
                        self.files.setdefault(document.ref, file)
                    self.besides[ref] = tuple(made[1:])
            except BadPayload as error:
                self._found.broken[file] = BadPayload(f"Source {how.source!r}: {file}: {error}")

    def refuse_broken(self) -> None:
        self._found.refuse_broken()


def _known(found: Found[builtins.list[Payload]], how: Reading) -> Iterator[tuple[str, str]]:
    """Every way to name a dataset here, with its key; the first that has a name keeps it."""
    for datasets in reversed(found.told.values()):
        for dataset in datasets:
            try:
                key = how.key_of(dataset)
            except BadPayload:
                continue  # told of when its documents are made
            for name in ("url", "sameAs", "@id", "identifier"):
                yield from (
                    (one, key) for one in (*addresses(dataset, name), *texts(dataset, name))
                )
            yield key, key


def _key(source: str, key: str) -> str:
    if key not in KEYS:
        raise BadSetting(f"[sources.{source}] key = {key!r} is none of {', '.join(KEYS)}.")
    return key


def _owners(source: str, owners: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in owners.split(",") if word.strip())
    if not set(words) <= set(OWNERS):
        raise BadSetting(f"[sources.{source}] owners = {owners!r}: known are {', '.join(OWNERS)}.")
    return words
