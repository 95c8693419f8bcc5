"""Licences under the names that SPDX gives them, from the many ways in which descriptions name one.

What is known by which name and address stands in ``licences.json``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

_TABLE: Final[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_bytes())
_SPDX: Final[str] = _TABLE["namespace"]
_KNOWN: Final[dict[str, str]] = {name.lower(): name for name in _TABLE["known"]}
_WEB: Final = r"https?://(?:www\.)?{}/?"
_OWN: Final = re.compile(_WEB.replace("{}", _TABLE["own"]), re.IGNORECASE)
_AT: Final[list[tuple[re.Pattern[str], str]]] = [
    (re.compile(_WEB.replace("{}", address), re.IGNORECASE), name)
    for address, name in _TABLE["at"].items()
]
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"{}|\\^`]+")


def licence(told: str) -> str:
    """The address of a licence, SPDX's if it is known; empty for a text that names none."""
    told = told.strip()
    if name := _KNOWN.get(told.lower()):
        return _SPDX + name
    if found := _OWN.fullmatch(told):
        return _SPDX + _KNOWN.get(found[1].lower(), found[1])
    for address, name in _AT:
        if (found := address.fullmatch(told)) and (
            id := _KNOWN.get(name.format(*found.groups()).lower())
        ):
            return _SPDX + id
    return told if _ADDRESS.fullmatch(told) else ""
