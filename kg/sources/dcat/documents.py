"""DCAT's datasets as documents: what `context.jsonld` cannot say, in pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document
from kg.sources.answers import date_time
from kg.sources.dcat.catalogue import Catalogue, Node
from kg.sources.licences import licence

KEYS: Final = ("iri", "identifier")
_DATASETS: Final = ("dcat:Dataset", "dcat:DatasetSeries")
_IS_VERSION: Final = ("dcat:isVersionOf", "dct:isVersionOf")
_HAS_VERSION: Final = ("dcat:hasVersion", "dcat:hasCurrentVersion", "dct:hasVersion")
_PREVIOUS: Final = ("dcat:previousVersion", "dcat:prev", "dct:replaces")
_NAMES: Final = ("foaf:name", "skos:prefLabel", "rdfs:label", "dct:title")
_WEB: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a configured source reads what it finds; the settings are told of in the package."""

    source: str
    key: str
    prefix: str
    language: str


class Documents:
    """Everything that a catalogue tells of; an entity that cannot be used has its error instead."""

    def __init__(self, catalogue: Catalogue, how: Reading) -> None:
        self.told: dict[EntityRef, Document | BadPayload] = {}
        self.besides: defaultdict[EntityRef, set[EntityRef]] = defaultdict(set)
        self._catalogue = catalogue
        self._how = how
        self._keys: dict[Node, str] = {}
        for node in catalogue.of_type(*_DATASETS):
            self._keys[node] = self._key_of(node)
        self._versions = self._parents()
        self._versioned = {root for roots in self._versions.values() for root in roots}
        for node, key in self._keys.items():
            self._dataset(node, key)
        for node, key in self._keys.items():
            self._version_by_number(node, key)

    def _key_of(self, node: Node) -> str:
        if self._how.key == "identifier":
            key = next(iter(self._texts(node, "dct:identifier")), "")
        else:
            key = self._shortened(node)
        if not key:
            title = self._text(node, "dct:title") or node.value
            raise BadPayload(f"the dataset {title!r} has no {self._how.key} to be known by.")
        return key

    def _shortened(self, node: Node) -> str:
        return node.value.removeprefix(self._how.prefix) if isinstance(node, ox.NamedNode) else ""

    def _parents(self) -> dict[Node, set[Node]]:
        """The datasets that are versions, with those whose versions they are."""
        found: defaultdict[Node, set[Node]] = defaultdict(set)
        for child, parent in self._catalogue.pairs(*_IS_VERSION):
            found[child].add(parent)
        for parent, child in self._catalogue.pairs(*_HAS_VERSION):
            found[child].add(parent)
        return {child: roots for child in self._keys if (roots := self._roots(child, found))}

    def _roots(self, child: Node, parents: dict[Node, set[Node]]) -> set[Node]:
        """The datasets of which a node is a version, be it the version of a version."""
        seen, waiting, roots = {child}, [child], set[Node]()
        while waiting:
            for parent in parents.get(waiting.pop(), set()) - seen:
                seen.add(parent)
                if parents.get(parent):
                    waiting.append(parent)
                elif parent in self._keys:
                    roots.add(parent)
        return roots

    def _dataset(self, node: Node, key: str) -> None:
        parents = sorted(self._keys[parent] for parent in self._versions.get(node, ()))
        kind = "dataset-version" if parents else "dataset"
        ref = self._ref(kind, key)
        if ref in self.told:
            raise BadPayload(
                f"two datasets have the key {key!r}; set key and prefix so that none do."
            )
        more: dict[str, Any] = {"series": self._others(node, "dcat:inSeries")}
        if parents:
            previous = self._catalogue.all_nodes(node, *_PREVIOUS)
            more = {
                "version": self._version(node) or key,
                "dataset": parents,
                "digest": self._digest(node),
                "previous": sorted(self._keys[p] for p in previous if p in self._versions),
            }
        try:
            self._tell(ref, self._shared(node, ref), **more, name=self._title(node, key))
        except BadPayload as error:
            self.told[ref] = error
        for parent in parents:
            self.besides[self._ref("dataset", parent)].add(ref)

    def _version_by_number(self, node: Node, key: str) -> None:
        """The version of a dataset that says its number and has none described."""
        number, ref = self._version(node), self._ref("dataset", key)
        if not number or node in self._versions or node in self._versioned:
            return
        try:
            versioned = self._ref("dataset-version", f"{key}/{number}")
            if versioned in self.told or isinstance(self.told[ref], BadPayload):
                return
            self._tell(
                versioned,
                self._shared(node, versioned),
                name=f"{self._title(node, key)} {number}",
                version=number,
                dataset=key,
                digest=self._digest(node),
            )
            self.besides[ref].add(versioned)
        except BadPayload as error:
            self.told[ref] = error

    def _shared(self, node: Node, ref: EntityRef) -> dict[str, Any]:
        """What datasets and versions say alike; ``ref`` brings along the teams named on the way."""
        at = self._catalogue
        people, teams = self._owners(node, ref)
        files = at.nodes(node, "dcat:distribution")
        return {
            "description": self._text(node, "dct:description"),
            "identifiers": sorted({*self._texts(node, "dct:identifier"), *_iri(node)} - {ref.key}),
            "tags": self._texts(node, "dcat:keyword"),
            "themes": sorted(one for theme in at.nodes(node, "dcat:theme") for one in _iri(theme)),
            "created": self._date(node, "dct:created", "dct:issued"),
            "modified": self._date(node, "dct:modified"),
            "licences": self._licences([node]) or self._licences(files),
            "locations": sorted({one for file in files for one in self._addresses(file)}),
            "pages": self._pages(node, "dcat:landingPage", "foaf:page"),
            "people": people,
            "teams": teams,
            "inputs": self._others(node, "prov:wasDerivedFrom", "dct:source"),
        }

    def _others(self, node: Node, *names: str) -> list[str]:
        """Datasets described here that a node refers to."""
        others = {*self._catalogue.all_nodes(node, *names)} - {node} - self._versions.keys()
        return sorted(self._keys[other] for other in others if other in self._keys)

    def _owners(self, node: Node, ref: EntityRef) -> tuple[list[str], list[str]]:
        """The persons to contact, by e-mail, and the publishers."""
        contacts = self._catalogue.nodes(node, "dcat:contactPoint")
        people = {
            self._email(one) for one in contacts if "Individual" in self._catalogue.types(one)
        }
        teams = set()
        for publisher in self._catalogue.nodes(node, "dct:publisher"):
            name = self._text(publisher, *_NAMES)
            if "Person" in self._catalogue.types(publisher):
                people.add(self._email(publisher))
            elif key := self._shortened(publisher) or name:
                team = self._ref("team", key)
                known = isinstance(publisher, ox.NamedNode)  # others of that name are not the same
                pages = self._pages(publisher, "foaf:page") if known else []
                self._tell(team, {}, teamName=name or key, pages=pages)
                teams.add(key)
                self.besides[ref].add(team)
        return sorted(people - {""}), sorted(teams)

    def _pages(self, node: Node, *names: str) -> list[str]:
        pages = {page.value for page in self._catalogue.all_nodes(node, *names)}
        return sorted(page for page in pages if page.startswith(_WEB))

    def _email(self, agent: Node) -> str:
        for name in ("hasEmail", "mbox", "email"):
            for told in self._catalogue.by_local_name(agent, name):
                if isinstance(told, ox.NamedNode | ox.Literal):
                    address = told.value.strip().lower().removeprefix("mailto:")
                    if "@" in address:
                        return address
        return ""

    def _licences(self, nodes: list[Node]) -> list[str]:
        told = {
            licence(one)
            for node in nodes
            for one in (
                *(n.value for n in self._catalogue.nodes(node, "dct:license")),
                *self._texts(node, "dct:license"),
            )
        }
        return sorted(told - {""})

    def _addresses(self, file: Node) -> list[str]:
        """Where a distribution is: its download, else its access."""
        for name in ("dcat:downloadURL", "dcat:accessURL"):
            if found := [o.value for o in self._catalogue.nodes(file, name) if _iri(o)]:
                return found
        return []

    def _digest(self, node: Node) -> str:
        """The checksum, if the dataset is one file."""
        files = self._catalogue.nodes(node, "dcat:distribution")
        if len(files) != 1:
            return ""
        sums = (
            c for c in self._catalogue.by_local_name(files[0], "checksum") if isinstance(c, Node)
        )
        told = [v for one in sums for v in self._catalogue.by_local_name(one, "checksumValue")]
        return told[0].value if len(told) == 1 and isinstance(told[0], ox.Literal) else ""

    def _version(self, node: Node) -> str:
        told = self._texts(node, "dcat:version", "owl:versionInfo")
        return told[0] if told else ""

    def _title(self, node: Node, key: str) -> str:
        title = self._text(node, "dct:title", "rdfs:label")
        if not title:
            raise BadPayload(f"the dataset {key} has no title.")
        return title

    def _date(self, node: Node, *names: str) -> str | None:
        """A date in whatever exactness; what is no date is left out."""
        for one in self._catalogue.literals(node, *names):
            try:
                return date_time({"date": one.value}, "date")
            except BadPayload:
                continue
        return None

    def _text(self, node: Node, *names: str) -> str:
        return self._catalogue.text(node, *names, language=self._how.language)

    def _texts(self, node: Node, *names: str) -> list[str]:
        return self._catalogue.texts(node, *names, language=self._how.language)

    def _ref(self, kind: str, key: str) -> EntityRef:
        try:
            return EntityRef(kind, self._how.source, key)
        except BadIri as error:
            raise BadPayload(f"{key!r:.200} cannot be a key: {error}") from error

    def _tell(self, ref: EntityRef, shared: dict[str, Any], **more: Any) -> None:
        payload = {**shared, **more}
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        self.told[ref] = Document(ref=ref, payload=told)


def _iri(node: Node) -> Iterator[str]:
    if isinstance(node, ox.NamedNode):
        yield node.value
