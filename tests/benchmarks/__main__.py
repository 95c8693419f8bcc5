"""All benchmarks, one after the other: ``python -m tests.benchmarks [--quick]``.

Each runs in a process of its own, so that none leaves a warm cache or a full heap to the next.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

SIZES: dict[str, tuple[list[str], list[str]]] = {
    "start": (["--rounds", "3"], ["--rounds", "1"]),
    "ingest": (["--entities", "20000", "--slow", "300"], ["--entities", "2000", "--slow", "100"]),
    "hydration": (["--entities", "10000"], ["--entities", "500"]),
    "freshness": (
        ["--entities", "5000", "--rounds", "100"],
        ["--entities", "200", "--rounds", "5"],
    ),
    "sparql_http": (
        ["--entities", "20000", "--rounds", "5", "--seconds", "3"],
        ["--entities", "2000", "--rounds", "3", "--seconds", "1"],
    ),
    "kafka": (
        ["--events", "100000", "--entities", "10000"],
        ["--events", "5000", "--entities", "500"],
    ),
    "identity": ([], []),
    "inference": (["--entities", "1000000"], ["--entities", "2000", "--rounds", "5"]),
    "past": (
        ["--entities", "10000", "--more", "40000", "--changes", "10000"],
        ["--entities", "300", "--more", "300", "--changes", "200"],
    ),
    "lineage": (["--entities", "1000000"], ["--entities", "2000", "--rounds", "3"]),
    "validation": (["--triples", "1000000"], ["--triples", "2000"]),
}
"""Each benchmark's arguments, whole and quick."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all")
    quick = parser.parse_args().quick
    failed = []
    for name, sizes in SIZES.items():
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *sizes[quick]]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"did not run to its end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
