"""A local HTTP server that answers as a real Airflow once did, from ``tests/data/airflow``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.kg.sources.replaying import Answer, Asked, Replaying, as_json

RECORDED = Path(__file__).parents[2] / "data" / "airflow"
USER, PASSWORD = "graph", "for-the-replay"


class Replay(Replaying):
    """``state`` is ``built`` or ``changed``. What was never asked is a route that is not there.

    ``signed_in`` counts the tokens that were given out, of which only the latest is accepted.
    """

    api = "/api/v2/"

    def __init__(self, state: str = "built") -> None:
        self.signed_in = 0
        self._token = ""
        self._answers: dict[str, Answer] = {}
        self.load(state)
        super().__init__()

    def load(self, state: str) -> None:
        """Answers from now on as Airflow did in this state."""
        self._answers = {
            told["path"]: as_json(told["status"], told["answer"])
            for told in json.loads((RECORDED / f"{state}.json").read_text("utf-8"))
        }

    def answer_of(self, path: str) -> Any:
        return json.loads(self._answers[path].body)

    def expire(self) -> None:
        """No token that was given out is accepted any more."""
        self._token = ""

    def refused(self, asked: Asked) -> Answer | None:
        if asked.method == "POST":
            return self._sign_in(asked.body)
        if not self._token or asked.headers.get("Authorization") != f"Bearer {self._token}":
            return as_json(401, {"detail": "Invalid JWT token"})
        return None

    def found(self, asked: Asked) -> Answer:
        return self._answers.get(asked.path, as_json(404, {"error": "API route not found"}))

    def _sign_in(self, body: bytes) -> Answer:
        if json.loads(body) != {"username": USER, "password": PASSWORD}:
            return as_json(401, {"detail": "Invalid credentials"})
        self.signed_in += 1
        self._token = f"token-{self.signed_in}"
        return as_json(201, {"access_token": self._token})
