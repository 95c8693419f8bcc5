"""A local HTTP server that answers as a real Feast registry once did, from ``tests/data/feast``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from tests.kg.sources.replaying import Answer, Asked, Replaying, as_json

RECORDED = Path(__file__).parents[2] / "data" / "feast"
NO_ROUTE = Answer(404, b'{"detail":"Not Found"}')


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "feast", key)


class Replay(Replaying):
    """``state`` is ``built``, ``changed`` or ``two``. What was never asked is no route."""

    api = "/api/v1/"

    def __init__(self, state: str = "built") -> None:
        self._answers: dict[str, Answer] = {}
        self.load(state)
        super().__init__()

    def load(self, state: str) -> None:
        """Answers from now on as Feast did in this state."""
        self._answers = {
            told["path"]: as_json(told["status"], told["answer"])
            for file in (RECORDED / state).glob("*.json")
            for told in json.loads(file.read_text("utf-8"))
        }

    def page(self, call: str, items: str, *found: Any, project: str = "") -> None:
        """Answers a listing with one page, of all projects or of one."""
        path = f"{call}?project={project}&" if project else f"{call}?"
        self.answer(path, {items: list(found), "pagination": {}})

    def found(self, asked: Asked) -> Answer:
        return self._answers.get(asked.path, NO_ROUTE)
