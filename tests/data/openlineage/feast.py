"""Records what Feast's own OpenLineage emitter sends, as ``feast.jsonl``.

    python tests/data/openlineage/feast.py INTERPRETER

The interpreter has ``feast[grpcio,openlineage]==0.67.0`` (`make .venv-feast/.ready`). Feast applies the
repository of the tests, fills its online store from one view, and fails to fill it from another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
UNIVERSE = HERE.parents[1] / "integration" / "feast_universe.py"
STORE = """\
project: aurora
provider: local
registry: registry.db
online_store: {type: sqlite, path: online.db}
offline_store: {type: file}
entity_key_serialization_version: 3
openlineage: {enabled: true, transport_type: file, namespace: feast}
"""
FROM, TO = "2026-10-01T00:00:00", "2026-11-02T00:00:00"


def main(python: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "feature_store.yaml").write_text(STORE, "utf-8")
        shutil.copy(UNIVERSE, folder / "universe.py")
        feast = ("feast.cli.cli",)
        run(python, folder, "universe")
        run(python, folder, *feast, "apply")
        run(python, folder, *feast, "materialize", FROM, TO, "-v", "member_activity")
        run(python, folder, *feast, "materialize", FROM, TO, "-v", "title_vectors", fails=True)
        # A file for each event, with the moment in its name.
        files = sorted(folder.glob("openlineage_events.json-*"))
        events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        text = "".join(json.dumps(event, sort_keys=True) + "\n" for event in events)
        assert name not in text
        (HERE / "feast.jsonl").write_text(text, "utf-8")


def run(python: Path, folder: Path, *command: str, fails: bool = False) -> None:
    about = {"FEAST_PROJECT": "aurora", "FEAST_UNIVERSE": "built", "FEAST_USAGE": "False"}
    done = subprocess.run(
        [str(python), "-m", *command],
        cwd=folder,
        env=os.environ | about | {"DO_NOT_TRACK": "true"},
        check=False,
        capture_output=True,
        text=True,
    )
    if bool(done.returncode) is not fails:
        raise RuntimeError(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-4000:]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
