"""A local HTTP server that answers as a real MLflow once did, from ``tests/data/mlflow``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kg.iris import EntityRef
from tests.kg.sources.replaying import Answer, Asked, Replaying, as_json

RECORDED = Path(__file__).parents[2] / "data" / "mlflow"
SECRET = "recorded-secret"  # of the recorded webhooks


def recorded(state: str, name: str) -> Any:
    return json.loads((RECORDED / state / f"{name}.json").read_text("utf-8"))


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "mlflow", key)


def _key(method: str, path: str, body: Any) -> str:
    return json.dumps([method, path, body], sort_keys=True)


class Replay(Replaying):
    """``state`` is ``built``, ``changed`` or ``restored``. What was never asked is answered by 404."""

    api = "/api/2.0/mlflow/"

    def __init__(self, state: str = "built") -> None:
        self._answers: dict[str, Answer] = {}
        self.load(state)
        super().__init__()

    def load(self, state: str) -> None:
        """Answers from now on as MLflow did in this state."""
        self._answers.clear()
        for file in (RECORDED / state).glob("*.json"):
            if file.stem in ("universe", "webhooks"):
                continue
            for told in json.loads(file.read_text("utf-8")):
                asked = told["request"]
                key = _key(asked["method"], asked["path"], asked.get("body"))
                self._answers[key] = as_json(told["status"], told["answer"])

    def found(self, asked: Asked) -> Answer:
        body = json.loads(asked.body) if asked.body else None
        unknown = Answer(404, b"<title>404 Not Found</title>")
        return self._answers.get(_key(asked.method, asked.path, body), unknown)
