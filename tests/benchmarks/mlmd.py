"""The peer of ``ingest``: puts entities into ml-metadata, in batches of 100 on SQLite.

    PYTHON tests/benchmarks/mlmd.py FILE < entities

``PYTHON`` has ml-metadata (``pip install ml-metadata``), which pins old releases of what others
need too and so gets an environment of its own; nothing else is imported here. ``entities`` is JSON
lines of ``[type, uri, {property: text}]``. Prints the seconds that the puts took.
"""

from __future__ import annotations

import json
import sys
import time

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as proto

BATCH = 100


def main() -> None:
    entities = [json.loads(line) for line in sys.stdin]
    connection = proto.ConnectionConfig()
    connection.sqlite.filename_uri = sys.argv[1]
    store = metadata_store.MetadataStore(connection)
    named: dict[str, set[str]] = {}
    for kind, _, properties in entities:
        named.setdefault(kind, set()).update(properties)
    types = {}
    for kind, names in named.items():
        declared = dict.fromkeys(names, proto.STRING)
        types[kind] = store.put_artifact_type(proto.ArtifactType(name=kind, properties=declared))
    start = time.perf_counter()
    for first in range(0, len(entities), BATCH):
        store.put_artifacts([_artifact(types, *one) for one in entities[first : first + BATCH]])
    print(time.perf_counter() - start)


def _artifact(
    types: dict[str, int], kind: str, uri: str, properties: dict[str, str]
) -> proto.Artifact:
    made = proto.Artifact(type_id=types[kind], uri=uri, name=uri)
    for name, value in properties.items():
        made.properties[name].string_value = value
    return made


if __name__ == "__main__":
    main()
