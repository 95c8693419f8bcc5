"""The README's set-up for MLflow: it is what the test with a real MLflow does, and it is accepted.

That test runs where MLflow is installed (`make test-all`); these compare the text with it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from kg.config import load
from kg.sources import connect
from tests.docs.documents import ROOT, blocks, section

TEXT = section("Connect MLflow")
INTEGRATION = ROOT / "tests" / "integration"


def test_the_settings_are_accepted(tmp_path: Path) -> None:
    (block,) = blocks("toml", text=TEXT)
    file = tmp_path / "mlg.toml"
    file.write_text(block, "utf-8")
    settings = load(file, environ={"MLFLOW_HOOK": "a secret"})
    for table in settings.sources.values():
        connect(table).close()
    assert list(settings.sources) == ["mlflow"]


def test_the_webhook_is_the_one_that_is_tried() -> None:
    (block,) = blocks("python", text=TEXT)
    tried = (INTEGRATION / "mlflow_universe.py").read_text("utf-8")
    assert events(block) == events(tried)


def events(source: str) -> list[str]:
    """The names of webhook events in a program, in order."""
    texts = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]
    named = [
        t for t in texts if isinstance(t, str) and re.fullmatch(r"(model|reg|prompt)\w+\.\w+", t)
    ]
    assert named
    return named


def test_the_variables_of_the_mlflow_server_are_those_that_are_tried() -> None:
    named = set(re.findall(r"\bMLFLOW_\w+", TEXT)) - {"MLFLOW_HOOK"}
    tried = (INTEGRATION / "mlflow_server.py").read_text("utf-8")
    assert len(named) == 3
    assert named <= set(re.findall(r'"(MLFLOW_\w+)":', tried))
