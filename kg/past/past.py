"""What may be asked of an installation's past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.answer import Answer, Answerer, Dataset, Query
from kg.errors import StoreUnavailable
from kg.iris import Minter
from kg.past.moments import read_moment
from kg.past.revisions import moment_of, version_at
from kg.past.states import state_path, use
from kg.store import Checkpoint
from kg.vocabulary import Vocabulary

_MAKE = "kg.past.states:make_job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The past of an installation, read from its newest checkpoint. Safe to use from threads."""

    checkpoint: Callable[[], Checkpoint]
    answers: Answerer
    folder: Path
    minter: Minter
    vocabulary: Callable[[], Vocabulary]
    now: Callable[[], datetime]

    def moment(self, text: str) -> datetime:
        """A moment as people write it. Raises `BadInput` without a zone, and for the future."""
        return read_moment(text, now=self.now())

    def answer(
        self,
        query: str | Query,
        *,
        at: datetime | None,
        format: str,
        timeout: float | None = None,
        default_graphs: tuple[str, ...] = (),
        named_graphs: tuple[str, ...] = (),
    ) -> Answer:
        """Runs a query as of a moment, or of now; raises what `Answerer.answer` does."""
        return self.answers.answer(
            query,
            format=format,
            timeout=timeout,
            default_graphs=default_graphs,
            named_graphs=named_graphs,
            dataset=Dataset.of_the_past() if at else None,
            snapshot=(lambda: self.state(at)) if at else None,
        )

    def state(self, at: datetime) -> Path:
        """The checkpoint that is the graph as of a moment; made when it is first asked for."""
        for _ in range(3):  # the checkpoint that it is made from may be removed meanwhile
            newest = self.checkpoint()
            version = version_at(newest, at, newest=newest.version)
            if version == newest.version:
                return newest.path
            path = state_path(self.folder, version)
            if use(path):
                return path
            arguments = {
                "checkpoint": str(newest.path.absolute()),
                "folder": str(self.folder.absolute()),
                "version": version,
            }
            try:
                self.answers.run(_MAKE, arguments=arguments)
            except StoreUnavailable:
                if self.checkpoint().path == newest.path:
                    raise
        raise StoreUnavailable("The graph changes faster than its past can be made; try again.")

    def beginning(self) -> datetime | None:
        """When the graph learned the first thing; None while it knows nothing."""
        newest = self.checkpoint()
        versions = range(1, newest.version + 1)
        return next(filter(None, (moment_of(newest, version) for version in versions)), None)

    def is_before_all(self, at: datetime) -> bool:
        """Whether nothing was recorded by a moment, so that the graph of then is empty."""
        newest = self.checkpoint()
        return version_at(newest, at, newest=newest.version) == 0
