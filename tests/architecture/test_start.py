"""What is imported before anything is asked: every command and every process waits for it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"numpy", "ldap3", "pyiceberg", "metaflow", "confluent_kafka", "boto3", "pyshacl", "rdflib"}
"""Each takes a tenth of a second or more, and most commands never use it."""


def test_nothing_heavy_is_imported_at_the_start() -> None:
    code = "import sys, kg.cli, server.application; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
