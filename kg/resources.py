"""Where ``ontology/`` and ``shapes/`` are: beside this package in a wheel, above it in a checkout."""

from __future__ import annotations

from pathlib import Path


def data_dir(name: str) -> Path:
    """The folder ``ontology`` or ``shapes``."""
    installed = Path(__file__).parent / "_data" / name
    return installed if installed.is_dir() else Path(__file__).parent.parent / name
