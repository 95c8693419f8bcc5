"""A local HTTP server that answers as a real Unleash once did, from ``tests/data/unleash``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.kg.sources.replaying import Answer, Asked, Replaying, as_json

RECORDED = Path(__file__).parents[2] / "data" / "unleash"
TOKEN = "*:*.for-the-replay"


def recorded(state: str, name: str) -> Any:
    return json.loads((RECORDED / state / f"{name}.json").read_text("utf-8"))


class Replay(Replaying):
    """``state`` is ``built`` or ``changed``. What was never asked is a route that is not there."""

    api = "/api/admin/"

    def __init__(self, state: str = "built") -> None:
        self._answers: dict[str, Answer] = {}
        self.load(state)
        super().__init__()

    def load(self, state: str) -> None:
        """Answers from now on as Unleash did in this state."""
        self._answers = {
            told["path"]: as_json(told["status"], told["answer"])
            for told in recorded(state, "answers")
        }

    def answer_of(self, path: str) -> Any:
        return json.loads(self._answers[path].body)

    def refused(self, asked: Asked) -> Answer | None:
        if asked.headers.get("Authorization") == TOKEN:
            return None
        message = "You must log in to use Unleash."
        return as_json(401, {"name": "UnauthorizedError", "message": message})

    def found(self, asked: Asked) -> Answer:
        message = f"The path you were looking for ({self.api}{asked.path}) is not available."
        unknown = as_json(404, {"name": "NotFoundError", "message": message})
        return self._answers.get(asked.path, unknown)
