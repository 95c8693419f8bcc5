"""The caller's side: from a text to an answer, through the guard and the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, Self

from kg import formats
from kg.answer.dataset import Dataset
from kg.answer.evaluate import evaluate
from kg.config import Settings
from kg.errors import (
    LimitExceeded,
    QueryRefused,
    StoreUnavailable,
    SystemFailure,
    UnsupportedFormat,
)
from kg.model import Finding, Report
from kg.query.guard import Form, Query, check
from kg.query.lookup import is_lookup
from kg.query.pool import Job, Pool, Result
from kg.store import Checkpoint, Opened

_JOBS: Final = "kg.answer.jobs"
_CHUNK: Final = 1 << 18
LOOKUP_BYTES: Final = 1 << 18
"""The largest answer of a lookup; a larger one is made by a process."""

_TABLES: Final = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
_GRAPHS: Final = {
    name: formats.by_name(name).media_type for name in ("turtle", "nt", "jsonld", "rdf")
}
_MEDIA_TYPES: Final[dict[Form, dict[str, str]]] = {
    "select": _TABLES,
    "ask": _TABLES,
    "construct": _GRAPHS,
    "describe": _GRAPHS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of one query. ``rows`` is None for ASK; triples count as rows.

    Its bytes can be read once, by `iter_chunks`; who does not read them calls `close`.
    """

    form: Form
    media_type: str
    rows: int | None
    size: int
    body: bytes | IO[bytes]

    def iter_chunks(self) -> Iterator[bytes]:
        if isinstance(self.body, bytes):
            yield self.body
            return
        with self.body:
            while chunk := self.body.read(_CHUNK):
                yield chunk

    def close(self) -> None:
        if not isinstance(self.body, bytes):
            self.body.close()


