"""Croissant's datasets as documents: what `context.jsonld` cannot say, in pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kg.errors import BadIri, BadPayload
from kg.iris import EntityRef
from kg.model import Document, Payload
from kg.sources.answers import date_time
from kg.sources.croissant.descriptions import addresses, bare, first, nodes, texts, types
from kg.sources.licences import licence

KEYS: Final = ("name", "url", "@id", "identifier")
OWNERS: Final = ("creator", "publisher", "maintainer")
_SPLIT: Final = "Split"
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{32,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a configured source reads what it finds; the settings are told of in the package."""

    source: str
    key: str
    owners: tuple[str, ...]

    def key_of(self, dataset: Payload) -> str:
        found = first(dataset, self.key)
        if not found:
            raise BadPayload(f"a dataset lacks {self.key!r}: {dataset!r:.200}")
        return found

    def documents(self, dataset: Payload, known: Mapping[str, str]) -> Iterator[Document]:
        """The dataset, its version and the teams that answer for it.

        ``known`` has the keys of all datasets here, by their addresses.
        """
        key, name = self.key_of(dataset), first(dataset, "name")
        if not name:
            raise BadPayload(f"the dataset {key} has no name.")
        people, teams = self._owners(dataset)
        shared: dict[str, Any] = {
            "description": first(dataset, "description"),
            "created": _date(dataset, "dateCreated") or _date(dataset, "datePublished"),
            "licences": sorted({l for told in _licences(dataset) if (l := licence(told))}),
            "schema": _schema(dataset),
            "locations": _locations(dataset),
            "people": people,
            "teams": sorted(teams),
        }
        addressed = {address for n in ("url", "sameAs") for address in addresses(dataset, n)}
        inputs = {
            known[address]
            for member in ("wasDerivedFrom", "isBasedOn")
            for address in (*addresses(dataset, member), *texts(dataset, member))
            if address in known
        }
        yield self._document(
            "dataset",
            key,
            **shared,
            name=name,
            identifiers=sorted({*texts(dataset, "identifier"), *texts(dataset, "@id")} - {key}),
            modified=_date(dataset, "dateModified"),
            tags=sorted(set(texts(dataset, "keywords"))),
            pages=sorted(a for a in addressed if a.startswith(("http://", "https://"))),
            inputs=sorted(inputs - {key}),
        )
        if version := first(dataset, "version"):
            yield self._document(
                "dataset-version",
                f"{key}/{version}",
                **shared,
                name=f"{name} {version}",
                version=version,
                dataset=key,
                digest=_digest(dataset),
            )
        for team, told in sorted(teams.items()):
            page = first(told, "url")
            yield self._document(
                "team",
                team,
                teamName=team,
                pages=[page] if page.startswith(("http://", "https://")) else [],
            )

    def _owners(self, dataset: Payload) -> tuple[list[str], dict[str, Payload]]:
        """The people by e-mail and the teams by name, of the first member that names any."""
        for member in self.owners:
            told = nodes(dataset, member)
            people = {address for one in told if (address := _email(one))}
            teams = {
                name: one
                for one in told
                if not _email(one) and "Person" not in types(one) and (name := first(one, "name"))
            }
            if people or teams:
                return sorted(people), teams
        return [], {}

    def _document(self, entity_type: str, key: str, **payload: Any) -> Document:
        told = {name: value for name, value in payload.items() if value not in (None, "", [])}
        try:
            return Document(ref=EntityRef(entity_type, self.source, key), payload=told)
        except BadIri as error:
            raise BadPayload(f"{key!r} cannot be a key: {error}") from error


def _email(agent: Payload) -> str:
    """The address of a person; organisations have one for everybody, and are teams all the same."""
    if "Organization" in types(agent):
        return ""
    address = first(agent, "email").removeprefix("mailto:").lower()
    return address if "@" in address else ""


def _licences(dataset: Payload) -> Iterator[str]:
    for told in nodes(dataset, "license"):
        yield from filter(None, [first(told, "url"), first(told, "@id"), first(told, "name")])


def _locations(dataset: Payload) -> list[str]:
    found = {address for file in _files(dataset) for address in addresses(file, "contentUrl")}
    return sorted(address for address in found if " " not in address)


def _files(dataset: Payload) -> list[Payload]:
    """Those that are not inside of others."""
    return [file for file in nodes(dataset, "distribution") if not file.get("containedIn")]


def _digest(dataset: Payload) -> str:
    """The checksum, if the dataset is one file; some write other things in its place."""
    files = _files(dataset)
    if len(files) == 1:
        for kind in ("sha256", "md5"):
            if _HEXADECIMAL.fullmatch(told := first(files[0], kind)):
                return f"{kind}:{told.lower()}"
    return ""


def _schema(dataset: Payload) -> str:
    """The columns in the order of the file; with their record set's name if there are several.

    A record set that only names the splits holds no data.
    """
    sets = [s for s in nodes(dataset, "recordSet") if _SPLIT not in map(bare, texts(s, "dataType"))]
    told = []
    for records in sets:
        of = _name(records)
        told += [
            f"{of}.{column}" if len(sets) > 1 else column
            for column in _columns(records, of, "field")
        ]
    return ", ".join(told)


def _columns(parent: Payload, of: str, member: str) -> Iterator[str]:
    for field in nodes(parent, member):
        name = _name(field).removeprefix(f"{of}/")
        kinds = [bare(told) for told in texts(field, "dataType")]
        several = "[]" if field.get("repeated") is True or field.get("isArray") is True else ""
        inner = list(_columns(field, _name(field), "subField"))
        if inner:
            yield from (f"{name}{several}.{column}" for column in inner)
        else:
            yield f"{name}: {kinds[0]}{several}" if kinds else f"{name}{several}"


def _name(node: Payload) -> str:
    return first(node, "name") or first(node, "@id")


def _date(dataset: Payload, name: str) -> str | None:
    """A date in whatever exactness; what is no date, as people write it, is left out."""
    try:
        return date_time({name: first(dataset, name)}, name)
    except BadPayload:
        return None
