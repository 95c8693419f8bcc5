"""Settings: one file, one look at the environment, one frozen object.

Every setting is a row of `SETTINGS`: the file's key, the environment's name, the default and the
help of ``mlg config`` and of the README all come from there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from kg.errors import BadIri, BadSetting
from kg.iris import Minter


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; its type is its default's type."""

    name: str
    default: str | int | float
    help: str
    least: float = 0

    @property
    def variable(self) -> str:
        return "MLG_" + self.name.replace(".", "_").upper()


SETTINGS: Final = (
    Setting("base", "http://localhost:8080", "entity IRIs are {base}/id/{type}/{source}/{key}"),
    Setting("data_dir", "mlg-data", "folder of the store, search index, inbox and checkpoints"),
    Setting("store.url", "", "empty: the embedded store; other stores are not built yet"),
    Setting(
        "events.url",
        "inbox:",
        "where events come from beside HTTP: inbox: (nowhere), kafka://…, sqs://…",
    ),
    Setting("events.batch", 2000, "most entities hydrated and committed together"),
    Setting("events.retry_seconds", 2.0, "first wait after a failed hydration; doubles each time"),
    Setting("events.retry_max_seconds", 300.0, "longest wait between two tries of one event"),
    Setting("query.timeout_seconds", 30.0, "longest run of one query"),
    Setting("query.memory_mb", 2048, "most memory of one query process"),
    Setting("query.max_rows", 1_000_000, "most rows or triples of one answer"),
    Setting("query.max_bytes", 256 * 1024 * 1024, "most bytes of one answer"),
    Setting("query.max_query_bytes", 64 * 1024, "longest query text"),
    Setting("query.workers", 2, "long queries at a time; one process more answers short ones"),
    Setting("server.host", "127.0.0.1", "address that the server binds"),
    Setting("server.port", 8080, "port that the server binds"),
    Setting("server.threads", 8, "requests that one web process answers at a time"),
    Setting("server.max_body_mb", 16, "largest body of a request"),
    Setting("server.wait_seconds", 20.0, "how long /submit waits before it answers 202"),
    Setting("clock_offset_seconds", 0.0, "moves the clock, for demos and rehearsals", -1e12),
)
"""All settings but ``[sources.NAME]``, whose keys each kind of source declares."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_SOURCES = "sources"
_BUSES: Final = ("inbox:", "kafka://", "sqs://")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One ``[sources.NAME]`` table. ``name`` is the ``{source}`` part of IRIs."""

    name: str
    kind: str
    options: Mapping[str, Any]
    links: Mapping[str, str]
    """Which source owns the entities of a type that this one refers to: ``person = "ldap"``."""
    sweep_minutes: float = 0.0
    """How often the worker sweeps it; 0 is never."""
    data_dir: Path = Path("mlg-data")
    """The installation's, for a source that is a record of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one installation. ``values`` has every row of `SETTINGS` by its name."""

    values: Mapping[str, str | int | float]
    sources: Mapping[str, SourceSettings]

    @property
    def base(self) -> str:
        return str(self.values["base"])

    @property
    def minter(self) -> Minter:
        return Minter(self.base)

    @property
    def data_dir(self) -> Path:
        return Path(str(self.values["data_dir"]))

    def clock(self) -> datetime:
        """What time it is in this installation; pass the method on wherever time matters."""
        return datetime.now(UTC) + timedelta(seconds=self.number("clock_offset_seconds"))

    def text(self, name: str) -> str:
        return str(self.values[name])

    def integer(self, name: str) -> int:
        return int(self.values[name])

    def number(self, name: str) -> float:
        return float(self.values[name])


