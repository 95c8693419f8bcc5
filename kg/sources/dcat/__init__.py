"""DCAT: datasets as catalogues in RDF tell of them, from files.

Reads DCAT 2 and 3, and so DCAT-AP, in Turtle, JSON-LD, RDF/XML, N-Triples, N-Quads and TriG; needs
no library. Settings::

    [sources.dcat]
    kind = "dcat"
    path = "/srv/catalogue"              # a file, or a folder with files at any depth
    files = "*.ttl,*.jsonld,*.rdf"       # patterns with commas between; * is anything, / too
    key = "iri"                          # or "identifier": what a dataset is known by
    prefix = "https://data.example/"     # what is left out at the beginning of an IRI as a key
    language = "en"                      # the texts to show where there are several languages
    max_file_mb = 16

What is what:

=============================== =================== ===========================================
DCAT                            type                key
=============================== =================== ===========================================
dataset, dataset series         ``dataset``         its IRI or identifier
dataset that is the version of  ``dataset-version`` its IRI or identifier
another one here
dataset with a version number   ``dataset-version`` ``key/number``
and no version described
publisher                       ``team``            its IRI, else its name
contact that is an individual,  ``person``          e-mail; ``links`` says who knows them
publisher who is a person
=============================== =================== ===========================================

A dataset is part of its series, has its themes, and as locations what its distributions download,
else access. Its licence is the one it states, else those of its distributions, under SPDX's address
where they are known. It is computed from the datasets here that it is derived from or that are its
source. Versions supersede their previous ones. A publisher owns what it publishes.

A dataset brings its versions and publishers along. The files are one graph, so a file that does not
parse makes the source down, with its line: half of what is said of a dataset is not all. So does a
file that says nothing, and a folder without files. A dataset without a title, or whose key two have,
is an error.

The files are RDF from outside: nothing that they name is ever fetched, remote JSON-LD contexts are
refused, as are document types (entity bombs), deep nesting and files over ``max_file_mb``.

Known limits: write files under another name and rename them, since Turtle that ends too early at
the end of a statement cannot be told from a shorter file. Catalogues, data services, access rights,
spatial and temporal coverage have no place in the ontology yet; contacts that are organisations and
creators are left out, as are people without an e-mail address and dates that are no dates.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyoxigraph as ox

from kg.errors import BadPayload, BadSetting
from kg.iris import EntityRef
from kg.model import Document, Snapshot
from kg.sources import not_owned
from kg.sources.dcat.catalogue import Catalogue, parse
from kg.sources.dcat.documents import KEYS, Documents
from kg.sources.dcat.documents import Reading as How
from kg.sources.files import Files, Reading
from kg.sources.http import positive


class DcatSource:
    """A set of catalogues. The module's docstring has the settings and what is what."""

    types: ClassVar[frozenset[str]] = frozenset({"dataset", "dataset-version", "team"})
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        *,
        path: str,
        files: str = "*.ttl,*.jsonld,*.json,*.rdf,*.xml,*.nt,*.nq,*.trig",
        key: str = "iri",
        prefix: str = "",
        language: str = "en",
        max_file_mb: float = 16.0,
    ) -> None:
        self.name = name
        if key not in KEYS:
            raise BadSetting(f"[sources.{name}] key = {key!r} is none of {', '.join(KEYS)}.")
        self._how = How(source=name, key=key, prefix=prefix, language=language.lower())
        self._files = Files(
            name,
            path=path,
            patterns=files,
            parse=parse,
            max_bytes=int(positive(name, "max_file_mb", max_file_mb) * 1024 * 1024),
        )
        self._made: tuple[Reading[builtins.list[ox.Triple]], Documents] | None = None

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        made = self._documents()
        own = made.told.get(ref)
        if own is None:
            return Snapshot(ref=ref, documents=())
        if isinstance(own, BadPayload):
            raise BadPayload(f"Source {self.name!r} on {ref}: {own}") from own
        besides = (made.told[one] for one in sorted(made.besides.get(ref, ()), key=str))
        usable = (document for document in besides if isinstance(document, Document))
        return Snapshot(ref=ref, documents=(own, *usable))

    def list(self) -> Iterator[EntityRef]:
        return iter(builtins.list(self._documents().told))

    def close(self) -> None:
        self._made = None

    def _documents(self) -> Documents:
        """All that the files tell, made anew when one of them has changed."""
        found = self._files.read()
        found.refuse_broken()
        made = self._made
        if made is None or made[0] is not found:
            try:
                documents = Documents(Catalogue(found.told.values()), self._how)
            except BadPayload as error:
                raise BadPayload(f"Source {self.name!r}: {error}") from error
            if not documents.told:
                raise BadPayload(f"Source {self.name!r}: no file describes a dcat:Dataset.")
            self._made = made = found, documents
        return made[1]
