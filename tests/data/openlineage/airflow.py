"""Records what Airflow's OpenLineage provider sends, as ``airflow.jsonl``, without what is of the machine.

    python tests/data/openlineage/airflow.py INTERPRETER

The interpreter has ``apache-airflow==3.3.2 apache-airflow-providers-openlineage==2.20.3``; this runs
in the project's own environment, and lets the server of the tests run the pipelines of the tests.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.integration.airflow_server import running_airflow

OF_THE_MACHINE = {"fileloc", "log_url", "unknownSourceAttribute", "stackTrace"}
SENDING_SECONDS = 5
"""How long the last events may take after the last run has ended."""


def main(python: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "events.jsonl")
        transport = {"type": "file", "log_file_path": str(file), "append": True}
        os.environ["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
        os.environ["AIRFLOW__OPENLINEAGE__NAMESPACE"] = "airflow"
        with running_airflow(python, Path(name, "airflow")) as server:
            server.build()
            time.sleep(SENDING_SECONDS)
        events = [_clean(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
        text = "".join(json.dumps(event, sort_keys=True) + "\n" for event in events)
        assert name not in text
        (HERE / "airflow.jsonl").write_text(text, "utf-8")


def _clean(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _clean(value) for key, value in told.items() if key not in OF_THE_MACHINE}
    return [_clean(one) for one in told] if isinstance(told, list) else told


if __name__ == "__main__":
    main(Path(sys.argv[1]))