class Answerer:
    """Answers queries on the newest checkpoint, and runs other jobs, in killable processes.

    Only lookups are answered here, by the caller's thread. Safe to use from several threads; opened
    after any fork. Nothing starts before the first call. ``checkpoint`` answers the newest, open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        checkpoint: Callable[[], Checkpoint],
        dataset: Dataset | None = None,
    ) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._opened = Opened()
        self._dataset = dataset or Dataset()
        self._pool = Pool(
            workers=settings.integer("query.workers"),
            memory_mb=settings.integer("query.memory_mb"),
            modules=[_JOBS],
        )

    def read(self, query: str) -> Query:
        """What the guard makes of a query: its form, before its answer's format is chosen.

        Cheap, and no proof that the query parses. Raises what `kg.query.guard.check` raises.
        """
        return check(query, max_bytes=self._settings.integer("query.max_query_bytes"))

    def check(self, query: str) -> Query:
        """Parses a query and runs nothing. Raises `BadQuery` with line and column."""
        read = self.read(query)
        self.run(f"{_JOBS}:parse_query", arguments=self._told(read))
        return read

    def answer(
        self,
        query: str | Query,
        *,
        format: str,
        timeout: float | None = None,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        dataset: Dataset | None = None,
        snapshot: Callable[[], Path] | None = None,
    ) -> Answer:
        """Runs a query, a text or what `read` made of it; ``format`` is our name of one for its form.

        ``timeout`` in seconds can shorten the limit, not raise it. ``default_graphs`` and
        ``named_graphs`` are those of the protocol, and take the place of FROM; ``dataset`` is what
        the caller may see, and ``snapshot`` names another checkpoint than the newest. Raises
        `BadQuery`, `QueryRefused`, `TooLarge`, `UnsupportedFormat`, `LimitExceeded`, `Busy`,
        `StoreUnavailable`.
        """
        read = query if isinstance(query, Query) else self.read(query)
        offered = _MEDIA_TYPES[read.form]
        if format not in offered:
            raise UnsupportedFormat(
                f"{read.form.upper()} is not answered as {format!r}; ask for {', '.join(offered)}."
            )
        visible = dataset or self._dataset
        arguments = {
            **self._told(read),
            "prefixes": read.prefixes,
            "format": format,
            "current": visible.current,
            "merged": visible.merged,
            "named": visible.named,
            "default_graphs": list(default_graphs),
            "named_graphs": list(named_graphs),
            "max_rows": self._settings.integer("query.max_rows"),
            "max_bytes": self._settings.integer("query.max_bytes"),
        }
        path = snapshot() if snapshot else None
        result = self._look_up(arguments, path) if is_lookup(read) else None
        if result is None:
            result = self._on_snapshot(
                "evaluate_query",
                arguments,
                taken=snapshot or self._newest,
                timeout=timeout,
                path=path,
            )
        return Answer(
            form=read.form,
            media_type=offered[format],
            rows=result.value["rows"],
            size=result.size,
            body=result.body,
        )

    def parse(self, data: bytes, *, format: str, base: str) -> bytes:
        """A document as canonical N-Quads, its blank nodes renamed. Raises `BadRdf`, `TooLarge`."""
        arguments = {"format": format, "base": base}
        return whole(self.run(f"{_JOBS}:parse_document", arguments=arguments, body=data))

    def validate(
        self, data: bytes, *, format: str, base: str, engine: str = "shacl", **more: Any
    ) -> Report:
        """A document judged by the core shapes; ``more`` is passed to `kg.validate`."""
        at = self._settings.clock().isoformat()
        arguments = {"form": format, "base": base, "engine_name": engine, "at": at, **more}
        told = self.run(f"{_JOBS}:validate", arguments=arguments, body=data).value
        findings = tuple(Finding(**finding) for finding in told["findings"])
        return Report(engine=told["engine"], findings=findings)

    def simulate(self, data: bytes, *, format: str, base: str) -> dict[str, Any]:
        """What the changes of a document would make different, as `kg.simulate.simulate_document`."""
        arguments = {"format": format, "base": base, "at": self._settings.clock().isoformat()}
        told: dict[str, Any] = self._on_snapshot(
            "simulate", arguments, taken=self._newest, body=data
        ).value
        return told

    def run(
        self,
        function: str,
        *,
        arguments: Mapping[str, Any],
        body: bytes = b"",
        timeout: float | None = None,
    ) -> Result:
        """Runs any job, ``module:function`` as in `kg.query.process`, under the same limits."""
        limit = self._settings.number("query.timeout_seconds")
        job = Job(function=function, arguments=arguments, body=body)
        try:
            return self._pool.run(job, timeout=min(timeout or limit, limit))
        except SystemFailure as error:
            if "signal" not in error.details:
                raise
            raise _broken(error) from error

    def _newest(self) -> Path:
        return self._checkpoint().path

    def _look_up(self, arguments: Mapping[str, Any], path: Path | None) -> Result | None:
        """The answer of a lookup; None where a process has to say it, or what is wrong."""
        given = {**arguments, "max_bytes": min(LOOKUP_BYTES, arguments["max_bytes"])}
        output = BytesIO()
        try:
            newest = self._checkpoint()
            found = newest if path in (None, newest.path) else self._opened.at(path)
            rows = evaluate(found.store, given, output)
        except (LimitExceeded, StoreUnavailable):
            return None
        body = output.getvalue()
        return Result(value={"rows": rows}, body=body, size=len(body))

    def _on_snapshot(
        self,
        job: str,
        arguments: Mapping[str, Any],
        *,
        taken: Callable[[], Path],
        body: bytes = b"",
        timeout: float | None = None,
        path: Path | None = None,
    ) -> Result:
        """Runs a job on a checkpoint; on the next one, if it was removed meanwhile.

        ``path`` is what ``taken`` has answered already, if it was asked.
        """
        path = path or taken()
        while True:
            given = {**arguments, "path": str(path.absolute())}
            try:
                return self.run(f"{_JOBS}:{job}", arguments=given, body=body, timeout=timeout)
            except StoreUnavailable:
                newer = taken()
                if newer == path:
                    raise
                path = newer

    def _told(self, read: Query) -> dict[str, Any]:
        """What a worker process needs to know of a query. Relative IRIs are under our own base."""
        return {
            "text": read.text,
            "source": read.source,
            "prologue": read.prologue,
            "from": read.dataset,
            "base": self._settings.base + "/",
        }

    def close(self) -> None:
        self._pool.close()
        self._opened = Opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _broken(error: SystemFailure) -> QueryRefused:
    """For a process that died of a fault in the engine: the same query would kill the next one."""
    hint = " Try it unordered, or order by STR(…)." if "total order" in str(error) else ""
    message = f"The engine breaks down over this, which is a fault of the engine. {error}{hint}"
    return QueryRefused(message, **error.details)


def whole(result: Result) -> bytes:
    """All bytes that a job wrote."""
    if isinstance(result.body, bytes):
        return result.body
    with result.body:
        return result.body.read()