def load(file: Path | None = None, *, environ: Mapping[str, str], **given: Any) -> Settings:
    """Settings from a TOML file, overridden by ``MLG_*`` variables, overridden by ``given``.

    Without a file, ``MLG_CONFIG`` is used, else ``mlg.toml`` in the current folder if there is
    one. ``given`` uses setting names with ``_`` for ``.``; None is ignored. Raises `BadSetting`
    with the name that is wrong.
    """
    tables = _read(file or _default_file(environ))
    values = _flatten({key: value for key, value in tables.items() if key != _SOURCES})
    for setting in SETTINGS:
        if setting.variable in environ:
            values[setting.name] = environ[setting.variable]
        override = given.get(setting.name.replace(".", "_"))
        if override is not None:
            values[setting.name] = override
    unknown = sorted(values.keys() - _BY_NAME.keys())
    if unknown:
        raise BadSetting(f"There is no setting {unknown[0]!r}; `mlg config` lists them all.")
    complete = {s.name: _typed(s, values.get(s.name, s.default)) for s in SETTINGS}
    if complete["store.url"]:
        raise BadSetting('Only store.url = "" is built yet.')
    if not str(complete["events.url"]).startswith(_BUSES):
        raise BadSetting(f"events.url begins with one of {', '.join(_BUSES)}.")
    try:
        Minter(str(complete["base"]))
    except BadIri as error:
        raise BadSetting(str(error)) from error
    data_dir = Path(str(complete["data_dir"]))
    sources = _sources(tables.get(_SOURCES, {}), environ, data_dir=data_dir)
    return Settings(values=complete, sources=sources)


def _default_file(environ: Mapping[str, str]) -> Path | None:
    if environ.get("MLG_CONFIG"):
        return Path(environ["MLG_CONFIG"])
    here = Path("mlg.toml")
    return here if here.is_file() else None


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise BadSetting(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"The settings file {file} is not TOML: {error}.") from error


def _flatten(tables: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _typed(setting: Setting, value: Any) -> str | int | float:
    wanted = type(setting.default)
    try:
        if isinstance(value, bool) or (wanted is str and not isinstance(value, str)):
            raise ValueError
        typed: str | int | float = wanted(value)
    except (TypeError, ValueError) as error:
        raise BadSetting(f"{setting.name} = {value!r} is not {_WORDS[wanted]}.") from error
    if isinstance(typed, str):
        return typed.rstrip("/") if setting.name == "base" else typed
    if typed < setting.least:
        raise BadSetting(f"{setting.name} = {value!r} is below {setting.least:g}.")
    return typed


_WORDS: Final[dict[type, str]] = {str: "text", int: "a whole number", float: "a number"}


def _sources(
    tables: Any, environ: Mapping[str, str], *, data_dir: Path
) -> dict[str, SourceSettings]:
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise BadSetting("Sources are tables: [sources.NAME] with at least kind = …")
    found = {}
    for name, table in tables.items():
        options = {key: _secret(value, environ) for key, value in table.items()}
        kind, links = options.pop("kind", None), options.pop("links", {})
        minutes = options.pop("sweep_minutes", 0)
        if not isinstance(kind, str):
            raise BadSetting(f'[sources.{name}] needs a kind, such as kind = "mlflow".')
        if not isinstance(links, dict) or not all(isinstance(v, str) for v in links.values()):
            raise BadSetting(f'[sources.{name}] links is a table of type = "source".')
        if isinstance(minutes, bool) or not isinstance(minutes, int | float) or minutes < 0:
            raise BadSetting(f"[sources.{name}] sweep_minutes = {minutes!r} is not a number.")
        variable = f"MLG_SOURCES_{name.upper().replace('-', '_')}_URL"
        if variable in environ:
            options["url"] = environ[variable]
        found[name] = SourceSettings(
            name=name,
            kind=kind,
            options=options,
            links=links,
            sweep_minutes=float(minutes),
            data_dir=data_dir,
        )
    return found


def _secret(value: Any, environ: Mapping[str, str]) -> Any:
    """``env:NAME`` and ``file:PATH`` stand for what is kept there, in tables too."""
    if isinstance(value, dict):
        return {key: _secret(inner, environ) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    how, _, where = value.partition(":")
    if how == "env":
        if where not in environ:
            raise BadSetting(f"A source's setting refers to env:{where}, which is not set.")
        return environ[where]
    if how == "file":
        try:
            return Path(where).read_text("utf-8").strip()
        except OSError as error:
            raise BadSetting(f"A source's setting refers to {value}: {error.strerror}.") from error
    return value
