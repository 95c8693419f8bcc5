"""The border to pyiceberg: what it is asked, and its errors in our words.

Catalogues, object stores and databases each bring errors of their own. What says that an answer
is malformed is a `BadPayload`; everything else is a source that cannot be asked now, which is the
safe reading: the event is kept and tried again, and nothing is taken for gone.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, Final

from pyiceberg.catalog import Catalog, CatalogType, infer_catalog_type, load_catalog
from pyiceberg.exceptions import (
    BadRequestError,
    NoSuchIcebergTableError,
    NoSuchNamespaceError,
    NoSuchTableError,
    NotInstalledError,
    ValidationError,
)
from pyiceberg.table import Table
from pyiceberg.utils.config import Config, merge_config

from kg.errors import (
    BadPayload,
    BadSetting,
    MissingExtra,
    MlgError,
    SourceClosed,
    SourceUnavailable,
)
from kg.sources.pace import Pace

Identifier = tuple[str, ...]

_MALFORMED: Final = (
    ValidationError,
    BadRequestError,
    BadGzipFile,
    EOFError,
    zlib.error,
    ValueError,
    KeyError,
    TypeError,
    StopIteration,
)


class Catalogue:
    """Opened when it is first asked, and anew after an error. Safe to use from several threads."""

    def __init__(
        self,
        source: str,
        *,
        catalog: str,
        properties: Mapping[str, str],
        pace: Pace,
        timeout_seconds: float,
    ) -> None:
        self._source = source
        self._pace = pace
        self._timeout = timeout_seconds
        self._name = catalog
        self._properties = {"init_catalog_tables": "false", **properties}
        self._sqlite = properties.get("uri", "").startswith("sqlite")
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._closed = False
        self._check()

    def table(self, identifier: Identifier) -> Table | None:
        """A table with its metadata; None if the catalogue does not have it (any more)."""
        with self._asked() as catalog:
            for _ in range(2):
                try:
                    table: Table = catalog.load_table(identifier)
                except NoSuchIcebergTableError:
                    return None
                except (NoSuchTableError, NoSuchNamespaceError):
                    if not _listed(catalog, identifier):
                        return None
                else:
                    # A catalogue that ignores case answers with its own spelling.
                    return table if table.name() == identifier else None
            raise BadPayload(f"the catalogue lists {'.'.join(identifier)} and cannot load it.")

    def identifiers(self) -> Iterator[Identifier]:
        """Every table there is, in all namespaces at any depth."""
        waiting: list[Identifier] = [()]
        seen: set[Identifier] = set()
        while waiting:
            namespace = waiting.pop()
            with self._asked() as catalog:
                inside = _namespaces(catalog, namespace)
                tables = _tables(catalog, namespace) if namespace else []
            yield from tables
            fresh = [n for n in inside if n not in seen]
            seen.update(fresh)
            waiting += fresh

    def close(self) -> None:
        self._closed = True
        self._pace.close()
        self._forget()

    @contextmanager
    def _asked(self) -> Iterator[Catalog]:
        try:
            self._pace.wait()
            yield self._open()
        except MlgError:
            raise
        except (NotInstalledError, ModuleNotFoundError) as error:
            raise MissingExtra(
                f"[sources.{self._source}] needs more of pyiceberg for this catalogue: {error}"
            ) from error
        except _MALFORMED as error:
            raise BadPayload(f"an answer that cannot be read: {_short(error)}") from error
        except Exception as error:
            self._forget()
            raise SourceUnavailable(
                f"Source {self._source!r} cannot be asked: {_short(error)}", source=self._source
            ) from error
        finally:
            if self._sqlite:
                self._release()

    def _open(self) -> Catalog:
        with self._lock:
            if self._closed:  # while others were waiting for one that opened it
                raise SourceClosed(f"Source {self._source!r} is closed.", source=self._source)
            if self._sqlite:
                self._find_file()
            if self._catalog is None:
                self._catalog = self._load()
            return self._catalog

    def _load(self) -> Catalog:
        ours: Any = self._properties
        if "py-catalog-impl" not in ours:
            ours = merge_config(Config().get_catalog_config(self._name) or {}, ours)
            kind = ours.get("type", "").lower() or infer_catalog_type(self._name, ours)
            if kind in (CatalogType.REST, CatalogType.REST.value) and "uri" in ours:
                from kg.sources.iceberg.rest import BoundCatalog

                return BoundCatalog(self._name, timeout_seconds=self._timeout, properties=ours)
        return load_catalog(self._name, **self._properties)

    def _forget(self) -> None:
        with self._lock:
            catalog, self._catalog = self._catalog, None
        if catalog is not None:
            catalog.close()

    def _release(self) -> None:
        """Lets go of SQLite's file, but not of what was found out about its tables."""
        with self._lock:
            if self._catalog is not None:
                self._catalog.close()

    def _find_file(self) -> None:
        """SQLite would make an empty database where there is none."""
        from sqlalchemy.engine import make_url

        database = make_url(self._properties["uri"]).database or ""
        if not database.startswith("file:") and not Path(database).is_file():
            raise SourceUnavailable(
                f"Source {self._source!r}: there is no file {database}.", source=self._source
            )

    def _check(self) -> None:
        """Refuses now what `load_catalog` would refuse at the first call."""
        where = f"[sources.{self._source}]"
        kinds = [kind.value for kind in CatalogType]
        kind = self._properties.get("type", "").lower()
        if kind and kind not in kinds:
            raise BadSetting(f"{where} type = {kind!r}: pyiceberg knows {', '.join(kinds)}.")
        if not kind and "py-catalog-impl" not in self._properties:
            try:
                infer_catalog_type(self._name, {"uri": self._properties.get("uri", "")})
            except ValueError as error:
                raise BadSetting(
                    f"{where} needs a url that begins like sqlite:, postgresql:, http: or thrift:, "
                    "or a type in its properties."
                ) from error


def _listed(catalog: Catalog, identifier: Identifier) -> bool:
    """The second opinion on a table that is said to be missing."""
    return identifier in _tables(catalog, identifier[:-1])


def _tables(catalog: Catalog, namespace: Identifier) -> list[Identifier]:
    """The tables in a namespace; none if it is gone, which the namespace above it must confirm."""
    try:
        return list(catalog.list_tables(namespace))
    except NoSuchNamespaceError:
        _confirm_gone(catalog, namespace)
        return []


def _namespaces(catalog: Catalog, namespace: Identifier) -> list[Identifier]:
    try:
        return [tuple(found) for found in catalog.list_namespaces(namespace)]
    except NoSuchNamespaceError:
        if not namespace:
            raise
        _confirm_gone(catalog, namespace)
        return []


def _confirm_gone(catalog: Catalog, namespace: Identifier) -> None:
    """Returns if the listing above does not have it; what cannot be listed at the top is down."""
    if namespace in _namespaces(catalog, namespace[:-1]):
        raise LookupError(f"the namespace {'.'.join(namespace)} is listed and is not found.")


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:500]}"
